"""Size and power of the check that a channel acts along a straight line, over repeated samples."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aigreen import Decomposition, Mediation, Panel

FIRMS, PERIODS = 600, 6


def sample(seed: int, *, curve: float = 0.0, confounding: float = 0.0) -> Panel:
    """Draw a panel in which treatment moves a channel, whose effect may bend or be confounded."""
    rng = np.random.default_rng(seed)
    firm, year = np.repeat(np.arange(FIRMS), PERIODS), np.tile(np.arange(PERIODS), FIRMS)
    first = rng.choice([np.inf, 3, 4], FIRMS, p=[0.5, 0.25, 0.25])[firm]
    treated, hidden = year >= first, rng.normal(size=len(firm))
    m = rng.normal(size=FIRMS)[firm] + 0.1 * year + 0.8 * treated + rng.normal(size=len(firm)) + confounding * hidden
    y = rng.normal(size=FIRMS)[firm] + 0.1 * year + 0.5 * treated + 0.3 * m + curve * m**2
    y = y + rng.normal(size=len(firm)) + 2 * confounding * hidden
    frame = pd.DataFrame({"firm": firm, "year": year, "first": first, "m": m, "y": y})
    return Panel(frame, unit="firm", time="year", cohort="first")


def rejections(n: int, curve: float) -> float:
    check = Mediation(channels=["m"]).check_linearity
    return float(np.mean([check(sample(seed, curve=curve), "y").test().p_value < 0.05 for seed in range(n)]))


@pytest.mark.slow
def test_a_straight_line_is_rejected_in_one_of_twenty_samples_and_a_curve_is_found():
    assert 0.03 <= rejections(300, 0.0) <= 0.08
    assert rejections(60, 0.5) > 0.95


def test_leads_and_robustness_values_are_silent_where_the_check_is_not():
    panel = sample(0, curve=0.5)
    leads = Decomposition(channels=["m"], leads=2).fit(panel, "y")
    assert leads["m"].event_study().pretrend_test().p_value > 0.05
    assert Decomposition(channels=["m"]).sensitivity(panel, "y")["robustness_value"].iloc[0] > 0.2
    assert Mediation(channels=["m"]).check_linearity(panel, "y").test().p_value < 0.001


def test_a_confounded_channel_has_the_higher_robustness_value():
    right, wrong = (sample(0, confounding=c) for c in (0.0, 0.7))
    values = [Decomposition(channels=["m"]).sensitivity(p, "y")["robustness_value"].iloc[0] for p in (right, wrong)]
    slopes = [Decomposition(channels=["m"]).factors(p, "y").estimates["m", "slope"] for p in (right, wrong)]
    assert slopes[0] == pytest.approx(0.3, abs=0.05)
    assert slopes[1] > 0.8
    assert values[1] > values[0] + 0.2
