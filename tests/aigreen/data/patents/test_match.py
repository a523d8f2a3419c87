import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigreen.data.patents.match import match_names, split_names
from aigreen.data.patents.names import name_forms
from aigreen.errors import DataError, MissingValueError, UnknownColumnError

REGISTRY = pd.DataFrame(
    [
        ("000001", "深圳市华科电子股份有限公司", "firm"),
        ("000002", "北京华科电子有限公司", "firm"),
        ("300750", "宁德时代新能源科技股份有限公司", "firm"),
        ("300750", "CATL", "alias"),
        ("300750", "江苏时代新能源科技有限公司", "subsidiary"),
        ("300751", "Contemporary Amperex Technology Co., Limited", "firm"),
        ("600001", "第一重型机械集团股份公司", "firm"),
        ("600002", "东方电气集团有限公司", "firm"),
        ("600003", "上海隆兴精密机械股份有限公司", "firm"),
        ("600004", "共同投资有限公司", "subsidiary"),
        ("600005", "共同投资有限公司", "subsidiary"),
    ],
    columns=["firm_id", "name", "kind"],
)

FORMS = [
    ("广东省深圳市华科（集团）股份有限公司", "广东省深圳市华科集团股份有限公司", "广东省深圳市华科", "华科", "440300"),
    ("深圳华科 有限责任公司", "深圳华科有限责任公司", "深圳华科", "华科", "440300"),
    ("内蒙古伊利实业集团股份有限公司", "内蒙古伊利实业集团股份有限公司", "内蒙古伊利实业", "伊利实业", "150000"),
    ("ＢＹＤ　Ｃｏ．，Ｌｔｄ．", "byd co ltd", "byd", "byd", ""),
    ("Shenzhen Huake Technology (Group) Co., Ltd.", "shenzhen huake technology group co ltd",
     "shenzhen huake technology", "huake technology", "440300"),
    ("The Coca-Cola Company", "the coca cola company", "coca cola", "coca cola", ""),
    ("Smith & Wesson Inc", "smith and wesson inc", "smith and wesson", "smith and wesson", ""),
    ("公司", "公司", "公司", "公司", ""),
    ("北京市", "北京市", "北京市", "北京市", ""),
    ("Group Holdings", "group holdings", "group", "group", ""),
    ("***", "", "", "", ""),
]  # fmt: skip


@pytest.mark.parametrize("row", FORMS, ids=[row[0] for row in FORMS])
def test_forms(row):
    assert tuple(name_forms([row[0]]).iloc[0]) == row[1:]


@given(st.text("深圳北京市华科电子（）()股份有限公司集团 Co.Ltd,A-９", max_size=20))
def test_forms_do_not_change_when_made_again(name):
    full = name_forms([name])["full"].iloc[0]
    assert name_forms([full])["full"].iloc[0] == full


CASES = [
    ("深圳市华科电子股份有限公司", "matched", "000001", "exact"),
    ("深圳市华科电子（股份）有限公司", "matched", "000001", "exact"),
    (" 深圳市 华科电子股份有限公司", "matched", "000001", "exact"),
    ("江苏时代新能源科技有限公司", "matched", "300750", "exact"),
    ("Catl", "matched", "300750", "alias"),
    ("深圳市华科电子集团有限责任公司", "matched", "000001", "suffix"),
    ("CONTEMPORARY AMPEREX TECHNOLOGY CO LTD", "matched", "300751", "suffix"),
    ("深圳华科电子有限公司", "matched", "000001", "region"),
    ("广东华科电子有限公司", "matched", "000001", "region"),
    ("隆兴精密机械有限公司", "matched", "600003", "region"),
    ("Contemporary Amperx Technology Co., Ltd", "matched", "300751", "fuzzy"),
    ("Technology Contemporary Amperex", "matched", "300751", "fuzzy"),
    ("上海隆兴精蜜机械股份有限公司", "unmatched", None, "fuzzy"),
    ("上海隆兴精密机器股份有限公司", "unmatched", None, "fuzzy"),
    ("宁德时代新能源科枝股份有限公司", "matched", "300750", "fuzzy"),
    ("华科电子", "ambiguous", None, "region"),
    ("共同投资有限公司", "ambiguous", None, "exact"),
    ("上海华科电子有限公司", "unmatched", None, None),
    ("第二重型机械集团股份公司", "unmatched", None, None),
    ("西方电气集团有限公司", "unmatched", None, None),
    ("张三", "unmatched", None, None),
    ("***", "unmatched", None, None),
]


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_steps(case):
    name, status, firm, method = case
    row = match_names(pd.Series([name]), REGISTRY).matches.iloc[0]
    assert row["status"] == status
    assert row["firm_id"] == firm if firm else pd.isna(row["firm_id"])
    assert row["method"] == method if method else pd.isna(row["method"])


