import json

import pandas as pd
import pytest

from aigreen.data import facts
from aigreen.data.sources import us_facilities as source
from aigreen.errors import SourceError


@pytest.fixture
def mirror(shared):
    folder = shared / "data"
    if not (folder / source.FILES[source.EMISSIONS]).is_file():
        pytest.skip(f"no files of US facilities at {folder}")
    return folder


@pytest.fixture(scope="module")
def tables():
    return {name: facts.table(name) for name in source.FILES}


def test_the_tables_are_what_the_registered_files_give(mirror, tmp_path):
    flow = source.compile_facts(mirror, tmp_path).set_index(["source", "step"])["dropped"]
    for name in source.FILES:
        made = pd.read_csv(tmp_path / f"{name}.csv", dtype=str, keep_default_na=False)
        pd.testing.assert_frame_equal(made, facts.table(name))
    assert flow[source.EMISSIONS]["facility-years of zero emissions"] == 18
    assert flow[source.EMISSIONS]["facility-years absent between first and last year"] == 81
    assert flow[source.REPORTS]["further reports of a firm in a year"] == 123
    assert flow[source.PATENTS]["further companies of a ticker"] == 2


def test_emissions_and_words_are_those_of_the_files_read_plainly(mirror, tables):
    raw = pd.read_csv(mirror / source.FILES[source.EMISSIONS], dtype=str)
    raw = raw.set_index(["facility_id", "year"])["total_emissions"].sort_index()
    wide = tables[source.EMISSIONS].set_index("facility_id")
    long = wide[[column for column in wide if column.isdigit()]].stack()
    long = long[long != ""].rename_axis(raw.index.names).rename(raw.name).sort_index()
    pd.testing.assert_series_equal(long, raw, check_dtype=False)
    words = pd.read_csv(mirror / source.FILES[source.REPORTS])
    counted = tables[source.REPORTS].astype({source.column_of(t): int for t in source.SPECIFIC + source.GENERIC})
    for term in source.SPECIFIC + source.GENERIC:
        assert counted[source.column_of(term)].sum() == words[term].sum(), term
    assert sorted(counted["firm"] + counted["filed"] + counted["word_count"]) == sorted(
        words["ticker"] + words["filing_date"] + words["word_count"].astype(str)
    )


def test_what_the_tables_hold(tables):
    emissions, reports, patents = (tables[name] for name in source.FILES)
    years = [column for column in emissions if column.isdigit()]
    assert years == [str(year) for year in range(2010, 2024)]
    assert (len(emissions), (emissions[years] != "").sum().sum(), emissions["firm"].nunique()) == (1855, 23439, 121)
    assert (len(reports), reports["firm"].nunique()) == (3731, 495)
    assert (len(patents), patents["firm"].nunique()) == (96, 94)
    assert set(patents["firm"]) <= set(emissions["firm"])
    assert all(table["source"].str.contains("commit").all() for table in tables.values())


def raw(**changed):
    row = {"facility_id": 7, "year": 2010, "ticker": "A", "total_emissions": 5.5, "naics_code": 221112.0, "state": "TX"}
    return row | {"latitude": 30.0, "longitude": -95.0, "ownership_pct": 100.0} | changed


def written(tmp_path, *rows):
    path = tmp_path / "emissions.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def test_a_small_file(tmp_path):
    rows = [raw(year=2012, naics_code=486210.0, latitude=31.0), raw(), raw(facility_id=11, total_emissions=0.0)]
    read = source.facility_emissions(written(tmp_path, *rows))
    shown = read.table.drop(columns=["longitude", "ownership", "source", "confidence"]).fillna("")
    assert shown.to_numpy().tolist() == [
        ["7", "A", "221112", "TX", "31.0", "5.5", "5.5"],
        ["11", "A", "221112", "TX", "30.0", "0.0", ""],
    ]
    counted = read.flow.set_index("step")["dropped"]
    assert counted["facilities whose industry changes"] == 1
    assert counted["facility-years absent between first and last year"] == 1
    assert counted["facility-years of zero emissions"] == 1


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([raw(), raw(total_emissions=6.0)], "1 rows repeat facility_id and year"),
        ([raw(), raw(year=2011, ticker="B")], "1 facilities have more than one ticker"),
        ([raw(total_emissions=-1.0)], "cells are not numbers from 0"),
        ([raw(latitude=95.0)], "cells are not numbers from 17"),
    ],
)
def test_rows_that_cannot_be_right(tmp_path, rows, said):
    with pytest.raises(SourceError, match=said):
        source.facility_emissions(written(tmp_path, *rows))


def test_patents_of_firms_asked_for(tmp_path):
    path = tmp_path / "data.js"
    links = [{"market_key": "NYSE:A"}, {"market_key": "TYO:B"}]
    one = {"name": "A Corp", "CSET_id": 3, "market_filt": links, "years": [2010, 2011], "yearly_ai_patents": [0, 4]}
    other = one | {"name": "C", "market_filt": None}
    path.write_text(f"const company_data = {json.dumps([one, other])};\n\nexport {{ company_data }};", "utf-8")
    table = source.ai_patents(path, {"A", "B"}).table
    assert table[["firm", "cset_id", "2010", "2011"]].to_numpy().tolist() == [["A", 3, 0, 4]]
    path.write_text(f"const company_data = {json.dumps([one | {'years': [2010]}])}", "utf-8")
    with pytest.raises(SourceError, match=r"1 companies have not one count a year; first: .'A Corp'."):
        source.ai_patents(path, {"A"})
    path.write_text("export {}", "utf-8")
    with pytest.raises(SourceError, match=r"no list of companies in data\.js"):
        source.ai_patents(path, {"A"})
