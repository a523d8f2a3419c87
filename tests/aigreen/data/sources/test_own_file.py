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
    (tmp_path / "twice.csv").write_text("a ,a\n1,2\n")
    with pytest.raises(DataError, match="1 names stand over two columns or more"):
        read_own(tmp_path / "twice.csv")


def test_a_folder_is_called_one(tmp_path):
    (tmp_path / "panel.csv").mkdir()
    for reads in (read_own, own_columns):
        with pytest.raises(SourceError, match=r"panel\.csv: a folder, no file"):
            reads(tmp_path / "panel.csv")
