"""Who has no patents, and of whom nothing is known: zero and missing are told apart."""

import pandas as pd
import pytest

from aigreen.data import canonical
from aigreen.data.assemble.outcomes import add_cnrds, add_records
from aigreen.data.assemble.sheet import Sheet
from aigreen.data.patents.measures import measures

YEARS = (2010, 2011, 2012, 2013)


@pytest.fixture
def sheet():
    """Three firms in four years."""
    keys = pd.DataFrame([(firm, year) for firm in ("000001", "000002", "000003") for year in YEARS])
    frame = canonical.completed("firm_years", keys.set_axis(["firm_id", "year"], axis=1))
    return Sheet(frame, "all")


def missing_as_none(column):
    return [None if pd.isna(value) else float(value) for value in column]


def test_firms_and_years_that_cnrds_does_not_cover_are_missing_and_not_zero(sheet):
    for firm, year, count in (("000001", 2011, 3), ("000002", 2012, 0)):
        row = (sheet.frame["firm_id"] == firm) & (sheet.frame["year"] == year)
        sheet.frame.loc[row, "green_inventions_filed_alone"] = count
    add_cnrds(sheet, headline=True)
    assert missing_as_none(sheet.frame["green_patents"]) == [None, 3, 0, None, None, 0, 0, None, *[None] * 4]
    assert missing_as_none(sheet.frame["any_green"]) == [None, 1, 0, None, None, 0, 0, None, *[None] * 4]
    assert sheet.frame["green_patents_log"].isna().tolist() == sheet.frame["green_patents"].isna().tolist()
    coding = {entry.column: entry.coding for entry in sheet.entries}["green_patents"]
    assert coding == "missing for firms and years that CNRDS does not cover"


def test_without_a_number_of_cnrds_there_is_no_column(sheet):
    add_cnrds(sheet, headline=True)
    assert "green_patents" not in sheet.frame


def test_years_outside_the_records_and_firms_without_a_name_are_missing_and_not_zero(sheet):
    counts = pd.DataFrame({"firm_id": ["000001", "000001"], "year": [2011, 2013]})
    counts = counts.assign(**{measure.name: 2 for measure in measures(citations=True)})
    add_records(sheet, counts, None, window=1, named=["000001", "000003"])
    assert missing_as_none(sheet.frame["green_patents"]) == [None, 2, 0, 2, *[None] * 4, None, 0, 0, 0]
    # The window of citations is over for applications of 2012 and before.
    assert missing_as_none(sheet.frame["green_citations"]) == [None, 2, 0, None, *[None] * 4, None, 0, 0, None]


def test_without_a_list_of_names_every_firm_is_covered(sheet):
    counts = pd.DataFrame({"firm_id": ["000001"], "year": [2012]}).assign(**{m.name: 2 for m in measures()})
    add_records(sheet, counts, None, window=1)
    assert missing_as_none(sheet.frame["patents"]) == [None, None, 2, None, *[None, None, 0, None] * 2]
