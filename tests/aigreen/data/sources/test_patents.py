"""CNRDS, CNIPA, Google and PatentsView adapters."""

import json

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aigreen.data.patents.symbols import canonical_cells
from aigreen.data.raw.adapter import Options
from aigreen.data.raw.flow import Flow
from aigreen.data.sources import cnipa, cnrds, google_patents, patentsview
from aigreen.data.sources.patent_tables import chinese_numbers
from aigreen.errors import MappingError, SourceError, TooLargeError, UnreadableFileError

GPRD = ["股票代码", "会计年度", *[field.raw for field in cnrds.GREEN_FIELDS]]


def test_cnrds_independent_and_joint(export, dropped):
    rows = [
        ["股票代码E", "Year", *["n"] * 8],
        ["000001", "2019", "5", "1", "2", "", "3", "0", "1", "0"],
        ["1", "2020-12-31", "7", "1", "2", "3", "3", "0", "1", "0"],
        ["200001", "2019", *["0"] * 8],
    ]
    read = cnrds.green_patents(export("GPRD.csv", GPRD, rows, labels=False, encoding="gb18030"))
    assert read.table["year"].tolist() == [2019, 2020]
    assert read.table["green_inventions_filed_alone"].tolist() == [5, 7]
    assert read.table["green_utility_models_filed_jointly"].isna().tolist() == [True, False]
    assert read.table["green_inventions_granted_jointly"].tolist() == [1, 1]
    assert dropped(read.flow)["B share"] == 1
    assert str(read.table["green_inventions_filed_alone"].dtype) == "Int64"


def test_cnrds_fraction_of_a_patent(export):
    with pytest.raises(
        SourceError, match=r"当年独立申请的绿色发明数量: 1 cells are not whole numbers; first: '1.5' of 000001"
    ):
        cnrds.green_patents(export("GPRD.csv", GPRD, [["000001", "2019", "1.5", *["0"] * 7]], labels=False))


def test_symbol_cells_keep_the_main_symbol_first_and_each_once():
    cells = pd.Series(["C02F1/00(2006.01)I; H01M10/05；C02F1/00;无", None, ""], dtype="str")
    first = pd.Series(["H01M 10/05", "A01B1/00", None], dtype="str")
    flow = Flow("f")
    got = canonical_cells(cells, flow, "ipc", first=first)
    assert got.iloc[0] == "H01M10/05;C02F1/00"
    assert got.iloc[1] == "A01B1/00"
    assert pd.isna(got.iloc[2])
    assert flow.to_frame()[["dropped", "first"]].values.tolist() == [[1, "无"]]


def test_chinese_application_numbers():
    raw = pd.Series(
        ["CN201510123456.7", "ZL201510123456.X", "2015101234567", "CN-201510123456-A", "98123456.7", "981234567"],
        name="申请号",
    )
    assert chinese_numbers(raw, "f").tolist() == ["CN201510123456"] * 4 + ["CN98123456"] * 2
    with pytest.raises(SourceError, match="申请号: 1 cells are not Chinese application numbers; first: 'US2015'"):
        chinese_numbers(pd.Series(["US2015"], name="申请号"), "f")


CNIPA = [
    "申请号",
    "公开号",
    "公开日",
    "授权公告日",
    "申请日",
    "申请人",
    "专利类型",
    "专利名称",
    "申请人地址",
    "主分类号",
    "分类号",
]


def test_cnipa_one_row_an_application(export, dropped):
    rows = [
        ["CN201510123456.7", "CN104A", "2015.08.01", "", "2015.03.01", "甲公司；乙大学；甲公司", "发明公开", "电池",
         "518000 深圳", "H01M10/05(2010.01)", "H01M10/05(2010.01);C02F1/00"],
        ["CN201510123456.7", "CN104B", "", "2017-09-01", "2015-03-01", "甲公司;乙大学", "发明授权", "电池",
         "518000 深圳", "H01M10/05", "H01M10/05"],
        ["CN201520123456.8", "CN204U", "", "2015.10.01", "2015.04.01", "丙公司", "实用新型", "阀", "", "", "F16K1/00"],
        ["CN201530123456.9", "CN304S", "", "2015.10.01", "2015.04.01", "", "外观设计", "瓶", "", "", ""],
    ]  # fmt: skip
    done = cnipa.patent_records(export("CNIPA.csv", CNIPA, rows, labels=False, encoding="gb18030"))
    table = done.patents.table
    assert table["patent_id"].tolist() == ["CN201510123456", "CN201520123456", "CN201530123456"]
    assert table["patent_type"].tolist() == ["invention", "utility_model", "design"]
    assert table["grant_date"].iloc[0] == pd.Timestamp("2017-09-01")
    assert table["publication_date"].tolist() == [pd.Timestamp(d) for d in ("2015-08-01", "2015-10-01", "2015-10-01")]
    assert table["filing_date"].iloc[0] == pd.Timestamp("2015-03-01")
    assert table["ipc"].iloc[0] == "H01M10/05"
    people = done.applicants.table
    assert people[["patent_id", "position", "name"]].values.tolist() == [
        ["CN201510123456", 1, "甲公司"], ["CN201510123456", 2, "乙大学"], ["CN201520123456", 1, "丙公司"]]  # fmt: skip
    assert people["address"].iloc[0] == "518000 深圳"
    assert dropped(done.patents.flow)["further publications of an application, put together"] == 1
    assert done.citations.table.empty


