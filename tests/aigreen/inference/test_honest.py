import itertools
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

from aigreen.effects.effects import Effects
from aigreen.errors import EffectsError, NoInfluenceError, NoPrePeriodError, OptionError, SingularCovarianceError
from aigreen.inference import honest_did
from aigreen.inference.honest_fixed import BiasVariance, half_length, lasso_path
from aigreen.inference.honest_tests import DualVertices, differences, shape_rows, step_bounds, truncated_quantile

mpl.use("Agg")

HORIZONS = [-4, -3, -2, 0, 1, 2]
SHAPES = [
    {"sign": "positive", "monotone": None},
    {"sign": "negative", "monotone": None},
    {"sign": None, "monotone": "increasing"},
    {"sign": None, "monotone": "decreasing"},
]
WEIGHTS = {"first": [1.0, 0, 0], "average": [1 / 3] * 3, "contrast": [-1.0, 0.0, 2.0]}


def study(values, covariance, horizons, **options):
    return Effects(
        values=np.asarray(values, float),
        index=pd.Index(horizons, name="horizon"),
        psi=None,
        covariance=np.asarray(covariance, float),
        clusters=pd.RangeIndex(0),
        n_rows=1,
        n_units=1,
        n_clusters=90,
        method="m",
        outcome="y",
        post=np.asarray(horizons) >= 0,
        **options,
    )


def drawn(seed, k=6):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(k, k + 2)) * 0.3 + 0.2
    return rng.normal(size=k) * 0.7, root @ root.T / k


@pytest.fixture
def example():
    return study(*drawn(5), HORIZONS)


class LinearProgram:
    """The test of Andrews, Roth and Pakes by linear programs, straight from their definitions."""

    def __init__(self, bound, weights, covariance):
        shape = np.zeros((0, len(covariance))) if bound.shape is None else bound.shape
        self.A = np.vstack([bound.steps - bound.yardstick, -bound.steps - bound.yardstick, shape])
        self.d = np.repeat([bound.constant, 0.0], [2 * len(bound.steps), len(shape)])
        self.l, self.n_pre = np.asarray(weights), len(covariance) - len(weights)
        self.cov = self.A @ covariance @ self.A.T
        self.sigma = np.sqrt(np.diag(self.cov))

    def solve(self, moments, theta):
        post = self.A[:, self.n_pre :]
        return optimize.linprog(
            np.r_[1.0, np.zeros(len(self.l))],
            A_ub=np.c_[-self.sigma, -post],
            b_ub=-moments,
            A_eq=np.r_[0.0, self.l][None],
            b_eq=[theta],
            bounds=(None, None),
        )

    def margin(self, values, theta, alpha, kappa, first_stage):
        moments = self.A @ values - self.d
        found = self.solve(moments, theta)
        eta, gamma = found.fun, -found.ineqlin.marginals
        variance = gamma @ self.cov @ gamma
        if eta <= 0:
            return eta
        if eta > first_stage:
            return eta
        direction = self.cov @ gamma / variance
        rest = moments - direction * eta

        def last_equal(step):
            inside = eta
            outside = eta + step
            for _ in range(60):
                if self.solve(rest + direction * outside, theta).fun > outside + 1e-9 * (1 + abs(outside)):
                    break
                inside, outside = outside, outside + (outside - eta)
            else:
                return np.copysign(np.inf, step)
            for _ in range(45):
                middle = (inside + outside) / 2
                gap = self.solve(rest + direction * middle, theta).fun - middle
                inside, outside = (middle, outside) if gap <= 1e-10 else (inside, middle)
            return inside

        low, high = last_equal(-np.sqrt(variance)), min(last_equal(np.sqrt(variance)), first_stage)
        level = (alpha - kappa) / (1 - kappa)
        sd = np.sqrt(variance)
        a, b = stats.norm.cdf(low / sd), stats.norm.cdf(high / sd)
        return eta - max(0.0, sd * stats.norm.ppf(a + (1 - level) * (b - a)))


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("shape", [None, *SHAPES], ids=str)
@pytest.mark.parametrize(("order", "option"), [(1, {"relative": 0.8}), (2, {"relative": 0.8}), (2, {"absolute": 0.3})])
def test_vertices_of_the_test_equal_linear_programs(weights, order, option, shape):
    weighted = np.array(WEIGHTS[weights])
    values, covariance = drawn(order)
    shape = shape and shape_rows(3, 3, **shape)
    for bound in step_bounds(3, weighted, order, shape=shape, **option)[: 3 if shape is None else 1]:
        vertices = DualVertices.of(bound, values, covariance)
        program = LinearProgram(bound, weighted, covariance)
        first_stage = vertices.least_favourable(0.005)
        centre, sd = weighted @ values[3:], np.sqrt(bound.effect @ covariance @ bound.effect)
        for theta in centre + sd * np.array([-3.0, -1.2, 2.2]):
            ours = vertices.margin(np.array([theta]), 0.05, 0.005, first_stage)[0]
            theirs = program.margin(values, theta, 0.05, 0.005, first_stage)
            assert ours == pytest.approx(theirs, abs=2e-6)


