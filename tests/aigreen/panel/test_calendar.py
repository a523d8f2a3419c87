"""Periods as dates, coded dates and calendars with gaps: what counts as one step."""

import numpy as np
import pandas as pd
import pytest

from aigreen import GroupTimeATT, Panel, StackedDiD
from aigreen.errors import DataError, MissingValueError, NonNumericError, OptionError

MONTHS = pd.period_range("2019-11", periods=6, freq="M")
CODED = [201911, 201912, 202001, 202002, 202003, 202004]


def frame(times, first: object, never: object = np.nan) -> pd.DataFrame:
    """Twenty units, half of them treated from `first` on by two more, over these periods."""
    df = pd.DataFrame([(i, t, k) for i in range(20) for k, t in enumerate(times)], columns=["u", "t", "k"])
    start = list(times).index(first)
    df["g"] = pd.Series([first if i < 10 else never for i in df.u])
    df["y"] = df.u + df.k + 2.0 * ((df.u < 10) & (df.k >= start)) + 0.1 * np.sin(df.u * 7 + df.k)
    return df


def horizons(df: pd.DataFrame, **options) -> tuple[Panel, list[int], np.ndarray]:
    panel = Panel(df, unit="u", time="t", cohort="g", **options)
    study = GroupTimeATT().fit(panel, "y").event_study()
    return panel, study.index.tolist(), study.values


@pytest.mark.parametrize(
    ("times", "first", "never", "options"),
    [
        (MONTHS, MONTHS[3], pd.NaT, {}),
        (MONTHS.to_timestamp(), pd.Timestamp("2020-02-01"), pd.NaT, {}),
        (MONTHS.to_timestamp(how="end").normalize(), pd.Timestamp("2020-02-29"), pd.NaT, {}),
        (MONTHS.to_timestamp() + pd.Timedelta(days=13), pd.Timestamp("2020-02-14"), pd.NaT, {"freq": "M"}),
        (CODED, 202002, 0, {"freq": "M"}),
        (CODED, 202002, np.inf, {"freq": "M"}),
    ],
    ids=["periods", "first days", "last days", "freq", "YYYYMM", "YYYYMM inf"],
)
def test_months_count_as_steps(times, first, never, options):
    panel, found, values = horizons(frame(times, first, never), **options)
    assert panel.times.tolist() == list(range(598, 604))  # months since January 1970
    assert panel.periods.equals(MONTHS) and panel.freq == "M"
    assert panel.cohorts.tolist() == [601.0] and np.isinf(panel.unit_cohort[10:]).all()
    assert found == [-2, -1, 0, 1, 2]
    assert values[2:] == pytest.approx(horizons(frame(range(1, 7), 4))[2][2:])
    assert "6 periods (2019-11 to 2020-04, monthly), balanced" in repr(panel)
    assert panel.labels([1]) == ["(0, 2019-12)"]
    assert panel[panel.frame.u < 12].periods.equals(MONTHS)


@pytest.mark.parametrize(
    ("dates", "freq", "first", "label"),
    [
        (["2019-01-01", "2020-01-01", "2021-01-01"], "Y", 2019, "2019 to 2021, yearly"),
        (["2019-12-31", "2020-12-31"], "Y", 2019, "2019 to 2020, yearly"),
        (["2019-10-01", "2020-01-01"], "Q", 199, "2019Q4 to 2020Q1, quarterly"),
        (["2019-12-30", "2020-01-06"], "W", 2610, "2019-12-30/2020-01-05 to 2020-01-06/2020-01-12, weekly"),
        (["2019-12-31", "2020-01-01"], "D", 18261, "2019-12-31 to 2020-01-01, daily"),
    ],
)
def test_the_step_of_dates_is_found(dates, freq, first, label):
    df = pd.DataFrame({"u": 1, "t": pd.to_datetime(dates)})
    panel = Panel(df, unit="u", time="t")
    assert panel.freq == freq and panel.times[0] == first and label in repr(panel)
    assert np.array_equal(np.diff(panel.times), np.ones(len(dates) - 1))