def publication(number, application, kind, **more):
    base = {
        "publication_number": number, "application_number": application, "country_code": "CN", "kind_code": kind,
        "application_kind": "A", "family_id": "1", "filing_date": 20150301, "publication_date": 20150801,
        "grant_date": 0, "priority_date": 20150301,
        "title_localized": [{"text": "Battery", "language": "en"}, {"text": "电池", "language": "zh"}],
        "assignee_harmonized": [{"name": "FOO CO LTD", "country_code": "CN"},
                                {"name": "UNIV BAR", "country_code": "CN"}],
        "ipc": [{"code": "H01M10/0525", "inventive": True, "first": True, "tree": []},
                {"code": "C02F1/00", "inventive": True, "first": False, "tree": []}],
        "cpc": [{"code": "Y02E60/10", "inventive": False, "first": False, "tree": []}],
        "citation": [],
    }  # fmt: skip
    return base | more


PUBLICATIONS = [
    publication("CN-104-A", "CN-201510123456-A", "A"),
    publication("CN-104-B", "CN-201510123456-A", "B", publication_date=20170901, grant_date=20170901,
                assignee_harmonized=[{"name": "FOO NEW CO LTD", "country_code": "CN"}], ipc=[],
                citation=[{"publication_number": "CN-204-U", "category": "", "type": ""},
                          {"publication_number": "US-1-A", "category": "", "type": ""},
                          {"publication_number": "CN-104-A", "category": "", "type": ""}]),
    publication("CN-204-U", "CN-201520123456-U", "U", application_kind="U", cpc=[], priority_date=0),
    publication("US-1-A1", "US-201514000001-A", "A1", country_code="US", title_localized=[]),
    publication("CN-304-S", "", "S", assignee_harmonized=[]),
]  # fmt: skip


@pytest.mark.parametrize("kind", ["parquet", "json"])
def test_google_publications(export, dropped, kind):
    path = export.folder / f"p.{kind}"
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(PUBLICATIONS), path)
    else:  # BigQuery writes INT64 as text
        rows = [{k: str(v) if isinstance(v, int) else v for k, v in row.items()} for row in PUBLICATIONS]
        path.write_text("\n".join(json.dumps(row) for row in rows) + "\n", encoding="utf-8")
    done = google_patents.publications(path)
    table = done.patents.table.set_index("patent_id")
    assert list(table.index) == ["CN201510123456", "CN201520123456", "US201514000001A"]
    battery = table.loc["CN201510123456"]
    assert battery["publication_date"] == pd.Timestamp("2015-08-01")
    assert battery["grant_date"] == pd.Timestamp("2017-09-01")
    assert (battery["title"], battery["ipc"], battery["cpc"]) == ("电池", "H01M10/0525;C02F1/00", "Y02E60/10")
    utility = table.loc["CN201520123456"]
    assert (utility["patent_type"], utility["grant_date"]) == ("utility_model", pd.Timestamp("2015-08-01"))
    assert pd.isna(utility["priority_date"])
    assert pd.isna(utility["cpc"])
    assert pd.isna(table.loc["US201514000001A", "grant_date"])
    people = done.applicants.table
    assert people.query("patent_id == 'CN201510123456'")["name"].tolist() == ["FOO NEW CO LTD"]
    assert people.query("patent_id == 'CN201520123456'")["name"].tolist() == ["FOO CO LTD", "UNIV BAR"]
    cited = done.citations.table
    assert cited["cited_publication"].tolist() == ["CN-204-U", "US-1-A"]
    assert cited["cited_id"].tolist()[0] == "CN201520123456"
    assert pd.isna(cited["cited_id"].iloc[1])
    counts = dropped(done.patents.flow)
    assert counts["no application number"] == 1
    assert counts["further publications of an application, put together"] == 1


