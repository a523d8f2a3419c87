"""Anticipation: what base its cells have, and what tests of trends and honest bounds make of its window."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aigreen import GroupTimeATT, Imputation, Panel
from aigreen.errors import EffectsError
from aigreen.inference import honest_did, pretrend_power


def draw(*, window: int, effect: float = 1.0, seed: int = 0, gap: int | None = None) -> Panel:
    """200 firms, 12 periods, a third treated in 8 and 9; the effect is felt `window` periods before."""
    rng = np.random.default_rng(seed)
    firm, year = np.repeat(np.arange(200), 12), np.tile(np.arange(1, 13), 200)
    first = np.where(firm % 3 == 0, 8 + firm % 2, 0)
    felt = (first > 0) & (year >= first - window)
    y = effect * felt + 0.3 * rng.standard_normal(len(firm)) + 0.1 * (firm % 7) + 0.2 * year
    df = pd.DataFrame({"firm": firm, "year": year, "first": first, "y": y})
    return Panel(df if gap is None else df[df["year"] != gap], unit="firm", time="year", cohort="first")


def test_cells_of_the_window_are_measured_against_its_start():
    panel = draw(window=2)
    effects = GroupTimeATT(anticipation=2).fit(panel, "y").event_study()
    assert effects.estimates.loc[[-2, -1, 0, 1]].to_numpy() == pytest.approx(1, abs=0.15)
    assert effects.estimates.loc[[-4, -3]].to_numpy() == pytest.approx(0, abs=0.15)
    steps = GroupTimeATT(anticipation=2, base_period="varying_window").fit(panel, "y").event_study()
    assert steps.estimates.loc[-1] == pytest.approx(0, abs=0.15)
    assert steps.estimates.loc[0] == pytest.approx(effects.estimates.loc[0])


@pytest.mark.parametrize("base", ["varying", "universal", "varying_window"])
def test_the_window_is_no_pre_trend(base):
    panel = draw(window=2)
    test = GroupTimeATT(anticipation=2, base_period=base).fit(panel, "y").event_study(window=(-5, 3)).pretrend_test()
    assert test.df == (2 if base == "universal" else 3)
    assert test.p_value > 0.1
    assert GroupTimeATT(base_period="universal").fit(panel, "y").event_study().pretrend_test().trend_p_value < 1e-6
    with pytest.raises(EffectsError, match="and its 2 periods of anticipation is among the results"):
        GroupTimeATT(anticipation=2).fit(panel, "y").event_study(window=(-2, 3)).pretrend_test()


def test_size_with_anticipation():
    """Of 60 true nulls with one period of anticipation about 3 are rejected (the window among them: nearly all)."""
    p = [
        GroupTimeATT(anticipation=1).fit(draw(window=1, seed=s), "y").event_study(window=(-5, 3)).pretrend_test()
        for s in range(60)
    ]
    assert sum(test.p_value <= 0.05 for test in p) <= 8


@pytest.mark.parametrize("effects", [
    GroupTimeATT().fit(draw(window=0, gap=7), "y"),
    Imputation(anticipation=1, leads=2).fit(draw(window=1), "y"),
    GroupTimeATT(anticipation=1).fit(draw(window=1), "y").event_study(window=(-4, 3)).select(np.arange(8) != 3),
], ids=["gap", "anticipation of imputation", "window cut out"])  # fmt: skip
def test_a_missing_horizon_is_not_taken_for_the_reference(effects):
    for what in (honest_did, pretrend_power):
        with pytest.raises(EffectsError, match="no reference period"):
            what(effects)


def test_the_universal_base_is_the_reference():
    effects = GroupTimeATT(anticipation=1, base_period="universal").fit(draw(window=1), "y")
    low, high = honest_did(effects.event_study(window=(-5, 2)), bounds=[0.0], restriction="smoothness").original
    assert low < 1 < high and high - low < 0.3
