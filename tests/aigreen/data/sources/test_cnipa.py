"""Applications of the Chinese office."""

import pandas as pd
import pytest

from aigreen.data.sources import cnipa

CNIPA = [
    "申请号",
    "公开号",
    "公开日",
    "授权公告日",
    "申请日",
    "申请人",
    "专利类型",
    "专利名称",
    "申请人地址",
    "主分类号",
    "分类号",
]


def test_cnipa_one_row_an_application(export, dropped):
    rows = [
        ["CN201510123456.7", "CN104A", "2015.08.01", "", "2015.03.01", "甲公司；乙大学；甲公司", "发明公开", "电池",
         "518000 深圳", "H01M10/05(2010.01)", "H01M10/05(2010.01);C02F1/00"],
        ["CN201510123456.7", "CN104B", "", "2017-09-01", "2015-03-01", "甲公司;乙大学", "发明授权", "电池",
         "518000 深圳", "H01M10/05", "H01M10/05"],
        ["CN201520123456.8", "CN204U", "", "2015.10.01", "2015.04.01", "丙公司", "实用新型", "阀", "", "", "F16K1/00"],
        ["CN201530123456.9", "CN304S", "", "2015.10.01", "2015.04.01", "", "外观设计", "瓶", "", "", ""],
    ]  # fmt: skip
    done = cnipa.patent_records(export("CNIPA.csv", CNIPA, rows, labels=False, encoding="gb18030"))
    table = done.patents.table
    assert table["patent_id"].tolist() == ["CN201510123456", "CN201520123456", "CN201530123456"]
    assert table["patent_type"].tolist() == ["invention", "utility_model", "design"]
    assert table["grant_date"].iloc[0] == pd.Timestamp("2017-09-01")
    assert table["publication_date"].tolist() == [pd.Timestamp(d) for d in ("2015-08-01", "2015-10-01", "2015-10-01")]
    assert table["filing_date"].iloc[0] == pd.Timestamp("2015-03-01")
    assert table["ipc"].iloc[0] == "H01M10/05"
    people = done.applicants.table
    assert people[["patent_id", "position", "name"]].values.tolist() == [
        ["CN201510123456", 1, "甲公司"], ["CN201510123456", 2, "乙大学"], ["CN201520123456", 1, "丙公司"]]  # fmt: skip
    assert people["address"].iloc[0] == "518000 深圳"
    assert dropped(done.patents.flow)["further publications of an application, put together"] == 1
    assert done.citations.table.empty


@pytest.mark.parametrize("mark", [" | ", "、", ",", "//", "##"])
def test_joint_patents_have_all_their_applicants(export, mark):
    names = mark.join(["甲公司", "Foo Co., Ltd.", "乙大学"])
    rows = [["CN201510123456.7", "", "", "", "2015.03.01", names, "发明", "", "", "", "H01M10/05&C02F1/00"]]
    done = cnipa.patent_records(export("CNIPA.csv", CNIPA, rows, labels=False))
    assert done.applicants.table["name"].tolist() == ["甲公司", "Foo Co., Ltd.", "乙大学"]
    assert done.patents.table["ipc"].tolist() == ["H01M10/05;C02F1/00"]
