"""A sheet documents every column and counts every change."""

import pandas as pd
import pytest

from aigreen import errors
from aigreen.data.assemble.sheet import Sheet


@pytest.fixture
def sheet():
    frame = pd.DataFrame({"firm_id": [f"{k:06d}" for k in range(100)], "year": 2015, "x": range(100), "raw": 1})
    sheet = Sheet(frame, "all")
    for name in ("firm_id", "year", "x"):
        sheet.add(None, name, name.upper())
    return sheet


def test_winsorising_is_counted_and_documented(sheet):
    sheet.winsorise({"x": 0.05})
    done = sheet.finish(drop=["raw"])
    assert done.frame["x"].agg(["min", "max"]).tolist() == pytest.approx([4.95, 94.05])
    assert done.flow["step"].iloc[-1] == "x winsorised at 0.05 in each tail (10 cells changed)"
    assert done.codebook.set_index("column").loc["x", "formula"] == "winsorised at 0.05 in each tail"
    with pytest.raises(errors.UnknownColumnError, match="winsorise"):
        sheet.winsorise({"y": 0.05})
    with pytest.raises(errors.DataError, match="winsorise: column 'raw' has no entry in the codebook"):
        sheet.winsorise({"raw": 0.05})


def test_values_at_a_quantile_are_not_counted_as_changed(sheet):
    sheet.add(pd.Series([0.0] * 10 + [1.0] * 80 + [2.0] * 10), "steps", "Steps")
    sheet.winsorise({"steps": 0.05})
    assert sheet.flow.to_frame()["step"].iloc[-1] == "steps winsorised at 0.05 in each tail (0 cells changed)"
    sheet.winsorise({"steps": 0.2})
    assert sheet.flow.to_frame()["step"].iloc[-1] == "steps winsorised at 0.2 in each tail (20 cells changed)"


def test_a_column_without_an_entry_is_an_error(sheet):
    with pytest.raises(errors.DataError, match="columns without a codebook entry; first: raw"):
        sheet.finish()


def test_merges_keep_rows_and_refuse_what_is_there(sheet):
    sheet.merge(pd.DataFrame({"firm_id": ["000001"], "year": [2015], "z": [1]}), "z")
    assert sheet.flow.to_frame()["step"].iloc[-1] == "z merged (1 rows with)"
    assert len(sheet.frame) == 100
    with pytest.raises(errors.DataError, match="there already"):
        sheet.merge(pd.DataFrame({"firm_id": ["000001"], "year": [2015], "x": [1]}), "x")
    with pytest.raises(Exception, match="not unique"):
        sheet.merge(pd.DataFrame({"firm_id": ["000001"] * 2, "year": [2015] * 2, "w": [1, 2]}), "w")


def test_a_firm_year_twice_is_an_error(sheet):
    sheet.frame = pd.concat([sheet.frame, sheet.frame.iloc[:2]])
    with pytest.raises(errors.DataError, match="2 firm-years stand twice; first: 000000 2015, 000001 2015"):
        sheet.finish(drop=["raw"])
