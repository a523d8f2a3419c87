"""Templates of raw tables: what is written can be filled and read."""

import csv

import pytest

from aigreen.cli import main
from aigreen.data.assemble import inventory
from aigreen.data.sources import extras
from aigreen_study.commands.template import TABLES


def test_segments(tmp_path, capsys):
    path = tmp_path / "segments.csv"
    assert main(["template", "segments", "--out", str(path)]) == 0
    assert "Revenue by industry from the notes" in capsys.readouterr().out
    with path.open("a", encoding="utf-8", newline="") as lines:
        csv.writer(lines).writerow(["000001", "2019-12-31", "C26", "5"])
    assert extras.segments(path).table.to_numpy().tolist() == [["000001", 2019, "C26", 5.0]]


@pytest.mark.parametrize("table", TABLES)
def test_the_doctor_accepts_the_header_of_every_template(tmp_path, table):
    assert main(["template", table, "--out", str(tmp_path / f"{table}.csv")]) == 0
    [found] = [entry for entry in inventory.take(tmp_path) if entry.wanted.expected.table == table]
    assert found.readable, found.faults
    assert found.absent == ()
