"""Faults that a reader, a download or a configuration meets: each works, or is one clear line."""

import hashlib
import http.server
import io
import os
import pickle
import threading
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from aigreen import load
from aigreen.assemble.count_files import connect
from aigreen.assemble.options import from_config
from aigreen.csv_export import csv_bytes
from aigreen.errors import AigreenError, ChecksumError, ConfigError, OutsideFolderError, SourceError, TooLargeError
from aigreen.report.log import logged
from aigreen.report.one_run import only_run
from aigreen.sources import download, patents
from aigreen.sources.publication_parts import _joined
from aigreen.sources.registry import COLUMNS, MIRROR, fetch
from aigreen.specification.sample import sample_mask
from aigreen.storage import write_bytes
from aigreen.study import read_config

fault = pytest.mark.fault
CONTENT = b"a,b\n1,2\n" * 20_000


def test_the_page_lists_the_faults(faults, page):
    assert all(page.get(what, ("",))[0] == expected for what, expected in faults.items()), "rewrite docs/faults.md"
    assert len(page) >= 40
    assert all(text for _, text in page.values())


# ---- downloads ----


class Handler(http.server.BaseHTTPRequestHandler):
    """Sends CONTENT in the way that the server's `fault` says; notes where each request began."""

    def do_GET(self):
        start = int(self.headers.get("Range", "bytes=0-")[6:-1])
        self.server.starts.append(start)
        fault = self.server.fault
        if fault == "elsewhere":
            self.send_response(302)
            self.send_header("Location", "http://localhost:1/x.csv")
            self.end_headers()
            return
        body = (CONTENT + b"more" if fault == "too much" else CONTENT)[start:]
        self.send_response(206 if start else 200)
        if fault != "no length":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        cut = {"cut": start == 0, "always cut": True, "no length": True}.get(fault, False)
        self.wfile.write(body[: len(body) // 2] if cut else body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(download, "SCHEME", "http")
    monkeypatch.delenv(MIRROR, raising=False)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        serving.starts, serving.fault = [], ""
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield serving
        serving.shutdown()


@pytest.fixture
def get(tmp_path):
    """Fetch the one file of a registry."""

    def run(url, **changes):
        row = dict.fromkeys(COLUMNS, "") | {
            "source": "toy", "file": "toy/x.csv", "url": url, "sha256": hashlib.sha256(CONTENT).hexdigest(),
            "bytes": str(len(CONTENT)), "access": "public",
        }  # fmt: skip
        pd.DataFrame([row | changes], columns=COLUMNS).to_csv(tmp_path / "sources.csv", index=False)
        return fetch("toy", tmp_path / "raw", registry_path=tmp_path / "sources.csv")

    return run


def left_in(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def address(server):
    return f"http://127.0.0.1:{server.server_port}/x.csv"


def refused(get, url, error=SourceError, **changes):
    with pytest.raises(error) as caught:
        get(url, **changes)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@fault("connection cut in the middle of a download", "goes on where it was cut; the file is whole")
def test_connection_cut(server, get, seen):
    server.fault = "cut"
    (path,) = get(address(server))
    assert path.read_bytes() == CONTENT
    assert server.starts[0] == 0 < server.starts[1] <= len(CONTENT) // 2
    seen(f"whole file of {len(CONTENT):,} bytes; the second request began at byte {server.starts[1]:,}")


@fault("download killed or left off, run again", "goes on from what had come; the file is whole")
def test_resumed_download(server, get, tmp_path, seen):
    (tmp_path / "raw/toy").mkdir(parents=True)
    (tmp_path / "raw/toy/.x.csv.part").write_bytes(CONTENT[:1000])
    (path,) = get(address(server))
    assert (path.read_bytes(), server.starts, left_in(tmp_path / "raw")) == (CONTENT, [1000], ["x.csv"])
    seen("whole file; the request began at byte 1,000")


@fault("what had come of a download is damaged", "checksum error; the next run starts anew")
def test_damaged_part(server, get, tmp_path, seen):
    (tmp_path / "raw/toy").mkdir(parents=True)
    (tmp_path / "raw/toy/.x.csv.part").write_bytes(b"?" * 1000)
    message = refused(get, address(server), ChecksumError)
    assert left_in(tmp_path / "raw") == []
    assert get(address(server))[0].read_bytes() == CONTENT
    seen(f"{message.split(':')[0]}: wrong sha256, nothing was kept; second run: whole file")


@fault("truncated download (the server ends too early)", "one line with what came; nothing in the file's place")
def test_truncated_download(server, get, tmp_path, seen):
    server.fault = "no length"
    download_attempts = download.ATTEMPTS
    message = refused(get, address(server))
    assert len(server.starts) <= download_attempts
    assert "x.csv" not in left_in(tmp_path / "raw")
    server.fault = ""
    assert get(address(server))[0].read_bytes() == CONTENT
    seen(message.replace(address(server), "URL"))


@fault("download with another content (wrong sha256)", "one line with both sums; nothing is kept")
def test_wrong_hash(server, get, tmp_path, seen):
    message = refused(get, address(server), ChecksumError, sha256="0" * 64)
    assert left_in(tmp_path / "raw") == []
    seen(message)


@fault("server sends more than the registered size", "stopped at once; nothing is kept")
def test_too_much(server, get, tmp_path, seen):
    server.fault = "too much"
    message = refused(get, address(server))
    assert "more than the registered 160,000 bytes" in message
    assert left_in(tmp_path / "raw") == []
    seen(message)


@fault("server sends on to another host", "refused; nothing is read from there")
def test_redirect(server, get, tmp_path, seen):
    server.fault = "elsewhere"
    message = refused(get, address(server))
    assert "http://localhost:1, which is not registered" in message
    assert left_in(tmp_path / "raw") == []
    seen(message)


@fault("registered address without https, or a local file", "refused")
def test_plain_http(get, tmp_path, monkeypatch, seen):
    monkeypatch.delenv(MIRROR, raising=False)
    for url in ("http://example.invalid/x.csv", "file:///etc/hostname", "ftp://example.invalid/x"):
        message = refused(get, url)
        assert "is not a web address that begins with https://" in message
    assert left_in(tmp_path / "raw") == []
    seen(message)


@fault("no network", "one line that names the mirror folder as a way out")
def test_no_network(get, monkeypatch, seen):
    monkeypatch.delenv(MIRROR, raising=False)
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    message = refused(get, "https://example.invalid/x.csv")
    assert MIRROR in message
    seen(message)


@fault("proxy variables hold junk", "one line that names the mirror folder; with the mirror it works")
def test_proxy_junk(get, tmp_path, monkeypatch, seen):
    monkeypatch.delenv(MIRROR, raising=False)
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "not a proxy ://")
    message = refused(get, "https://example.invalid/x.csv")
    assert MIRROR in message
    (tmp_path / "mirror/toy").mkdir(parents=True)
    (tmp_path / "mirror/toy/x.csv").write_bytes(CONTENT)
    monkeypatch.setenv(MIRROR, str(tmp_path / "mirror"))
    assert get("https://example.invalid/x.csv")[0].read_bytes() == CONTENT
    seen(message)


@fault("registered file name with .. or an absolute path", "refused; nothing is written outside the folder")
def test_registered_name_outside(get, tmp_path, seen):
    for name in ("../evil.csv", "toy/../../evil.csv", "/evil-of-a-test.csv"):
        message = refused(get, "https://example.invalid/x.csv", OutsideFolderError, file=name)
    assert not (tmp_path / "evil.csv").exists()
    assert not Path("/evil-of-a-test.csv").exists()
    seen(message)


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
    assert patents._csv_in_zip(path).to_dict("list") == {"a": ["1"], "b": ["2"]}
    assert sorted(tmp_path.rglob("*")) == before
    seen("the table is read; no file appears")


@fault("zip bomb among the sources", "refused before it is unfolded")
def test_zip_bomb(tmp_path, seen):
    path = zipped(tmp_path / "pairs.zip", ("pairs.csv", b"0" * (300 << 20)))
    with pytest.raises(TooLargeError) as caught:
        patents._csv_in_zip(path)
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
    assert left_in(tmp_path) == ["x.json"]
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
