"""Bias and coverage of TripleDifference, and what two shorter ways get wrong."""

import numpy as np
import pandas as pd
import pytest

from aigreen import GroupTimeATT, Panel, TripleDifference

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::aigreen.errors.AigreenWarning")]

PERIODS, SAMPLES = 6, 1_000


def draw(rng, n, *, towns=None, by_size=1.0):
    """Trends differ by cohort and size, the gap between polluting and other firms by size only (in all cohorts alike).

    With `towns`, these are the clusters and share cohorts and shocks, of which a part concerns polluting firms only.
    """
    nested = towns is not None
    towns = towns or n
    town, year = np.arange(n) % towns, np.arange(1, PERIODS + 1)
    first = (rng.permutation(np.resize([0, 0, 3, 5], towns)) if nested else rng.choice([0, 3, 5], n))[town]
    size = rng.normal(size=n) + 0.4 * (first == 3)
    polluting = rng.random(n) < 1 / (1 + np.exp(0.8 * (first == 5) - 0.6 * by_size * size))
    trend = 0.4 * first + by_size * 0.2 * size * (first == 3) + polluting * (0.2 + by_size * 0.3 * size)
    shock = 0.5 * rng.normal(size=(towns, PERIODS)).cumsum(axis=1)[town]
    shock += nested * 0.3 * rng.normal(size=(towns, PERIODS))[town] * polluting[:, None]
    treated = (polluting & (first > 0))[:, None] & (year >= first[:, None])
    y = rng.normal(size=(n, 1)) + year * trend[:, None] + shock + rng.normal(size=(n, PERIODS))
    y += treated * (1 + 0.2 * (year - first[:, None]))
    keys = {"firm": np.arange(n), "town": town, "first": first, "polluting": polluting.astype(int), "size": size}
    frame = pd.DataFrame({name: np.repeat(values, PERIODS) for name, values in keys.items()})
    frame = frame.assign(year=np.tile(year, n), y=y.ravel())
    return Panel(frame, unit="firm", time="year", cohort="first", cluster="town")


def truth(index):
    cohort, time = (index.get_level_values(name).to_numpy() for name in ("cohort", "time"))
    return np.where(time >= cohort, 1 + 0.2 * (time - cohort), 0.0)


def measured(panel, **options):
    """Error of the simple average, whether it is covered, and the share of cells that are."""
    effects = TripleDifference(third="polluting", **options).fit(panel, "y", covariates="size")
    ends, cells = effects.conf_int(), truth(effects.index)
    overall = effects.aggregate("simple")
    value = float(overall.weights["ATT"] @ truth(overall.weights.index))
    low, high = overall.conf_int().iloc[0]
    inside = ((ends["low"] <= cells) & (cells <= ends["high"])).mean()
    return overall.values[0] - value, low <= value <= high, inside


@pytest.mark.parametrize("method", ["dr", "ipw", "reg"])
@pytest.mark.parametrize("towns", [None, 40], ids=["firms", "towns"])
def test_bias_and_coverage(method, towns):
    """600 firms, clusters of one or 40 towns of which 20 are treated; weights of comparison cohorts as by default."""
    rng = np.random.default_rng(3)
    drawn = np.array([measured(draw(rng, 600, towns=towns), method=method) for _ in range(SAMPLES)], dtype=float)
    gap, overall, cells = drawn.T
    print(f"{method}: {gap.mean():.4f} of {gap.std():.3f}, covered {overall.mean():.3f}, cells {cells.mean():.3f}")
    assert abs(gap.mean()) < 3 * gap.std() / np.sqrt(SAMPLES)
    assert 0.93 < overall.mean() < 0.97
    assert 0.93 < cells.mean() < 0.97


def bias(control_group, covariates, by_size):
    """Bias and its error: of group-time effects of polluting less those of other firms, and of ours."""
    rng, gaps = np.random.default_rng(4), []
    for _ in range(200):
        panel = draw(rng, 600, by_size=by_size)
        halves = panel.split("polluting")
        model = GroupTimeATT(control_group=control_group)
        both = model.fit(halves[1], "y", covariates=covariates) - model.fit(halves[0], "y", covariates=covariates)
        ours = TripleDifference(third="polluting", control_group=control_group).fit(panel, "y", covariates=covariates)
        gaps.append([(part.values - truth(part.index))[part.post].mean() for part in (both, ours)])
    gaps = np.array(gaps)
    return gaps.mean(axis=0), gaps.std(axis=0) / np.sqrt(len(gaps))


def test_cohorts_not_yet_treated_cannot_be_pooled():
    """Without covariates: the eligible among those not yet treated are of other cohorts than the rest."""
    (pooled, ours), error = bias("not_yet_treated", None, 0.0)
    assert abs(ours) < 3 * error[1]
    assert pooled > 10 * error[0]


def test_two_doubly_robust_differences_are_not_a_triple_difference():
    """The second averages the covariates of other firms, not of polluting ones."""
    (naive, ours), error = bias("never_treated", "size", 1.0)
    assert abs(ours) < 3 * error[1]
    assert naive > 10 * error[0]
