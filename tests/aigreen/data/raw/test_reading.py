"""What reading makes of text, Stata and Parquet files."""

import datetime as dt

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aigreen import errors
from aigreen.data.raw import values
from aigreen.data.raw.reading import read

from .tables import COLUMNS, ROW


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_encodings_and_delimiters(export, encoding, delimiter):
    path = export(
        "t.csv",
        ["代码", "名称", "说明"],
        [["000001", "平安银行", 'a,"b"\n第二行;x\t']],
        encoding=encoding,
        delimiter=delimiter,
    )
    raw = read(path)
    assert raw.frame.iloc[0].tolist() == ["000001", "平安银行", 'a,"b"\n第二行;x']
    assert raw.labels["代码"] == ("代码标签", "没有单位")


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_an_open_quote_takes_no_lines_in(export, delimiter):
    lines = [f'{k:06d}{delimiter}"名称{k}"{delimiter}{k}' for k in range(1, 101)]
    text = "\n".join([delimiter.join(["代码", "名称", "数"]), *lines, ""])
    path = export.folder / "t.csv"
    path.write_text(text, "utf-8")
    assert len(read(path).frame) == 100
    for spoilt in (text.replace('名称60"', "名称60"), text.replace('名称60"', "名称60").replace('"名称61"', "名称61")):
        path.write_text(spoilt, "utf-8")
        with pytest.raises(errors.UnreadableFileError, match=r"t\.csv: line 61: a quote that is not closed takes in"):
            read(path)
    path.write_text(text.replace('名称60"', "名称60").replace('"名称61"', '名称61"'), "utf-8")
    with pytest.raises(
        errors.UnreadableFileError, match=r"t\.csv: 1 rows stand inside a quoted cell.*line 62, '000061"
    ):
        read(path)


def test_quotes_that_are_closed_or_belong_to_the_text(export):
    path = export.folder / "t.csv"
    path.write_text('代码,名称,数\n000001,"两\n行, ""引""",5\n000002,"互联网+"模式,6\n000003,5" 管,7\n', "utf-8")
    assert read(path).frame["名称"].tolist() == ['两\n行, "引"', "互联网+模式", '5" 管']
    assert read(path).frame["代码"].tolist() == ["000001", "000002", "000003"]


def test_western_code_pages_are_refused_but_can_be_named(export):
    path = export.folder / "latin.csv"
    path.write_bytes("id,name\n1,Société Générale\n2,Müller\n".encode("latin-1"))
    with pytest.raises(
        errors.UnreadableFileError, match=r"latin.csv: the encoding is neither UTF-8 nor GB18030; .* at 16"
    ):
        read(path)
    assert read(path, encoding="latin-1").frame["name"].tolist() == ["Société Générale", "Müller"]


def test_label_rows_are_found_by_content(export):
    assert len(read(export("a.csv", COLUMNS, [ROW])).frame) == 1
    assert len(read(export("b.csv", COLUMNS, [ROW], labels=False)).frame) == 1
    one = export("c.csv", COLUMNS, [["证券代码", "会计期间", "类型", "资产总计"], ROW], labels=False)
    assert len(read(one).frame) == 1
    words = export("d.csv", ["name", "note"], [["甲", "x"], ["乙", "y"]], labels=False)
    assert len(read(words).frame) == 2


def test_titles_notes_blank_rows_and_columns(export):
    rows = [
        ["2019年资产负债表", "", "", "", ""],
        [""] * 5,
        [*COLUMNS, ""],
        [*ROW, ""],
        [""] * 5,
        [*ROW[:3], "6", ""],
        ["数据来源：CSMAR", "", "", "", ""],
    ]
    path = export("t.csv", rows[0], rows[1:], labels=False)
    raw = read(path)
    assert list(raw.frame.columns) == COLUMNS
    assert raw.frame["A001000000"].tolist() == ["5", "6"]
    assert dict(raw.notes) == {"title rows": 2, "blank rows": 1, "notes below the table": 1}


def test_notes_beside_the_table(export):
    raw = read(export("t.csv", [*COLUMNS, "", ""], [[*ROW, "", "see page 3"], [*ROW, "", ""]], labels=False))
    assert list(raw.frame.columns) == COLUMNS
    assert dict(raw.notes) == {"cells beside the table": 1}