def test_coded_quarters_and_days():
    quarters = pd.DataFrame({"u": 1, "t": [20194, 20201, 20202], "g": 20201})
    panel = Panel(quarters, unit="u", time="t", cohort="g", freq="Q")
    assert panel.times.tolist() == [199, 200, 201] and panel.unit_cohort.tolist() == [200.0]
    days = pd.DataFrame({"u": 1, "t": [20191231, 20200101]})
    assert Panel(days, unit="u", time="t", freq="D").times.tolist() == [18261, 18262]


@pytest.mark.parametrize(
    ("times", "text"),
    [
        ([201901, 201903, 202001], "'t' holds YYYYMM, so that 201903 to 202001 would count as 98 periods"),
        (CODED, "'t' holds YYYYMM, so that 201912 to 202001 would count as 89 periods.*freq='M'"),
        ([20194, 20201], "'t' holds YYYYQ, so that 20194 to 20201 would count as 7 periods.*freq='Q'"),
        ([20191231, 20200101], "'t' holds YYYYMMDD, so that 20191231 to 20200101 would count as 8870 .*freq='D'"),
    ],
)
def test_coded_dates_are_refused_as_integers(times, text):
    with pytest.raises(DataError, match=text):
        Panel(pd.DataFrame({"u": 1, "t": times}), unit="u", time="t")
    assert Panel(pd.DataFrame({"u": 1, "t": times}), unit="u", time="t", freq=1).times.tolist() == times


@pytest.mark.parametrize(
    "times", [[2001, 2003], [202001, 202002], [18260, 18261, 18262], [1, 201901], [201911, 201999]]
)
def test_other_integers_stand_as_they_are(times):
    panel = Panel(pd.DataFrame({"u": 1, "t": times}), unit="u", time="t")
    assert panel.times.tolist() == times and panel.freq is None and f"({times[0]}-{times[-1]})" in repr(panel)


def test_observed_periods_are_steps():
    years = [2000, 2004, 2005, 2011, 2012]
    panel, found, values = horizons(frame(years, 2005), freq="observed")
    assert panel.times.tolist() == [1, 2, 3, 4, 5] and panel.periods.tolist() == years
    assert found == [-1, 0, 1, 2]
    assert values == pytest.approx(horizons(frame(range(1, 6), 3))[2])
    between = frame(years, 2005)
    between["g"] = between["g"].replace(2005.0, 2007)
    assert Panel(between, unit="u", time="t", cohort="g", freq="observed").cohorts.tolist() == [4.0]
    between["g"] = between["g"].replace(2007.0, 2014)
    assert Panel(between, unit="u", time="t", cohort="g", freq="observed").cohorts.tolist() == [7.0]
    dates = frame(pd.to_datetime(["2000-11-07", "2004-11-02", "2008-11-04", "2012-11-06"]), pd.Timestamp("2008-11-04"))
    panel = Panel(dates, unit="u", time="t", cohort="g", freq="observed")
    assert panel.times.tolist() == [1, 2, 3, 4] and panel.cohorts.tolist() == [3.0]
    assert str(panel.periods[1]) == "2004-11-02"


def test_dates_between_observed_ones():
    votes = ["2000-11-07", "2004-11-02", "2008-11-04", "2012-11-06"]
    days = frame(pd.to_datetime(votes), pd.Timestamp("2008-11-04"))

    def cohorts(df: pd.DataFrame, first: object) -> list[float]:
        df = df.assign(g=df["g"].where(df["g"].isna(), first).astype(df["g"].dtype))
        return Panel(df, unit="u", time="t", cohort="g", freq="observed").cohorts.tolist()

    dates = {"2008-11-05": 4.0, "2012-11-06": 4.0, "2012-11-07": 5.0, "2016-11-08": 5.0, "2020-11-03": 6.0}
    assert {first: cohorts(days, pd.Timestamp(first))[0] for first in dates} == dates
    months = frame(pd.PeriodIndex(["2020-01", "2020-02", "2020-05", "2020-06"], freq="M"), pd.Period("2020-05"))
    panel = Panel(months, unit="u", time="t", cohort="g", freq="observed")
    assert panel.times.tolist() == [1, 2, 3, 4] and panel.periods.astype(str).tolist()[2] == "2020-05"
    for first, step in {"2020-03": 3.0, "2020-05": 3.0, "2020-06": 4.0, "2020-07": 5.0, "2020-09": 7.0}.items():
        assert cohorts(months, pd.Period(first, "M")) == [step]
    by_day = months.assign(g=months["g"].dt.start_time + pd.Timedelta(days=20))  # inside May
    assert Panel(by_day, unit="u", time="t", cohort="g", freq="observed").cohorts.tolist() == [3.0]


