"""GroupTimeATT with learners against doubleml 0.11.4 (`DoubleMLDID`, a cell each); its numbers stand in learners.json.

Computed with the folds of `design` (``set_sample_splitting``) and scikit-learn 1.9.1. Named difference: their errors
take the mean residual of the reweighted controls for zero, which it is in the limit; ours subtract it.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from aigreen import GroupTimeATT, Panel
from aigreen.did.group_time import learners

NUMBERS = json.loads(Path(__file__).with_name("learners.json").read_text("utf-8"))
LEARNERS = {
    "linear": (LinearRegression(), LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000)),
    "neighbours": (KNeighborsRegressor(30), KNeighborsClassifier(60)),
}


def design():
    """500 units, 4 periods, cohorts 3 and 4; cohort and trend depend on the square of a covariate. And four folds."""
    rng, n, periods = np.random.default_rng(0), 500, 4
    x, time = rng.normal(size=(n, 2)), np.arange(1, periods + 1)
    bent = x[:, 0] ** 2 - 1 + 0.5 * x[:, 1]
    utility = np.column_stack([np.zeros(n), 0.4 * bent - 0.3, -0.4 * bent - 0.3]) + rng.gumbel(size=(n, 3))
    first = np.array([0, 3, 4])[utility.argmax(axis=1)]
    treated = (first[:, None] > 0) & (time >= first[:, None])
    y = rng.normal(size=(n, 1)) + 0.4 * bent[:, None] * time + rng.normal(size=(n, periods)) + treated
    keys = {"unit": np.repeat(np.arange(n), periods), "time": np.tile(time, n), "first": np.repeat(first, periods)}
    wide = {"x1": np.repeat(x[:, 0], periods), "x2": np.repeat(x[:, 1], periods)}
    return pd.DataFrame(keys | wide | {"y": y.ravel()}), rng.permutation(n) % 4


@pytest.mark.parametrize("name", LEARNERS)
def test_equals_doubleml(name, monkeypatch):
    frame, fold = design()
    assert frame["y"].sum() == pytest.approx(NUMBERS["sum_of_y"], abs=1e-9)
    monkeypatch.setattr(learners, "deal", lambda *_: fold)
    outcome, propensity = LEARNERS[name]
    estimator = GroupTimeATT(outcome_learner=outcome, propensity_learner=propensity, folds=4, seed=0)
    effects = estimator.fit(Panel(frame, unit="unit", time="time", cohort="first"), "y", covariates=["x1", "x2"])
    estimates, errors = np.array(NUMBERS[name]).T
    assert effects.index.tolist() == [(g, t) for g in (3, 4) for t in (2, 3, 4)]
    np.testing.assert_allclose(effects.values, estimates, rtol=0, atol=1e-8)
    np.testing.assert_allclose(effects.std_errors, errors, rtol=0.01)
