"""A paper's tables and figures as folders for LaTeX, Word and a spreadsheet."""

import csv
import io
import shutil
import subprocess
import zipfile
from dataclasses import replace

import pytest

from aigreen.errors import ReportError
from aigreen_study.paper.export import export
from aigreen_study.paper.export_csv import safe, table_csv
from aigreen_study.paper.shown import shown_in
from aigreen_study.tables import render
from aigreen_study.tables.table import Cell, Group, Row, Spanner, Table

CONFIG = {"study": "small", "title": "A small study", "date": "2026", "simulated": True}
PAPER = """\
#let results = sys.inputs.results
= Results
#figure(caption: [Trends of $ln(1 + "patents")$ (simulated data)], kind: image, {
  image(results + "/figures/trends.pdf", alt: "A rising line.")
  block[_Notes:_ One line & 5% more.]
}) <fig-trends>
#include results + "/tables/main.typ"
"""


def table(title="Effects", label="Zone", notes="Clustered by city, 5% & more."):
    cells = (Cell("−0.250", -0.25, 3, spec="main/a"), Cell.number(1234.5, 1), Cell("Yes"))
    errors = (Cell.number(0.1, role="std_error"), Cell.number(0.2, 1, role="std_error"), Cell())
    return Table(
        key="main",
        title=title,
        stub="Variable",
        columns=("(1)", "(2)", "(3)"),
        groups=(Group((Row(label, cells), Row("", errors)), "Panel A"), Group((Row("=cmd|' /C calc'!A0", cells),))),
        spanners=((Spanner("OLS", 0, 2),),),
        notes=notes,
        simulated=True,
        specifications={"main/a": {"method": "OLS", "outcome": "y", "n_rows": 90}},
    )


@pytest.fixture
def project(tmp_path):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    top = tmp_path / "pröject 绿"
    (top / "paper").mkdir(parents=True)
    (top / "paper/paper.typ").write_text(PAPER, "utf-8")
    render.write(table(), top / "results/small/tables/main")
    (top / "results/small/figures").mkdir()
    figure = Figure(figsize=(3, 2))
    figure.subplots().plot([1, 2])
    for ending in ("pdf", "svg"):
        figure.savefig(top / f"results/small/figures/trends.{ending}")
    return top


def test_what_a_paper_shows(project):
    figure, shown = shown_in(CONFIG, project)
    assert (figure.kind, figure.number, figure.stem) == ("Figure", "1", "results/small/figures/trends")
    assert figure.caption == "Trends of ln(1 + patents) (simulated data)"
    assert (figure.notes, figure.alt) == ("One line & 5% more.", "A rising line.")
    assert (shown.kind, shown.number, shown.stem) == ("Table", "1", "results/small/tables/main")


def test_a_table_of_another_study_is_found(project, tmp_path):
    render.write(replace(table(), key="other-main"), project / "results/small/quoted/other/main")
    with (project / "paper/paper.typ").open("a", encoding="utf-8") as paper:
        paper.write('#include results + "/quoted/other/main.typ"\n')
    config = CONFIG | {"quoted": {"other": ["main"]}}
    assert [item.stem for item in shown_in(config, project)][1:] == [
        "results/small/tables/main",
        "results/small/quoted/other/main",
    ]
    names = export(project, config, "csv", tmp_path / "out")
    assert names == ["tables/main.csv", "tables/other-main.csv"]


def test_a_paper_that_is_not_built_is_one_line(project):
    shutil.rmtree(project / "results/small/tables")
    with pytest.raises(ReportError, match=r"the paper of 'small' cannot be typeset: .*file not found"):
        shown_in(CONFIG, project)


@pytest.mark.parametrize("form", ["latex", "docx", "csv"])
def test_an_export_is_the_same_twice_and_replaces_itself_only(project, tmp_path, form):
    folder = tmp_path / "out"
    names = export(project, CONFIG, form, folder)
    first = {name: (folder / name).read_bytes() for name in names}
    assert export(project, CONFIG, form, folder) == names
    assert {name: (folder / name).read_bytes() for name in names} == first
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.docx").write_bytes(b"x")
    with pytest.raises(ReportError, match="holds other files"):
        export(project, CONFIG, form, tmp_path / "mine")
    assert (tmp_path / "mine/thesis.docx").read_bytes() == b"x"