def test_report_counts_names_and_rows():
    applicants = pd.Series([*(case[0] for case in CASES), "CATL", "CATL", None])
    done = match_names(applicants, REGISTRY)
    assert done.matches["count"].sum() == len(CASES) + 2
    rows = {(row.status, row.method): (row.names, row.rows) for row in done.report.itertuples()}
    assert rows == {
        ("ambiguous", "exact"): (1, 1),
        ("ambiguous", "region"): (1, 1),
        ("matched", "alias"): (2, 3),
        ("matched", "exact"): (4, 4),
        ("matched", "fuzzy"): (3, 3),
        ("matched", "region"): (3, 3),
        ("matched", "suffix"): (2, 2),
        ("missing", ""): (0, 1),
        ("unmatched", ""): (7, 7),
    }


def test_two_near_names_are_ambiguous_and_both_named():
    registry = pd.DataFrame(
        {"firm_id": ["a", "b"], "name": ["华泰新能源材料科技甲", "华泰新能源材料科技乙"], "kind": "firm"}
    )
    row = match_names(pd.Series(["华泰新能源材料科技丙"]), registry).matches.iloc[0]
    assert (row["status"], row["method"], row["runner_up"]) == ("ambiguous", "fuzzy", "b")
    assert row["score"] == row["runner_up_score"] == pytest.approx(90.0)
    row = match_names(pd.Series(["华泰新能源材料科技丙"]), registry, threshold=95).matches.iloc[0]
    assert (row["status"], row["matched_name"]) == ("unmatched", "华泰新能源材料科技甲")


def test_own_name_beats_an_alias_of_another_firm():
    registry = pd.DataFrame({"firm_id": ["a", "b"], "name": ["华泰股份", "华泰股份"], "kind": ["alias", "firm"]})
    assert match_names(pd.Series(["华泰股份"]), registry).matches["firm_id"].tolist() == ["b"]


@settings(max_examples=10, deadline=None)
@given(st.permutations([case[0] for case in CASES]), st.permutations(range(len(REGISTRY))))
def test_order_does_not_matter(names, order):
    ours = match_names(pd.Series(names), REGISTRY.iloc[list(order)]).matches.sort_index()
    first = match_names(pd.Series(sorted(names)), REGISTRY).matches.sort_index()
    pd.testing.assert_frame_equal(ours, first)


def test_empty_sides():
    assert match_names(pd.Series([], dtype="str"), REGISTRY).matches.empty
    assert match_names(pd.Series(["A"]), REGISTRY.iloc[:0]).matches["status"].tolist() == ["unmatched"]


def test_bad_registry():
    with pytest.raises(UnknownColumnError, match="registry: no column 'kind'"):
        match_names(pd.Series(["A"]), REGISTRY.drop(columns="kind"))
    with pytest.raises(MissingValueError, match="registry: 1 cells of name are empty"):
        match_names(pd.Series(["A"]), REGISTRY.assign(name=[None, *REGISTRY["name"][1:]]))
    with pytest.raises(DataError, match="kind must be one of firm, subsidiary, alias; first: parent"):
        match_names(pd.Series(["A"]), REGISTRY.assign(kind="parent"))


def test_joint_applicants():
    done = split_names(pd.Series(["A, B Inc.;;C", None, "甲公司；乙公司、丙公司", " ; D"]))
    assert done.to_numpy().tolist() == [
        [0, 1, "A, B Inc."], [0, 2, "C"], [2, 1, "甲公司"], [2, 2, "乙公司"], [2, 3, "丙公司"], [3, 1, "D"],
    ]  # fmt: skip