@pytest.mark.parametrize(("order", "shape", "rank"), [(1, None, 2), (2, SHAPES[0], 3)], ids=["plane", "space"])
@pytest.mark.parametrize("alpha", [0.005, 0.05, 0.3])
def test_least_favourable_value_is_the_quantile_of_the_largest_vertex(alpha, order, shape, rank):
    values, covariance = drawn(1)
    shape = shape and shape_rows(3, 3, **shape)
    bound = step_bounds(3, np.array(WEIGHTS["average"]), order, relative=1.5, shape=shape)[0]
    vertices = DualVertices.of(bound, values, covariance)
    assert vertices.loadings.shape[1] == rank
    z = np.random.default_rng(0).normal(size=(400_000, rank))
    share = ((z @ vertices.loadings.T).max(axis=1) > vertices.least_favourable(alpha)).mean()
    assert share == pytest.approx(alpha, abs=4 * np.sqrt(alpha / 400_000))


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize(("order", "option"), [(1, {"relative": 0.8}), (2, {"relative": 0.8}), (2, {"absolute": 0.3})])
def test_elimination_without_a_shape_gives_the_closed_form(weights, order, option):
    values, covariance = drawn(order)
    bound = step_bounds(3, np.array(WEIGHTS[weights]), order, **option)[0]
    closed = DualVertices.of(bound, values, covariance)
    eliminated = DualVertices.of(replace(bound, shape=np.zeros((0, 6))), values, covariance)
    assert eliminated.least_favourable(0.05) == pytest.approx(closed.least_favourable(0.05), rel=1e-6)
    theta = np.linspace(-3, 3, 31)
    ours, expected = (v.margin(theta, 0.05, 0.005, 9.0) for v in (eliminated, closed))
    np.testing.assert_allclose(ours, expected, atol=1e-10)


@pytest.mark.parametrize("seed", range(40))
def test_the_largest_vertex_is_the_value_of_the_linear_program(seed):
    """Any numbers of periods, scales of errors and bounds, among them covariances that are nearly flat."""
    rng = np.random.default_rng(seed)
    n_pre, n_post = rng.integers(2, 6), rng.integers(1, 7)
    root = rng.normal(size=(n_pre + n_post, n_pre + n_post + 2)) * 10.0 ** rng.uniform(-3, 1)
    covariance, values = root @ root.T, rng.normal(size=n_pre + n_post)
    weights = rng.normal(size=n_post) if seed % 2 else np.eye(n_post)[0]
    order, option = [(1, "relative"), (2, "relative"), (2, "absolute")][seed % 3]
    shape = shape_rows(n_pre, n_post, **SHAPES[seed % 4])
    bound = step_bounds(n_pre, weights, order, shape=shape, **{option: 10.0 ** rng.uniform(-2, 2)})[0]
    vertices, program = DualVertices.of(bound, values, covariance), LinearProgram(bound, weights, covariance)
    for theta in weights @ values[n_pre:] + np.sqrt(bound.effect @ covariance @ bound.effect) * np.array(
        [-2, 0.3, 1.5]
    ):
        expected = program.solve(program.A @ values - program.d, theta).fun
        assert (vertices.level + vertices.slope * theta).max() == pytest.approx(expected, rel=1e-6, abs=1e-6)


