"""AI words of reports that come one by one, and the robots' shift-share, by hand."""

import numpy as np
import pandas as pd
import pytest

from aigreen import errors
from aigreen.data.assemble import adoption


def test_words_of_reports_that_come_one_by_one():
    texts = [
        ("000002", 2015, "人工智能与人工智能"),
        ("000001", 2016, ""),
        ("000001", 2015, "本年度"),
        ("000003", 2015, "AI芯片"),
    ]
    got = adoption.report_words(iter(texts))
    assert got[["firm_id", "year", "ai_words"]].to_numpy().tolist() == [
        ["000001", 2015, 0],
        ["000002", 2015, 2],
        ["000003", 2015, 1],
    ]
    assert got["report_length"].tolist() == [3, 9, 4]
    kinds = [column for column in got if column.startswith("ai_words_") and column != "ai_words_core"]
    assert (got[kinds].sum(axis=1) == got["ai_words"]).all()
    assert adoption.report_words([]).empty


def test_main_type_counts_all_reports_so_far():
    frame = pd.DataFrame(
        {
            "firm_id": ["b", "b", "b", "b", "a", "a"],
            "year": [2018, 2016, 2017, 2015, 2016, 2015],
            "ai_words_core": [9.0, 9, 9, None, 9, 9],
            "ai_words_log": [9.0, 9, 9, None, 9, 9],
            "ai_words_vision": [5.0, 0, 1, None, None, 2],
            "ai_words_data": [1.0, 0, 3, None, None, 2],
        },
        index=[5, 4, 3, 2, 1, 0],
    )
    got = adoption.main_type(frame)
    assert got[[5, 4, 3, 1, 0]].tolist() == ["vision", "none", "data", "data", "data"]
    assert got.isna().tolist() == [False, False, False, True, False, False]


def test_robots():
    frame = pd.DataFrame({"firm_id": ["1", "2", "3", "4"], "year": 2015, "industry_code": ["C36", "C36", "C36", "I65"]})
    production = pd.DataFrame(
        [("1", 2009, 0.9), ("1", 2010, 0.5), ("1", 2011, 0.1), ("2", 2012, 0.25), ("3", 2011, None), ("4", 2010, 1.0)],
        columns=["firm_id", "year", "production_share"],
    )
    robots = pd.DataFrame({"industry_code": ["C36"], "year": [2015], "robots": [200.0], "employment": [10_000.0]})
    got = adoption.robot_exposure(frame, production, robots, base_year=2010)
    assert got.tolist()[:2] == pytest.approx([20 * 0.5 / 0.5, 20 * 0.25 / 0.5])  # bases 0.5, 0.25, 1.0: median 0.5
    assert got[2:].isna().all()
    with pytest.raises(errors.UnknownColumnError, match="employment"):
        adoption.robot_exposure(frame, production, robots.drop(columns="employment"), base_year=2010)


def test_adoption_is_the_first_year_at_the_threshold():
    rows = [
        ("a", 1, 3),
        ("a", 2, None),
        ("a", 3, 10),
        ("a", 4, 2),
        ("b", 1, 9),
        ("b", 2, 9),
        ("c", 1, 50),
        ("c", 2, 60),
    ]
    frame = pd.DataFrame(rows, columns=["firm_id", "year", "ai_words_core"]).sample(frac=1, random_state=1)
    year = adoption.adoption_year(frame, "ai_words_core", 10)
    dose = adoption.adoption_dose(frame, "ai_words_core", year)
    first = pd.DataFrame({"year": year, "dose": np.exp(dose)}).groupby(frame["firm_id"]).agg(["min", "max"])
    assert first.loc["a"].tolist() == [3, 3, pytest.approx(10), pytest.approx(10)]  # no report is no adoption
    assert first.loc["b"].isna().all()
    assert first.loc["c"].tolist() == [1, 1, pytest.approx(50), pytest.approx(50)]
    assert adoption.adoption_year(frame, "ai_words_core", 9).groupby(frame["firm_id"]).min().tolist() == [3, 1, 1]
    with pytest.raises(errors.UnknownColumnError, match="ai_words_cor"):
        adoption.adoption_year(frame, "ai_words_cor", 10)
