from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aigreen.errors import DataError
from aigreen_study.config import read_config
from aigreen_study.own.look import look
from aigreen_study.own.outline import outline
from aigreen_study.own.panel import own_panel
from aigreen_study.own.periods import frequency, with_periods
from aigreen_study.run.periods import Periods

FOLDER = Path(__file__).parents[3] / "analysis/config"
ROLES = {"unit": "state", "time": "day", "cohort": "law"}


def laws(day="%Y-%m-%d", law="%Y-%m-%d"):
    """Three states from 2000 to 2003, with laws of July 2002, of none, and of January 2003; periods end in December."""
    frame = pd.DataFrame([(s, t) for s in ("AL", "AK", "AZ") for t in range(2000, 2004)], columns=["state", "year"])
    days = pd.to_datetime(frame["year"].astype(str) + "-12-31")
    laws = pd.to_datetime(frame["state"].map({"AL": "2002-07-01", "AZ": "2003-01-01"}))
    return pd.DataFrame(
        {
            "state": frame["state"],
            "day": days.dt.strftime(day) if day else days,
            "law": laws.dt.strftime(law) if law else laws,
            "y": np.arange(12.0),
        }
    )


@pytest.mark.parametrize("form", [None, "%Y-%m-%d", "%Y/%m/%d", "%Y年%m月%d日", "%Y-%m-%d 00:00:00"])
def test_dates_are_read_as_years(form):
    years = with_periods(laws(form, form), ROLES)
    assert years["day"].tolist() == [2000, 2001, 2002, 2003] * 3
    assert years.groupby("state")["law"].first().to_dict() == pytest.approx(
        {"AL": 2002, "AK": np.nan, "AZ": 2003}, nan_ok=True
    )


def test_numbers_that_are_dates_are_read_as_years_and_others_left():
    frame = laws("%Y%m%d", "%Y").astype({"day": int, "law": float})
    years = with_periods(frame, ROLES)
    assert years["day"].unique().tolist() == [2000, 2001, 2002, 2003]
    assert years["law"].equals(frame["law"])
    words = laws().assign(law="never")
    assert with_periods(words, ROLES)["law"].unique().tolist() == ["never"]


QUARTERS = ["2019Q3", "2019Q4", "2020Q1", "2020Q2"]
ENDS = ["2019-09-30", "2019-12-31", "2020-03-31", "2020-06-30"]


def quarters(periods, law):
    """The three states in four quarters; `law` is when Alabama is treated."""
    return laws().assign(day=periods * 3, law=lambda d: d["state"].map({"AL": law}))


@pytest.mark.parametrize(
    ("periods", "law"),
    [
        (QUARTERS, "2020Q1"),
        (["2019-q3", "2019-q4", "2020-q1", "2020-q2"], "2020-q1"),
        (["2019年第三季度", "2019年第四季度", "2020年一季度", "2020年2季度"], "2020年第1季度"),
        (ENDS, "2020-02-11"),
        ([20190701, 20191001, 20200101, 20200401], 20200211),
        ([20193, 20194, 20201, 20202], 20201),
    ],
)
def test_quarters_are_read_as_written(periods, law):
    frame = quarters(periods, law)
    assert frequency(frame, ROLES) == "Q"
    read = with_periods(frame, ROLES, "Q")
    assert read["day"].tolist() == [20193, 20194, 20201, 20202] * 3
    assert read["law"].dropna().unique().tolist() == [20201]


@pytest.mark.parametrize(
    "periods",
    [
        ["2019-11", "2019-12", "2020-01", "2020-02"],
        ["2019m11", "2019m12", "2020m1", "2020m2"],
        ["2019年11月", "2019年12月", "2020年1月", "2020年02月"],
        ["2019-11-30", "2019-12-31", "2020-01-31", "2020-02-29"],
    ],
)
def test_months_are_read_as_written(periods):
    frame = quarters(periods, periods[2])
    assert frequency(frame, ROLES) == "M"
    read = with_periods(frame, ROLES, "M")
    assert read["day"].tolist() == [201911, 201912, 202001, 202002] * 3
    assert read["law"].dropna().unique().tolist() == [202001]


def test_other_numbers_are_numbered_periods_and_dates_of_weeks_are_told():
    assert frequency(quarters([1, 2, 3, 4], 3), ROLES) == 1
    assert frequency(quarters([2001, 2002, 2003, 2004], 3), ROLES) == "Y"
    with pytest.raises(DataError, match=r"'day' holds quarters, and years are read: write freq: Q to panel"):
        with_periods(quarters(QUARTERS, "2020Q1"), ROLES)
    weeks = quarters(["2020-01-05", "2020-01-12", "2020-01-19", "2020-01-26"], "2020-01-12")
    assert frequency(weeks, ROLES) == "M"
    with pytest.raises(DataError, match=r"several values a month of a unit: number the periods .*; first: 2020-01-05"):
        with_periods(weeks, ROLES, "M")


def test_periods_are_called_as_they_are_written():
    quarterly, monthly = Periods("Q"), Periods("M")
    assert [quarterly.name(step) for step in (196, 199, 200)] == ["2019Q1", "2019Q4", "2020Q1"]
    assert monthly.name(591) == "2019-04"
    assert (Periods().name(2019.0), Periods(1).word, quarterly.word) == ("2019", "period", "quarter")
    assert quarterly.ticks(180, 199).tolist() == [180, 184, 188, 192, 196]  # 2015Q1 to 2019Q1
    assert monthly.ticks(590, 595).tolist() == [590, 591, 592, 593, 594, 595]
    assert Periods().ticks(2000, 2010) is None


def test_a_quarterly_file_becomes_a_panel_of_quarters(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame = quarters(QUARTERS, "2020Q1")
    frame.to_csv("laws.csv", index=False)
    found = look(frame, ROLES, "y")
    assert (found.freq, found.periods, found.cohorts, found.horizons) == (
        "Q",
        ("2019Q3", "2020Q2"),
        {"2020Q1": 1},
        (-1, 1),
    )
    text = outline(found, ROLES, "y", "laws.csv", "2026")
    assert "freq: Q}" in text
    assert "# Assumed: a period is a quarter; horizons count quarters." in text
    (tmp_path / "laws.yaml").write_text(text, "utf-8")
    config = read_config({"study": "laws"}, FOLDER)
    panel = own_panel(config).frame
    assert panel["day"].tolist() == [20193, 20194, 20201, 20202] * 3
    assert panel.groupby("state")["treated"].sum().to_dict() == {"AK": 0, "AL": 2, "AZ": 0}
    assert panel.groupby("state")["law"].first().to_dict() == pytest.approx(
        {"AK": np.nan, "AL": 20201, "AZ": np.nan}, nan_ok=True
    )


def test_a_file_of_dates_becomes_a_panel_of_years(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    laws().to_csv("laws.csv", index=False)
    found = look(laws(), ROLES, "y")
    assert (found.periods, found.cohorts, found.never) == (("2000", "2003"), {"2002": 1, "2003": 1}, 1)
    text = outline(found, ROLES, "y", "laws.csv", "2026")
    assert "# Assumed: of the dates in day and law the year counts." in text
    (tmp_path / "laws.yaml").write_text(text, "utf-8")
    panel = own_panel(read_config({"study": "laws"}, FOLDER)).frame
    assert panel["day"].tolist() == [2000, 2001, 2002, 2003] * 3
    assert panel.groupby("state")["treated"].sum().to_dict() == {"AK": 0, "AL": 2, "AZ": 1}
