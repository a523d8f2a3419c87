"""Small raw files in the layouts of the real exports, with their defects.

Traps of the raw data, and where each is tested:

========================================================  ==============================================================
trap                                                      test
========================================================  ==============================================================
CSMAR: codes in row 1, labels and units in rows 2 and 3   test_csmar: three_header_rows_parent_statements_quarters_...
zero-padded codes that a spreadsheet made numbers         test_csmar: codes_that_excel_made_numbers_get_their_zeros_back
parent statements (Typrep B), days other than 31 December test_csmar: three_header_rows_parent_statements_quarters_...
B shares (2*, 9*), but not Beijing's 92*                  test_values: b_shares_are_told_from_beijing_shares
firms that move: the annual firm file                     test_csmar: annual_firm_file_shows_...; test_build
patent table that mixes flows with cumulative stocks      test_csmar: patent_flows_not_stocks
customers with masked names                               test_csmar: customers_with_masked_names, masked, not_masked
equity-nature codes as comma lists                        test_csmar: equity_nature_lists
CNRDS: Chinese headers; independent and joint             test_cnrds: cnrds_independent_and_joint, cnrds_fraction_...
Google: integer days, 0 for none; nested arrays           test_google_patents: google_...; test_values: zero_is_no_...
municipalities as 1101, 110100 or 110000                  test_values: city_codes, municipalities_in_all_their_codes
Deqing is a county of Huzhou                              test_facts; test_policies: zones_of_both_programmes
Qingdao and Nanjing: pioneer zones only                   test_policies: zones_of_both_programmes; test_build
G06Q, G08G, G01R, H02J: green by inventory, overlap AI    test_classify: whole_subclasses_are_green_but_not_strict_...
words that are not core AI                                test_words: words_on_data_cloud_things_and_smart_...
========================================================  ==============================================================
"""

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
