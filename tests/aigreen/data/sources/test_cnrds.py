"""Counts of green patents of CNRDS."""

import pytest

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
