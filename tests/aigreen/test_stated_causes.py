"""Errors that name what the user can change: no cohort column, counts that are all zero, words among dates."""

import numpy as np
import pandas as pd
import pytest

from aigreen import TWFE, Decomposition, GroupTimeATT, Imputation, Mediation, Panel, StackedDiD, SunAbraham
from aigreen.errors import CollinearError, EffectsError, NoControlsError, NonNumericError, NoTreatedError

NO_COHORT = {
    "group time": GroupTimeATT(),
    "imputation": Imputation(),
    "sun abraham": SunAbraham(),
    "stacked": StackedDiD(window=(-1, 1)),
    "event study": TWFE(event_study=True),
    "decomposition": Decomposition(channels=["m"]),
    "mediation": Mediation(channels=["m"]),
}


def frame():
    """Twelve firms in six years, half treated from 2004 on; `early` is zero in them, `late` once they are treated."""
    firm, year = np.repeat(np.arange(12), 6), np.tile(np.arange(2001, 2007), 12)
    rng = np.random.default_rng(0)
    counts = rng.poisson(5, 72) + 1.0
    treated = firm % 2 == 0
    columns = {"firm": firm, "year": year, "first": np.where(treated, 2004, 0), "m": rng.standard_normal(72)}
    columns |= {"early": np.where(treated, 0, counts), "late": np.where(treated & (year >= 2004), 0, counts)}
    return pd.DataFrame(columns | {"y": counts})


def panel(**changed):
    return Panel(frame().assign(**changed), unit="firm", time="year", cohort="first")


@pytest.mark.parametrize("estimator", NO_COHORT)
def test_without_a_cohort_column_the_error_says_so(estimator, tmp_path):
    frame().to_parquet(tmp_path / "panel.parquet")
    panels = [Panel(frame(), unit="firm", time="year")]
    if estimator != "mediation":  # which reads panels in memory alone
        panels.append(Panel.scan(tmp_path / "panel.parquet", unit="firm", time="year"))
    for without in panels:
        with pytest.raises(NoTreatedError, match=r"^no cohort column was named, .*Panel\(\.\.\., cohort="):
            NO_COHORT[estimator].fit(without, "y")


@pytest.mark.filterwarnings("ignore::aigreen.errors.AigreenWarning")
@pytest.mark.parametrize("scale", ["level", "percent"])
def test_counts_that_are_zero_before_treatment_are_separated(scale):
    told = r"the outcome of its unit, or of its period, is zero in all untreated rows, .* \(separation\); first"
    with pytest.raises(NoControlsError, match=told) as caught:
        Imputation(family="poisson", scale=scale).fit(panel(), "early")
    assert caught.value.count == 18
    with pytest.raises(NoControlsError, match=r"^no positive counterfactual of treated rows: the outcome of"):
        Decomposition(channels=["m"], family="poisson").fit(panel(), "early")


@pytest.mark.filterwarnings("ignore::aigreen.errors.AigreenWarning")
def test_counts_that_are_zero_after_treatment_are_separated():
    with pytest.raises(CollinearError, match=r"as the 18 rows .* without a finite fit \(separation\): treated$"):
        TWFE(family="poisson").fit(panel(), "late")
    with pytest.raises(EffectsError, match=r"not finite: all counts of its treated rows are zero, .* \(separation\)$"):
        Decomposition(channels=["m"], family="poisson").fit(panel(), "late").overall()


def test_a_collinear_treatment_is_no_separation():
    with pytest.raises(CollinearError, match="as fixed effects or other treatments determine them"):
        TWFE(family="poisson").fit(panel(always=frame()["firm"] % 3), "y", treatment="always")


@pytest.mark.parametrize("date", ["2004", "2004-05-01", "2004Q2"])
@pytest.mark.parametrize("word", ["never", "从未"])
def test_a_word_for_never_among_dates_is_named(date, word):
    first = np.where(frame()["first"] > 0, date, word)
    with pytest.raises(NonNumericError) as caught:
        panel(first=first)
    assert str(caught.value) == (
        f"column 'first': 36 values are words ({word!r}), not periods: leave the first treated period of units that "
        "are never treated empty"
    )
