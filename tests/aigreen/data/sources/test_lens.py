"""Exports of lens.org, in both layouts."""

import pandas as pd
import pytest

from aigreen.data.sources import lens

NEW = [
    "#",
    "Jurisdiction",
    "Kind",
    "Display Key",
    "Lens ID",
    "Publication Date",
    "Publication Year",
    "Application Number",
    "Application Date",
    "Priority Numbers",
    "Earliest Priority Date",
    "Title",
    "Abstract",
    "Applicants",
    "Inventors",
    "Owners",
    "URL",
    "Document Type",
    "CPC Classifications",
    "IPCR Classifications",
]
OLD = [
    "#",
    "Jurisdiction",
    "Kind",
    "Publication Number",
    "Publication Date",
    "Application Number",
    "Application Date",
    "Title",
    "Applicants",
    "Type",
    "CPC Classifications",
    "IPCR Classifications",
]
BASE = {"Jurisdiction": "CN", "Application Number": "CN 201510123456 A", "Application Date": "2015-03-01",
        "Title": "Battery, dry", "Applicants": "FOO CO LTD;;UNIV BAR", "IPCR Classifications": "H01M10/05;;C02F1/00",
        "CPC Classifications": "Y02E60/10"}  # fmt: skip


def record(**more):
    return BASE | {name.replace("_", " "): cell for name, cell in more.items()}


RECORDS = [
    record(Kind="A", Publication_Date="2015-08-01", Document_Type="Patent Application"),
    record(Kind="B", Publication_Date="2017-09-01", Document_Type="Granted Patent", Applicants="FOO NEW CO LTD"),
    record(Kind="U", Publication_Date="2015-10-01", Document_Type="Limited Patent",
           Application_Number="CN 201520123456 U"),
    record(Kind="S", Publication_Date="2015-11-01", Document_Type="Design Right", Applicants="",
           Application_Number="CN 201530123456 S"),
    record(Kind="B2", Publication_Date="2018-01-01", Document_Type="Granted Patent", Jurisdiction="US",
           Application_Number="US 201514000001 A"),
    record(Kind="A1", Publication_Date="2016-01-01", Document_Type="Patent Application", Jurisdiction="US",
           Application_Number="US 201514000001 A"),
    record(Kind="A", Publication_Date="2016-01-01", Document_Type="Patent Application", Application_Number=""),
]  # fmt: skip


@pytest.mark.parametrize("columns", [NEW, OLD])
def test_lens(export, dropped, columns):
    rows = [[(row | {"Type": row["Document Type"]}).get(name, "") for name in columns] for row in RECORDS]
    done = lens.patent_records(export("lens.csv", columns, rows, labels=False))
    table = done.patents.table
    assert table["patent_id"].tolist() == ["CN201510123456", "CN201520123456", "CN201530123456", "US201514000001A"]
    assert table["patent_type"].tolist() == ["invention", "utility_model", "design", "invention"]
    assert table["publication_date"].dt.strftime("%F").tolist() == ["2015-08-01", "2015-10-01", "2015-11-01",
                                                                   "2016-01-01"]  # fmt: skip
    assert table["grant_date"].dt.strftime("%F").tolist() == ["2017-09-01", "2015-10-01", "2015-11-01", "2018-01-01"]
    assert set(table["ipc"]) == {"H01M10/05;C02F1/00"}
    assert set(table["cpc"]) == {"Y02E60/10"}
    people = done.applicants.table
    assert people.loc[people["patent_id"] == "CN201510123456", "name"].tolist() == ["FOO NEW CO LTD"]
    assert people.loc[people["patent_id"] == "CN201520123456", "name"].tolist() == ["FOO CO LTD", "UNIV BAR"]
    assert dropped(done.patents.flow)["no application number"] == 1


def test_a_real_export_of_2017(shared):
    path = shared / "data/patents_wipo_manual/drones_fulltext_families_5884_raw.csv"
    plain = pd.read_csv(path, dtype=str)
    done = lens.patent_records(path)
    table = done.patents.table
    numbers = plain["Jurisdiction"] + plain["Application Number"]
    assert len(table) == numbers.nunique()
    chinese = plain[plain["Jurisdiction"] == "CN"]
    assert (table["office"] == "CN").sum() == chinese["Application Number"].nunique()
    granted = chinese[chinese["Kind"].str[0].isin(list("BCUYS"))]["Application Number"].nunique()
    assert table.loc[table["office"] == "CN", "grant_date"].notna().sum() == granted
