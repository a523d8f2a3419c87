import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aigreen.data.raw.adapter import Options
from aigreen.data.sources import reports
from aigreen.errors import OptionError, SourceError, UnreadableFileError


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
    assert (counts["no security code in the file name"], counts["empty file"], counts["B share"]) == (1, 1, 1)


def test_blank_and_repeated_reports(folder, dropped):
    assert dropped(reports.reports(folder).flow)["no text"] == 1
    (folder / "600000-2015.txt").write_text("x")
    files = "600000 2015: 600000-2015.txt, 600000_2015年年度报告.txt"
    with pytest.raises(SourceError, match=f"1 rows repeat firm_id and year; first: {files}; .* in the mapping chooses"):
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


def listed(export, *names, **rule):
    for name in names:
        (export.folder / name).write_text("人工智能", encoding="utf-8")
    read = reports.listing(export.folder, Options(mapping={"reports": rule} if rule else {}))
    return read, [(row.firm_id, row.year, row.file.name) for row in read.table.itertuples(index=False)]


NAMES = {
    "600461_2020_某某_某某2020年年度报告_2021-04-21.txt": ("600461", 2020),
    "600519-某某2016年年度报告.txt": ("600519", 2016),
    "2022-06-08__某公司__002366__某某__2021年__年度报告.txt": ("002366", 2021),
    "000001_2015.txt": ("000001", 2015), "SZ000002-2016.TXT": ("000002", 2016),
    "sh600000 2017年报.txt": ("600000", 2017),
    "000004_某某_2018.txt": ("000004", 2018), "20190430_000005_2018年度报告.txt": ("000005", 2018),
    "000006：2014年年度报告（2015年3月2日）.txt": ("000006", 2014), "某某2013年年报-300001.txt": ("300001", 2013),
    "000008_某某1919_2016年年度报告.txt": ("000008", 2016),
    "000007_2012 Annual Report.txt": ("000007", 2012), "430047_2021.txt": ("430047", 2021),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_the_year_of_a_report_is_not_that_of_its_disclosure(export, name):
    assert listed(export, name)[1] == [(*NAMES[name], name)]


@pytest.mark.parametrize(
    "name",
    ["600461_2021_某某2020年年度报告.txt", "000001_2021-04-21.txt", "000001.txt", "000001_某某2015_2016.txt",
     "000001_000002_2015.txt", "2019年年度报告_2020年年度报告_000001.txt"],
)  # fmt: skip
def test_names_that_do_not_tell_the_year_are_refused(export, name):
    with pytest.raises(SourceError, match=f"1 file names do not tell code and year of a report .* first: {name}"):
        listed(export, name, "000009_2015.txt")


def test_other_reports_and_summaries_are_counted(export, dropped):
    others = ["000001_2015年半年度报告.txt", "000001_2015年第三季度报告.txt", "000001_2015年年度报告摘要.txt",
              "000001_2015一季报.txt", "000001_2015年社会责任报告.txt"]  # fmt: skip
    read, found = listed(export, "000001_2015年年度报告.txt", *others)
    assert [row[2] for row in found] == ["000001_2015年年度报告.txt"]
    assert dropped(read.flow)["no annual report by its name"] == len(others)
    told = read.flow.set_index("step").loc["no annual report by its name", "first"]
    assert all(name in told for name in others)


VERSIONS = ("000001_2015年年度报告.txt", "000001_2015年年度报告（修订版）_2016-05-01.txt",
            "000001_2015年年度报告（更新后）_2016-06-01.txt", "000002_2015年年度报告（修订版）.txt")  # fmt: skip


def test_the_user_chooses_between_original_and_revision(export, dropped):
    with pytest.raises(
        SourceError, match=r"2 rows repeat .*000001_2015年年度报告.txt, 000001_2015年年度报告（修订版）"
    ):
        listed(export, *VERSIONS)
    for rule, kept in (("original", 0), ("revised", 2)):
        read, found = listed(export, *VERSIONS, version=rule)
        assert [row[2] for row in found] == [VERSIONS[kept], VERSIONS[3]]
        assert dropped(read.flow)["other version of a report"] == 2
    with pytest.raises(OptionError, match="version='newest': use one of 'original', 'revised'"):
        listed(export, *VERSIONS, version="newest")
    (export.folder / VERSIONS[2]).rename(export.folder / "000001_2015年年度报告（更新后）_2016-05-01.txt")
    with pytest.raises(SourceError, match=r"1 rows repeat .*: 000001 2015: .*修订版.*更新后"):
        reports.listing(export.folder, Options(mapping={"reports": {"version": "revised"}}))


def test_a_zero_byte_in_one_report_stops_nothing(export, dropped):
    (export.folder / "000001_2015.txt").write_bytes(REPORT.encode()[:300] + b"\0" + REPORT.encode()[300:])
    (export.folder / "000002_2015.txt").write_text(REPORT, encoding="utf-8")
    read = reports.reports(export.folder)
    assert read.table["text"].tolist() == [REPORT, REPORT]
    told = read.flow.set_index("step").loc[reports.MENDED]
    assert (told["dropped"], told["first"]) == (1, "000001_2015.txt")


@pytest.mark.parametrize("kind", ["string", "binary"])
def test_bad_utf8_in_a_stored_table_is_named(export, kind):
    cells = pa.array([b"\xe4\xba\xba", b"abc\xff\xfe"], pa.binary())
    text = cells if kind == "binary" else pa.Array.from_buffers(pa.string(), 2, cells.buffers())
    table = pa.table({"code": ["1", "2"], "year": [2015, 2015], "text": text})
    pq.write_table(table, export.folder / "reports.parquet")
    with pytest.raises(UnreadableFileError, match=r"reports.parquet: column text: bad UTF-8 in row 2"):
        reports.stored_listing(export.folder)


def test_a_table_of_words_counted(export, dropped):
    rows = [["1", "2015", "12", "3000"], ["2", "2016-12-31", "", ""], ["200002", "2015", "1", "1"]]
    path = export("report_words.csv", ["Scode", "year", "ai_words", "report_length"], rows, labels=False)
    read = reports.word_counts(path, Options(mapping={"report_words": {"code": "Scode"}}))
    assert read.table.to_numpy().tolist() == [["000001", 2015, 12, 3000]]
    assert (dropped(read.flow)["no count of words"], dropped(read.flow)["B share"]) == (1, 1)


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


def test_a_stored_report_that_begins_with_many_blanks_has_a_text(export, dropped):
    texts = [" " * 100 + "人工智能", "\u3000" * 100]
    frame = pd.DataFrame({"code": ["000001", "600000"], "year": [2015, 2015], "text": texts})
    (export.folder).mkdir(parents=True, exist_ok=True)
    frame.to_parquet(export.folder / "reports.parquet")
    listed = reports.stored_listing(export.folder)
    assert [row[:2] for row in reports.stored_texts(export.folder, listed)] == [("000001", 2015)]
    assert dropped(listed.flow)["no text"] == 1


def test_a_stored_table_with_two_reports_for_a_firm_and_year_is_refused(stored):
    folder, options = stored
    pd.DataFrame({"Scode": ["000001"], "Year": [2015], "Content": ["x"]}).to_parquet(folder / "reports(2).parquet")
    with pytest.raises(SourceError, match="repeat firm_id and year; first: 000001 2015"):
        reports.stored_listing(folder, options)


def test_a_stored_table_without_a_column_is_refused(stored):
    folder, _ = stored
    with pytest.raises(SourceError, match=r"parquet: 2 missing columns: code .*, text; found: Scode, Year, Content"):
        reports.stored_listing(folder)
