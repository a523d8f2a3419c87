import gzip
import zipfile

import pytest

from aigreen.data.patents.count_files import connect
from aigreen.data.raw import bulk
from aigreen.data.raw.adapter import Expected, Options
from aigreen.errors import MappingError, SourceError, UnreadableFileError

WANTED = Expected("g_patent", ("patent_id", "patent_date"), ("patent_title",))


@pytest.fixture
def backend(tmp_path):
    opened = connect(tmp_path / "spill")
    yield opened
    opened.disconnect()


def rows(backend, loaded):
    return backend.to_pandas(loaded.table.order_by("patent_id")).fillna("").values.tolist()


def test_quoted_tabs_line_ends_and_quotes_stay_in_their_cell(backend, tmp_path):
    (tmp_path / "g_patent.tsv").write_text(
        '"patent_id"\t"patent_title"\t"patent_date"\n"1"\t"a\tb ""c"""\t"2001-01-02"\n"2"\t"two\nlines"\t""\n',
        encoding="utf-8",
    )
    loaded = bulk.load(backend, tmp_path, WANTED)
    assert rows(backend, loaded)[0] == ["1", "2001-01-02", 'a\tb "c"']
    assert backend.to_pandas(loaded.table.filter(loaded.table.patent_date.isnull()))["patent_title"][0] == "two\nlines"
    assert loaded.flow.to_frame()["n_rows"].tolist() == [2]


@pytest.mark.parametrize("packed", ["g_patent.tsv.zip", "g_patent.tsv.gz", "g_patent.tsv"])
def test_bytes_of_another_encoding_are_read_and_counted(backend, tmp_path, packed):
    content = b"patent_id\tpatent_title\tpatent_date\n1\tProc\xe9d\xe9\t2001-01-02\n2\t\xc2\xb5\t2001-01-02\n"
    if packed.endswith(".zip"):
        with zipfile.ZipFile(tmp_path / packed, "w") as archive:
            archive.writestr("g_patent.tsv", content)
    else:
        (tmp_path / packed).write_bytes(gzip.compress(content) if packed.endswith(".gz") else content)
    loaded = bulk.load(backend, tmp_path, WANTED)
    assert [row[2] for row in rows(backend, loaded)] == ["Procédé", "µ"]
    step = loaded.flow.to_frame().iloc[0]
    assert "not UTF-8" in step["step"] and step["dropped"] == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted({packed})


def test_rows_of_another_length_are_one_error_with_file_count_and_lines(backend, tmp_path):
    (tmp_path / "g_patent.tsv").write_text(
        "patent_id\tpatent_title\tpatent_date\n1\tx\t2001-01-02\n2\tx\n3\tx\t2001-01-02\tmore\n", encoding="utf-8"
    )
    with pytest.raises(SourceError, match=r"g_patent\.tsv: 2 rows do not fit the header .*first: line 3: .*; line 4: "):
        bulk.load(backend, tmp_path, WANTED)
    # The next table is not blamed for it.
    (tmp_path / "g_patent.tsv").write_text("patent_id\tpatent_date\n1\t2001-01-02\n", encoding="utf-8")
    assert rows(backend, bulk.load(backend, tmp_path, WANTED)) == [["1", "2001-01-02", ""]]


def test_two_versions_are_an_error_and_parts_are_put_together(backend, tmp_path):
    for year in (2022, 2024):
        (tmp_path / f"KPSS_{year}.csv").write_text(f"patent_num\n{year}\n", encoding="utf-8")
    wanted = Expected("KPSS", ("patent_num",))
    with pytest.raises(
        SourceError, match=r"KPSS: 2 files of this table, keep one version: KPSS_2022.csv, KPSS_2024.csv"
    ):
        bulk.load(backend, tmp_path, wanted)
    both = bulk.load(backend, tmp_path, wanted, several=True)
    assert sorted(backend.to_pandas(both.table)["patent_num"]) == ["2022", "2024"]


def test_missing_columns_name_the_nearest_and_a_mapping_finds_them(backend, tmp_path):
    (tmp_path / "g_patent.tsv").write_text("patent_id\tday of grant\n1\t2001-01-02\n", encoding="utf-8")
    with pytest.raises(SourceError, match=r"g_patent\.tsv: 1 missing columns: patent_date"):
        bulk.load(backend, tmp_path, WANTED)
    mapped = Options(mapping={"g_patent": {"patent_date": "day of grant"}})
    assert rows(backend, bulk.load(backend, tmp_path, WANTED, options=mapped)) == [["1", "2001-01-02", ""]]
    with pytest.raises(MappingError, match="no column 'days'"):
        bulk.load(backend, tmp_path, WANTED, options=Options(mapping={"g_patent": {"patent_date": "days"}}))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("g_patent.tsv", b"", "empty"),
        ("g_patent.tsv", "patent_id\tpatent_date\n".encode("utf-16"), "UTF-16"),
        ("g_patent.tsv", b"patent_id\tpatent_date\r\n1\t2001-01-02\n2\t2001-01-02\r\n", "line ends mixed"),
        ("g_patent.xlsx", b"PK\x03\x04", "unknown kind"),
        ("g_patent.tsv.zip", b"PK\x03\x04 cut", "archive"),
    ],
)
def test_files_that_cannot_be_read(backend, tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableFileError, match=message):
        bulk.load(backend, tmp_path, WANTED)


def test_short_rows_are_counted_once_whatever_they_lack(backend, tmp_path):
    (tmp_path / "g_patent.tsv").write_text("patent_id\tpatent_date\tpatent_title\n1\n2\n", encoding="utf-8")
    with pytest.raises(SourceError, match=r": 2 rows do not fit the header"):
        bulk.load(backend, tmp_path, WANTED)


def test_the_delimiter_is_that_of_the_header_and_columns_of_no_use_may_share_a_name(backend, tmp_path):
    (tmp_path / "g_patent.tsv").write_text(
        "x\tx\tpatent_id\tpatent_date\n,,,,,\t,,,,,\t1\t2001-01-02\n", encoding="utf-8"
    )
    assert rows(backend, bulk.load(backend, tmp_path, WANTED)) == [["1", "2001-01-02", ""]]


def test_no_file(backend, tmp_path):
    (tmp_path / "g_patents.tsv").write_text("patent_id\n", encoding="utf-8")
    assert not bulk.stands(tmp_path, WANTED)
    with pytest.raises(SourceError, match=r"no file of table g_patent .*g_patents"):
        bulk.load(backend, tmp_path, WANTED)