def identified(values, n_pre, weights, restriction, bound, sign, monotone):
    """Ends of the identified set by linear programs on the path of violations, given those before treatment."""
    k = len(values)
    order = 1 if restriction == "relative_magnitudes" else 2
    steps = differences(n_pre, k - n_pre, order)
    before, after = steps[: n_pre + 1 - order], steps[n_pre + 1 - order :]
    violations = np.r_[values[:n_pre], np.zeros(k - n_pre)]
    most = bound * (1 if restriction == "smoothness" else np.abs(before @ violations).max())
    path = np.eye(k)[n_pre:]
    if monotone:
        path = np.vstack([path[0], np.diff(path, axis=0)])
    up = {"positive": -1, "increasing": -1, "negative": 1, "decreasing": 1, None: 0}[sign or monotone]
    A = np.vstack([after, -after, up * path])
    b = np.repeat([most, 0.0], [2 * len(after), len(path)])
    weighted = np.r_[np.zeros(n_pre), weights]
    fixed = [(v, v) for v in values[:n_pre]] + [(None, None)] * (k - n_pre)
    ends = [optimize.linprog(s * weighted, A_ub=A, b_ub=b, bounds=fixed) for s in (1, -1)]
    assert all(end.success for end in ends)
    return weighted @ values - np.array([-ends[1].fun, ends[0].fun])


@pytest.mark.parametrize("shape", [*SHAPES, {"sign": None, "monotone": None}], ids=str)
@pytest.mark.parametrize("restriction", ["relative_magnitudes", "smoothness", "relative_smoothness"])
@pytest.mark.parametrize("n_post", [2, 3])
def test_without_noise_the_set_is_the_identified_one(restriction, shape, n_post):
    """Two periods before; inside the set without the restriction, and a part of it that is not all."""
    values = np.array([-0.3, -0.25, 0.8, 1.1, 0.5])[: 2 + n_post]
    horizons = [-3, -2, *range(n_post)]
    effects = study(values, drawn(3, 2 + n_post)[1] * 1e-14, horizons)
    options = {"weights": "average", "restriction": restriction, "bounds": [1.5], "method": "c_lf"}
    ours = honest_did(effects, **shape, **options)
    assert (ours.sign, ours.monotone) == (shape["sign"], shape["monotone"])
    found = ours.frame[["low", "high"]].to_numpy()[0]
    average = np.full(n_post, 1 / n_post)
    np.testing.assert_allclose(found, identified(values, 2, average, restriction, 1.5, **shape), atol=2e-6)
    free = honest_did(effects, **options).frame[["low", "high"]].to_numpy()[0]
    assert free[0] - 1e-6 <= found[0] < found[1] <= free[1] + 1e-6
    if any(shape.values()):
        assert found[1] - found[0] < 0.9 * (free[1] - free[0])


def test_a_grid_of_violations_gives_the_identified_set():
    """Two periods before and two after, relative magnitudes of 1 with positive violations: every path of a grid."""
    values = np.array([-0.2, 0.1, 0.5, 0.9])
    first, second = (grid.ravel() for grid in np.meshgrid(*[np.linspace(-0.6, 0.6, 1201)] * 2))
    most = 0.3 + 1e-9
    inside = (np.abs(first) <= most) & (np.abs(second - first) <= most) & (first > -1e-9) & (second > -1e-9)
    average = (values[2] + values[3] - first[inside] - second[inside]) / 2
    effects = study(values, np.eye(4) * 1e-14, [-3, -2, 0, 1])
    ours = honest_did(effects, weights="average", bounds=[1.0], sign="positive").frame
    np.testing.assert_allclose(ours[["low", "high"]].iloc[0], [average.min(), average.max()], atol=1e-6)


@pytest.mark.parametrize(("restriction", "bound"), [("smoothness", 0.1), ("relative_smoothness", 0.5)])
def test_a_shape_that_does_not_bind_changes_nothing(restriction, bound):
    """Violations before rise so steeply that all that the bound allows after are positive and rise."""
    effects = study([-3.3, -2.1, -1.0, 1.5, 2.5, 3.5], drawn(2)[1] * 1e-6, HORIZONS)
    options = {"restriction": restriction, "bounds": [bound], "method": "c_lf"}
    free = honest_did(effects, **options).frame[["low", "high"]]
    for shape in ({"sign": "positive"}, {"monotone": "increasing"}):
        np.testing.assert_allclose(honest_did(effects, **shape, **options).frame[["low", "high"]], free, atol=1e-5)


