"""Small raw files in the layouts of the real exports, with their defects."""

import csv
import hashlib
from pathlib import Path

import pytest

LABELS = {
    "Stkcd": "证券代码",
    "Symbol": "证券代码",
    "Accper": "会计期间",
    "EndDate": "截止日期",
    "Typrep": "报表类型编码",
}


class Export:
    """Writer of CSMAR-like parts: row 1 codes, row 2 Chinese labels, row 3 units."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __call__(self, name, columns, rows, *, encoding="utf-8", labels=True, delimiter=","):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        head = [list(columns)]
        if labels:
            head += [[LABELS.get(c, f"{c}标签") for c in columns], ["没有单位"] * len(columns)]
        if path.suffix == ".xlsx":
            openpyxl = pytest.importorskip("openpyxl")
            book = openpyxl.Workbook()
            for row in head + [list(row) for row in rows]:
                book.active.append(row)
            book.save(path)
        else:
            with path.open("w", encoding=encoding, newline="") as lines:
                csv.writer(lines, delimiter=delimiter).writerows(head + [list(row) for row in rows])
        return path


@pytest.fixture
def export(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    return Export(folder)


@pytest.fixture
def untouched(export):
    """Fail at the end of the test if any file of the data folder changed after `snapshot()`."""
    state = {}

    def digests():
        return {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in export.folder.rglob("*") if p.is_file()}

    def snapshot():
        state.update(digests())

    yield snapshot
    assert state and digests() == state


@pytest.fixture
def dropped():
    """Counts of a flow by step."""

    def counts(flow):
        return dict(zip(flow["step"], flow["dropped"], strict=True))

    return counts
