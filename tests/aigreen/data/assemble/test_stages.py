"""Stages are made once for the same inputs."""

import pandas as pd

from aigreen.data.assemble import stages
from aigreen.data.raw.flow import Flow, Read


def maker(calls, value=1):
    def make():
        calls.append(value)
        table = pd.DataFrame({"firm_id": ["000001"], "x": pd.array([value], dtype="Int64")})
        flow = Flow("t", "firm_id")
        flow.note("读", table, 2, ["a"])
        return [Read(table, flow.to_frame())]

    return make


def test_a_stage_is_made_again_only_when_something_changed(tmp_path):
    raw, calls = tmp_path / "raw.csv", []
    raw.write_text("1")
    [first] = stages.make(tmp_path / "out", ["t"], maker(calls), files=[raw], options={"a": 1})
    assert first.table()["x"].dtype == "Int64"
    assert first.flow().iloc[0].tolist() == ["t", "读", 1, 1, 2, "a"]
    stages.make(tmp_path / "out", ["t"], maker(calls), files=[raw], options={"a": 1})
    assert len(calls) == 1
    stages.make(tmp_path / "out", ["t"], maker(calls), files=[raw], options={"a": 2})
    raw.write_text("2")
    [other] = stages.make(tmp_path / "out", ["t"], maker(calls), files=[raw], options={"a": 2})
    assert len(calls) == 3
    stages.make(tmp_path / "out", ["t"], maker(calls), files=[raw], options={"a": 2}, made=[first])
    assert len(calls) == 4
    assert first.stamp != other.stamp


def test_a_damaged_table_is_made_again(tmp_path):
    calls = []
    [made] = stages.make(tmp_path, ["t"], maker(calls))
    whole = made.path.read_bytes()
    made.path.write_bytes(whole[: len(whole) // 2])
    stages.make(tmp_path, ["t"], maker(calls))
    assert len(calls) == 2
    assert made.path.read_bytes() == whole


def test_a_table_with_a_changed_byte_is_made_again(tmp_path):
    calls = []
    [made] = stages.make(tmp_path, ["t"], maker(calls))
    whole = made.path.read_bytes()
    place = whole.index(b"000001", 8)
    made.path.write_bytes(whole[:place] + b"000002" + whole[place + 6 :])
    stages.make(tmp_path, ["t"], maker(calls))
    assert len(calls) == 2 and made.path.read_bytes() == whole
