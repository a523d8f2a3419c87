"""Faults that a reader, a configuration, an export or a step meets: each works, or is one clear line."""

import io
import os
import pickle
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from aigreen import load
from aigreen.data.assemble.options import from_config
from aigreen.data.csv_export import csv_bytes
from aigreen.data.patents.count_files import connect
from aigreen.data.sources import public_patents
from aigreen.data.sources.publication_parts import _joined
from aigreen.disk import write_bytes
from aigreen.errors import AigreenError, ConfigError, OutsideFolderError, SourceError, TooLargeError
from aigreen_study.config import read_config
from aigreen_study.run.log import logged
from aigreen_study.run.one_run import only_run
from aigreen_study.specification.mask import sample_mask

fault = pytest.mark.fault


# ---- archives and files of another kind ----


def zipped(path, *entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return path


@fault("zip slip: an archive whose entry is called ../../evil.csv", "read in memory; nothing is written anywhere")
def test_zip_slip(tmp_path, seen):
    (tmp_path / "in").mkdir()
    path = zipped(tmp_path / "in/pairs.zip", ("../../evil.csv", "a,b\n1,2\n"))
    before = sorted(tmp_path.rglob("*"))
    assert public_patents._csv_in_zip(path).to_dict("list") == {"a": ["1"], "b": ["2"]}
    assert sorted(tmp_path.rglob("*")) == before
    seen("the table is read; no file appears")


@fault("zip bomb among the sources", "refused before it is unfolded")
def test_zip_bomb(tmp_path, seen):
    path = zipped(tmp_path / "pairs.zip", ("pairs.csv", b"0" * (300 << 20)))
    with pytest.raises(TooLargeError) as caught:
        public_patents._csv_in_zip(path)
    seen(str(caught.value))


class Evil:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


@fault("pickles in place of a saved result", "one line; nothing is run")
def test_pickle_for_a_result(tmp_path, seen):
    for ending in (".json", ".parquet"):
        (tmp_path / f"main{ending}").write_bytes(pickle.dumps(Evil(tmp_path / "run")))
    with pytest.raises(SourceError) as caught:
        load(tmp_path / "main")
    assert not (tmp_path / "run").exists()
    seen(str(caught.value).split(" (")[0])


# ---- configuration ----


def settings(repository, **given):
    return read_config(given, repository / "analysis/config")


def says(call):
    with pytest.raises(AigreenError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@fault("typo in a configuration key", "one line with the nearest key; nothing is run")
def test_config_typo(repository, seen):
    seen(says(lambda: settings(repository, study="provinces", panel={"clutser": "x"})))


@fault("unknown study", "one line with the nearest study")
def test_unknown_study(repository, seen):
    seen(says(lambda: settings(repository, study="provnces")))


@fault("study called ../../etc/passwd", "refused")
def test_study_outside(repository, seen):
    message = says(lambda: settings(repository, study="../../etc/passwd"))
    given = settings(repository, study="provinces") | {"study": "../../tmp/x"}
    says(lambda: read_config(given, repository / "analysis/config"))
    seen(message)


@fault("YAML tag that makes an object (!!python/object) in a study", "one line; nothing is run")
def test_yaml_tags(repository, tmp_path, seen):
    for name in ("schema.json",):
        (tmp_path / name).write_bytes((repository / "analysis/config" / name).read_bytes())
    text = f"study: bad\ntitle: !!python/object/apply:os.mkdir ['{tmp_path}/run']\n"
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_config({"study": "bad"}, tmp_path)
    assert not (tmp_path / "run").exists()
    assert "\n" not in str(caught.value)
    seen(str(caught.value))


@fault("study file cut to nothing", "one line that names it")
def test_empty_study(repository, tmp_path, seen):
    (tmp_path / "schema.json").write_bytes((repository / "analysis/config/schema.json").read_bytes())
    (tmp_path / "bad.yaml").write_bytes(b"")
    seen(says(lambda: read_config({"study": "bad"}, tmp_path)))


@fault(".. or an absolute path in build.mapping", "refused")
def test_mapping_outside(tmp_path, seen):
    (tmp_path / "secret.yaml").write_text("staff: {a: b}")
    (tmp_path / "top").mkdir()
    for name in ("../secret.yaml", str(tmp_path / "secret.yaml")):
        config = {"panel": {"timing": "batch_year"}, "build": {"mapping": name}}
        with pytest.raises(OutsideFolderError) as caught:
            from_config(config, top=tmp_path / "top")
    seen(str(caught.value))


@fault(".. in the name of a notebook", "refused")
def test_notebook_outside(repository, seen):
    seen(says(lambda: settings(repository, study="provinces", notebooks=["../evil"])))


@fault("SQL in a configuration value", "refused, or taken as a name that no column has")
def test_sql_in_values(repository, seen):
    first = says(lambda: settings(repository, study="simulated-firms", build={"office": "CN' OR 1=1 --"}))
    says(lambda: settings(repository, study="simulated-firms", build={"memory_limit": "4GB'; DROP TABLE x"}))
    frame = pd.DataFrame({"unit": [1, 2], "year": [2020, 2021]})
    for text in ("year <= 2021; drop table x", "__import__('os').system('x') == 1", "year <= (select 1)"):
        says(lambda text=text: sample_mask(text, frame, unit="unit", time="year"))
    seen(first)


@fault("folder with quotes and SQL in its name", "works: names are quoted")
def test_quotes_in_a_folder(tmp_path, seen):
    spill = tmp_path / "o'brien\"; drop table x; --"
    spill.mkdir()
    pd.DataFrame({"patent_id": ["b", "a"], "cited_publication": ["x", "y"]}).to_parquet(spill / "citations-0.parquet")
    pd.DataFrame({"publication": ["x"], "patent_id": ["c"]}).to_parquet(spill / "known-0.parquet")
    found = pd.read_parquet(_joined(connect(tmp_path / "tmp"), spill, "citations"))
    assert found["patent_id"].tolist() == ["a", "b"]
    seen("the tables are joined and written")


# ---- exports, logs, locks ----


@fault("cells that a spreadsheet takes for formulas", "exported with an apostrophe; numbers as they are")
def test_formulas_in_csv(seen):
    cells = ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "\t=x", "-3.5", "+7", "a=b", ""]
    text = csv_bytes(pd.DataFrame({"=evil()": cells, "n": range(len(cells)), "x": -1.5}))
    back = pd.read_csv(io.BytesIO(text), dtype=str, keep_default_na=False)
    assert list(back) == ["'=evil()", "n", "x"]
    assert back.iloc[:, 0].tolist() == ["'=1+1", "'+cmd", "'-2+3", "'@SUM(A1)", "'\t=x", "-3.5", "+7", "a=b", ""]
    assert back["x"].eq("-1.5").all()
    seen("'=1+1, '+cmd, '-2+3, '@SUM(A1); -3.5 stays")


@fault("a write that fails half-way", "the older file stays; nothing is left beside it")
def test_failed_write(tmp_path, monkeypatch, seen):
    path = tmp_path / "x.json"
    write_bytes(path, b"old")

    def cut(self, content):
        with self.open("wb") as file:
            file.write(content[:3])
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", cut)
    with pytest.raises(OSError, match="No space"):
        write_bytes(path, b"new content")
    assert [left.name for left in tmp_path.iterdir()] == ["x.json"]
    assert path.read_bytes() == b"old"
    seen("old file as it was")


@pytest.mark.parametrize(
    ("error", "line", "code"),
    [
        pytest.param(MemoryError(), "no memory left", 1, marks=fault("a step runs out of memory", "one line, code 1")),
        pytest.param(
            KeyError("x"),
            "unexpected KeyError: 'x'",
            1,
            marks=fault("an error in the code of a step", "one line; the traceback is in the log"),
        ),
        pytest.param(
            KeyboardInterrupt(),
            "",
            130,
            marks=fault("interrupt in a step", "code 130 and no line of its own: the run says it; the log has it"),
        ),
    ],
)
def test_one_line_for_whatever_stops_a_step(tmp_path, capsys, seen, error, line, code):
    log = tmp_path / "logs/step.log"
    with pytest.raises(SystemExit) as caught, logged(log):
        raise error
    said = capsys.readouterr().err
    assert (caught.value.code, said) == (code, f"error: {line} (log: {log})\n" if line else "")
    assert "Traceback" in log.read_text()
    seen(f"code {code}. {said}")


@fault("results is a file", "one line")
def test_results_is_a_file(tmp_path, monkeypatch, seen):
    monkeypatch.chdir(tmp_path)
    Path("results").write_bytes(b"")
    seen(says(lambda: only_run("results/provinces")))
