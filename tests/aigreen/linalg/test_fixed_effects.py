"""Fixed-effect projections against dense dummies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import aigreen.linalg.fixed_effects as absorb
from aigreen.errors import EmptyDataError, EstimationError
from aigreen.linalg.fixed_effects import FixedEffects


def dense(codes: list[np.ndarray]) -> np.ndarray:
    return np.hstack([np.eye(c.max() + 1)[c] for c in codes])


class Case:
    """A random small graph, often disconnected, with its dense solution."""

    def __init__(self, seed: int, n_effects: int, weighted: bool) -> None:
        rng = np.random.default_rng(seed)
        n = int(rng.integers(4, 40))
        self.codes = [rng.integers(0, rng.integers(1, 9), n) for _ in range(n_effects)]
        self.fitted = rng.random(n) < 0.7
        self.fitted[0] = True
        self.weights = rng.random(n) + 0.1 if weighted else None
        self.y = rng.standard_normal((n, 2))
        self.rng = rng
        self.F = dense(self.codes)
        w = np.ones(n) if weighted is False else self.weights
        self.w0 = w[self.fitted, None]
        F0 = self.F[self.fitted]
        self.inverse = np.linalg.pinv(F0 * np.sqrt(self.w0)) * np.sqrt(self.w0).T
        null = np.eye(self.F.shape[1]) - np.linalg.pinv(F0) @ F0
        self.reached = np.abs(self.F @ null).max(axis=1) < 1e-8
        self.rank = np.linalg.matrix_rank(F0)
        self.effects = FixedEffects(self.codes, fitted=self.fitted, weights=self.weights)


cases = st.builds(Case, st.integers(0, 2**32 - 1), st.integers(1, 4), st.booleans())


@given(cases)
@settings(max_examples=150, deadline=None)
def test_residuals_rank_and_reach_equal_the_dense_solution(case: Case) -> None:
    assert np.array_equal(case.effects.reached, case.reached)
    assert case.effects.rank == case.rank
    expected = case.y - case.F @ (case.inverse @ case.y[case.fitted])
    residuals = case.effects.residualize(case.y)
    assert residuals[case.reached] == pytest.approx(expected[case.reached], abs=1e-10)
    assert np.isnan(residuals[~case.reached]).all()
    assert case.effects.residualize(case.y[:, 1])[case.reached] == pytest.approx(expected[case.reached, 1], abs=1e-10)


@given(cases)
@settings(max_examples=100, deadline=None)
def test_adjoint_equals_the_dense_one(case: Case) -> None:
    targets = case.rng.standard_normal((len(case.y), 3)) * case.reached[:, None]
    v = case.effects.implied_weights(targets)
    assert v == pytest.approx(((targets.T @ case.F) @ case.inverse).T, abs=1e-10)
    assert v.T @ case.y[case.fitted] == pytest.approx(
        targets.T @ case.effects.predict(case.effects.coefficients(case.y)), abs=1e-10
    )
    clusters = case.rng.integers(0, 4, int(case.fitted.sum()))
    scores = case.rng.standard_normal(len(clusters))
    psi = case.effects.cluster_sums(scores, sparse.csr_array(targets), clusters, 4)
    terms = v / case.w0 * scores[:, None]
    assert psi == pytest.approx(np.array([terms[clusters == c].sum(axis=0) for c in range(4)]), abs=1e-10)


@given(cases)
@settings(max_examples=60, deadline=None)
def test_conjugate_gradients_equal_the_direct_solution(case: Case) -> None:
    limit, absorb.DENSE_LEVELS = absorb.DENSE_LEVELS, 0
    try:
        iterative = FixedEffects(case.codes, fitted=case.fitted, weights=case.weights)
        assert np.array_equal(iterative.reached, case.reached)
        assert iterative.rank == case.rank or len(case.codes) > 2
        direct = case.effects.residualize(case.y)
        assert iterative.residualize(case.y) == pytest.approx(direct, abs=1e-9, nan_ok=True)
    finally:
        absorb.DENSE_LEVELS = limit


def test_sums_of_residual_scores_skip_the_eliminated_effect_only_where_clusters_nest_it() -> None:
    rng = np.random.default_rng(1)
    unit, time = np.repeat(np.arange(30), 6), np.tile(np.arange(6), 30)
    fitted = rng.random(180) < 0.8
    y = rng.standard_normal(180)
    effects = FixedEffects([unit, time], fitted=fitted)
    residuals = effects.residualize(y)[fitted]
    targets = rng.random((180, 2)) * (effects.reached & ~fitted)[:, None]
    v = effects.implied_weights(targets)
    for clusters in (unit[fitted] // 3, time[fitted]):
        expected = [(v * residuals[:, None])[clusters == c].sum(axis=0) for c in range(clusters.max() + 1)]
        psi = effects.cluster_sums(residuals, targets, clusters, len(expected))
        assert psi == pytest.approx(np.array(expected), abs=1e-12)


def test_new_weights_equal_a_new_fit() -> None:
    rng = np.random.default_rng(2)
    codes = [np.repeat(np.arange(20), 5), np.tile(np.arange(5), 20), rng.integers(0, 3, 100)]
    y, w = rng.standard_normal(100), rng.random(100) + 0.5
    fitted = rng.random(100) < 0.7
    again = FixedEffects(codes, fitted=fitted).reweight(w[fitted])
    fresh = FixedEffects(codes, fitted=fitted, weights=w)
    assert again.residualize(y) == pytest.approx(fresh.residualize(y), abs=1e-12, nan_ok=True)


def test_rows_of_weight_zero_are_not_fitted() -> None:
    unit, time = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    effects = FixedEffects([unit, time], weights=np.array([1.0, 1.0, 1.0, 0.0]))
    assert effects.rows.tolist() == [0, 1, 2]
    assert effects.residualize(np.array([1.0, 2.0, 5.0, 9.0])) == pytest.approx([0, 0, 0, 3])


def test_two_components_reach_only_their_own_rows() -> None:
    unit = np.array([0, 0, 1, 1, 0, 2])
    time = np.array([0, 1, 2, 3, 2, 0])
    fitted = np.array([True, True, True, True, False, False])
    effects = FixedEffects([unit, time], fitted=fitted)
    assert effects.reached.tolist() == [True, True, True, True, False, False]
    assert effects.rank == 4
    with pytest.raises(EstimationError, match="not identified"):
        effects.implied_weights(np.eye(6)[4])


def test_bad_input() -> None:
    with pytest.raises(EmptyDataError):
        FixedEffects([np.array([0, 1])], fitted=np.array([False, False]))
    with pytest.raises(EstimationError):
        FixedEffects([])
    with pytest.raises(EstimationError, match="positive"):
        FixedEffects([np.array([0, 1])]).reweight(np.array([1.0, 0.0]))


def test_blocks_joined_by_a_vanishing_weight_are_fitted_as_two() -> None:
    # Rounding makes the equations of one component dependent: ordinary Cholesky fails, pivots leave one out.
    unit, time = np.array([0, 0, 1, 1, 2, 2, 3, 3, 4, 4]), np.array([0, 1, 0, 1, 2, 3, 2, 3, 1, 2])
    y = np.array([1.0, 4.0, 2.0, 9.0, 5.0, 3.0, 8.0, 1.0, 6.0, 7.0])
    link = unit == 4
    effects = FixedEffects([unit, time], weights=np.where(link, 1e-18, 1.0))
    assert effects.rank == np.linalg.matrix_rank(dense([unit, time])) - 1 == 7
    F = dense([unit, time])
    solution = np.linalg.lstsq(F[~link], y[~link], rcond=None)[0]
    residuals = effects.residualize(y)
    assert residuals[~link] == pytest.approx((y - F @ solution)[~link], abs=1e-12)
    assert residuals[~link] == pytest.approx([1, -1, -1, 1, -1.25, 1.25, 1.25, -1.25], abs=1e-12)
    assert residuals[link].sum() == pytest.approx(0, abs=1e-12)
    v = effects.implied_weights(np.eye(10)[~link].T)
    assert v == pytest.approx((F[~link] @ np.linalg.pinv(F[~link]) @ np.eye(10)[~link]).T, abs=1e-12)
