"""What results say of their errors: the small-sample factor in words, and the degrees of freedom of intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from aigreen import (
    TWFE,
    Decomposition,
    Efficient,
    GroupTimeATT,
    Imputation,
    Mediation,
    Panel,
    Spillover,
    StackedDiD,
    SunAbraham,
)

CITIES, LEFT_OUT = 40, 3
CLUSTERED = "(N-1)/(N-K) G/(G-1), K without fixed effects nested in clusters"
# Estimator, convention, what it says, and degrees of freedom: clusters with a row less one, or None for normal ones.
SAID = {
    "ols": (TWFE(), "variance", f"clustered by city, {CLUSTERED}", CITIES - LEFT_OUT - 1),
    "decomposition": (
        Decomposition(channels=["m"], exposure="ring"),
        "small-sample factor",
        "none",
        CITIES - LEFT_OUT - 1,
    ),
    "spillover": (Spillover(exposure="ring"), "small-sample factor", "none", CITIES - LEFT_OUT - 1),
    "mediation": (Mediation(channels=["m"]), "small-sample factor", CLUSTERED, CITIES - LEFT_OUT - 1),
    "imputation": (Imputation(), "small-sample factor", "none", None),
    "group time": (GroupTimeATT(), "small-sample factor", "none", None),
    "chen et al.": (Efficient(kind="chen_santanna_xie"), "small-sample factor", "none", None),
    "roth-santanna": (Efficient(kind="roth_santanna"), "small-sample factor", "none", None),
    "sun-abraham": (SunAbraham(), "variance", f"clustered by city, {CLUSTERED}", CITIES - LEFT_OUT - 1),
    "stacked": (
        StackedDiD(window=(-2, 2)),
        "variance",
        f"clustered by city, {CLUSTERED}",
        CITIES - LEFT_OUT - 1,
    ),
}


@pytest.fixture(scope="module")
def panel() -> Panel:
    """Two firms a city, seen in all periods; three cities have no outcome."""
    rng = np.random.default_rng(7)
    frame = pd.MultiIndex.from_product([range(2 * CITIES), range(1, 9)], names=["firm", "year"]).to_frame(index=False)
    frame["city"] = frame["firm"] // 2
    frame["first"] = np.resize([0, 4, 6, 0], CITIES)[frame["city"]]
    frame["ring"] = 1.0 * ((frame["city"] % 5 == 0) & (frame["year"] >= 5))
    treated = (frame["first"] > 0) & (frame["year"] >= frame["first"])
    frame["m"] = rng.standard_normal(len(frame)) + 0.5 * treated
    frame["y"] = rng.standard_normal(len(frame)) + 0.5 * frame["m"] + treated + 0.3 * frame["ring"]
    frame.loc[frame["city"] >= CITIES - LEFT_OUT, "y"] = np.nan
    return Panel(frame, unit="firm", time="year", cohort="first", cluster="city")


@pytest.mark.parametrize("name", SAID)
@pytest.mark.filterwarnings("ignore::aigreen.errors.AigreenWarning")
def test_factor_and_degrees_of_freedom(panel: Panel, name: str) -> None:
    estimator, convention, words, df = SAID[name]
    result = estimator.fit(panel, "y")
    assert result.conventions[convention] == words
    assert (result.n_clusters, result.df) == (CITIES - LEFT_OUT, df)
    # Of the last part or effect: the interval at normal or t quantiles where clusters are many, wider where few.
    wide = result.conf_int().iloc[-1].diff().iloc[-1] / 2 / result.std_errors.iloc[-1]
    assert wide >= stats.t.ppf(0.975, np.inf if df is None else df) - 1e-9


@pytest.mark.filterwarnings("ignore::aigreen.errors.AigreenWarning")
def test_the_efficient_factor_is_that_of_variances_within_cohorts(panel: Panel) -> None:
    """The difference of two means of changes: its variance with n - 1 in each of the two groups."""
    frame = panel.frame.query("city < 37 and year in (1, 2)").assign(first=lambda f: 2 * (f["city"] % 3 == 0))
    neyman = Efficient(kind="roth_santanna", adjustment="callaway_santanna", variance="conservative")
    result = neyman.fit(Panel(frame, unit="firm", time="year", cohort="first"), "y")
    assert result.conventions["small-sample factor"] == "N/(N-1) by cohort"
    change = frame.pivot(index="firm", columns="year", values="y").diff(axis=1)[2]
    groups = [part for _, part in change.groupby(frame.groupby("firm")["first"].first())]
    expected = np.sqrt(sum(part.var(ddof=1) / len(part) for part in groups))
    assert result.std_errors.iloc[-1] == pytest.approx(expected)
