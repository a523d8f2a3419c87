"""Cohorts as people write them: zero, negative, far away, a dummy, and frames that change after they were read."""

import numpy as np
import pandas as pd
import pytest

from aigreen import TWFE, GroupTimeATT, Imputation, Panel
from aigreen.errors import AmbiguousCohortError, CohortVariesError, CohortWarning, DataError, NonNumericError


def frame(start: int = 2001, first: float = 2004, never: float = 0) -> pd.DataFrame:
    """Twenty units over six periods, half of them treated from `first` on by two more."""
    df = pd.DataFrame([(i, t) for i in range(20) for t in range(start, start + 6)], columns=["u", "t"])
    df["g"] = np.where(df.u < 10, first, never)
    df["y"] = df.u + df.t + 2.0 * ((df.u < 10) & (df.t >= first)) + 0.1 * np.sin(df.u * 7 + df.t)
    return df


def panel(df: pd.DataFrame) -> Panel:
    return Panel(df, unit="u", time="t", cohort="g")


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.sort_values("y", inplace=True),
        lambda d: d.__setitem__("y", d["y"] * 10),
        lambda d: d.drop(columns="y", inplace=True),
    ],
    ids=["sorted", "multiplied", "dropped"],
)
@pytest.mark.filterwarnings("ignore:The inplace keyword")
def test_what_is_fitted_is_what_was_checked(change):
    df = frame()
    expected = Imputation().fit(panel(df), "y").overall().values
    checked = panel(df)
    change(df)
    assert np.array_equal(Imputation().fit(checked, "y").overall().values, expected)


def test_arrays_changed_in_place_do_not_reach_the_panel():
    values = frame()["y"].to_numpy(copy=True)
    df = pd.DataFrame({"u": frame()["u"], "t": frame()["t"], "y": pd.Series(values, copy=False)}, copy=False)
    checked = Panel(df, unit="u", time="t")
    before = checked.column("y").copy()
    values *= 10
    assert df["y"].iloc[0] == 10 * before[0]  # the frame shares them
    assert np.array_equal(checked.column("y"), before)


def test_the_frame_is_not_changed():
    df = frame().sample(frac=1, random_state=0)
    same = df.copy()
    GroupTimeATT().fit(panel(df), "y")
    pd.testing.assert_frame_equal(df, same)


def test_zero_is_refused_where_it_is_a_period():
    text = (
        r"column 'g' is 0 for 10 units, and 0 is a period \(-3 to 2\), so that it may mean treated then or never: "
        r"write never treated as inf or missing \(0 is then the period\), or count periods from 1; first: 10, 11, 12"
    )
    with pytest.raises(AmbiguousCohortError, match=text) as caught:
        panel(frame(start=-3, first=-1))
    assert caught.value.column == "g" and caught.value.count == 10
    with pytest.raises(AmbiguousCohortError, match=r"0 is a period \(0 to 5\)"):
        panel(frame(start=0, first=3))
    assert np.isinf(panel(frame(start=-9, first=-6)).unit_cohort[10:]).all()


@pytest.mark.parametrize("never", [np.inf, np.nan])
@pytest.mark.parametrize("first", [0, -1])
def test_centred_time_gives_the_same_effect(first, never):
    effect = GroupTimeATT().fit(panel(frame(start=first - 3, first=first, never=never)), "y").overall().values[0]
    assert effect == pytest.approx(2.0, abs=0.1)


def test_negative_cohorts_need_negative_periods():
    assert panel(frame(start=-9, first=-6)).cohorts.tolist() == [-6.0]
    with pytest.raises(DataError, match=r"'g': 60 values are not periods .*; first: -1"):
        panel(frame(never=-1))
    with pytest.raises(DataError, match="'g': 60 values are not periods"):
        panel(frame(start=-9, first=-6, never=-np.inf))


def test_a_code_for_never_treated_is_pointed_out():
    text = (
        "column 'g': 10 units are first treated more than 6 periods, the panel's length, after the last one, 2006: "
        "counted as treated later; write never treated as inf or missing; first: 10, 11"
    )
    with pytest.warns(CohortWarning, match=text) as heard:
        late = panel(frame(never=9999))
    assert heard[0].message.count == 10
    assert "20 ever treated in 2 cohorts, 10 of them after the last period; 20 clusters" in repr(late)


def test_a_cohort_soon_after_the_last_period_is_no_code(recwarn):
    assert "10 of them after the last period" in repr(panel(frame(never=2012)))
    assert "after" not in repr(panel(frame()))
    assert not [w for w in recwarn if issubclass(w.category, CohortWarning)]


def test_a_dummy_is_no_cohort():
    df = frame()
    text = "column 'g' holds 0 and 1, a dummy of treatment: a cohort is the first treated period.*; first: 0, 1"
    for dummy in (df.g > 0, (df.g > 0).astype(int), ((df.g > 0) & (df.t >= 2004)).astype(float)):
        with pytest.raises(CohortVariesError, match=text) as caught:
            panel(df.assign(g=dummy))
        assert caught.value.count == 10
    text = (
        "'g' holds 0 and 1, so that 10 units are treated from the first period on: a cohort is the first .*; first: 0"
    )
    with pytest.warns(CohortWarning, match=text):
        panel(frame(start=1, first=4).assign(g=lambda d: (d.g > 0).astype(int)))
    with pytest.raises(CohortVariesError, match="a dummy of treatment"):
        panel(frame(start=-2, first=1).assign(g=lambda d: ((d.g > 0) & (d.t >= 1)).astype(int)))
    assert panel(frame(start=-2, first=1, never=np.inf)).cohorts.tolist() == [1.0]


@pytest.mark.parametrize("given", [frame(), "panel.csv", None], ids=["frame", "path", "none"])
def test_estimators_say_how_to_make_a_panel(given):
    kind = type(given).__name__
    with pytest.raises(DataError, match=rf"a Panel is needed, got a {kind}: make one, Panel\(df, unit=..., time=..., "):
        TWFE().fit(given, "y")


def test_a_path_is_no_frame():
    with pytest.raises(DataError, match=r"'firms.csv' is a path: read the file first, Panel\(pandas.read_csv\(path\)"):
        Panel("firms.csv", unit="u", time="t")


@pytest.mark.parametrize(("freq", "step"), [(None, "W"), ("observed", "W"), ("observed", "MS")])
def test_numbers_beside_dates_that_no_number_codes_are_refused(freq, step):
    df = frame(first=2010, never=np.nan)
    df["t"] = pd.date_range("2020-01-06", periods=6, freq=step)[df["t"] - 2001]
    with pytest.raises(NonNumericError, match="'g' holds numbers and the periods are dates"):
        Panel(df, unit="u", time="t", cohort="g", freq=freq)
    assert len(Panel(df.assign(g=0.0), unit="u", time="t", cohort="g", freq=freq).cohorts) == 0
