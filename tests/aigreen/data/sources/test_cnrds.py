"""Counts of green patents of CNRDS."""

import pytest

from aigreen.data.assemble import inventory
from aigreen.data.sources import cnrds
from aigreen.errors import SourceError

GPRD = ["股票代码", "会计年度", *[field.raw for field in cnrds.GREEN_FIELDS]]


def test_cnrds_independent_and_joint(export, dropped):
    rows = [
        ["股票代码E", "Year", *["n"] * 8],
        ["000001", "2019", "5", "1", "2", "", "3", "0", "1", "0"],
        ["1", "2020-12-31", "7", "1", "2", "3", "3", "0", "1", "0"],
        ["200001", "2019", *["0"] * 8],
    ]
    read = cnrds.green_patents(export("GPRD.csv", GPRD, rows, labels=False, encoding="gb18030"))
    assert read.table["year"].tolist() == [2019, 2020]
    assert read.table["green_inventions_filed_alone"].tolist() == [5, 7]
    assert read.table["green_utility_models_filed_jointly"].isna().tolist() == [True, False]
    assert read.table["green_inventions_granted_jointly"].tolist() == [1, 1]
    assert dropped(read.flow)["B share"] == 1
    assert str(read.table["green_inventions_filed_alone"].dtype) == "Int64"


def test_cnrds_fraction_of_a_patent(export):
    with pytest.raises(
        SourceError, match=r"当年独立申请的绿色发明数量: 1 cells are not whole numbers; first: '1.5' of 000001"
    ):
        cnrds.green_patents(export("GPRD.csv", GPRD, [["000001", "2019", "1.5", *["0"] * 7]], labels=False))


def test_filings_and_grants_in_files_of_their_own(export):
    key, filed, granted = GPRD[:2], GPRD[2:6], GPRD[6:]
    export("GPRD.csv", [*key, *filed], [["000001", "2019", *"1234"], ["000002", "2019", *"5678"]], labels=False)
    export("GPRD(1).csv", [*key, *filed], [["000003", "2019", *"1111"]], labels=False)
    export("GPRD(2).csv", [*key, *granted], [["000002", "2019", *"4321"], ["000004", "2019", *"9999"]], labels=False)
    table = cnrds.green_patents(export.folder).table
    assert table["firm_id"].tolist() == ["000001", "000002", "000003", "000004"]
    assert table["green_inventions_filed_alone"].tolist()[:3] == [1, 5, 1]
    assert table["green_inventions_granted_alone"].isna().tolist() == [True, False, True, False]
    [found] = [entry for entry in inventory.take(export.folder) if entry.wanted.expected.table == "GPRD"]
    assert (found.readable, found.absent) == (True, ())


def test_grants_alone_and_columns_twice(export):
    export("GPRD.csv", [*GPRD[:2], *GPRD[6:]], [["000001", "2019", *"1234"]], labels=False)
    with pytest.raises(SourceError, match="GPRD: 4 missing columns: 当年独立申请的绿色发明数量"):
        cnrds.green_patents(export.folder)
    [found] = [entry for entry in inventory.take(export.folder) if entry.wanted.expected.table == "GPRD"]
    assert found.faults[0].startswith("GPRD: 4 missing columns: 当年独立申请的绿色发明数量")
    export("GPRD(1).csv", [*GPRD[:2], *GPRD[2:7]], [["000001", "2019", *"12345"]], labels=False)
    with pytest.raises(SourceError, match="and 1 the same: green_inventions_granted_alone"):
        cnrds.green_patents(export.folder)
