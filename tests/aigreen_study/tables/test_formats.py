"""One home each: stars, numbers, and every colour of figures and paper."""

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from aigreen.effects import plot
from aigreen.errors import OptionError, ReportError
from aigreen_study.figures.style import COLOURS
from aigreen_study.tables import formats, render
from aigreen_study.tables.estimates import estimates_above_errors
from aigreen_study.tables.table import NO_INTERVAL, Cell, Group, Row, Spanner, Table, quoted

ROOT = Path(__file__).parents[3]


def test_stars_follow_their_levels():
    assert [formats.stars(p) for p in (0.2, 0.1, 0.09, 0.05, 0.04, 0.01, 0.009)] == [0, 0, 1, 1, 2, 2, 3]
    assert formats.STARS_NOTE == "Significance: * 10%, ** 5%, *** 1%."
    line = {"estimate": 0.5, "std_error": 0.1, "p_value": 0.03}
    above, below = estimates_above_errors("x", [line, None], stars=True)
    assert (above.cells[0].printed, below.cells[0].printed) == ("0.500**", "(0.100)")
    assert [cell.role for cell in (above.cells[0], below.cells[0])] == ["estimate", "std_error"]
    assert above.cells[1] == below.cells[1] == Cell()


def test_another_star_symbol_is_printed_everywhere(monkeypatch):
    for module in (formats, render):
        monkeypatch.setattr(module, "STAR", "+")
    monkeypatch.setattr("aigreen_study.tables.table.STAR", "+")
    table = Table("t", "T", "", ("(1)",), (Group((Row("x", (Cell("0.500", 0.5, 2),)),)),))
    assert table.rows[0].cells[0].printed == "0.500++"
    for form in (render.html, render.latex, render.typst):
        assert "++" in form(table)
        assert "**" not in form(table)


def test_roles_are_kept_in_json_and_left_out_where_there_is_none():
    table = Table("t", "T", "", ("a", "b"), (Group((Row("x", (Cell.number(0.5, role="estimate"), Cell("w"))),)),))
    text = table.to_json()
    assert Table.from_json(text) == table
    assert text.count('"role"') == 1
    bare = re.sub(r',\s*"role": "\w+"', "", text)
    assert Table.from_json(bare).rows[0].cells[0].role == ""


def test_remarks_state_the_sizes_that_nothing_else_states():
    cells = (Cell("1"), Cell("2"))
    table = Table("t", "T", "", ("a", "b"), (Group((Row("x", cells),)),), notes="A note.", specifications={
        "t/a": {"n_rows": 1200, "n_units": 60, "n_clusters": 6},
        "t/b": {"n_rows": 900, "n_units": 60, "n_clusters": 6},
        "t/a less b": {"n_rows": 2100, "n_units": 120, "n_clusters": 12},
    })  # fmt: skip
    assert table.remarks == "A note. Observations: 900 to 1,200; units: 60; clusters: 6."
    assert "A note. Observations: 900 to 1,200; units: 60; clusters: 6." in render.html(table)
    several = {"t/a": {"n_rows": 600, "n_units": 60, "n_clusters": 6, "samples": (
        "1,200 rows, 60 units, 6 clusters; 600 rows, 60 units, 6 clusters"
    )}}  # fmt: skip
    told = replace(table, specifications=several, notes="").remarks
    assert told == "Observations: 600 to 1,200; units: 60; clusters: 6."
    assert replace(table, columns=("Observations", "b")).remarks == "A note. Units: 60; clusters: 6."
    stated = replace(table, notes="Clusters: 6, of which 2 are treated.", columns=("Observations", "Units"))
    assert stated.remarks == stated.notes
    assert replace(table, specifications={}).remarks == "A note."
    assert replace(table, notes="", specifications={}).remarks == ""


def test_remarks_explain_intervals_that_are_refused_where_the_notes_do_not():
    rows = (Group((Row("x", (Cell("1"), *[Cell("none")] * 2)),)),)
    table = Table("t", "T", "", ("Estimate", "low", "high"), rows, notes="A note. Small-sample factor: none.")
    assert table.remarks == f"{table.notes} {NO_INTERVAL}"
    said = replace(table, notes="An effect that rests on one treated cluster has none.")
    assert said.remarks == said.notes
    shares = replace(table, spanners=((Spanner("Share of the total", 1, 3),),))
    assert shares.remarks == shares.notes  # a ratio whose interval is unbounded


def test_headings_too_wide_for_a_page_are_broken_in_the_paper_alone():
    cells, long = (Cell("1"),) * 5, tuple(f"Treated units within {km} km" for km in (25, 50, 100, 200, 400))
    table = Table("t", "T", "", long, (Group((Row("x", cells),)),))
    assert render.typst(table).count(r"Treated units\nwithin 100 km") == 2  # the heading, and its width
    assert "Treated units within 100 km" in render.html(table)
    narrow = replace(table, columns=long[:3], groups=(Group((Row("x", cells[:3]),)),))
    assert r"\n" not in render.typst(narrow)