@pytest.mark.parametrize("restriction", ["relative_magnitudes", "smoothness", "relative_smoothness"])
@pytest.mark.parametrize(
    ("shape", "turned"),
    [({"sign": "positive"}, {"sign": "negative"}), ({"monotone": "decreasing"}, {"monotone": "increasing"})],
    ids=["sign", "monotone"],
)
def test_shapes_turn_with_the_sign_of_the_effects(example, restriction, shape, turned):
    bounds = np.array([0.7, 1.4])
    unit = honest_did(example, restriction=restriction, bounds=bounds, **shape)
    scaled_bounds = bounds * 250 if restriction == "smoothness" else bounds
    scaled = honest_did(example * -250.0, restriction=restriction, bounds=scaled_bounds, **turned)
    np.testing.assert_allclose(scaled.frame["low"], -250 * unit.frame["high"], rtol=1e-5)
    np.testing.assert_allclose(scaled.frame["high"], -250 * unit.frame["low"], rtol=1e-5)
    assert scaled.breakdown == pytest.approx(unit.breakdown * (250 if restriction == "smoothness" else 1), rel=1e-5)


def test_truncated_quantile():
    expected = stats.truncnorm.ppf(0.9, -1.0, 0.7)
    assert truncated_quantile(0.9, np.array(-1.0), np.array(0.7)) == pytest.approx(expected, rel=1e-10)
    far = truncated_quantile(0.5, np.array(40.0), np.array(np.inf))
    assert far == pytest.approx(40 + np.log(2) / 40, abs=1e-4)


@pytest.mark.parametrize("weights", ["first", "average", {1: 2.0, 2: -1.0}])
def test_relative_bound_of_zero_is_the_original_interval(example, weights):
    ours = honest_did(example, weights=weights, bounds=[0.0])
    np.testing.assert_allclose(ours.frame[["low", "high"]].iloc[0], ours.original, rtol=1e-9)


@pytest.mark.parametrize("weights", ["first", "average"])
def test_smoothness_of_zero_is_generalised_least_squares_on_a_linear_trend(example, weights):
    """Effects before are slope x time, effects after slope x time plus what they please."""
    ours = honest_did(example, weights=weights, restriction="smoothness", bounds=[0.0]).frame.iloc[0]
    time = np.array(HORIZONS) + 1
    X = np.column_stack([time, np.vstack([np.zeros((3, 3)), np.eye(3)])])
    precision = np.linalg.inv(example.covariance)
    variance = np.linalg.inv(X.T @ precision @ X)
    weighted = np.r_[0.0, WEIGHTS[weights]]
    centre, error = weighted @ variance @ X.T @ precision @ example.values, np.sqrt(weighted @ variance @ weighted)
    np.testing.assert_allclose([ours.low, ours.high], centre + error * 1.959963984540054 * np.array([-1, 1]), rtol=1e-9)


def test_smoothness_with_one_effect_before_extrapolates_it():
    covariance = np.array([[0.04, 0.01], [0.01, 0.09]])
    ours = honest_did(study([0.3, 1.0], covariance, [-2, 0]), restriction="smoothness", bounds=[0.0, 0.5]).frame
    error = np.sqrt(0.04 + 0.09 + 0.02)
    for row, bound in zip(ours.itertuples(), [0.0, 0.5], strict=True):
        reach = optimize.brentq(
            lambda c, b=bound: stats.norm.cdf((c - b) / error) - stats.norm.cdf((-c - b) / error) - 0.95, 0, 9
        )
        np.testing.assert_allclose([row.low, row.high], [1.3 - reach, 1.3 + reach], rtol=1e-9)


def test_fixed_length_interval_is_the_shortest_of_all_affine_ones():
    values, covariance = drawn(7, 9)
    best = BiasVariance.of(5, np.array([0.0, 1.0, 0.0, 0.0]), covariance)
    for bound in (0.02, 0.2, 2.0):
        ours = best.interval(values, bound, 0.05)
        time = np.array([-5, -4, -3, -2, -1, 1, 2, 3, 4])
        assert ours.weights @ time == pytest.approx(0, abs=1e-10)

        def length(parts, bound=bound):
            a = best.start + best.slopes @ (parts[:4] - parts[4:])
            return float(half_length(bound * (best.floor + parts.sum()), np.sqrt(a @ covariance @ a), 0.05))

        starts = np.random.default_rng(0).uniform(size=(4, 8))
        options = {"ftol": 1e-14, "maxiter": 2000}
        found = min(optimize.minimize(length, s, bounds=[(0, None)] * 8, options=options).fun for s in starts)
        assert ours.half_length <= found * (1 + 1e-9)
        assert ours.half_length == pytest.approx(found, rel=1e-5)


