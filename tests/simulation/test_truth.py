import numpy as np
from scipy import stats

from aigreen.simulate.truth import expected_log1p


def test_expected_log1p_against_the_distribution():
    means = np.array([0.0, 1e-6, 0.3, 4.0, 60.0, 199.0, 201.0, 1500.0])
    k = np.arange(4000)
    exact = [stats.poisson.pmf(k, mean) @ np.log1p(k) for mean in means]
    np.testing.assert_allclose(expected_log1p(means), exact, rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(expected_log1p(means[:6]), exact[:6], rtol=1e-10, atol=1e-14)


def test_expected_log1p_keeps_the_shape_and_the_input():
    means = np.array([[0.5, 900.0], [0.5, 2.0]])
    before = means.copy()
    assert expected_log1p(means).shape == (2, 2)
    np.testing.assert_array_equal(means, before)
