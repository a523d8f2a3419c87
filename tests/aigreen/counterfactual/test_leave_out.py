"""Regressions without each cluster against regressions on the rows that are left, and clusters that stand alone."""

from __future__ import annotations

import numpy as np
import pytest

from aigreen.counterfactual.leave_out import check_lone_terms, without_each
from aigreen.errors import EstimationError, SmallCellWarning
from aigreen.linalg.arrays import sum_by


def rows(n: int = 60, q: int = 3, n_clusters: int = 9) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Regressors of very different size, weights, outcome and clusters; the last cluster has no rows."""
    rng = np.random.default_rng(0)
    x = (rng.standard_normal((n, q)) + 1.0) * 10.0 ** (4 * np.arange(q))
    return x, rng.uniform(0.5, 2, n), rng.standard_normal(n), rng.integers(0, n_clusters - 1, n)


def coefficients(x: np.ndarray, w: np.ndarray, y: np.ndarray) -> np.ndarray:
    root = np.sqrt(w)
    return np.linalg.lstsq(x * root[:, None], y * root, rcond=None)[0]


@pytest.mark.parametrize("q", [1, 3])
def test_equals_regressions_without_each_cluster(q: int) -> None:
    x, w, y, clusters = rows(q=q)
    theta = coefficients(x, w, y)
    scores = sum_by(clusters, x * (w * (y - x @ theta))[:, None], 9)
    shift, alone = without_each(x, w, scores, clusters)
    for c in range(9):
        rest = clusters != c
        assert shift[c] == pytest.approx(theta - coefficients(x[rest], w[rest], y[rest]), rel=1e-8, abs=1e-14)
    assert not shift[8].any()
    assert not alone.any()


def test_more_terms_than_rows_of_a_cluster() -> None:
    x, w, y, clusters = rows(n=90, q=12, n_clusters=41)
    x = x / 10.0 ** (4 * np.arange(12))
    theta = coefficients(x, w, y)
    scores = sum_by(clusters, x * (w * (y - x @ theta))[:, None], 41)
    shift, alone = without_each(x, w, scores, clusters)
    assert not alone.any() and min(np.bincount(clusters)[:40]) < 3
    for c in range(40):
        rest = clusters != c
        assert shift[c] == pytest.approx(theta - coefficients(x[rest], w[rest], y[rest]), rel=1e-7, abs=1e-12)


def test_bins_are_regressions_apart() -> None:
    rng = np.random.default_rng(1)
    of, clusters = np.tile(np.arange(40), 9), rng.integers(0, 25, 360)
    clusters[of == 39] = 3
    w, y = rng.uniform(0.5, 2, 360), rng.normal(size=360)
    x = np.equal.outer(of, np.arange(40)).astype(float)
    x[of == 38, 37] = 2.0  # two terms that some rows join
    theta = coefficients(x, w, y)
    scores = sum_by(clusters, x * (w * (y - x @ theta))[:, None], 25)
    shift, alone = without_each(x, w, scores, clusters)
    assert np.flatnonzero(alone).tolist() == [39]
    for c in range(25):
        rest = clusters != c
        expected = theta - coefficients(x[rest], w[rest], y[rest])
        assert shift[c, :39] == pytest.approx(expected[:39], rel=1e-8, abs=1e-12)
    assert not shift[:, 39].any()


def test_one_dummy_scales_residuals_by_its_share_of_rows() -> None:
    clusters, y = np.array([0, 0, 0, 1, 2, 2]), np.array([3.0, 1, 2, 0, 4, 5])
    scores = np.bincount(clusters, y - y.mean())[:, None]
    shift, _ = without_each(np.ones((6, 1)), np.ones(6), scores, clusters)
    share = np.array([3, 1, 2]) / 6
    assert shift[:, 0] == pytest.approx(scores[:, 0] / 6 / (1 - share), rel=1e-14)


def test_coefficients_that_one_cluster_identifies_are_named() -> None:
    clusters = np.repeat([0, 1, 2], 4)
    both = np.tile([1.0, 0], 6)
    x = np.column_stack([both, 1 - both, clusters == 1])
    _, alone = without_each(x, np.ones(12), np.zeros((3, 3)), clusters)
    assert alone.tolist() == [False, False, True]
    # Without cluster 1 the last two columns are the same up to a factor; the first one is known all the same.
    x = np.column_stack([both, 1 - both, np.where(clusters == 1, 3.0, 2.0) * (1 - both)])
    _, alone = without_each(x, np.ones(12), np.zeros((3, 3)), clusters)
    assert alone.tolist() == [False, True, True]
    with pytest.raises(EstimationError, match="for every term of exposure; 2 have one, first: b, c"):
        check_lone_terms(alone, ["a", "b", "c"], refused=True)
    with pytest.warns(SmallCellWarning, match="2 exposure terms have") as caught:
        check_lone_terms(alone, ["a", "b", "c"], refused=False)
    assert caught[0].message.count == 2
