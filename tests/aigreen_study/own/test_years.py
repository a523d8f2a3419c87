from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aigreen.errors import DataError
from aigreen_study.config import read_config
from aigreen_study.own.look import look
from aigreen_study.own.outline import outline
from aigreen_study.own.panel import own_panel
from aigreen_study.own.years import with_years

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
    years = with_years(laws(form, form), ROLES)
    assert years["day"].tolist() == [2000, 2001, 2002, 2003] * 3
    assert years.groupby("state")["law"].first().to_dict() == pytest.approx(
        {"AL": 2002, "AK": np.nan, "AZ": 2003}, nan_ok=True
    )


def test_numbers_that_are_dates_are_read_as_years_and_others_left():
    frame = laws("%Y%m%d", "%Y").astype({"day": int, "law": float})
    years = with_years(frame, ROLES)
    assert years["day"].unique().tolist() == [2000, 2001, 2002, 2003]
    assert years["law"].equals(frame["law"])
    words = laws().assign(law="never")
    assert with_years(words, ROLES)["law"].unique().tolist() == ["never"]


def test_periods_shorter_than_a_year_are_told():
    frame = laws(None, None)
    frame["day"] = pd.to_datetime(["2000-03-31", "2000-06-30", "2000-09-30", "2000-12-31"] * 3)
    with pytest.raises(DataError, match=r"'day' has several dates a year of a unit.*: number the periods 1, 2, 3"):
        with_years(frame, ROLES)


def test_a_file_of_dates_becomes_a_panel_of_years(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    laws().to_csv("laws.csv", index=False)
    found = look(laws(), ROLES, "y")
    assert (found.periods, found.cohorts, found.never) == ((2000, 2003), {2002: 1, 2003: 1}, 1)
    text = outline(found, ROLES, "y", "laws.csv", "2026")
    assert "# Assumed: of the dates in day and law the year counts." in text
    (tmp_path / "laws.yaml").write_text(text, "utf-8")
    panel = own_panel(read_config({"study": "laws"}, FOLDER)).frame
    assert panel["day"].tolist() == [2000, 2001, 2002, 2003] * 3
    assert panel.groupby("state")["treated"].sum().to_dict() == {"AK": 0, "AL": 2, "AZ": 1}
