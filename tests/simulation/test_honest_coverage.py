"""Coverage of honest intervals when trends are not parallel."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import optimize

from aigreen.inference import rho_sensitivity
from aigreen.inference.honest_fixed import BiasVariance
from aigreen.inference.honest_tests import DualVertices, hull, shape_rows, step_bounds

pytestmark = pytest.mark.slow

CASE = json.loads((Path(__file__).parents[1] / "reference/honest.json").read_text())
SIGMA = np.array(CASE["sigma"])
TIME = np.array(CASE["horizons"]) + 1
FIRST, AVERAGE = np.array([1.0, 0, 0, 0]), np.full(4, 0.25)


def draws(bias, n, seed=0):
    """Estimates of zero effects under a violation."""
    return np.random.default_rng(seed).multivariate_normal(bias, SIGMA, size=n)


@pytest.mark.parametrize("weights", [FIRST, AVERAGE], ids=["first", "average"])
@pytest.mark.parametrize("slope", [0.0, 0.01, 0.05])
def test_relative_magnitudes_cover_a_linear_violation(weights, slope):
    """Steps after treatment equal those before, so Mbar = 1 holds with equality: the least favourable point."""
    n = 600
    pieces = step_bounds(3, weights, 1, relative=1.0)
    found = np.array([hull(pieces, values, SIGMA, 0.05) for values in draws(slope * TIME, n)])
    coverage = ((found[:, 0] <= 0) & (found[:, 1] >= 0)).mean()
    assert coverage >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / n)


@pytest.mark.parametrize("weights", [FIRST, AVERAGE], ids=["first", "average"])
@pytest.mark.parametrize(("sign", "monotone"), [("positive", None), (None, "increasing")], ids=["sign", "monotone"])
@pytest.mark.parametrize(("order", "option"), [(1, {"relative": 1.0}), (2, {"absolute": 0.01})], ids=["RM", "SD"])
@pytest.mark.parametrize("slope", [0.0, 0.03])
def test_shapes_cover_where_they_bind_and_where_they_do_not(weights, sign, monotone, order, option, slope):
    """Parallel trends are the least favourable point of a sign and a direction; with the slope, that of RM."""
    n, bias = 400, slope * TIME
    pieces = step_bounds(3, weights, order, shape=shape_rows(3, 4, sign, monotone), **option)
    found = np.array([hull(pieces, values, SIGMA, 0.05) for values in draws(bias, n, 7)])
    coverage = ((found[:, 0] <= 0) & (found[:, 1] >= 0)).mean()
    print(f"{sign or monotone}, order {order}, slope {slope}: coverage {coverage:.3f}")
    assert coverage >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / n)


def test_the_hybrid_test_has_its_size_where_one_end_binds():
    """One known yardstick far from zero: the test is one-sided with size 0.05."""
    n, bias = 4000, 0.2 * TIME
    piece = step_bounds(3, FIRST, 1, relative=1.0)[4]
    rejected = 0
    for values in draws(bias, n, 1):
        vertices = DualVertices.of(piece, values, SIGMA)
        margin = vertices.margin(np.zeros(1), 0.05, 0.005, vertices.least_favourable(0.005))
        rejected += margin[0] > 0
    assert rejected / n == pytest.approx(0.05, abs=3.5 * np.sqrt(0.05 * 0.95 / n))


@pytest.mark.parametrize("weights", [FIRST, AVERAGE], ids=["first", "average"])
def test_fixed_length_intervals_cover_linear_and_bent_violations(weights):
    n = 20_000
    best = BiasVariance.of(3, weights, SIGMA)
    for bound in (0.0, 0.01):
        interval = best.interval(np.zeros(7), bound, 0.05)
        for bias in (0.03 * TIME, worst_violation(interval.weights, bound) - 0.02 * TIME):
            centres = draws(bias, n) @ interval.weights
            coverage = (np.abs(centres) <= interval.half_length).mean()
            assert coverage == pytest.approx(0.95, abs=0.006) if bound == 0 else coverage >= 0.944


def worst_violation(weights, bound):
    """Path of second differences of at most `bound` that biases an estimator most."""
    bends = np.diff(np.insert(np.eye(7), 3, 0.0, axis=0), n=2, axis=0)
    both = np.vstack([bends, -bends])
    return optimize.linprog(-weights, A_ub=both, b_ub=np.full(len(both), bound), bounds=(-10, 10)).x


def test_rho_curve_covers_with_clusters():
    """Errors of channel and outcome correlated 0.4, heteroskedastic, with cluster shocks; truth 0.48 at rho 0.4."""
    n_clusters, size, replications = 150, 6, 2000
    rng = np.random.default_rng(2)
    clusters = np.repeat(np.arange(n_clusters), size)
    truth, rho = 0.48, 0.4
    hits = np.zeros(2)
    for _ in range(replications):
        d = np.repeat(rng.normal(size=n_clusters), size)
        shock, own = rng.normal(size=(2, n_clusters))[:, clusters], rng.normal(size=(2, n_clusters * size))
        first, second = (shock + own) / np.sqrt(2)
        u, e = first, 1.5 * (rho * first + np.sqrt(1 - rho**2) * second)
        m = 0.6 * d + u
        y = 0.3 * d + 0.8 * m + e
        ours = rho_sensitivity(d, m, y, clusters=clusters, rho=[rho])
        row = ours.frame.iloc[0]
        zero = (0.8 + rho * 1.5) / np.sqrt((0.8 + rho * 1.5) ** 2 + 2.25 * (1 - rho**2))
        hits += [
            row["low"] <= truth <= row["high"],
            abs(ours.rho_at_zero - zero) <= 1.96 * ours.rho_at_zero_std_error,
        ]
    assert (np.abs(hits / replications - 0.945) < 0.016).all()
