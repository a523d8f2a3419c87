import numpy as np
import pandas as pd
import pytest

from aigreen.data.assemble.proximity import ROWS, adopters_share, industry_share, proximity
from aigreen.errors import OptionError

PROFILES = pd.DataFrame(
    {
        "firm_id": ["a", "a", "b", "c", "c", "e"],
        "subclass": ["H01M", "G06F", "H01M", "G06F", "A01B", "H01M"],
        "patents": [3, 4, 5, 1, 1, 2],
    }
)
FIRMS = pd.Index(["a", "b", "c", "d", "e"])


def test_proximity_is_the_cosine_cut_and_without_the_firm_itself():
    dense = proximity(PROFILES, FIRMS, close=0.5).toarray()
    expected = np.zeros((5, 5))
    for one, other, value in (("a", "b", 0.6), ("a", "e", 0.6), ("b", "e", 1.0), ("a", "c", 0.8 / np.sqrt(2))):
        i, j = FIRMS.get_loc(one), FIRMS.get_loc(other)
        expected[i, j] = expected[j, i] = value
    np.testing.assert_allclose(dense, expected, atol=1e-15)
    np.testing.assert_allclose(
        proximity(PROFILES, FIRMS, close=0.9).toarray(), np.where(expected >= 0.9, expected, 0), atol=1e-15
    )


def test_blocks_do_not_change_it():
    rng = np.random.default_rng(3)
    n = 2 * ROWS + 17
    dense = rng.poisson(0.3, (n, 12))
    row, column = np.nonzero(dense)
    profiles = pd.DataFrame({"firm_id": row, "subclass": column, "patents": dense[row, column]})
    near = proximity(profiles, pd.Index(range(n)), close=0.5)
    unit = dense / np.maximum(np.linalg.norm(dense, axis=1, keepdims=True), 1e-300)
    cosine = unit @ unit.T
    np.fill_diagonal(cosine, 0)
    away = np.abs(cosine - 0.5) > 1e-9
    np.testing.assert_allclose(near.toarray()[away], np.where(cosine >= 0.5, cosine, 0)[away], atol=1e-12)
    assert near.nnz < n * n / 2


def test_shares_of_adopters_are_weighted_and_zero_without_peers():
    near = proximity(PROFILES, FIRMS, close=0.5)
    adopted = np.array([[0.0, 1], [1, 1], [0, 0], [1, 1], [0, 0]])
    share = adopters_share(near, adopted)
    c = 0.8 / np.sqrt(2)
    np.testing.assert_allclose(share[0], [0.6 / (1.2 + c)] * 2)
    np.testing.assert_allclose(share[1], [0, 0.6 / 1.6])
    np.testing.assert_allclose(share[3], [0, 0])
    np.testing.assert_allclose(
        industry_share(np.array(["x", "x", "x", "y", "z"]), adopted), [[0.5, 0.5], [0, 0.5], [0.5, 1], [0, 0], [0, 0]]
    )


def test_a_proximity_that_is_none():
    with pytest.raises(OptionError, match=r"close=0\.0: a number above 0"):
        proximity(PROFILES, FIRMS, close=0.0)
