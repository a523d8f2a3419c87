"""Bias and coverage of Switchers with treatment that goes on and off, and contamination by another treatment."""

import numpy as np
import pandas as pd
import pytest

from aigreen import Panel, Switchers

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::aigreen.errors.AigreenWarning")]

SAMPLES, PERIODS, HORIZONS = 1_000, 7, 3
ESTIMANDS = ("event_study", "normalized", "total")


def paths(rng, n, values):
    """Treatment of each unit, drawn anew with a probability that differs by unit."""
    state = np.empty((n, PERIODS))
    state[:, 0] = rng.choice(values, n)
    moves = rng.uniform(0.05, 0.3, n)
    for t in range(1, PERIODS):
        state[:, t] = np.where(rng.random(n) < moves, rng.choice(values, n), state[:, t - 1])
    return state


def lagged(state):
    """Effect of treatment now and half as much a period later; twice as large where it starts at zero."""
    before = np.column_stack([state[:, :1], state[:, :-1]])
    return (state + 0.5 * before) * (1 + (state[:, :1] == 0))


def truth(state):
    """What the three estimands are for these paths: effects against keeping the first value."""
    change = state - state[:, :1]
    effect = lagged(state) - lagged(np.broadcast_to(state[:, :1], state.shape))
    first = np.where(change != 0, np.arange(PERIODS), PERIODS).min(axis=1)
    sign = np.sign(change[np.arange(len(state)), np.minimum(first, PERIODS - 1)])
    top, size = np.zeros(HORIZONS + 1), np.zeros((3, HORIZONS + 1))
    for h in range(HORIZONS + 1):
        for f in range(1, PERIODS - h):
            for value in np.unique(state[:, 0]):
                alike = state[:, 0] == value
                if (alike & (first > f + h)).any():
                    own = alike & (first == f) & (sign * change[:, f : f + h + 1].T >= 0).all(axis=0)
                    top[h] += (sign * effect[:, f + h])[own].sum()
                    size[0, h] += own.sum()
                    size[1, h] += np.abs(change[own, f : f + h + 1]).sum()
                    size[2, h] += np.abs(change[own, f + h]).sum()
    return np.concatenate([top / size[0], top / size[1], [top.sum() / size[2].sum()]])


@pytest.mark.parametrize(
    ("values", "towns"), [((0, 1), 400), ((0, 1, 2), 400), ((0, 1), 60)], ids=["on_off", "three", "towns"]
)
def test_bias_and_coverage(values, towns):
    """400 units; trends differ by first value; clusters of one unit, or 60 towns with their own shocks and paths."""
    rng, rows, targets = np.random.default_rng(7), [], []
    town = np.arange(400) % towns
    keys = {"unit": np.repeat(np.arange(400), PERIODS), "town": np.repeat(town, PERIODS)}
    keys["time"] = np.tile(np.arange(PERIODS), 400)
    for _ in range(SAMPLES):
        state = paths(rng, towns, values)[town]
        shock = 0.5 * rng.normal(size=(towns, PERIODS)).cumsum(axis=1)[town]
        y = (
            rng.normal(size=(400, 1))
            + 0.3 * np.arange(PERIODS) * state[:, :1]
            + shock
            + rng.normal(size=(400, PERIODS))
        )
        df = pd.DataFrame(keys | {"on": state.ravel(), "y": (y + lagged(state)).ravel()})
        panel = Panel(df, unit="unit", time="time", cluster="town")
        fits = [Switchers(estimand=name, horizons=HORIZONS).fit(panel, "y", treatment="on") for name in ESTIMANDS]
        ends = [fit.select(np.ones(1, dtype=bool) if len(fit) == 1 else fit.post) for fit in fits]
        rows.append(np.hstack([np.column_stack([fit.values, fit.conf_int()]).T for fit in ends]))
        targets.append(truth(state))
    values, low, high = np.array(rows).transpose(1, 0, 2)
    target = np.mean(targets, axis=0)
    gap = values - np.array(targets)
    bias = gap.mean(axis=0) / (gap.std(axis=0) / np.sqrt(SAMPLES))
    covered = ((low <= target) & (target <= high)).mean(axis=0)
    print(f"bias in errors {bias.round(1)}, covered {covered.round(3)}")
    assert np.abs(bias).max() < 3.5
    assert covered.min() > 0.92
    assert covered.max() < 0.97
    assert 0.93 < covered.mean() < 0.97


def test_another_treatment_does_not_contaminate():
    """Another policy of effect 2 begins, more often than not, where the treatment of effect 1 begins."""
    rng, gaps, covered = np.random.default_rng(8), [], []
    n, year = 600, np.arange(PERIODS)
    for _ in range(300):
        first = rng.choice([2, 4, 99], n)
        other = np.where(rng.random(n) < 0.6, first, rng.choice([2, 4, 99], n))
        on, also = ((year >= start[:, None]).astype(float) for start in (first, other))
        y = rng.normal(size=(n, 1)) + rng.normal(size=(n, PERIODS)) + on + 2 * also
        keys = {"unit": np.repeat(np.arange(n), PERIODS), "time": np.tile(year, n)}
        df = pd.DataFrame(keys | {"on": on.ravel(), "also": also.ravel(), "y": y.ravel()})
        panel = Panel(df, unit="unit", time="time")
        naive, ours = (
            Switchers(other_treatments=others).fit(panel, "y", treatment="on").overall() for others in ((), "also")
        )  # fmt: skip
        gaps.append([naive.values[0] - 1, ours.values[0] - 1])
        low, high = ours.conf_int().iloc[0]
        covered.append(low <= 1 <= high)
    (naive, clean), error = np.mean(gaps, axis=0), np.std(gaps, axis=0) / np.sqrt(len(gaps))
    print(f"naive {naive:.3f}, same path {clean:.4f} ({error[1]:.4f}), covered {np.mean(covered):.3f}")
    assert naive > 0.5
    assert abs(clean) < 3 * error[1]
    assert 0.92 < np.mean(covered) < 0.98