def test_stata_values_and_old_chinese_text(export):
    frame = pd.DataFrame(
        {"Stkcd": [1.0, 2.0], "x": np.float32([0.1, np.nan]), "d": pd.to_datetime(["2019-12-31", "2020-12-31"])}
    )
    frame.to_stata(path := export.folder / "t.dta", write_index=False, convert_dates={"d": "td"})
    raw = read(path).frame
    assert raw["Stkcd"].tolist() == ["1", "2"]
    assert float(raw["x"].iloc[0]) == float(np.float32(0.1))
    assert pd.isna(raw["x"].iloc[1])
    assert values.dates(raw["d"], "t").dt.year.tolist() == [2019, 2020]
    gbk = pd.DataFrame({"name": ["平安银行".encode("gb18030").decode("latin-1")]})
    gbk.to_stata(path, write_index=False, version=117)
    assert read(path).frame["name"].tolist() == ["平安银行"]


def test_stata_codes_are_read_by_their_labels(export):
    codes = pd.Series(["600000", "000002", "600000", None], dtype="category")  # Stata counts them 1, 0, 1
    frame = pd.DataFrame({"Stkcd": codes, "x": [1.0, 2.0, 3.0, 4.0]})
    frame.to_stata(path := export.folder / "t.dta", write_index=False)
    raw = read(path)
    assert raw.frame["Stkcd"].fillna("").tolist() == ["600000", "000002", "600000", ""]
    assert raw.notes == (("columns filled from value labels", 1),)
    old = pd.DataFrame({"name": pd.Categorical(["平安银行".encode("gb18030").decode("latin-1")])})
    old.to_stata(path, write_index=False, version=117)
    assert read(path).frame["name"].tolist() == ["平安银行"]
    some = pd.DataFrame({"kind": [1.0, -9.0], "Stkcd": [1.0, 2.0]})
    some.to_stata(path, write_index=False, value_labels={"kind": {-9: "unknown"}})
    assert read(path).frame["kind"].tolist() == ["1", "unknown"]
    some.to_stata(path, write_index=False, value_labels={"Stkcd": {1: "600000"}})
    with pytest.raises(errors.UnreadableFileError, match=r"column Stkcd: 1 values have no label, .* first: 2 \(decode"):
        read(path)
    some.to_stata(path, write_index=False, value_labels={"Stkcd": {1: "600000", 2: "600000"}})
    with pytest.raises(errors.UnreadableFileError, match="not a readable Stata file"):
        read(path)


def test_parquet_is_text_too(export):
    table = pa.table(
        {
            "Stkcd": ["000001"],
            "n": [5],
            "v": [1.0],
            "d": [dt.date(2019, 12, 31)],
            "c": pa.array(["a"]).dictionary_encode(),
        }
    )
    pq.write_table(table, path := export.folder / "t.parquet")
    assert read(path).frame.iloc[0].tolist() == ["000001", "5", "1", "2019-12-31", "a"]


def test_absent_files_and_tables(export):
    path = export("FS_Combas.csv", COLUMNS, [ROW])
    with pytest.raises(errors.SourceError, match=r"no such file \(did you mean 'FS_Combas.csv'\?\)"):
        read(path.with_name("FS_Comba.csv"))
    with pytest.raises(errors.SourceError, match=r"no file of table FS_Comins \(did you mean 'FS_Combas'\?\)"):
        read(export.folder, "FS_Comins")
    with pytest.raises(errors.SourceError, match="name the table"):
        read(export.folder)
    export("b/FS_Combas(1).csv", [*COLUMNS[:3], "A002000000"], [ROW])
    with pytest.raises(
        errors.SourceError, match=r"FS_Combas\(1\).csv: other columns than FS_Combas.csv: A001000000, A002000000"
    ):
        read(export.folder, "FS_Combas")


@pytest.mark.parametrize("path", [5, None, ["a.csv"]])
def test_a_path_of_another_kind_is_named(path):
    with pytest.raises(errors.WrongTypeError, match=r"^path=.*a Path or text is expected"):
        read(path)
