import numpy as np
import pandas as pd
import pytest

from aigreen.data.sources.own_file import own_columns, read_own
from aigreen.errors import DataError, SourceError

FRAME = pd.DataFrame({"code": ["01", "02"], "year": [2001, 2002], "y": [1.5, np.nan], "name": ["Köln", "北京"]})


@pytest.mark.parametrize("ending", ["csv", "semicolon.csv", "gb.csv", "xlsx", "dta", "parquet"])
def test_all_kinds_give_the_same_table(tmp_path, ending):
    path = tmp_path / f"panel.{ending}"
    frame = FRAME.assign(name=["广州", "北京"]) if ending == "gb.csv" else FRAME
    if ending.endswith("csv"):
        mark = ";" if ending.startswith("semicolon") else ","
        frame.to_csv(path, index=False, sep=mark, encoding="gb18030" if ending == "gb.csv" else "utf-8-sig")
    elif ending == "xlsx":
        frame.to_excel(path, index=False)
    elif ending == "dta":
        frame.to_stata(path, write_index=False, version=118)
    else:
        frame.to_parquet(path)
    assert own_columns(path) == ["code", "year", "y", "name"]
    found = read_own(path)
    pd.testing.assert_frame_equal(found, frame, check_dtype=False)
    assert pd.api.types.is_numeric_dtype(found["year"])


def test_what_cannot_be_read_is_one_line(tmp_path):
    with pytest.raises(SourceError, match="no such file below"):
        read_own(tmp_path / "nothing.csv")
    (tmp_path / "panel.doc").write_text("a,b\n1,2\n")
    with pytest.raises(SourceError, match=r"panel.doc: .doc is not read; use .csv"):
        read_own(tmp_path / "panel.doc")
    (tmp_path / "panel.parquet").write_text("a,b\n1,2\n")
    with pytest.raises(SourceError, match=r"cannot be read as .parquet"):
        own_columns(tmp_path / "panel.parquet")
    pd.DataFrame([["a", "a"], [1, 2]]).to_excel(tmp_path / "twice.xlsx", index=False, header=False)
    for name, text in (("blank.csv", "a ,a\n1,2\n"), ("twice.csv", "a,a\n1,2\n"), ("twice.xlsx", "")):
        if text:
            (tmp_path / name).write_text(text)
        with pytest.raises(DataError, match="1 names stand over two columns or more"):
            read_own(tmp_path / name)


def test_a_folder_is_called_one(tmp_path):
    (tmp_path / "panel.csv").mkdir()
    for reads in (read_own, own_columns):
        with pytest.raises(SourceError, match=r"panel\.csv: a folder, no file"):
            reads(tmp_path / "panel.csv")


@pytest.mark.parametrize("ending", ["csv", "xlsx", "dta", "parquet"])
def test_blanks_around_text_make_no_other_unit(tmp_path, ending):
    path = tmp_path / f"panel.{ending}"
    frame = pd.DataFrame({"firm": ["A ", "A", "B\u3000", "B"], "year": [2001, 2002] * 2, "y": ["1", "2\xa0", "", "3"]})
    {"csv": frame.to_csv, "xlsx": frame.to_excel}.get(ending, lambda *_, **__: None)(path, index=False)
    if ending == "dta":
        frame.to_stata(path, write_index=False, version=118)
    elif ending == "parquet":
        frame.to_parquet(path)
    found = read_own(path)
    assert found["firm"].tolist() == ["A", "A", "B", "B"]
    assert found["y"].isna().tolist() == [False, False, True, False]
    assert pd.to_numeric(found["y"]).dropna().tolist() == [1, 2, 3]


def test_rows_longer_than_the_header_do_not_shift_columns(tmp_path):
    path = tmp_path / "panel.csv"
    for rows in ("A,2001,1.5,\nA,2002,2.5,\n", "A,2001,1,5\nA,2002,2,5\n", "1,A,2001,1,5\n2,A,2002,2,5\n"):
        path.write_text(f"firm,year,y\n{rows}")
        with pytest.raises(SourceError, match="rows have more fields than the first line"):
            read_own(path)
    path.write_text("firm,year,y\n1,A,2001,1.5\n2,A,2002,2.5\n")  # names of rows, as R writes them
    assert read_own(path).to_dict("list") == {"firm": ["A", "A"], "year": [2001, 2002], "y": [1.5, 2.5]}


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_text_of_two_bytes_a_letter(tmp_path, encoding):
    path = tmp_path / "panel.csv"
    path.write_bytes("\ufefffirm,year\nA,2001\n北,2002\n".encode(encoding))
    assert read_own(path)["firm"].tolist() == ["A", "北"]