def test_latex_folder(project, tmp_path):
    names = export(project, CONFIG, "latex", tmp_path / "out")
    assert names == ["figures/trends.pdf", "main.tex", "tables/main.tex"]
    main = (tmp_path / "out/main.tex").read_text("utf-8")
    assert main.index("figures/trends.pdf") < main.index(r"\input{tables/main}")
    assert r"\textit{Notes:} One line \& 5\% more." in main
    assert "ctex" not in main
    assert r"S[table-format={(}-1.3{)}]" not in (tmp_path / "out/tables/main.tex").read_text("utf-8")
    assert r"S[table-format={(}-1.3{***}]" in (tmp_path / "out/tables/main.tex").read_text("utf-8")


def test_chinese_text_asks_for_a_unicode_engine(project, tmp_path):
    render.write(table(title="效应 (effects)", label="试验区"), project / "results/small/tables/main")
    export(project, CONFIG, "latex", tmp_path / "out")
    main = (tmp_path / "out/main.tex").read_text("utf-8")
    assert r"\usepackage{ctex}" in main
    assert "compile with XeLaTeX or LuaLaTeX\n" in main.replace(".\n", "\n")


def test_word_document(project, tmp_path):
    from docx import Document
    from docx.oxml.ns import qn

    render.write(table(title="效应 effects", label="试验区\x0b"), project / "results/small/tables/main")
    export(project, CONFIG, "docx", tmp_path / "out")
    made = Document(str(tmp_path / "out/tables-and-figures.docx"))
    captions = ["".join(t.text for t in p._p.xpath(".//w:t")) for p in made.paragraphs if p.style.name == "Caption"]
    assert captions == [
        "Figure 1. Trends of ln(1 + patents) (simulated data)",
        "Table 1. 效应 effects (simulated data)",
    ]
    xml = made.element.xml
    assert xml.count(r"SEQ Table \* ARABIC") == xml.count(r"SEQ Figure \* ARABIC") == 1
    (grid,) = made.tables
    texts = [[cell.text for cell in row.cells] for row in grid.rows]
    assert texts[:5] == [
        ["", "OLS", "OLS", ""],
        ["Variable", "(1)", "(2)", "(3)"],
        ["Panel A"] * 4,
        ["试验区", "−0.250***", "1,234.5", "Yes"],
        ["", "(0.100)", "(0.2)", ""],
    ]
    assert len(grid._tbl.xpath("./w:tr/w:trPr/w:tblHeader")) == 2
    assert grid._tbl.tblPr.find(qn("w:tblCaption")).get(qn("w:val")) == "效应 effects (simulated data)"
    assert (
        grid._tbl.tblPr.find(qn("w:tblDescription")).get(qn("w:val"))
        == "Clustered by city, 5% & more. Observations: 90."
    )
    (picture,) = made.inline_shapes
    assert picture._inline.docPr.get("descr") == "A rising line."
    assert made.styles["Normal"].element.rPr.rFonts.get(qn("w:eastAsia")) == "SimSun"
    with zipfile.ZipFile(tmp_path / "out/tables-and-figures.docx") as packed:
        assert {entry.date_time for entry in packed.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert (tmp_path / "out/figures/trends.png").read_bytes().startswith(b"\x89PNG")


def test_csv_has_a_line_a_cell_and_no_formula():
    rows = list(csv.DictReader(io.StringIO(table_csv(table()))))
    assert len(rows) == 8
    first = rows[0]
    assert (first["group"], first["label"], first["heading"]) == ("Panel A", "Zone", "OLS / (1)")
    assert (first["text"], first["stars"], float(first["value"]), first["specification"]) == (
        "-0.250",
        "3",
        -0.25,
        "main/a",
    )
    assert rows[-1]["label"] == "'=cmd|' /C calc'!A0"
    starts = {
        cell[0] for row in rows for cell in row.values() if cell and not cell.replace(".", "").lstrip("-").isdigit()
    }
    assert not starts & set("=+-@\t\r")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "+1"),
        ("-0.25", "-0.25"),
        ("-1e-5", "-1e-5"),
        ("-5.2%", "-5.2%"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        (" =1", "' =1"),
        ("-", "'-"),
        ("(0.1)", "(0.1)"),
        ("", ""),
    ],
)
def test_formulas_are_neutralised(text, written):
    assert safe(text) == written


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no TeX here: pdflatex with siunitx 3 is needed")
def test_the_exported_folder_compiles(project, tmp_path):
    render.write(table(title='A "title" with #, _, ^, ~, {, }, \\, $, <, >, |'), project / "results/small/tables/main")
    export(project, CONFIG, "latex", tmp_path / "out")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "main.tex"]
    run = subprocess.run(command, cwd=tmp_path / "out", capture_output=True, timeout=120)
    log = run.stdout.decode("latin-1")
    assert run.returncode == 0, log[-2000:]
    assert "Overfull" not in log
    assert "Output written on main.pdf (2 pages" in log
