import xml.etree.ElementTree as ElementTree

import numpy as np
import pandas as pd
import pytest

from aigreen.effects import Effects
from aigreen.errors import ReportError, UnknownColumnError
from aigreen.report.tables import (
    Cell,
    Group,
    Row,
    Spanner,
    Table,
    descriptives_table,
    effects_table,
    overall_table,
    regression_table,
    sample_flow_table,
)

NASTY = 'a_b & 5% #x $y$ @z <tab> *bold* \\ {c} "q" ~ ^ [l] | 绿色 `r` = / \n end'
MINUS = "\u2212"


def effects(values, index, errors, **more):
    """Effects with given standard errors and two clusters."""
    errors = np.asarray(errors, dtype=float)
    psi = np.vstack([errors, -errors]) / np.sqrt(2)
    facts = {"n_rows": 15403, "n_units": 1200, "n_clusters": 2, "method": "TWFE", "outcome": "y"} | more
    return Effects(
        values=np.asarray(values, dtype=float), index=index, psi=psi, clusters=pd.RangeIndex(2, name="city"), **facts
    )


@pytest.fixture
def nasty():
    return Table(
        key="nasty",
        title=NASTY,
        stub=NASTY,
        columns=(NASTY, "N"),
        spanners=((Spanner(NASTY, 0, 2),), (Spanner("(1)", 1, 2),)),
        groups=(
            Group((Row(NASTY, (Cell.number(-0.04126, stars=2), Cell.number(15403, 0))),), NASTY),
            Group((Row("", (Cell.number(0.0213, brackets="()"), Cell(NASTY))),)),
        ),
        notes=NASTY,
        simulated=True,
    )


def terms(*names):
    return pd.Index(names, name="term")


def test_cell_parts():
    assert Cell.number(-0.04126, stars=2) == Cell(f"{MINUS}0.041", -0.04126, 2)
    assert Cell.number(-0.04126).parts == ("", f"{MINUS}0", "041", "")
    assert Cell.number(0.0213, brackets="()").parts == ("(", "0", "021", ")")
    assert Cell.number(15403, 0).parts == ("", "15,403", "", "")
    assert Cell("Yes").parts is None
    assert Cell().parts is None
    assert Cell(f"[{MINUS}0.1, 0.2]").parts is None
    assert Cell("15,403", 15403.0, centred=True).parts is None


def test_json_round_trip(nasty):
    assert Table.from_json(nasty.to_json()) == nasty


def test_shape_is_checked():
    with pytest.raises(ReportError, match="row 'r': 1 cells for 2 columns"):
        Table("k", "t", "", ("a", "b"), (Group((Row("r", (Cell(),)),)),))
    with pytest.raises(ReportError, match="spanners"):
        Table("k", "t", "", ("a", "b"), (), spanners=((Spanner("s", 1, 3),),))


def test_typst_compiles_nasty_text(nasty):
    typst = pytest.importorskip("typst")
    pdf = typst.compile(nasty.to_typst().encode(), ignore_system_fonts=True, timestamp=0)
    assert pdf.startswith(b"%PDF")
    assert pdf == typst.compile(nasty.to_typst().encode(), ignore_system_fonts=True, timestamp=0)


def test_typst_text_is_literal(nasty):
    typst = pytest.importorskip("typst")
    source = (nasty.to_typst() + "#metadata(none) <end>").encode()
    caption = typst.query(source, "figure.caption", field="body", one=True)
    assert "(simulated data)" in caption
    assert "*bold*" in caption
    assert "<tab>" in caption


def test_latex_escapes_and_aligns(nasty):
    text = nasty.to_latex()
    assert r"a\_b \& 5\% \#x \$y\$ @z \textless{}tab\textgreater{} *bold* \textbackslash{} \{c\}" in text
    assert "绿色" in text
    assert MINUS not in text
    assert r"\begin{tabular}{lS[table-format=-1.3]S[table-format=5.0]}" in text
    assert "-0.041{**} & 15403 \\\\" in text
    assert r"{(}0.021{)}" in text
    assert r"\cmidrule(lr){2-3}" in text
    for name in ("toprule", "midrule", "bottomrule", "begin{tablenotes}", "end{threeparttable}"):
        assert rf"\{name}" in text


def test_html_is_well_formed_and_accessible(nasty):
    figure = ElementTree.fromstring(nasty.to_html())
    assert figure.find("table/caption").text.endswith("(simulated data)")
    assert figure.find("table").get("aria-describedby") == figure.find("p").get("id")
    assert {th.get("scope") for th in figure.iter("th")} == {"col", "row", "colgroup", "rowgroup"}
    assert "".join(figure.find("table/tbody/tr/th").itertext()) == NASTY
    numbers = ["".join(td.itertext()) for td in figure.findall("table/tbody/tr/td")]
    assert numbers[:2] == [f"{MINUS}0.041**", "15,403"]


def test_every_row_of_the_html_has_the_same_width(nasty):
    figure = ElementTree.fromstring(nasty.to_html())
    widths = {sum(int(cell.get("colspan", 1)) for cell in row) for row in figure.iter("tr")}
    assert widths == {3}


def test_write_makes_the_same_four_files_twice(nasty, tmp_path):
    for folder in ("a", "b"):
        nasty.write(tmp_path / folder / "nasty")
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == ["nasty.html", "nasty.json", "nasty.tex", "nasty.typ"]
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    page = (tmp_path / "a" / "nasty.html").read_text(encoding="utf-8")
    assert page.startswith('<!DOCTYPE html>\n<html lang="en">')


