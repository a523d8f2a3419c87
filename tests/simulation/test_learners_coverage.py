"""Bias and coverage of GroupTimeATT with learners, where least squares and logit are both wrong."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer

from aigreen import GroupTimeATT, Panel
from aigreen.errors import AigreenWarning

pytestmark = pytest.mark.slow

CURVES = {
    "outcome_learner": make_pipeline(SplineTransformer(n_knots=6), LinearRegression()),
    "propensity_learner": make_pipeline(SplineTransformer(n_knots=6), LogisticRegression(max_iter=300)),
}
FIRMS, REPLICATIONS = 12, 200


def draw(rng, cities=50):
    """Two periods; trend and adoption of a firm follow the same curve of its covariates; the effect is one."""
    n = cities * FIRMS
    city, x = np.repeat(np.arange(cities), FIRMS), rng.normal(size=(n, 3))
    curve = np.cos(2 * x[:, 0]) + 0.5 * np.maximum(x[:, 1], 0)
    treated = rng.random(n) < 1 / (1 + np.exp(0.4 - 1.2 * curve))
    shocks, before = 0.3 * rng.normal(size=cities)[city], rng.normal(size=n)
    after = before + curve + shocks + rng.normal(size=n) + treated
    keys = {"firm": np.repeat(np.arange(n), 2), "year": np.tile([1, 2], n), "first": np.repeat(2 * treated, 2)}
    columns = {f"x{j}": np.repeat(x[:, j], 2) for j in range(3)} | {"y": np.column_stack([before, after]).ravel()}
    return pd.DataFrame(keys | {"city": np.repeat(city, 2)} | columns)


def estimates(**options):
    """Estimate, error and whether the interval holds the truth, a row a sample."""
    rows = []
    for seed in range(REPLICATIONS):
        panel = Panel(
            draw(np.random.default_rng(seed)), unit="firm", time="year", cohort="first", cluster="city"
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AigreenWarning)
            chosen = options | ({"seed": seed} if options else {})
            effects = GroupTimeATT(**chosen).fit(panel, "y", covariates=["x0", "x1", "x2"])
        low, high = effects.conf_int().to_numpy()[0]
        rows.append((effects.values[0] - 1, effects.std_errors.iloc[0], low <= 1 <= high))
    return np.array(rows, dtype=float).T


def test_learners_are_right_where_both_models_are_wrong():
    gap, error, inside = estimates(**CURVES)
    t = gap.mean() / (gap.std() / np.sqrt(REPLICATIONS))
    print(
        f"learners: bias {gap.mean():.4f}, t {t:.2f}, sd {gap.std():.4f}, error {error.mean():.4f}, in {inside.mean()}"
    )
    assert abs(t) < 3
    assert 0.93 <= inside.mean() <= 0.97
    assert 0.85 < error.mean() / gap.std() < 1.1
    straight, error, inside = estimates()
    print(f"least squares and logit: bias {straight.mean():.4f}, in {inside.mean()}")
    assert straight.mean() > 4 * error.mean()
    assert inside.mean() < 0.05