def test_effective_numbers_have_no_decimals_where_they_are_whole():
    assert [formats.write_number(n, "effective") for n in (14.0, 13.9999999, 14.25, 9.999, 1300.0)] == [
        "14", "14", "14.25", "9.999", "1,300",
    ]  # fmt: skip


def test_a_quoted_table_says_of_which_study_and_whether_it_is_real():
    table = Table("decomposition", "Parts", "", ("a",), (Group((Row("x", (Cell("1"),)),)),))
    there = quoted(table, "cities")
    assert (there.key, there.title) == ("cities-decomposition", "cities: Parts (real data)")
    own = quoted(replace(table, key="replications"), "replications")
    assert own.title == "Parts (real data)"
    assert quoted(replace(table, simulated=True), "monte-carlo").caption == "Parts (simulated data)"


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [(-0.5, 1.0, "[\u22120.500, 1.000]"), (-float("inf"), float("inf"), "[\u2212\u221e, \u221e]")],
)
def test_intervals_may_be_unbounded(low, high, text):
    assert formats.interval(low, high) == text


def test_p_values_of_figures_are_relations():
    assert (formats.p_equals(0.0004), formats.p_equals(0.0344)) == ("p < 0.001", "p = 0.034")
    assert formats.significant(-0.012345) == "\u22120.0123"


@pytest.mark.parametrize(
    ("value", "table", "relation"),
    [
        (0.0009999, "<0.001", "p < 0.001"),
        (0.001, "0.001", "p = 0.001"),
        (0.00149, "0.001", "p = 0.001"),
        (0.0126, "0.013", "p = 0.013"),
        (0.0494, "0.049", "p = 0.049"),
        (0.9996, "1.000", "p = 1.000"),
    ],
)
def test_p_values_have_three_decimals_and_a_floor(value, table, relation):
    assert (formats.p_value(value), formats.p_equals(value)) == (table, relation)


@pytest.mark.parametrize(
    ("fmt", "value", "text"),
    [
        ("coefficient", 1234.5678, "1,234.568"),
        ("coefficient", -0.0126, "\u22120.013"),
        ("coefficient", -0.0004, "0.000"),
        ("coefficient", -0.0006, "\u22120.001"),
        ("coefficient4", 0.00126, "0.0013"),
        ("count", 1234567.6, "1,234,568"),
        ("percent", 12.345, "12.3%"),
        ("percent", -12.36, "\u221212.4%"),
        ("share", 0.1236, "12.4%"),
        ("p_value", 0.0344, "0.034"),
        ("year", 2019.0, "2019"),
        ("adaptive", 9.9994, "9.999"),
        ("adaptive", 10.0, "10.00"),
        ("adaptive", 99.994, "99.99"),
        ("adaptive", -100.0, "\u2212100.0"),
        ("adaptive", 999.94, "999.9"),
        ("adaptive", 1000.0, "1,000"),
    ],
)
def test_every_format_rounds_to_its_decimals(fmt, value, text):
    assert formats.write_number(value, fmt) == text


def test_formats_refuse_what_they_cannot_write():
    with pytest.raises(OptionError, match="did you mean 'count'"):
        formats.write_number(1.0, "counts")
    for write in (formats.decimal, lambda value: formats.write_number(value, "year")):
        with pytest.raises(ReportError, match="cannot write nan as a number"):
            write(float("nan"))
    assert {"coefficient", "coefficient4", "count", "percent", "share", "p_value", "year", "adaptive", "effective"} == {
        *formats.FORMATS
    }


def test_every_colour_of_a_figure_is_defined_once():
    found = Counter()
    for path in sorted((ROOT / "src").rglob("*.py")):
        found.update(re.findall(r"\"(#[0-9a-f]{6})\"", path.read_text("utf-8")))
    assert len(found) > 20
    assert [colour for colour, times in found.items() if times > 1] == []
    homes = {ROOT / "src/aigreen/effects/plot.py", ROOT / "src/aigreen_study/figures/style.py"}
    others = [p for p in (ROOT / "src").rglob("*.py") if re.search(r"\"#[0-9a-f]{6}\"", p.read_text("utf-8"))]
    assert set(others) == homes
    assert COLOURS[2] == plot.MARK


def test_links_of_the_paper_have_the_ink_of_its_figures():
    paper = "".join(path.read_text("utf-8") for path in (ROOT / "paper").glob("*.typ"))
    assert set(re.findall(r"rgb\(\"(#\w+)\"\)", paper)) == {plot.INK}