def test_regression_table():
    dropped = pd.DataFrame({"what": ["rows", "units"], "reason": ["", ""], "count": [1234, 7], "first": ["", ""]})
    columns = {
        "OLS": effects([0.05], terms("zone"), [0.02]),
        "Poisson": effects([-0.3, 1.0], terms("zone", "size"), [0.1, 2.0], outcome="n", n_rows=9034, dropped=dropped),
    }
    table = regression_table(
        columns,
        key="baseline",
        title="Baseline",
        terms={"zone": "Zone", "size": "Size"},
        outcomes={"n": "Patents"},
        facts={"Firm effects": ["Yes", "Yes"], "Mean of outcome": [0.3881, 22.217]},
    )
    cells = {row.label: [cell.text for cell in row.cells] for row in table.rows if row.label}
    assert table.columns == ("(1)", "(2)")
    assert [s.label for s in table.spanners[0]] == ["y", "Patents"]
    assert cells["Zone"] == ["0.050", f"{MINUS}0.300"]
    assert [cell.stars for cell in table.rows[0].cells] == [2, 3]
    assert [cell.text for cell in table.rows[1].cells] == ["(0.020)", "(0.100)"]
    assert cells["Size"] == ["", "1.000"]
    assert cells["Mean of outcome"] == ["0.388", "22.22"]
    assert cells["Observations"] == ["15,403", "9,034"]
    assert cells["Observations left out"] == ["0", "1,234"]
    assert "** 5%" in table.notes
    plain = regression_table(columns, key="b", title="", terms={"zone": "Zone"}, stars=False)
    assert {cell.stars for row in plain.rows for cell in row.cells} == {0}
    assert "*" not in plain.notes
    with pytest.raises(UnknownColumnError, match="did you mean 'zone'"):
        regression_table(columns, key="b", title="", terms={"zon": "Zone"})


def test_effects_table_splits_at_treatment_and_leaves_the_reference_bare():
    horizons = pd.Index([-2, -1, 0, 1], name="horizon")
    result = effects([0.01, 0.0, 0.03, -0.05], horizons, [0.01, 0.0, 0.02, 0.03], post=np.array([0, 0, 1, 1], bool))
    table = effects_table(result, key="event_study", title="Event study", n_draws=99, seed=1)
    assert [group.title for group in table.groups] == ["Before treatment", "After treatment"]
    assert [row.label for row in table.rows] == [f"{MINUS}2", f"{MINUS}1", "0", "+1"]
    assert [cell.text for cell in table.rows[1].cells] == ["0.000", "", "", "", "", ""]
    low, high = (table.rows[2].cells[j].value for j in (2, 3))
    assert (low, high) == pytest.approx((0.03 - 1.959964 * 0.02, 0.03 + 1.959964 * 0.02))
    assert table == effects_table(result, key="event_study", title="Event study", n_draws=99, seed=1)
    with pytest.raises(ReportError, match="by horizon"):
        effects_table(effects([1.0], terms("zone"), [1.0]), key="k", title="")


def test_overall_table_with_truth():
    part = effects([0.06], pd.Index(["ATT"], name="effect"), [0.02])
    table = overall_table({"Simple": part, "Group": part}, key="overall", title="", truth={"Simple": 0.058})
    assert table.columns[-1] == "Truth"
    assert [row.cells[-1].text for row in table.rows] == ["0.058", ""]
    with pytest.raises(ReportError, match="2 effects, one is needed"):
        overall_table({"x": effects([1, 2], terms("a", "b"), [1, 1])}, key="k", title="")


def test_descriptives_table():
    frame = pd.DataFrame({"n": [0, 0, 3, 5], "share": [0.1, np.nan, 0.3, 0.2], "big": [1.5e9, 2.5e9, 3.5e9, 4.5e9]})
    frame["whole"] = [0, 0, 4, 5]
    table = descriptives_table(
        frame, {"n": "Patents", "whole": "Whole", "share": "Share", "big": "Assets"}, simulated=True
    )
    texts = {row.label: [cell.text for cell in row.cells] for row in table.rows}
    assert texts["Patents"] == ["4", "2.000", "2.449", "0.000", "1.500", "5.000"]
    assert texts["Whole"] == ["4", "2.250", "2.630", "0", "2", "5"]
    assert texts["Share"] == ["3", "0.200", "0.100", "0.100", "0.200", "0.300"]
    assert texts["Assets"][1] == "3,000,000,000"
    assert table.caption == "Descriptive statistics (simulated data)"
    with pytest.raises(UnknownColumnError, match="did you mean 'share'"):
        descriptives_table(frame, {"shar": ""})
    with pytest.raises(ReportError, match="no values"):
        descriptives_table(frame.assign(void=np.nan), {"void": ""})


def test_sample_flow_table():
    ledger = pd.DataFrame({"step": ["Raw", "Kept"], "n_rows": [100, 90], "n_units": [10, 9], "dropped": [np.nan, 10]})
    table = sample_flow_table(ledger, units="Firms")
    assert [[cell.text for cell in row.cells] for row in table.rows] == [["", "100", "10"], ["10", "90", "9"]]
    with pytest.raises(UnknownColumnError, match="n_units"):
        sample_flow_table(ledger.drop(columns="n_units"))
