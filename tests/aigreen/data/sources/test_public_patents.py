import zipfile

import pandas as pd
import pytest

from aigreen.data.patents.classify import classify_patents, green_symbols
from aigreen.data.patents.match import split_names
from aigreen.data.patents.symbols import split_symbols
from aigreen.data.sources import public_patents
from aigreen.errors import SourceError

MANUAL = "data/patents_wipo_manual"
LISTS = "data/green_ipc_lists"


@pytest.fixture(scope="module")
def drones(shared):
    return public_patents.drones(shared / MANUAL / "drones_fulltext_families_5884_raw.csv")


@pytest.fixture(scope="module")
def pizza(shared):
    return public_patents.pizza(shared / MANUAL / "pizza_medium.csv")


@pytest.fixture(scope="module")
def ewaste(shared):
    return public_patents.ewaste(shared / MANUAL / "ewaste.xlsx")


@pytest.fixture(scope="module")
def codes(shared):
    return public_patents.green_codes(shared / LISTS / "IPC_green_codes.csv")


def pieces(column):
    """Non-empty pieces of the lists, counted without the parser."""
    return column.dropna().str.split(r"[;,]+").explode().str.strip().ne("").sum()


def test_all_24751_records_are_classified(drones, pizza, ewaste):
    tables = {"drones": drones, "pizza": pizza, "ewaste": ewaste}
    done = {name: classify_patents(table, cpc="cpc", title="title") for name, table in tables.items()}
    assert sum(len(each.flags) for each in done.values()) == 24_751
    for name, each in done.items():
        for column in ("ipc", "cpc"):
            assert each.summary[f"{column}_pieces"] == pieces(tables[name][column])
    columns = [
        "rows_without_symbols",
        "ipc_unparsed",
        "cpc_unparsed",
        "ipc_repaired",
        "green",
        "green_strict",
        "y02",
        "ai",
    ]
    assert {name: each.summary[columns].tolist() for name, each in done.items()} == {
        "drones": [41, 0, 0, 0, 821, 140, 350, 635],
        "pizza": [49, 3, 0, 266, 1_054, 65, 0, 195],
        "ewaste": [8_867, 0, 0, 0, 0, 0, 0, 0],
    }


def test_the_three_pieces_that_are_no_symbol(pizza):
    found = split_symbols(pizza["ipc"])
    assert dict(zip(found.unparsed["text"], found.unparsed["count"], strict=True)) == {
        "146/32": 1,
        "19/068": 1,
        "19/08": 1,
    }
    assert len(found.pairs) == 40_088


def test_drones_by_family_of_flags(drones):
    flags = classify_patents(drones, cpc="cpc", title="title").flags
    assert len(drones) == 5_884
    assert drones["year"].min() >= 1900
    assert flags["green_ai"].sum() == 73
    assert flags["green_non_ai"].sum() == 748
    assert (flags["ai_keyword"] & ~flags["ai_code"]).sum() == 4
    assert flags["y02_sectors"].str.contains("Transport").sum() == 233


def test_ewaste_families(ewaste):
    assert ewaste["publication_number"].nunique() == 8_867
    assert (ewaste["priority_countries"] == "CN").sum() == 1_480
    assert ewaste["year"].notna().all()


def test_pizza_dates_and_ragged_applicants(pizza):
    assert len(pizza) == 10_000
    assert pizza["publication_number"].nunique() == 9_997
    assert pizza["year"].isna().sum() == 30
    names = split_names(pizza["applicants"])
    assert names["row"].nunique() == pizza["applicants"].notna().sum() == 9_189


def test_green_inventory_is_covered(codes):
    found = split_symbols(codes["symbol"])
    assert len(found.pairs) == 1_214
    assert found.unparsed.empty
    assert found.repaired.empty
    table = green_symbols(found.pairs["symbol"])
    assert table["green"].sum() == 1_214
    assert table["strict"].sum() == 739


def test_oecd_list_is_parsed(shared):
    listed = pd.read_csv(shared / LISTS / "ENVTECH_univoco.csv", dtype=str, encoding="utf-8-sig")["Code"]
    found = split_symbols(listed)
    assert len(found.pairs) == 3_150
    assert found.unparsed.empty
    assert green_symbols(found.pairs["symbol"])["green"].sum() == 1_743


def test_y02t_tag_against_the_audit(shared):
    """The file has verdicts but no symbols: the office's tag is read as the symbol Y02T, then classified."""
    audit = public_patents.y02t_audit(shared / LISTS / "Y02T_manual_audit.csv")
    symbols = audit["y02t"].map({True: "Y02T", False: None})
    tagged = (
        classify_patents(pd.DataFrame({"ipc": None, "cpc": symbols}), cpc="cpc").flags["y02_sectors"] == "Transport"
    )
    hits = (tagged & audit["audited"]).sum()
    assert (len(audit), tagged.sum(), audit["audited"].sum(), hits) == (200, 100, 139, 94)
    assert hits / tagged.sum() == pytest.approx(0.94)
    assert hits / audit["audited"].sum() == pytest.approx(0.676, abs=5e-4)
    assert audit["text"].str.contains("\N{REPLACEMENT CHARACTER}").sum() == 6


def test_cset(shared):
    frame, counts = public_patents.cset(shared / "data/cset_1790_ai_patents/patent_database_2020-08-13.csv.zip")
    assert counts.to_dict() == {
        "rows": 287_532,
        "families": 155_770,
        "offices": 73,
        "distinct_numbers": 281_120,
        "repeated_documents": 4_007,
        "rounded_numbers": 4_023,
    }
    assert frame["machine_learning"].sum() == 234_042
    assert frame["energy_management"].sum() == 16_208
    assert frame["office"].eq("CN").sum() == 90_765


def test_missing_columns_are_all_named_with_the_nearest(tmp_path, drones):
    path = tmp_path / "lens.csv"
    pd.DataFrame({"Publication Number": ["A"], "Titel": ["x"], "Publication Year": ["2001"]}).to_csv(path, index=False)
    with pytest.raises(SourceError, match=r"lens.csv: 4 missing columns: Title \(nearest: Titel\), IPCR"):
        public_patents.drones(path)


@pytest.mark.parametrize(
    ("dates", "message"),
    [
        ("2001-01-05", "1 cells are not dd.mm.yyyy; first: '2001-01-05'"),
        ("05.01.0201", "column year: 1 cells are no years; first: '0201'"),
    ],
)
def test_strange_dates(tmp_path, dates, message):
    path = tmp_path / "pizza.csv"
    row = {"Publication Number": "A", "Title": "x", "IPC": "A21D13/00", "Applicants": "y", "Publication Date": dates}
    pd.DataFrame([row]).to_csv(path, index=False)
    with pytest.raises(SourceError, match=message):
        public_patents.pizza(path)


def test_damaged_files(tmp_path):
    empty = tmp_path / "empty.csv"
    empty.touch()
    with pytest.raises(SourceError, match=r"empty.csv: not a utf-8 csv table"):
        public_patents.drones(empty)
    (tmp_path / "bad.zip").write_bytes(b"PK")
    with pytest.raises(SourceError, match=r"bad.zip: not a zip archive"):
        public_patents.cset(tmp_path / "bad.zip")
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a.csv", "x")
        archive.writestr("b.csv", "x")
    with pytest.raises(SourceError, match=r"two.zip: 2 csv files instead of one"):
        public_patents.cset(tmp_path / "two.zip")
