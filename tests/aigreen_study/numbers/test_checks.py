"""Numbers of the exhibits that answer objections."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from aigreen.effects.effects import Effects
from aigreen_study.numbers.checks import add_estimators, bounded, with_errors
from aigreen_study.numbers.prose import Ledger


@pytest.mark.parametrize(
    ("lone", "kept"),
    [
        ([], range(-3, 4)),
        ([3], range(-3, 3)),
        ([-3, 2], range(-2, 2)),
        ([-3, -2, 3], range(-1, 3)),
    ],
)
def test_horizons_go_up_to_the_first_without_an_error_of_its_own(lone, kept):
    horizons = np.arange(-3, 4)
    bounds = pd.DataFrame({"low": np.where(np.isin(horizons, lone), np.nan, -1.0), "high": 1.0}, index=horizons)
    study = SimpleNamespace(index=pd.Index(horizons), conf_int=lambda: bounds, select=lambda keep: horizons[keep])
    assert with_errors(study).tolist() == list(kept)


@pytest.fixture
def study():
    psi = np.random.default_rng(0).normal(size=(40, 4)) / 40
    psi[:, 1] = 0  # the reference
    facts = {"n_rows": 80, "n_units": 40, "n_clusters": 40, "method": "m", "outcome": "y"}
    return Effects(
        values=np.array([0.1, 0.0, 0.2, 0.3]), index=pd.Index([-2, -1, 0, 1], name="horizon"), psi=psi,
        post=np.array([False, False, True, True]), clusters=pd.RangeIndex(40, name="city"), **facts,
    )  # fmt: skip


def test_bounds_are_those_that_effects_before_treatment_tell_of(study):
    kinds = ("relative_magnitudes", "smoothness")
    found, failures = bounded(study, kinds, 0.95)
    assert [result.restriction for result in found] == ["relative_magnitudes"]
    assert "changes of slope" in failures["smoothness"]
    found, failures = bounded(study.select(study.index.to_numpy() > -2), kinds, 0.95)
    assert not found
    assert "no effects before" in failures["relative_magnitudes"]


def test_a_study_without_an_effect_before_treatment_has_no_test_of_them(study):
    ledger = Ledger(rule="event_study_estimators")
    short = study.select(study.index.to_numpy() > -2)
    add_estimators(ledger, {"Group-time": study, "Stacked": short}, [], 80)
    numbers = json.loads(ledger.to_json())
    assert numbers["pretrend_group_time_p"]["value"] == pytest.approx(study.pretrend_test().p_value)
    assert numbers["pretrend_stacked_p"]["text"] == numbers["pretrend_stacked_trend_p"]["text"] == "none"
