"""Sets of ratios: what is in them is what the test of the linear combination does not reject."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from aigreen import Decomposition, Panel
from aigreen.effects.confidence_set import ratio_set
from aigreen.errors import EffectsError


def influence(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((60, 2)) * [0.1, 0.05] + np.random.default_rng(9).normal(
        0, 0.04, (60, 1)
    )


@pytest.mark.parametrize("df", [None, 12])
@pytest.mark.parametrize(
    ("b", "a", "pieces"), [(3.0, 1.0, 1), (0.3, 4.0, 2), (0.1, 0.2, 1)], ids=["interval", "rays", "line"]
)
def test_members_are_what_the_test_does_not_reject(b: float, a: float, pieces: int, df: int | None) -> None:
    psi = influence()
    found = ratio_set((a, psi[:, 0]), (b, psi[:, 1]), 0.95, df)
    assert len(found.intervals) == pieces
    critical = stats.norm.ppf(0.975) if df is None else stats.t.ppf(0.975, df)
    for share in np.linspace(-60, 60, 4_001):
        gap, error = a - share * b, np.linalg.norm(psi[:, 0] - share * psi[:, 1])
        assert (share in found) == (abs(gap) <= critical * error)
    for low, high in found.intervals:
        for end in (low, high):
            if np.isfinite(end):
                assert abs(a - end * b) == pytest.approx(critical * np.linalg.norm(psi[:, 0] - end * psi[:, 1]))


def test_the_line_and_the_level() -> None:
    psi = influence()
    whole = ratio_set((0.1, psi[:, 0]), (0.01, psi[:, 1]), 0.95)
    assert whole.intervals == ((-np.inf, np.inf),) and str(whole) == "[-inf, inf]"
    narrow, wide = (ratio_set((1.0, psi[:, 0]), (5.0, psi[:, 1]), level).intervals[0] for level in (0.5, 0.99))
    assert wide[0] < narrow[0] < 0.2 < narrow[1] < wide[1]
    with pytest.raises(EffectsError, match="level=95"):
        ratio_set((1.0, psi[:, 0]), (5.0, psi[:, 1]), 95)


def test_shares_of_a_decomposition() -> None:
    """Far from zero the sets are near the intervals of the delta method, and the direct share mirrors the channel's."""
    rng = np.random.default_rng(1)
    firm, year = np.repeat(np.arange(120), 6), np.tile(np.arange(1, 7), 120)
    first = np.where(firm % 3 == 0, 4, 0)
    treated = (first > 0) & (year >= first)
    m = treated + rng.standard_normal(720)
    df = pd.DataFrame({"firm": firm, "year": year, "first": first, "m": m})
    df["y"] = 2.0 * treated + 0.5 * m + 0.3 * rng.standard_normal(720)
    parts = Decomposition(channels=["m"]).fit(Panel(df, unit="firm", time="year", cohort="first"), "y")
    overall = parts.overall()
    sets, delta = overall.share_sets(), overall.shares().conf_int()
    assert sets.index.tolist() == ["direct", "m"] and sets.index.name == "part"
    for name, (low, high) in {name: found.intervals[0] for name, found in sets.items()}.items():
        assert (low, high) == pytest.approx(tuple(delta.loc[name]), abs=5e-3)
        assert overall.shares().estimates[name] in sets[name]
    (low, high), (other_low, other_high) = (sets[name].intervals[0] for name in ("direct", "m"))
    assert (1 - high, 1 - low) == pytest.approx((other_low, other_high), abs=1e-10)
    with pytest.raises(EffectsError, match="overall"):
        parts.share_sets()
