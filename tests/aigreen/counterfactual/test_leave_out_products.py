"""Regressions without each cluster, from cross-products by cluster rather than rows."""

import numpy as np
import pytest

from aigreen.counterfactual.leave_out import turn_apart, without_each, without_each_of_products
from aigreen.linalg.arrays import sum_by


def columns(kind: str, s: np.ndarray) -> np.ndarray:
    if kind == "bins":
        return np.column_stack([(s > 0) & (s <= 0.5), s > 0.5, s > 2]).astype(float)[:, :2]
    return np.column_stack([s, s + 1e-4 * s**2, np.maximum(s - 0.7, 0.0)])  # nearly collinear


@pytest.mark.parametrize("kind", ["bins", "slopes"])
@pytest.mark.parametrize("lone", [False, True])
def test_products_tell_what_rows_tell(kind, lone):
    rng = np.random.default_rng(3)
    n, n_clusters = 200, 9
    clusters = rng.integers(0, 8, n)  # cluster 8 has no row
    s, w = rng.random(n), 0.5 + rng.random(n)
    s[(clusters != 4) & lone] = np.minimum(s[(clusters != 4) & lone], 0.5)  # cluster 4 alone beyond 0.5
    x = columns(kind, s)
    residual = rng.standard_normal(n)
    scores = sum_by(clusters, x * (w * residual)[:, None], n_clusters)
    shift, alone = without_each(x, w, scores, clusters)
    turn = turn_apart((x * w[:, None]).T @ x)
    turned = x @ turn
    grams = np.zeros((n_clusters, x.shape[1], x.shape[1]))
    np.add.at(grams, clusters, w[:, None, None] * turned[:, :, None] * turned[:, None, :])
    found, told = without_each_of_products(grams, scores @ turn, turn)
    assert told.tolist() == alone.tolist()
    assert alone.tolist() == [False] * (x.shape[1] - 1) + [lone]
    assert np.abs(found - shift).max() <= 1e-8 * np.abs(shift).max()
