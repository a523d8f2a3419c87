"""Applications of the Chinese office."""

import pandas as pd
import pytest

from aigreen.data.sources import cnipa
from aigreen.errors import SourceError

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


DAYS = {"A": "2015-08-01", "B": "2017-09-01", "U": "2015-10-01", "S": "2015-11-01"}
GRANTS = ["2017-09-01", "2015-10-01", "2015-11-01"]
FIRST = ["2015-08-01", "2015-10-01", "2015-11-01"]


def dates(days):
    return [None if pd.isna(day) else day.date().isoformat() for day in days]


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (["公开（公告）号", "公开（公告）日"], ["发明公开", "发明授权", "实用新型", "外观设计"]),
        (["公开(公告)号", "公开(公告)日"], ["发明申请", "授权发明", "实用新型", "外观设计"]),
        (["公开号", "公开日"], ["发明", "发明", "实用新型", "外观设计"]),
        (["公开公告号", "公开公告日"], [""] * 4),
        (["编号", "公开（公告）日"], ["发明公开", "发明授权", "实用新型", "外观设计"]),
    ],
)
def test_grants_where_one_day_stands_for_publication_and_grant(export, dropped, header, words):
    numbers = ["CN201510123456.7", "CN201510123456.7", "CN201520123456.8", "CN201530123456.9"]
    rows = [
        [number, f"CN10412345{at}{kind}", day, "2015.03.01", "甲公司", word, "H01M10/05"]
        for at, (number, (kind, day), word) in enumerate(zip(numbers, DAYS.items(), words, strict=True))
    ]
    path = export("CNIPA.csv", ["申请号", *header, "申请日", "申请人", "专利类型", "分类号"], rows, labels=False)
    read = cnipa.patent_records(path).patents
    assert read.table["patent_type"].tolist() == ["invention", "utility_model", "design"]
    assert dates(read.table["grant_date"]) == GRANTS
    assert dates(read.table["publication_date"]) == FIRST
    assert dropped(read.flow)["grants told by kind or type"] == 3
    assert dropped(read.flow)["type of patent from its numbers"] == (4 if words[0] == "" else 0)


def test_a_published_invention_is_no_grant(export, dropped):
    columns = ["申请号", "公开（公告）日", "申请日", "申请人", "专利类型", "分类号"]
    rows = [["CN201510123456.7", "2015-08-01", "2015.03.01", "甲公司", "发明", "H01M10/05"],
            ["CN201510123457.5", "2015-08-01", "2015.03.01", "甲公司", "发明公开", "H01M10/05"]]  # fmt: skip
    read = cnipa.patent_records(export("CNIPA.csv", columns, rows, labels=False)).patents
    assert read.table["grant_date"].isna().all()
    assert dates(read.table["publication_date"]) == ["2015-08-01"] * 2
    assert dropped(read.flow)["one day, publication or grant unclear: taken for the publication"] == 1


def test_a_granted_invention_whose_grant_day_is_empty_is_no_grant_on_the_day_it_was_published(export):
    rows = [["CN201510123456.7", "", "2015.08.01", "", "2015.03.01", "甲公司", "发明授权", "电池", "", "", "H01M10/05"]]
    read = cnipa.patent_records(export("CNIPA.csv", CNIPA, rows, labels=False)).patents
    assert read.table["grant_date"].isna().all()


def test_publication_numbers_are_no_application_numbers(export):
    rows = [
        [f"CN10412345{at}A", "", "", "", "2015.03.01", "甲公司", "发明", "", "", "", "H01M10/05"] for at in range(9)
    ]
    with pytest.raises(
        SourceError, match=r"申请号: 9 cells are not Chinese application numbers \(publication numbers\?\)"
    ):
        cnipa.patent_records(export("CNIPA.csv", CNIPA, rows, labels=False))


def test_applications_of_other_offices_are_counted(export, dropped):
    rows = [["CN201510123456.7", "", "", "", "2015.03.01", "甲公司", "发明", "", "", "", "H01M10/05"],
            ["US15/123456", "", "", "", "2015.03.01", "甲公司", "发明", "", "", "", "H01M10/05"],
            ["PCT/CN2015/070123", "", "", "", "2015.03.01", "甲公司", "发明", "", "", "", "H01M10/05"]]  # fmt: skip
    read = cnipa.patent_records(export("CNIPA.csv", CNIPA, rows, labels=False)).patents
    assert read.table["patent_id"].tolist() == ["CN201510123456"]
    assert dropped(read.flow)["filed at another office"] == 2


ONE = {
    "申请号": "CN201510123456.7", "公开号": "CN104123456B", "公开日": "20150801", "公告日": "20170901",
    "授权日": "20170901", "申请日": "2015-03-01", "申请人": "甲公司; 乙大学", "他人": "丙公司", "类型": "发明授权",
    "名称": "电池", "摘要": "一种", "分类": "H01M10/05; C02F1/00", "主": "H01M10/05", "地址": "518000 深圳",
}  # fmt: skip
LAYOUTS = {
    "national database of 34 columns": """
        申请号 公开公告号=公开号 公开公告日=公开日 授权公告日=授权日 申请日 申请人 专利类型=类型 专利名称=名称
        摘要文本=摘要 IPC分类号=分类 IPC主分类号=主 申请人地址=地址""",
    "national database of 26 columns": """
        专利申请号=申请号 专利公开号=公开号 申请公布日=公开日 授权公布日=授权日 申请⽇=申请日 申请⼈=申请人
        专利类型=类型 专利名称=名称 专利摘要=摘要 分类号=分类 主分类号=主 申请地址=地址""",
    "CNIPR": """
        申请（专利）号=申请号 公开（公告）号=公开号 公开（公告）日=公告日 申请日 申请（专利权）人=申请人 名称 摘要
        分类号=分类 主分类号=主 地址""",
    "PatSnap": """
        申请号 公开(公告)号=公开号 公开(公告)日=公开日 授权日 申请日 [标]当前申请(专利权)人=他人
        [标]原始申请(专利权)人=申请人 专利类型=类型 标题=名称 摘要 IPC分类号=分类 IPC主分类号=主
        原始申请(专利权)人地址=地址""",
    "incoPat": """
        申请号 公开（公告）号=公开号 公开（公告）日=公告日 首次公开日=公开日 授权公告日=授权日 申请日 申请人
        专利类型=类型 标题(中文)=名称 摘要(中文)=摘要 IPC=分类 IPC主分类=主 申请人地址=地址""",
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_of_vendors(export, layout):
    columns = dict(pair.partition("=")[::2] for pair in LAYOUTS[layout].split())
    row = [ONE[what or header] for header, what in columns.items()]
    done = cnipa.patent_records(export("CNIPA.csv", columns, [row], labels=False))
    row = done.patents.table.iloc[0]
    assert (row["patent_id"], row["patent_type"], row["title"]) == ("CN201510123456", "invention", "电池")
    assert (row["abstract"], row["ipc"]) == ("一种", "H01M10/05;C02F1/00")
    first = "2017-09-01" if layout == "CNIPR" else "2015-08-01"
    assert dates(row[["publication_date", "grant_date", "filing_date"]]) == [first, "2017-09-01", "2015-03-01"]
    assert done.applicants.table["name"].tolist() == ["甲公司", "乙大学"]
    assert done.applicants.table["address"].iloc[0] == "518000 深圳"
