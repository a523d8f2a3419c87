import pandas as pd
import pytest

from aigreen.data.raw.flow import Flow


@pytest.mark.parametrize("dtype", ["str", "object", "int64"])
def test_units_are_counted_anew_when_a_frame_is_written_into(dtype):
    frame = pd.DataFrame({"firm_id": pd.Series([1, 1, 2]).astype(dtype), "x": [1, 2, 3]})
    flow = Flow("f", "firm_id")
    flow.note("read", frame)
    frame.loc[0, "firm_id"] = 3 if dtype == "int64" else "3"
    flow.note("changed", frame)
    flow.note("again", frame)
    assert flow.to_frame()["n_units"].tolist() == [2, 3, 3]


def test_nothing_left_out_leaves_the_rows_and_numbers_them_from_nought():
    frame = pd.DataFrame({"firm_id": ["1", "2"]}, index=[5, 7])
    flow = Flow("f", "firm_id")
    kept = flow.keep(frame, frame["firm_id"].notna(), "none lost")
    assert kept.index.tolist() == [0, 1]
    kept.loc[0, "firm_id"] = "9"
    assert frame["firm_id"].tolist() == ["1", "2"]
    assert flow.keep(kept, kept["firm_id"] == "2", "one lost", show="firm_id")["firm_id"].tolist() == ["2"]
    assert flow.to_frame()[["n_rows", "n_units", "dropped", "first"]].values.tolist() == [[2, 2, 0, ""], [1, 1, 1, "9"]]
