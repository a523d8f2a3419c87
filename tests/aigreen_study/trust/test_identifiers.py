"""A licensed row is named on the terminal and nowhere else: logs, results, exports and notebooks."""

import logging
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from aigreen import TWFE, Panel, load
from aigreen.errors import DataError, MissingRowsWarning, ReportError, SourceError, rows_withheld, warn
from aigreen_study.bundle.readme_pdf import readme_pdf
from aigreen_study.paper.export import export
from aigreen_study.run import notebook
from aigreen_study.run.log import logged
from aigreen_study.tables import render
from aigreen_study.tables.table import Cell, Group, Row, Table
from aigreen_study.trust.identifiers import Identifiers, masked

FIRM, NAME = "600519", "华科电子股份有限公司"
LICENSED = {"study": "s", "source": "licensed", "panel": {"unit": "firm_id"}, "title": "T", "date": "2026"}
SIMULATED = LICENSED | {"source": "simulated"}


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Results of a study of one firm, as far as they tell who is in it."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "results/s"
    (folder / "canonical").mkdir(parents=True)
    pd.DataFrame({"firm_id": [FIRM], "year": 2019}).to_parquet(folder / "panel.parquet")
    pd.DataFrame({"firm_id": [FIRM], "name": [NAME]}).to_parquet(folder / "canonical/firm_names.parquet")
    return folder


def job(config, **more):
    return SimpleNamespace(log=["logs/s/step.log"], input=[], output=[], config=config, **more)


def run(config, does, capsys):
    """Run a step and give its log and what it said on the terminal."""
    try:
        with logged(job(config)) as log:
            does(log)
    except SystemExit:
        pass
    return Path("logs/s/step.log").read_text("utf-8"), capsys.readouterr().err


def warned(log: logging.Logger) -> None:
    warn(MissingRowsWarning("1 row left out: outcome always zero", count=1, first=[(FIRM, 2007)]))


def told(log: logging.Logger) -> None:
    log.info("kept\n%s", pd.DataFrame({"firm_id": [FIRM], "n": [1]}).to_string())


def broken(log: logging.Logger) -> None:
    raise DataError("1 row is twice", count=1, first=[(FIRM, 2007)])


def unreadable(log: logging.Logger) -> None:
    raise SourceError(f"FS_Combas: 1 rows repeat firm_id and year; first: {FIRM} 2007, {NAME}")


def unexpected(log: logging.Logger) -> None:
    raise KeyError(FIRM)


@pytest.mark.parametrize("does", [warned, told, broken, unreadable, unexpected])
def test_no_log_of_a_licensed_study_names_a_row(results, capsys, does):
    text, terminal = run(LICENSED, does, capsys)
    assert FIRM not in text and NAME not in text
    assert "aigreen" in text and text.count("\n") >= 3
    if does in (broken, unreadable):
        assert FIRM in terminal  # the user must find the row
    assert FIRM in run(SIMULATED, does, capsys)[0]


def test_results_of_a_licensed_study_keep_no_offenders(results, tmp_path):
    frame = pd.DataFrame({"firm_id": np.repeat(["600519", "600520", "600521", "600522"], 4), "year": [1, 2, 3, 4] * 4})
    frame = frame.assign(zone=np.repeat([3, 3, 0, 0], 4), y=[0] * 4 + [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8])
    panel = Panel(frame, unit="firm_id", time="year", cohort="zone")

    def saved(name):
        TWFE(family="poisson").fit(panel, "y").save(tmp_path / name)
        return load(tmp_path / name).dropped["first"].tolist(), (tmp_path / f"{name}.json").read_text("utf-8")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shown, text = saved("shown")
        assert any(FIRM in first for first in shown) and FIRM in text
        with rows_withheld():
            shown, text = saved("withheld")
    assert len(shown) > 0 and not any(shown) and FIRM not in text


def test_an_error_keeps_its_offenders_for_the_terminal():
    with rows_withheld():
        error = DataError("1 row is twice", count=1, first=[FIRM])
    assert (str(error), error.first) == ("1 row is twice", [FIRM])
    assert str(DataError("1 row is twice", count=1, first=[FIRM])) == f"1 row is twice; first: {FIRM}"


