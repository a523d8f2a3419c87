"""Publications of Google Patents: both formats, offices, renamed columns and faults."""

import json

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aigreen.data.assemble import inventory
from aigreen.data.raw import headers
from aigreen.data.raw.adapter import Options
from aigreen.data.sources import google_patents
from aigreen.errors import MappingError, SourceError, TooLargeError, UnreadableFileError


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


def test_a_publication_given_twice_is_left_out_only_where_all_of_it_is_the_same(export, dropped):
    first = publication("CN-104-A", "CN-201510123456-A", "A")
    other = first | {"publication_date": 20150901, "family_id": "2"}
    path = export.folder / "p.parquet"
    pq.write_table(pa.Table.from_pylist([first, other, first, PUBLICATIONS[2], other]), path)
    done = google_patents.publications(path)
    counts = dropped(done.patents.flow)
    assert counts["rows given twice, all columns equal"] == 2
    assert counts["further publications of an application, put together"] == 1
    battery = done.patents.table.set_index("patent_id").loc["CN201510123456"]
    assert (battery["family_id"], battery["publication_date"]) == ("2", pd.Timestamp("2015-08-01"))


def test_arrays_of_the_console(export):
    rows = [{k: str(v) if isinstance(v, int) else v for k, v in row.items()} for row in PUBLICATIONS]
    plain = export.folder / "p.json"
    plain.write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    expected = google_patents.publications(plain)
    for at, text in enumerate((json.dumps(rows), json.dumps(rows, indent=2, ensure_ascii=False))):
        (path := export.folder / f"console{at}.json").write_text(text, encoding="utf-8")
        for done, known in zip(google_patents.publications(path), expected, strict=True):
            pd.testing.assert_frame_equal(done.table, known.table)
        assert headers.columns(path) == list(PUBLICATIONS[0])
    path.write_text(json.dumps([{k: v for k, v in row.items() if v} for row in rows]), encoding="utf-8")
    pd.testing.assert_frame_equal(google_patents.publications(path).patents.table, expected.patents.table)
    for text in ("[1, 2]", "[" * 150 + "]" * 150, '[{"a": 1}', "[]"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(SourceError, match=r"console1\.json: (not readable|\d+ missing columns)"):
            google_patents.publications(path)


@pytest.mark.parametrize("lists", ["text", "json"])
def test_csv_of_own_queries(export, lists):
    def cell(value):
        if not isinstance(value, list):
            return value
        return json.dumps(value) if lists == "json" else " | ".join(next(iter(entry.values())) for entry in value)

    columns = [name for name in PUBLICATIONS[0] if name != "title_localized"]
    rows = [[cell(row[name]) for name in columns] for row in PUBLICATIONS]
    export("google/p.csv", columns, rows, labels=False)
    pq.write_table(pa.Table.from_pylist(PUBLICATIONS).select(columns), export.folder / "p.parquet")
    expected = google_patents.publications(export.folder / "p.parquet")
    done = google_patents.publications(export.folder / "google")
    pd.testing.assert_frame_equal(done.patents.table, expected.patents.table)
    pd.testing.assert_frame_equal(done.citations.table, expected.citations.table)
    assert done.applicants.table["name"].tolist() == expected.applicants.table["name"].tolist()
    [found] = [entry for entry in inventory.take(export.folder) if entry.wanted.expected.table == "publications"]
    assert found.readable


def test_result_lists_of_the_site_are_named(export):
    path = export("p.csv", ["search URL:", "https://patents.google.com/?assignee=foo"],
                  [["id", "title", "assignee", "filing/creation date", "publication date", "grant date", "result link"],
                   ["CN-104123456-A", "Battery", "Foo", "2015-03-01", "2015-08-01", "", "https://patents.google.com"]],
                  labels=False)  # fmt: skip
    with pytest.raises(SourceError, match="a result list of the Google Patents site, without application numbers"):
        google_patents.publications(path)


def test_keys_that_are_no_utf8(export):
    path = export.folder / "p.json"
    path.write_bytes(b'{"publication_number": "CN-1", "ti\xfftle": 1}\n')
    with pytest.raises(UnreadableFileError, match=r"p\.json: not readable JSON lines"):
        google_patents.publications(path)
    with pytest.raises(UnreadableFileError, match=r"p\.json: not readable JSON"):
        headers.columns(path)
    path.write_bytes(json.dumps(PUBLICATIONS[0]).encode().replace(b'"inventive"', b'"inven\xffive"'))
    with pytest.raises(UnreadableFileError, match=r"p\.json: not readable JSON lines"):
        google_patents.publications(path)
    path.write_text(json.dumps(PUBLICATIONS[0]).replace('"code"', '"symbol"'))
    with pytest.raises(SourceError, match=r"p\.json: column ipc: records without 'code'; they have symbol, inventive"):
        google_patents.publications(path)


def test_publication_numbers_do_not_collapse_into_one_application(export, dropped):
    rows = [publication(f"CN-10412345{at}-A", f"CN-10412345{at}-A", "A") for at in range(3)]
    pq.write_table(pa.Table.from_pylist(rows), path := export.folder / "p.parquet")
    read = google_patents.publications(path).patents
    assert read.table["patent_id"].tolist() == [f"CN-10412345{at}-A" for at in range(3)]
    assert dropped(read.flow)["Chinese application numbers of another form, kept as written"] == 3


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