def test_google_office_and_shards(export, dropped):
    for at, row in enumerate(PUBLICATIONS[1:4]):
        pq.write_table(pa.Table.from_pylist([row]), export.folder / f"shard-{at}.parquet")
    done = google_patents.publications(export.folder, office="CN")
    assert set(done.patents.table["office"]) == {"CN"}
    assert dropped(done.patents.flow)["office other than CN"] == 1


def test_google_mapping(export):
    table = pa.Table.from_pylist(PUBLICATIONS)
    names = ["assignee" if name == "assignee_harmonized" else name for name in table.column_names]
    pq.write_table(table.rename_columns(names), path := export.folder / "p.parquet")
    options = Options(mapping={"publications": {"assignee_harmonized": "assignee"}})
    assert len(google_patents.publications(path, options).applicants.table) == 5
    with pytest.raises(MappingError, match=r"no column 'ipcs' is expected \(did you mean 'ipc'\?\)"):
        google_patents.publications(path, Options(mapping={"publications": {"ipcs": "ipc"}}))


def test_google_faults(export):
    path = export.folder / "p.parquet"
    table = pa.Table.from_pylist(PUBLICATIONS).drop_columns(["ipc"])
    names = [name.replace("harmonized", "harmonised") for name in table.column_names]
    pq.write_table(table.rename_columns(names), path)  # fmt: skip
    with pytest.raises(
        SourceError,
        match=r"2 missing columns: assignee_harmonized \(did you mean 'assignee_harmonised'\?\), ipc.*; found: pub",
    ):
        google_patents.publications(path)
    pq.write_table(pa.Table.from_pylist([publication("a", "CN-201510123456-A", "A", filing_date=202250301)]), path)
    with pytest.raises(
        SourceError, match="column filing_date: 1 cells are not days from 1900 to 2100; first: '202250301'"
    ):
        google_patents.publications(path)
    flat = pa.Table.from_pylist(PUBLICATIONS[:1]).drop_columns(["ipc"]).append_column("ipc", pa.array(["H01M"]))
    pq.write_table(flat, path)
    with pytest.raises(SourceError, match="column ipc is string, not a list of records"):
        google_patents.publications(path)
    (export.folder / "q.json").write_text('{"publication_number": "CN-1', encoding="utf-8")
    with pytest.raises(UnreadableFileError, match=r"q\.json: not readable JSON lines"):
        google_patents.publications(export.folder / "q.json")


def test_patentsview(export, dropped):
    columns = ["patent_id", "cpc_sequence", "cpc_section", "cpc_group", "cpc_type"]
    rows = [
        ["10000001", "1", "H", "H01M4/00", "a"],
        ["10000001", "0", "Y", "Y02E60/10", "i"],
        ["D800001", "0", "H", "H02S", "i"],
    ]
    path = export("g_cpc_current.tsv", columns, rows, labels=False, delimiter="\t")
    grants = export("g_patent.tsv", ["patent_id", "patent_date", "patent_title"],
                    [["10000001", "2018-06-19", "Cell, dry"]], labels=False, delimiter="\t")  # fmt: skip
    read = patentsview.cpc_symbols(path, patent_file=grants)
    assert read.table["patent_id"].tolist() == ["US10000001", "USD800001"]
    assert read.table["cpc"].tolist() == ["Y02E60/10;H01M4/00", "H02S"]
    assert read.table["patent_type"].tolist() == ["invention", "design"]
    assert read.table["title"].iloc[0] == "Cell, dry"
    assert dropped(read.flow)["not in g_patent"] == 1
    assert patentsview.cpc_symbols(path).table["grant_date"].isna().all()


def test_google_json_nested_without_end_is_refused_before_parsing(export, monkeypatch):
    """Arrow's parser would end the process. Depth is counted by line, over the blocks that are read."""
    path = export.folder / "p.json"
    path.write_text(('{"a":' * 200 + "1" + "}" * 200 + "\n") * 3)
    for block in (7, 1 << 22):
        monkeypatch.setattr(google_patents, "BLOCK", block)
        with pytest.raises(SourceError, match="missing columns"):
            google_patents.publications(path)
    path.write_text('{"x": "[("}\n' * 300 + '{"a":' * 201 + "1" + "}" * 201)
    for block in (7, 1 << 22):
        monkeypatch.setattr(google_patents, "BLOCK", block)
        with pytest.raises(TooLargeError, match=r"p.json: 20[12] levels of nesting, more than 200"):
            google_patents.publications(path)