def test_largest_bias_is_reached_by_some_path_within_the_bound():
    values, covariance = drawn(8)
    ours = BiasVariance.of(3, np.array(WEIGHTS["contrast"]), covariance).interval(values, 0.3, 0.05)
    bends = np.diff(np.insert(np.eye(6), 3, 0.0, axis=0), n=2, axis=0)
    both = np.vstack([bends, -bends])
    worst = optimize.linprog(-ours.weights, A_ub=both, b_ub=np.full(len(both), 0.3), bounds=(None, None))
    assert -worst.fun == pytest.approx(ours.bias, rel=1e-9)


@pytest.mark.parametrize("seed", range(10))
def test_lasso_path_meets_the_optimality_conditions(seed):
    """Half of the cases are of an event study with 15 periods before: ill-conditioned, with exits and re-entries."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(7, 7))
    gram, target = root @ root.T, rng.normal(size=7)
    if seed % 2:
        time = np.r_[-15:0, 1:5]
        covariance = (0.3 + seed / 15) ** np.abs(time[:, None] - time) + 0.3
        problem = BiasVariance.of(15, np.full(4, 0.25), covariance)
        gram = problem.slopes.T @ covariance @ problem.slopes
        target = -problem.slopes.T @ covariance @ problem.start
    path = lasso_path(gram, target)
    np.testing.assert_allclose(path[-1], np.linalg.solve(gram, target), rtol=1e-8)
    for before, after in itertools.pairwise(path):
        w = (before + after) / 2
        score = target - gram @ w
        penalty = np.abs(score).max()
        live = np.abs(w) > 1e-9 * np.abs(w).max()
        np.testing.assert_allclose(score[live], penalty * np.sign(w[live]), atol=1e-9 * np.abs(target).max())


@pytest.mark.parametrize("restriction", ["relative_magnitudes", "smoothness", "relative_smoothness"])
@pytest.mark.parametrize("weights", ["first", "average"])
def test_sets_scale_with_the_effects_and_turn_with_their_sign(example, restriction, weights):
    bounds = np.array([0.1, 0.7, 1.4])
    unit = honest_did(example, weights=weights, restriction=restriction, bounds=bounds)
    in_units = bounds * 250 if restriction == "smoothness" else bounds
    scaled = honest_did(example * -250.0, weights=weights, restriction=restriction, bounds=in_units)
    np.testing.assert_allclose(scaled.frame["low"], -250 * unit.frame["high"], rtol=1e-6)
    np.testing.assert_allclose(scaled.frame["high"], -250 * unit.frame["low"], rtol=1e-6)


@pytest.mark.parametrize("restriction", ["relative_magnitudes", "relative_smoothness"])
def test_sets_grow_with_the_bound(restriction):
    for seed in range(4):
        frame = honest_did(study(*drawn(seed), HORIZONS), restriction=restriction, bounds=np.linspace(0, 3, 13)).frame
        assert (np.diff(frame["low"]) < 0).all()
        assert (np.diff(frame["high"]) > 0).all()


def test_fixed_length_intervals_grow_in_length_with_the_bound(example):
    frame = honest_did(example, restriction="smoothness", bounds=np.linspace(0, 1, 9)).frame
    assert (np.diff(frame["high"] - frame["low"]) > 0).all()


@pytest.mark.parametrize("restriction", ["relative_magnitudes", "smoothness"])
def test_breakdown_is_where_the_interval_reaches_zero(restriction):
    values = np.array([0.02, -0.03, 0.01, 1.0, 1.2, 1.1])
    effects = study(values, np.eye(6) * 0.01 + 0.005, HORIZONS)
    ours = honest_did(effects, restriction=restriction)
    assert 0 < ours.breakdown < np.inf
    at = honest_did(effects, restriction=restriction, bounds=[ours.breakdown * 0.999, ours.breakdown * 1.001]).frame
    assert at["low"].iloc[0] > 0 > at["low"].iloc[1]
    assert honest_did(study(values * 0.01, effects.covariance, HORIZONS)).breakdown == 0.0


def test_reference_may_stand_in_the_effects_in_any_order(example):
    order = np.array([3, 6, 0, 2, 5, 1, 4])
    horizons = np.array([*HORIZONS, -1])
    covariance = np.zeros((7, 7))
    covariance[:6, :6] = example.covariance
    whole = study(np.append(example.values, 0.0)[order], covariance[np.ix_(order, order)], horizons[order])
    for restriction in ("relative_magnitudes", "smoothness"):
        a, b = (honest_did(e, restriction=restriction, weights="average") for e in (example, whole))
        np.testing.assert_allclose(a.frame, b.frame, rtol=1e-9)
        np.testing.assert_allclose([a.estimate, *a.original], [b.estimate, *b.original], rtol=1e-9)


def test_anticipation_moves_the_reference():
    values, covariance = drawn(3)
    ours = honest_did(study(values, covariance, [-4, -3, -1, 0, 1, 2]))
    assert ours.reference == -2
    assert ours.weights.to_dict() == {-1: 0.0, 0: 1.0, 1: 0.0, 2: 0.0}
    assert ours.estimate == values[3]


def test_errors(example):
    values, covariance = example.values, example.covariance
    with pytest.raises(EffectsError, match="no reference period"):
        honest_did(study(values, covariance, [-3, -2, -1, 0, 1, 2]))
    with pytest.raises(EffectsError, match="2 reference periods"):
        zero = np.ix_([0, 1], [0, 1])
        two = covariance.copy()
        two[:2], two[:, :2] = 0, 0
        assert two[zero].sum() == 0
        honest_did(study(np.r_[0, 0, values[2:]], two, [-4, -3, -2, 0, 1, 2]))
    with pytest.raises(EffectsError, match="no reference period"):
        honest_did(study(values, covariance, [-6, -3, -2, 0, 1, 2]))
    with pytest.raises(NoPrePeriodError):
        honest_did(study(np.r_[0, values[1:]], np.diag([0, 1, 1, 1, 1, 1.0]), [-1, 0, 1, 2, 3, 4]))
    with pytest.raises(NoPrePeriodError, match="two effects"):
        honest_did(study([0.1, 1.0], np.eye(2), [-2, 0]), restriction="relative_smoothness")
    with pytest.raises(NoPrePeriodError, match="give bounds"):
        honest_did(study([0.1, 1.0], np.eye(2), [-2, 0]), restriction="smoothness")
    with pytest.raises(SingularCovarianceError, match="90 clusters"):
        honest_did(study(values, np.ones((6, 6)), HORIZONS))
    with pytest.raises(NoInfluenceError):
        unknown = covariance.copy()
        unknown[0, 1] = unknown[1, 0] = np.nan
        honest_did(study(values, unknown, HORIZONS))
    with pytest.raises(OptionError):
        honest_did(example, restriction="relative_magnitude")
    with pytest.raises(OptionError):
        honest_did(example, method="flci")
    with pytest.raises(OptionError, match="method='flci'"):
        honest_did(example, restriction="smoothness", sign="positive", method="flci")
    with pytest.raises(OptionError, match="sign='up'"):
        honest_did(example, sign="up")
    with pytest.raises(OptionError, match="monotone='up'"):
        honest_did(example, monotone="up")
    with pytest.raises(OptionError, match="None with sign='positive'"):
        honest_did(example, sign="positive", monotone="increasing")
    with pytest.raises(OptionError):
        honest_did(example, weights="last")
    with pytest.raises(EffectsError, match="weights"):
        honest_did(example, weights={7: 1.0})
    with pytest.raises(EffectsError, match="bounds"):
        honest_did(example, bounds=[-1.0])
    with pytest.raises(EffectsError, match="level"):
        honest_did(example, level=95)


def test_plot(example):
    ax = honest_did(example, bounds=[0.5, 1.0]).plot()
    assert [t.get_text() for t in ax.get_xticklabels()] == ["parallel\ntrends", "0.5", "1"]


def test_the_result_reads_as_a_table(example):
    found = honest_did(example, bounds=[0.5, 1.0])
    lines = repr(found).splitlines()
    assert lines[0] == "honest intervals (relative_magnitudes; c_lf), level 95%"
    assert lines[2].split() == ["0.5000", *(f"{end:.4f}" for end in found.frame.loc[0, ["low", "high"]])]
    assert lines[-1].startswith(f"estimate {found.estimate:.4f}; with parallel trends ")
