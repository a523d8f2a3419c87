import pandas as pd
import pytest

from aigreen.data.raw.adapter import Options
from aigreen.data.sources import reports
from aigreen.errors import SourceError, UnreadableFileError


@pytest.fixture
def folder(export):
    for name, text, encoding in (
        ("2015/000001_2015.txt", "人工智能\n 与 绿色", "utf-8"),
        ("2015/600000_2015年年度报告.txt", "机器学习", "gb18030"),
        ("2016/000001-2016.txt", "", "utf-8"),
        ("2016/600000_2016.txt", " \n ", "utf-8-sig"),
        ("2016/200001_2016.txt", "B", "utf-8"),
        ("2016/说明.txt", "x", "utf-8"),
    ):
        path = export.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding=encoding)
    return export.folder


def test_folder_of_texts(folder, dropped):
    (folder / "2016/600000_2016.txt").unlink()
    read = reports.reports(folder)
    assert read.table["firm_id"].tolist() == ["000001", "600000"]
    assert read.table["characters"].tolist() == [7, 4]
    assert read.table["text"].iloc[1] == "机器学习"
    counts = dropped(read.flow)
    assert (counts["file name is not code_year"], counts["empty file"], counts["B share"]) == (1, 1, 1)


def test_blank_and_repeated_reports(folder, dropped):
    assert dropped(reports.reports(folder).flow)["no text"] == 1
    (folder / "600000-2015.txt").write_text("x")
    with pytest.raises(SourceError, match="1 rows repeat firm_id and year; first: 600000 2015"):
        reports.listing(folder)


def test_table_of_texts(export, dropped):
    path = export(
        "r.csv", ["Scode", "Year", "Content"], [["1", "2015", "人工智能，绿色"], ["2", "2015", ""]], labels=False
    )
    names = {"reports": {"code": "Scode", "year": "Year", "text": "Content"}}
    read = reports.reports(path, Options(mapping=names))
    assert read.table.values.tolist() == [["000001", 2015, "人工智能，绿色", 7]]
    assert dropped(read.flow)["no text"] == 1


def test_texts_come_one_by_one(folder):
    (folder / "2016/600000_2016.txt").unlink()
    walk = reports.texts(reports.listing(folder))
    assert next(walk) == ("000001", 2015, "人工智能\n 与 绿色")
    assert isinstance(walk, type(x for x in ()))
    assert pd.DataFrame(walk).shape == (1, 3)


REPORT = "公司持续推进人工智能与机器学习，建设数字化工厂。" * 40


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_encodings_of_a_report(export, encoding):
    (export.folder / "000001_2020.txt").write_text(REPORT, encoding=encoding)
    assert list(reports.texts(reports.listing(export.folder))) == [("000001", 2020, REPORT)]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (REPORT.encode()[:-1], r"000001_2020.txt: damaged UTF-8 at byte 2,877"),
        (REPORT.encode()[:600] + REPORT.encode()[602:], "damaged UTF-8 at byte 600"),
        ("Société Générale, Müller".encode("latin-1"), "neither UTF-8 nor GB18030"),
        (b"\x89PDF\0\0", "binary content"),
    ],
)
def test_damaged_reports_are_not_reports_without_words(export, data, words):
    (export.folder / "000001_2020.txt").write_bytes(data)
    with pytest.raises(UnreadableFileError, match=words):
        list(reports.texts(reports.listing(export.folder)))


@pytest.fixture
def stored(export):
    frame = pd.DataFrame(
        {
            "Scode": ["1", "600000", "600000", "200001", "2", "3"],
            "Year": [2015, 2015, 2015, 2015, 2016, 2016],
            "Content": ["人工智能", "机器学习", "机器学习", "B", " ", None],
        }
    )
    frame[:2].to_parquet(export.folder / "reports.parquet")
    frame[2:].to_parquet(export.folder / "reports(1).parquet")
    return export.folder, Options(mapping={"reports": {"code": "Scode", "year": "Year", "text": "Content"}})


def test_a_stored_table_is_read_in_batches_as_it_is_at_once(stored, dropped, monkeypatch):
    folder, options = stored
    whole = reports.table(folder, options)
    for rows in (1, 4, 256):
        monkeypatch.setattr(reports, "ROWS", rows)
        listed = reports.stored_listing(folder, options)
        assert list(reports.stored_texts(folder, listed, options)) == [
            ("000001", 2015, "人工智能"),
            ("600000", 2015, "机器学习"),
        ]
        counts = dropped(listed.flow)
        assert (counts["rows given twice, all columns equal"], counts["B share"], counts["no text"]) == (1, 1, 2)
        assert dropped(whole.flow) == counts
    assert whole.table[["firm_id", "year", "text"]].values.tolist() == [list(row) for row in
           reports.stored_texts(folder, listed, options)]  # fmt: skip


def test_a_stored_table_with_two_reports_for_a_firm_and_year_is_refused(stored):
    folder, options = stored
    pd.DataFrame({"Scode": ["000001"], "Year": [2015], "Content": ["x"]}).to_parquet(folder / "reports(2).parquet")
    with pytest.raises(SourceError, match="repeat firm_id and year; first: 000001 2015"):
        reports.stored_listing(folder, options)


def test_a_stored_table_without_a_column_is_refused(stored):
    folder, _ = stored
    with pytest.raises(SourceError, match=r"parquet: 2 missing columns: code .*, text; found: Scode, Year, Content"):
        reports.stored_listing(folder)
