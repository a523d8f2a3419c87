"""Counts below ten in what licensed data gave are found in tables, numbers and figures; effects are not."""

import json

import pandas as pd
import pytest

from aigreen_study.bundle.small_cells import figure_findings, numbers_findings, table_findings
from aigreen_study.tables.table import Cell, Group, Row, Table


def table(**rows):
    lines = tuple(Row(label.replace("_", " "), tuple(cells)) for label, cells in rows.items())
    return Table("t", "Title", "", ("Estimate", "N"), (Group(lines),)).to_json()


def count(value):
    return Cell(f"{value:,}", float(value), centred=True)


@pytest.mark.parametrize(("firms", "found"), [(9, 1), (10, 0), (0, 0), (1, 1), (1200, 0)])
def test_counts_of_a_table(firms, found):
    text = table(Firms=[count(firms), Cell()])
    assert len(list(table_findings("a.json", text))) == found


def test_what_is_found_is_named():
    (finding,) = table_findings("results/x/tables/a.json", table(Effect=[Cell.number(3.0, 0), count(4)]))
    assert str(finding) == "refused: results/x/tables/a.json: small cell: Effect | N: a count of 4, below 10"


def test_effects_and_dropped_rows_are_no_counts():
    text = table(Effect=[Cell.number(3.25), Cell()], Rows_dropped=[count(3), Cell()])
    assert list(table_findings("a.json", text)) == []


def test_estimates_that_rest_on_few_clusters():
    facts = {"a/1": {"method": "m", "outcome": "y", "n_rows": 90, "n_units": 30, "n_clusters": 6}}
    row = Row("Effect", (Cell("0.1", 0.1, spec="a/1"),))
    text = Table("t", "Title", "", ("(1)",), (Group((row,)),), specifications=facts).to_json()
    (finding,) = table_findings("a.json", text)
    assert finding.why == "a/1 rests on 6 clusters, fewer than 10"


def test_extremes_are_told_and_not_refused():
    text = Table("t", "Title", "", ("Min.", "Max."), (Group((Row("Size", (count(1), count(90))),)),)).to_json()
    (finding,) = table_findings("a.json", text)
    assert not finding.refused


def test_numbers_of_the_text():
    entries = {
        "n_firms_small": {"value": 4, "text": "4", "unit": "firms"},
        "n_firms": {"value": 4000, "text": "4,000", "unit": "firms"},
        "att": {"value": 4, "text": "4", "unit": ""},
    }
    found = list(numbers_findings("numbers.json", json.dumps(entries)))
    assert [finding.why for finding in found] == ["n_firms_small: a count of 4, below 10"]


def test_figures_of_a_panel_with_a_small_group(tmp_path):
    rows = [(f"{g}{i}", 2019, g) for g, n in ((2018, 12), (2020, 4)) for i in range(n)]
    pd.DataFrame(rows, columns=["firm", "year", "zone_year"]).to_parquet(tmp_path / "panel.parquet")
    found = list(figure_findings(["f.pdf"], tmp_path / "panel.parquet", "firm", "year", "zone_year"))
    assert [finding.why for finding in found] == ["group 2020 has 4 firms in 2019 (1 such cells), fewer than 10"]
