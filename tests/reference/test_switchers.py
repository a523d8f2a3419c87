"""Switchers against the authors' own package and diff-diff; the numbers of the former stand in switchers.json.

Computed with py_did_multiplegt_dyn 0.1.9 (effects=4, placebo=2). Named difference: their errors take the paths of
treatment as given; ours count the number of switchers as sampled. Recentred within first value, period and direction of
the switch, ours are diff-diff's for an absorbing treatment.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from diff_diff import ChaisemartinDHaultfoeuille as Peer

from aigreen import Panel, Switchers

pytestmark = pytest.mark.filterwarnings("ignore::aigreen.errors.AigreenWarning")

NUMBERS = json.loads(Path(__file__).with_name("switchers.json").read_text("utf-8"))
VALUES = {"on_off": [0, 1], "three": [0, 1, 2], "once": [0, 1, 2]}


def design(name):
    """300 units, 6 periods: on and off; three values, any number of changes; three values, one change at most."""
    rng, n, periods = np.random.default_rng(0), 300, 6
    y = rng.normal(size=(n, 1)) + rng.normal(size=(n, periods)).cumsum(axis=1)
    state = np.empty((n, periods))
    state[:, 0] = rng.choice(VALUES[name], n)
    for t in range(1, periods):
        drawn = np.where(rng.random(n) < 0.25, rng.choice(VALUES[name], n), state[:, t - 1])
        moved = (state[:, :t] != state[:, :1]).any(axis=1)
        state[:, t] = np.where(moved & (name == "once"), state[:, t - 1], drawn)
    keys = {"unit": np.repeat(np.arange(n), periods), "time": np.tile(np.arange(1, periods + 1), n)}
    return pd.DataFrame(keys | {"d": state.ravel(), "y": (y + state).ravel()})


@pytest.mark.parametrize("direction", ["both", "in", "out"])
@pytest.mark.parametrize("name", VALUES)
def test_equals_the_authors_package(name, direction):
    frame, expected = design(name), NUMBERS[name]
    assert frame["y"].sum() == pytest.approx(expected["sum_of_y"], abs=1e-9)
    expected = expected[direction]
    panel = Panel(frame, unit="unit", time="time")
    for estimand in ("event_study", "normalized"):
        found = Switchers(estimand=estimand, direction=direction, horizons=3).fit(panel, "y", treatment="d")
        np.testing.assert_allclose(found.estimates.loc[0:3], expected[estimand], rtol=0, atol=1e-10)
        np.testing.assert_allclose(found.estimates.loc[[-2, -3]], expected[f"{estimand}_placebos"], rtol=0, atol=1e-10)
    counts = Switchers(direction=direction, horizons=3).fit(panel, "y", treatment="d").mass.value[-4:]
    assert counts.tolist() == expected["switchers"]
    total = Switchers(estimand="total", direction=direction, horizons=3).fit(panel, "y", treatment="d")
    assert total.estimates["ATT"] == pytest.approx(expected["total"], abs=1e-10)


@pytest.mark.parametrize("name", ["on_off", "once"])
def test_equals_diff_diff(name):
    """Without paths on both sides of their first value, which diff-diff keeps or leaves out as a whole.

    diff-diff's average total effect is another number: the mean of effects weighed by treatment.
    """
    frame = design(name)
    peer = Peer(twfe_diagnostic=False, drop_larger_lower=False)
    with pytest.warns(UserWarning):
        found = peer.fit(frame, "y", unit="unit", time="time", treatment="d", L_max=4)
    panel = Panel(frame, unit="unit", time="time")
    ours = Switchers(horizons=3).fit(panel, "y", treatment="d")
    for step, cell in (found.event_study_effects | found.placebo_event_study).items():
        if np.isfinite(cell["effect"]):
            assert ours.estimates[step - 1] == pytest.approx(cell["effect"], abs=1e-10)
    ours = Switchers(estimand="normalized", horizons=3).fit(panel, "y", treatment="d")
    for step, cell in found.normalized_effects.items():
        assert ours.estimates[step - 1] == pytest.approx(cell["effect"], abs=1e-10)


def test_errors_of_diff_diff_given_the_paths():
    """Absorbing treatment: influence functions less their mean among units of the same first period of treatment."""
    frame = design("on_off")
    first = np.random.default_rng(1).choice([99, 3, 4, 6], 300).repeat(6)
    frame["d"] = (frame["time"] >= first).astype(int)
    with pytest.warns(UserWarning):
        found = Peer(twfe_diagnostic=False).fit(frame, "y", unit="unit", time="time", treatment="d", L_max=4)
    ours = Switchers(horizons=3).fit(Panel(frame, unit="unit", time="time"), "y", treatment="d")
    cohort = first[::6]
    for step in range(1, 5):
        psi = ours.influence[step - 1]
        within = psi - psi.groupby(cohort).transform("mean")
        assert np.sqrt((within**2).sum()) == pytest.approx(found.event_study_effects[step]["se"], rel=1e-10)
