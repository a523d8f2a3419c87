"""Poisson with fixed effects against Newton steps on dense dummies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import aigreen.linalg.fixed_effects as absorb
from aigreen.errors import CollinearError, ConvergenceError, SeparatedError
from aigreen.linalg.fixed_effects import FixedEffects
from aigreen.linalg.poisson import fit_poisson
from aigreen.regression.separation import separated_rows


class Case:
    """Counts on a random small graph, often disconnected or separated, with the rows to fit on."""

    def __init__(self, seed: int, n_effects: int, n_columns: int, weighted: bool, exposed: bool) -> None:
        rng = np.random.default_rng(seed)
        n = int(rng.integers(10, 60))
        self.codes = [rng.integers(0, rng.integers(1, 8), n) for _ in range(n_effects)]
        fitted = rng.random(n) < 0.8
        fitted[0] = True
        self.X = rng.standard_normal((n, n_columns)) @ rng.standard_normal((n_columns, n_columns))
        y = rng.poisson(rng.choice([0.3, 1.0, 20.0]), n) * rng.choice([1.0, 0.37])
        for code in self.codes:
            fitted &= (np.bincount(code, y * fitted) > 0)[code]
        if not fitted.any():
            fitted[0], y[0] = True, 1.0
        self.rows = np.flatnonzero(fitted)
        self.y, self.x = y[fitted], self.X[fitted]
        self.weights = rng.random(len(self.rows)) + 0.1 if weighted else None
        self.offset = rng.standard_normal(len(self.rows)) if exposed else None
        self.effects = FixedEffects(self.codes, fitted=fitted)
        self.dummies = np.hstack([np.eye(c.max() + 1)[c] for c in self.codes])
        self.F = self.dummies[fitted]
        self.separated = separated_rows(self.y, self.x, [c[fitted] for c in self.codes])
        both = np.hstack([self.F, self.x])
        self.collinear = np.linalg.matrix_rank(both) < np.linalg.matrix_rank(self.F) + n_columns

    def fit(self):
        return fit_poisson(self.y, self.x, self.effects, self.weights, self.offset)

    def newton(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        Z, y = np.hstack([self.x, self.F]), self.y
        w = np.ones(len(y)) if self.weights is None else self.weights
        off = np.zeros(len(y)) if self.offset is None else self.offset
        theta = np.linalg.lstsq(Z, np.log(np.maximum(y, y.mean() / 2)) - off, rcond=None)[0]
        for _ in range(200):
            mean = np.exp(Z @ theta + off)
            step = np.linalg.pinv((Z * (w * mean)[:, None]).T @ Z, rcond=1e-12) @ (Z.T @ (w * (y - mean)))
            while w @ (np.exp(Z @ (theta + step) + off) - y * (Z @ step)) > w @ mean + 1e-12:
                step = step / 2
            theta = theta + step
            if np.abs(Z @ step).max() < 1e-12:
                return theta[: self.x.shape[1]], mean, w * mean
        raise AssertionError("no convergence")


cases = st.builds(Case, st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(0, 3), st.booleans(), st.booleans())


def check(case: Case) -> None:
    if case.collinear:
        return
    if case.separated.any():
        with pytest.raises((ConvergenceError, CollinearError)) as failure:
            case.fit()
        if isinstance(failure.value, SeparatedError):
            assert failure.value.rows.any()
            assert not (failure.value.rows & ~case.separated).any()
        return
    try:
        beta, mean, v = case.newton()
    except AssertionError:  # nearly separated: some means at the solution are zero to rounding
        return
    fit = case.fit()
    assert fit.beta == pytest.approx(beta, rel=1e-8, abs=1e-8)
    assert fit.mean == pytest.approx(mean, rel=1e-8)
    index = fit.effects.predict(fit.gamma)[case.rows] + case.x @ fit.beta
    assert np.exp(index if case.offset is None else index + case.offset) == pytest.approx(mean, rel=1e-8)
    root = np.sqrt(v)[:, None]
    projected = case.dummies @ (np.linalg.pinv(case.F * root, rcond=1e-12) @ (case.x * root))
    reached = fit.effects.reached
    expected = (case.X - projected)[reached]
    assert fit.effects.residualize(case.X)[reached] == pytest.approx(expected, rel=1e-7, abs=1e-7)


@given(cases)
@settings(max_examples=200, deadline=None)
def test_fits_equal_dense_ones_and_separated_rows_have_none(case: Case) -> None:
    check(case)


def test_separated_rows_are_told_by_means_that_run_to_zero():
    rng = np.random.default_rng(3)
    unit, time = np.repeat(np.arange(80), 6), np.tile(np.arange(6), 80)
    y, X = rng.poisson(2.0, 480).astype(float), rng.standard_normal((480, 2))
    y[time == unit % 6] += 1
    X[:, 1] = np.where((y == 0) & (unit % 3 == 0), 1 + rng.random(480), 0.0)  # of zero outcomes alone
    with pytest.raises(SeparatedError, match=f"separate {(X[:, 1] > 0).sum()} zero outcomes") as failure:
        fit_poisson(y, X, FixedEffects([unit, time]))
    assert np.array_equal(failure.value.rows, X[:, 1] > 0)
    assert np.array_equal(failure.value.rows, separated_rows(y, X, [unit, time]))


@given(cases)
@settings(max_examples=60, deadline=None)
def test_conjugate_gradients_give_the_same(case: Case) -> None:
    limit, absorb.DENSE_LEVELS = absorb.DENSE_LEVELS, 0
    try:
        case.effects = FixedEffects(case.codes, fitted=np.isin(np.arange(len(case.X)), case.rows))
        check(case)
    finally:
        absorb.DENSE_LEVELS = limit
