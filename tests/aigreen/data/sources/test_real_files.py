"""Real public files through the adapters, in one table: what their notes promise and what is found.

    python3 run.py test tests/aigreen/data/sources/test_real_files.py -n 0 -s

Expected numbers are those of the notes that come with the files (``README.md`` of ``shared/data`` and ``shared/facts``)
unless the last column says otherwise; details and defects are tested file by file in the other modules of this folder.
The audited patents come without symbols: what is compared with the hand audit is the office's tag, read as Y02T.
"""

import pandas as pd
import pytest

from aigreen.data.assemble.cities import cities as city_panel
from aigreen.data.patents.classify import classify_patents, green_symbols
from aigreen.data.patents.symbols import split_symbols
from aigreen.data.raw.checks import require_unique
from aigreen.data.sources import cities, cui2018, public_patents

PREFECTURES = "data/cn_prefecture_lowcarbon/panel_2007_2023_full.xlsx"
OWN = "first reading, kept"  # not in the notes: a change is to be looked at


def patent_tables(shared):
    manual = shared / "data/patents_wipo_manual"
    tables = {
        "drones": public_patents.drones(manual / "drones_fulltext_families_5884_raw.csv"),
        "pizza": public_patents.pizza(manual / "pizza_medium.csv"),
        "e-waste": public_patents.ewaste(manual / "ewaste.xlsx"),
    }
    done = {name: classify_patents(table, cpc="cpc", title="title") for name, table in tables.items()}
    parsed = sum(len(split_symbols(table[name]).pairs) for table in tables.values() for name in ("ipc", "cpc"))
    there = sum(
        table[name].dropna().str.split(r"[;,]+").explode().str.strip().ne("").sum()
        for table in tables.values()
        for name in ("ipc", "cpc")
    )
    unparsed, repaired = (
        sum(each.summary[[f"ipc_{kind}", f"cpc_{kind}"]].sum() for each in done.values())
        for kind in ("unparsed", "repaired")
    )
    reported = sum(len(each.unparsed) for each in done.values())
    yield "patents: records classified", 24_751, sum(len(each.flags) for each in done.values()), ""
    for name, rows in (("drones", 5_884), ("pizza", 10_000), ("e-waste", 8_867)):
        yield f"patents: {name}", rows, len(done[name].flags), ""
    yield "patents: pieces in the symbol columns", there, sum(_pieces(each) for each in done.values()), "counted apart"
    yield "patents: pieces that are a symbol", there - 3, parsed, "the rest of the line above"
    yield "patents: pieces repaired and listed", 266, repaired, OWN
    yield "patents: pieces that are no symbol, listed", 3, unparsed, OWN
    yield "patents: the same, in the list", 3, reported, OWN
    yield "e-waste: families", 8_867, tables["e-waste"]["publication_number"].nunique(), ""
    yield "e-waste: priority in China alone", 1_480, (tables["e-waste"]["priority_countries"] == "CN").sum(), ""


def _pieces(classified):
    return int(classified.summary[["ipc_pieces", "cpc_pieces"]].sum())


def cset_rows(shared):
    frame, counts = public_patents.cset(shared / "data/cset_1790_ai_patents/patent_database_2020-08-13.csv.zip")
    yield "CSET: rows", 287_532, len(frame), ""
    yield "CSET: distinct publication numbers", 281_120, counts["distinct_numbers"], ""
    yield "CSET: families", 155_770, counts["families"], ""
    yield "CSET: rows that repeat a number", 287_532 - 281_120, frame["publication_number"].duplicated().sum(), ""
    yield "CSET: office, number and kind repeated", 4_007, counts["repeated_documents"], OWN
    yield "CSET: numbers rounded by a spreadsheet", 4_023, counts["rounded_numbers"], OWN


def green_lists(shared):
    lists = shared / "data/green_ipc_lists"
    table = green_symbols(
        split_symbols(public_patents.green_codes(lists / "IPC_green_codes.csv")["symbol"]).pairs["symbol"]
    )
    yield "IPC Green Inventory: symbols", 1_214, len(table), ""
    yield "IPC Green Inventory: covered", 1_214, table["green"].sum(), ""
    yield "IPC Green Inventory: by a strict row", 739, table["strict"].sum(), ""
    audit = public_patents.y02t_audit(lists / "Y02T_manual_audit.csv")
    tags = pd.DataFrame({"ipc": None, "cpc": audit["y02t"].map({True: "Y02T", False: None})})
    tagged = classify_patents(tags, cpc="cpc").flags["y02_sectors"] == "Transport"
    hits = (tagged & audit["audited"]).sum()
    yield "Y02T tag against the hand audit: patents", 200, len(audit), ""
    yield "Y02T tag against the hand audit: precision", 0.940, round(hits / tagged.sum(), 3), OWN
    yield "Y02T tag against the hand audit: recall", 0.676, round(hits / audit["audited"].sum(), 3), OWN


def prefectures(shared):
    table = cities.prefecture_panel(shared / PREFECTURES).table
    require_unique(table, ["city_code", "year"], "panel")
    pilots = table.drop_duplicates("city_code")["low_carbon_year"]
    yield "prefectures: cities", 285, table["city_code"].nunique(), ""
    for year, count in ((2010, 42), (2013, 23), (2017, 27)):
        yield f"prefectures: low-carbon pilots of {year}", count, (pilots == year).sum(), ""
    yield "prefectures: never a pilot", 193, pilots.isna().sum(), ""


def cui(shared):
    read = cui2018.firm_panel(shared / "data/cui2018_ets_firm_patents/AEA_P&P_table.dta")
    dropped = dict(zip(read.flow["step"], read.flow["dropped"], strict=True))
    yield "cui2018: firms", 1_956, read.flow["n_units"].iloc[0], ""
    yield "cui2018: firms with a year", 1_843, read.table["firm"].nunique(), OWN
    yield "cui2018: empty industry names, missing", 1_427, dropped["industry names empty, missing"], OWN
    yield "cui2018: empty industry names, left", 0, (read.table["industry_name"] == "").sum(), ""


@pytest.fixture(scope="module")
def table(shared):
    parts = (patent_tables, cset_rows, green_lists, prefectures, cui)
    rows = [row for part in parts for row in part(shared)]
    found = pd.DataFrame(rows, columns=["what", "expected", "found", "expected by"], dtype=object)
    print("", found.astype("str").to_string(index=False), sep="\n")
    return found.set_index("what")


def test_real_files_hold_what_their_notes_promise(table):
    off = table[table["expected"] != table["found"]]
    assert off.empty, off.to_string()
    assert len(table) == 32


def test_sample_flows_of_the_public_panels_are_printed(shared):
    read = {
        "prefecture panel, as read": cities.prefecture_panel(shared / PREFECTURES),
        "cui2018, as read": cui2018.firm_panel(shared / "data/cui2018_ets_firm_patents/AEA_P&P_table.dta"),
    }
    flows = {name: part.flow for name, part in read.items()}
    flows["prefecture panel, assembled"] = city_panel(read["prefecture panel, as read"].table).flow
    for name, flow in flows.items():
        print(f"\n{name}", flow.drop(columns=["source"], errors="ignore").to_string(index=False), sep="\n")
        assert (flow["dropped"] >= 0).all()
    assert flows["prefecture panel, as read"]["n_rows"].iloc[-1] == 4_819
    assert flows["prefecture panel, assembled"]["n_rows"].iloc[-1] == 215 * 17
    assert flows["cui2018, as read"][["n_rows", "n_units"]].iloc[-1].tolist() == [18_824, 1_843]
