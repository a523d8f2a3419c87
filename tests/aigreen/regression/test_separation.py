"""Separated counts against one linear programme a row and dense Newton steps."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from aigreen import TWFE, Panel
from aigreen.errors import (
    AigreenWarning,
    CollinearError,
    CollinearWarning,
    EstimationError,
    NoVariationError,
    SeparationWarning,
)
from aigreen.regression.separation import separated_rows


def dense(frame: pd.DataFrame) -> np.ndarray:
    dummies = [(frame[[name]].to_numpy() == np.unique(frame[name])).astype(float) for name in "ab"]
    return np.column_stack([frame[["x1", "x2"]], *dummies])


def separated_one_by_one(frame: pd.DataFrame) -> np.ndarray:
    Z, zero = dense(frame), frame["y"].to_numpy() == 0
    box = {"bounds": [(-1, 1)] * Z.shape[1], "b_ub": np.zeros(zero.sum()), "b_eq": np.zeros((~zero).sum())}
    best = [
        linprog(-z, A_ub=-Z[zero], A_eq=Z[~zero], **box).fun if none else 0.0 for z, none in zip(Z, zero, strict=True)
    ]
    return np.array(best) < -1e-6


def newton(frame: pd.DataFrame) -> tuple[float, np.ndarray]:
    Z, y = dense(frame), frame["y"].to_numpy()
    beta = np.linalg.lstsq(Z, np.log(np.maximum(y, y.mean() / 2)), rcond=None)[0]
    for _ in range(200):
        mean = np.exp(Z @ beta)
        step = np.linalg.pinv((Z * mean[:, None]).T @ Z, rcond=1e-12) @ (Z.T @ (y - mean))
        while (np.exp(Z @ (beta + step)) - y * (Z @ (beta + step))).sum() > (mean - y * (Z @ beta)).sum() + 1e-12:
            step = step / 2
        beta = beta + step
        if np.abs(step).max() < 1e-12:
            return beta[0], np.exp(Z @ beta)
    raise AssertionError("no convergence")


def without_zero_groups(frame: pd.DataFrame) -> pd.DataFrame:
    while True:
        lonely = np.any([frame.groupby(name)["y"].transform("size") == 1 for name in "ab"], axis=0)
        zero = np.any([frame.groupby(name)["y"].transform("sum") == 0 for name in "ab"], axis=0)
        if not (lonely | zero).any():
            return frame
        frame = frame[~(lonely | zero)]


def fit(frame: pd.DataFrame):
    frame = frame.assign(unit=np.arange(len(frame)), time=np.arange(len(frame)) % 2)
    panel = Panel(frame, unit="unit", time="time")
    estimator = TWFE(family="poisson", fixed_effects=["a", "b"], vcov="hetero")
    return estimator.fit(panel, "y", treatment="x1", covariates=["x2"])


def test_the_separated_set_is_that_of_a_linear_programme():
    frame = pd.DataFrame(
        {
            "y": [0.0] * 13 + [1, 1, 1, 2, 2],
            "x1": [0.0, 0, 0, 0, 2, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0],
            "x2": [0.0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 1, 0, 1, 0, 0, 0, 0, 0],
            "a": [1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 4, 5, 1, 4, 5, 1, 2],
            "b": [1, 1, 2, 3, 3, 2, 2, 2, 2, 3, 4, 2, 2, 1, 3, 4, 2, 1],
        }
    )
    with (
        pytest.warns(CollinearWarning, match="first: x2"),
        pytest.warns(SeparationWarning, match="4 rows left out: zero outcomes that the covariates separate") as caught,
    ):
        result = fit(frame)
    caught = [w for w in caught if w.category is SeparationWarning]
    assert caught[0].message.first == ["(5, 1)", "(9, 1)", "(10, 0)", "(12, 0)"]
    assert result.estimates["x1"] == pytest.approx(-0.484547, abs=1e-6)
    assert result.estimates["x1"] == pytest.approx(newton(frame.drop([5, 9, 10, 12]).assign(x2=0.0))[0], abs=1e-8)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**31), zeros=st.sampled_from([0.0, 0.9, 1.0]), continuous=st.booleans())
def test_fits_with_separated_covariates_equal_dense_ones(seed: int, zeros: float, continuous: bool):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(15, 50))
    frame = pd.DataFrame(rng.choice([0, 0, 0, 1, 2], (n, 2)).astype(float), columns=["x1", "x2"])
    frame["a"], frame["b"] = rng.integers(1, rng.integers(3, 8), n), rng.integers(1, rng.integers(3, 6), n)
    frame["y"] = np.where((frame["x2"] > 0) & (rng.random(n) < zeros), 0.0, rng.choice([0, 0, 0, 1, 2, 3], n))
    if continuous:
        frame["x1"], frame["x2"] = rng.normal(size=n), frame["x2"] * rng.random(n)
    used = without_zero_groups(frame)
    if used.empty:
        return
    gone = separated_one_by_one(used)
    left = used[~gone]
    Z = dense(left)
    rank = [np.linalg.matrix_rank(columns) for columns in (Z[:, 2:], np.delete(Z, 1, axis=1), Z)]
    if rank[2] == rank[1]:  # the treatment and the fixed effects determine the covariate, which is left out
        left = left.assign(x2=0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AigreenWarning)
        if rank[1] == rank[0]:
            with pytest.raises(CollinearError):
                fit(frame)
            return
        if len(left) <= rank[2] - rank[0] + Z.shape[1] - 3:
            with pytest.raises(EstimationError, match="rows do not identify"):
                fit(frame)
            return
        slope, mean = newton(left)
        if np.abs(left["y"] - mean).max() < 1e-9:
            with pytest.raises(NoVariationError):
                fit(frame)
            return
        result = fit(frame)
    record = result.dropped[result.dropped["reason"].str.contains("covariates separate")]
    assert record["count"].sum() == gone.sum()
    assert result.estimates["x1"] == pytest.approx(slope, rel=1e-6, abs=1e-6)


def test_where_nearly_all_rows_are_separated_the_error_is_typed():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"y": [0.0] * 42 + [1.0, 2, 3], "x1": [*rng.random(42), 0, 0, 0], "x2": rng.normal(size=45)})
    frame = frame.assign(unit=np.arange(45), time=1 + np.arange(45) % 2)
    panel = Panel(frame, unit="unit", time="time")
    with (
        pytest.warns(SeparationWarning, match="42 rows left out"),
        pytest.raises(CollinearError, match="1 of 1 treatment effects are not identified"),
    ):
        TWFE(family="poisson", fixed_effects=[]).fit(panel, "y", treatment="x1")
    with (
        pytest.warns(CollinearWarning, match="first: x1"),
        pytest.warns(SeparationWarning),
        pytest.raises(EstimationError, match="3 rows do not identify 3 parameters"),
    ):
        panel = Panel(frame.assign(x3=rng.normal(size=45)), unit="unit", time="time")
        TWFE(family="poisson", fixed_effects=[]).fit(panel, "y", treatment=["x2", "x3"], covariates=["x1"])


def test_no_row_is_separated_where_outcomes_overlap():
    rng = np.random.default_rng(1)
    unit, time = np.repeat(np.arange(50), 8), np.tile(np.arange(8), 50)
    y = rng.poisson(1.0, 400) + (time == unit % 8)
    assert not separated_rows(y.astype(float), rng.normal(size=(400, 2)), [unit, time]).any()