def test_biennial_periods_count_by_two():
    panel, found, values = horizons(frame([2001, 2003, 2005, 2009], 2005), freq=2)
    assert panel.times.tolist() == [1000, 1001, 1002, 1004] and panel.periods.tolist() == [2001, 2003, 2005, 2009]
    assert found == [-1, 0, 2] and values[1] == pytest.approx(2.0, abs=0.1)
    study = StackedDiD(window=(-2, 0)).fit(panel, "y").event_study()
    assert study.index.tolist() == [-2, -1, 0]
    even = frame([2001, 2003, 2005, 2009], 2005)
    even["g"] = even["g"].replace(2005.0, 2004)
    assert Panel(even, unit="u", time="t", cohort="g", freq=2).cohorts.tolist() == [1002.0]
    with pytest.raises(DataError, match="'t': 20 values are not 2 periods apart from the first, 2001; first: 2004"):
        Panel(frame([2001, 2003, 2004], 2003), unit="u", time="t", freq=2)


def test_steps_that_do_not_fit():
    df = pd.DataFrame({"u": 1, "t": [201911, 201913], "d": pd.to_datetime(["2020-01-01", "2020-02-01"]), "g": 2020})
    with pytest.raises(NonNumericError, match="'t': 1 values are no YYYYMM, which freq='M' reads; first: 201913"):
        Panel(df, unit="u", time="t", freq="M")
    with pytest.raises(OptionError, match="freq='month'"):
        Panel(df, unit="u", time="t", freq="month")
    with pytest.raises(OptionError, match="freq=0"):
        Panel(df, unit="u", time="t", freq=0)
    with pytest.raises(NonNumericError, match="'g': 2 values are no YYYYMM, which freq='M' reads; first: 2020"):
        Panel(df, unit="u", time="d", cohort="g")
    with pytest.raises(NonNumericError, match="'d' holds dates and the periods are numbers"):
        Panel(df, unit="u", time="t", cohort="d")
    with pytest.raises(MissingValueError, match="'d': 1 missing values; first: row 1"):
        Panel(df.assign(d=df.d.where(df.t == 201911)), unit="u", time="d")


def test_the_first_month_of_1970_is_a_period():
    df = frame(pd.period_range("1969-11", periods=4, freq="M"), pd.Period("1970-01", "M"), pd.NaT)
    assert Panel(df, unit="u", time="t", cohort="g").cohorts.tolist() == [0.0]


def test_periods_are_a_column_in_steps():
    panel = Panel(frame(MONTHS, MONTHS[3], pd.NaT), unit="u", time="t", cohort="g")
    assert panel.column("t")[:2].tolist() == [598.0, 599.0]


@pytest.mark.parametrize(
    "convert",
    [
        lambda df: df.convert_dtypes(dtype_backend="pyarrow"),
        lambda df: df.assign(t=df.t.dt.tz_localize("Asia/Shanghai"), g=df.g.dt.tz_localize("Asia/Shanghai")),
        lambda df: pytest.importorskip("polars").from_pandas(df),
    ],
    ids=["arrow", "time zone", "polars"],
)
def test_dates_of_other_kinds(convert):
    df = frame(MONTHS.to_timestamp(), pd.Timestamp("2020-02-01"), pd.NaT)
    panel = Panel(convert(df), unit="u", time="t", cohort="g")
    assert panel.times.tolist() == list(range(598, 604)) and panel.freq == "M"
    assert panel.cohorts.tolist() == [601.0] and np.isinf(panel.unit_cohort[10:]).all()


def test_a_dummy_is_no_cohort_of_dates():
    df = frame(MONTHS, MONTHS[3], pd.NaT)
    with pytest.raises(DataError, match="'g' holds 0 and 1, a dummy of treatment"):
        Panel(df.assign(g=(df.u < 10).astype(int)), unit="u", time="t", cohort="g")