def paper(top, label):
    row = Row(label, (Cell.number(0.25),))
    shown = Table(key="main", title="Effects", stub="", columns=("(1)",), groups=(Group((row,)),))
    render.write(shown, top / "results/s/tables/main")
    (top / "paper").mkdir(exist_ok=True)
    text = '#let results = sys.inputs.results\n#include results + "/tables/main.typ"\n'
    (top / "paper/paper.typ").write_text(text, "utf-8")


@pytest.mark.parametrize("form", ["latex", "csv", "docx"])
@pytest.mark.parametrize("label", [FIRM, f"Firm {NAME}"])
def test_no_export_of_a_licensed_study_names_a_firm(results, tmp_path, form, label):
    if form == "docx":
        pytest.importorskip("docx")
    paper(tmp_path, label)
    config = LICENSED | {"simulated": False}
    with pytest.raises(ReportError, match=r"files name firms of licensed data, and may not: .*line") as caught:
        export(tmp_path, config, form, tmp_path / "out")
    assert label not in str(caught.value)
    assert not (tmp_path / "out").exists()
    export(tmp_path, config | {"source": "simulated"}, form, tmp_path / "out")
    paper(tmp_path, "Zone")
    export(tmp_path, config, form, tmp_path / "out")


@pytest.mark.parametrize("cell", [FIRM, NAME, "0.5"])
def test_no_notebook_of_a_licensed_study_names_a_firm(results, repository, monkeypatch, capsys, cell):
    def converted(command, settings):
        html = Path(command[command.index("--output-dir") + 1]) / command[command.index("--output") + 1]
        html.parent.mkdir(exist_ok=True)
        html.write_text(f"<td>{cell}</td>", "utf-8")
        return 0, f"warning about {FIRM}\n"

    monkeypatch.setattr(notebook, "convert", converted)
    script = compile((repository / "analysis/scripts/run_notebook.py").read_text("utf-8"), "run_notebook.py", "exec")
    given = job(LICENSED, params=SimpleNamespace(study="s"))
    given.input, given.output = Paths(notebook="n.ipynb"), Paths(html="results/s/notebooks/n.html")
    if cell == "0.5":
        exec(script, {"snakemake": given})
    else:
        with pytest.raises(SystemExit):
            exec(script, {"snakemake": given})
        assert "1 files name firms of licensed data" in capsys.readouterr().err
    said = Path("logs/s/step.log").read_text("utf-8")
    assert "INFO nbconvert\nwarning about [withheld]\n" in said and FIRM not in said


class Paths(list):
    """Named files of a job."""

    def __init__(self, **named):
        super().__init__()
        self.__dict__ |= named


@pytest.mark.parametrize(
    ("line", "named"),
    [
        (f"a,{FIRM},2007", True), (f"({FIRM}, 2007)", True), (f"'{FIRM}'", True), (f"{FIRM}.", True), (NAME, True),
        (f"x{NAME}y", True), (f"0.{FIRM}", False), (f"{FIRM}.5", False), (f"1{FIRM}", False), (f"ab{FIRM}", False),
        (f'{{"bytes": {FIRM}}}', False), (f'{{"firm": "{FIRM}"}}', True), ("华科电子", False), ("600520", False),
    ],
)  # fmt: skip
def test_what_names_a_firm(results, line, named):
    assert list(Identifiers(results, "firm_id").lines(f"first line\n{line}\n".encode())) == [2] * named


@pytest.mark.parametrize(
    ("text", "pages"),
    [(f"Firm {FIRM}.", [2]), ("Firm 600520, 1600519 and 0.600519.", []), ("Shenzhen Huake\nElectronics is best.", [2])],
)
def test_the_text_of_a_pdf_is_looked_through(results, text, pages):
    path = results / "canonical/firm_names.parquet"
    pd.DataFrame({"firm_id": [FIRM], "name": ["Shenzhen Huake Electronics"]}).to_parquet(path)
    words = "\n\n".join(["Words of the first page."] * 60)
    content = readme_pdf(f"# A paper\n\n{words}\n\n{text}\n")
    assert FIRM.encode() not in content  # its text is packed
    assert list(Identifiers(results, "firm_id").lines(content)) == pages


def test_a_masked_text_keeps_its_counts():
    assert masked("3 rows; first: 000001 2015, 甲\n2026-01-05 10:00:00,123 INFO 54,321 rows, 12.345678 s") == (
        "3 rows; first: [withheld]\n2026-01-05 10:00:00,123 INFO 54,321 rows, 12.345678 s"
    )
