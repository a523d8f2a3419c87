import pandas as pd
import pytest

from aigreen.data.assemble.codebook import Entry, SampleFlow, check_codebook, finish, merge_one
from aigreen.errors import DataError, EmptyDataError

FRAME = pd.DataFrame({"unit": [1, 1, 2], "y": [0.0, 1.0, 2.0]})
BOOK = [Entry("unit", "Unit"), Entry("y", "Outcome")]


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (BOOK[:1], "1 columns without a codebook entry; first: y"),
        ([*BOOK, Entry("x", "X")], "1 codebook entries without a column; first: x"),
        ([*BOOK, BOOK[0]], "1 columns entered twice; first: unit"),
        ([BOOK[0], Entry("y", "")], "1 entries without a label; first: y"),
    ],
)
def test_codebook_must_match(entries, message):
    with pytest.raises(DataError, match=message):
        finish(FRAME, SampleFlow("unit"), entries)


def test_finish_orders_columns_as_the_codebook():
    done = finish(FRAME, SampleFlow("unit"), BOOK[::-1])
    assert list(done.frame.columns) == ["y", "unit"]
    check_codebook(done.frame, done.codebook)


def test_flow_counts_rows_and_units():
    flow = SampleFlow("unit")
    flow.add("all", FRAME)
    flow.add("positive", FRAME[FRAME["y"] > 1])
    assert flow.to_frame().to_numpy().tolist() == [["all", 3, 2, 0], ["positive", 1, 1, 2]]


def test_flow_stops_where_no_row_is_left():
    flow = SampleFlow("unit")
    flow.add("all", FRAME)
    with pytest.raises(EmptyDataError, match=r"^positive: no rows are left of 3$"):
        flow.add("positive", FRAME[FRAME["y"] > 9])


def test_merge_names_keys_without_a_match():
    with pytest.raises(DataError, match="1 values of unit are in no fact table; first: 2"):
        merge_one(FRAME, pd.DataFrame({"unit": [1], "z": [5]}), "unit")
