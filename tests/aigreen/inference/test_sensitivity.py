import matplotlib as mpl
import numpy as np
import pytest
from scipy import stats

from aigreen.errors import CollinearError, EffectsError
from aigreen.inference import (
    adjusted_estimate,
    benchmark,
    channel_sensitivity,
    oster,
    partial_r2,
    rho_sensitivity,
    robustness,
)

mpl.use("Agg")


def least_squares(y, X):
    """Coefficients, standard errors, residual degrees of freedom and residuals."""
    coefficients = np.linalg.lstsq(X, y, rcond=None)[0]
    residuals = y - X @ coefficients
    df = len(y) - X.shape[1]
    return coefficients, np.sqrt(np.diag(np.linalg.inv(X.T @ X)) * (residuals @ residuals) / df), df, residuals


def part_r2(y, X, z):
    a, b = (least_squares(y, M)[3] for M in (X, np.column_stack([X, z])))
    return 1 - (b @ b) / (a @ a)


@pytest.fixture
def confounded():
    rng = np.random.default_rng(0)
    n = 200
    z, x = rng.normal(size=n), rng.normal(size=n)
    X = np.column_stack([np.ones(n), x])
    z = least_squares(z, X)[3]  # orthogonal to the covariate, as benchmarks assume
    d = 0.8 * z + 0.5 * x + rng.normal(size=n)
    y = 0.4 * d + 1.1 * z - 0.7 * x + rng.normal(size=n)
    return y, d, X, z


def test_adjusted_estimate_is_the_regression_with_the_omitted_variable(confounded):
    y, d, X, z = confounded
    short = np.column_stack([d, X])
    b, se, df, _ = least_squares(y, short)
    full, full_se, _, _ = least_squares(y, np.column_stack([short, z]))
    strength = {"r2_treatment": part_r2(d, X, z), "r2_outcome": part_r2(y, short, z)}
    ours = adjusted_estimate(b[0], se[0], df, **strength)
    np.testing.assert_allclose([ours.estimate, ours.std_error], [full[0], full_se[0]], rtol=1e-10)
    reach = stats.t.ppf(0.975, df - 1) * full_se[0]
    np.testing.assert_allclose([ours.low, ours.high], [full[0] - reach, full[0] + reach], rtol=1e-10)
    away = adjusted_estimate(b[0], se[0], df, reduce=False, **strength)
    assert away.estimate - b[0] == pytest.approx(b[0] - ours.estimate)


@pytest.mark.parametrize("t", [2.1, -4.2, 40.0])
@pytest.mark.parametrize("q", [1.0, 0.5])
def test_robustness_value_does_what_it_says(t, q):
    df, error = 150, 0.3
    ours = robustness(t, df, q=q)
    equal = {"r2_treatment": ours.value, "r2_outcome": ours.value}
    assert adjusted_estimate(t * error, error, df, **equal).estimate == pytest.approx((1 - q) * t * error, abs=1e-10)
    all_outcome = adjusted_estimate(t * error, error, df, r2_treatment=ours.partial_r2, r2_outcome=1.0)
    assert all_outcome.estimate == pytest.approx(0, abs=1e-10)
    assert ours.partial_r2 == partial_r2(t, df)
    if q == 1:
        equal = {"r2_treatment": ours.value_significance, "r2_outcome": ours.value_significance}
        critical = stats.t.ppf(0.975, df - 1)
        found = adjusted_estimate(t * error, error, df, **equal)
        if abs(t) < 10:
            assert abs(found.statistic) == pytest.approx(critical, rel=1e-9)
        assert ours.value_significance < ours.value


def test_insignificant_estimate_has_no_robustness():
    assert robustness(1.5, 100).value_significance == 0.0


def test_benchmark_bounds_hold_and_the_treatment_part_is_exact(confounded):
    y, d, X, z = confounded
    one, x = X[:, :1], X[:, 1]
    with_d = np.column_stack([d, one])
    r2_d, r2_y = part_r2(d, one, x), part_r2(y, with_d, x)
    k_d = part_r2(d, one, z) / r2_d
    k_y = part_r2(y, with_d, z) / r2_y
    treatment, outcome = benchmark(r2_d, r2_y, times_treatment=k_d, times_outcome=k_y)
    assert treatment == pytest.approx(part_r2(d, X, z), rel=1e-9)
    assert outcome > part_r2(y, np.column_stack([d, X]), z)
    with pytest.raises(EffectsError, match="times as strong"):
        benchmark(0.6, 0.1, times_treatment=2.0)


@pytest.mark.parametrize("delta", [1.0, 0.5, -0.6, 2.0])
def test_oster_recovers_a_coefficient_made_with_proportional_selection(delta):
    """Observed and unobserved index are orthogonal, and covary with treatment in the ratio delta of their variances."""
    rng = np.random.default_rng(4)
    n = 500
    noise = np.linalg.qr(np.column_stack([np.ones(n), rng.normal(size=(n, 4))]))[0][:, 1:] * np.sqrt(n)
    w1, w2, v, e = 0.9 * noise[:, 0], 0.6 * noise[:, 1], noise[:, 2], noise[:, 3]
    d = 0.3 * w1 + delta * 0.3 * w2 + 1.2 * v
    y = 0.7 * d + w1 + w2 + 1.5 * e
    one = np.ones(n)

    def fit(*columns):
        b, _, _, r = least_squares(y, np.column_stack([d, one, *columns]))
        return float(b[0]), float(1 - r @ r / (n * y.var()))

    residual = least_squares(d, np.column_stack([one, w1]))[3]
    variances = {"variance_treatment": d.var(), "variance_residual": residual.var(), "variance_outcome": y.var()}
    ours = oster(fit(), fit(w1), **variances, r2_max=fit(w1, w2)[1], delta=delta, null=0.7)
    assert ours.delta == pytest.approx(delta, rel=1e-8)
    assert min(abs(root - 0.7) for root in ours.roots) < 1e-7
    if delta in {1.0, 0.5}:
        assert ours.beta == pytest.approx(0.7, abs=1e-7)


def test_oster_default_and_limits():
    variances = {"variance_treatment": 1.0, "variance_residual": 0.8, "variance_outcome": 2.0}
    ours = oster((1.0, 0.2), (0.8, 0.5), **variances)
    assert ours.r2_max == pytest.approx(0.65)
    unchanged = oster((1.0, 0.2), (0.8, 0.5), **variances, r2_max=0.5)
    assert unchanged.beta == pytest.approx(0.8, abs=1e-8)
    with pytest.raises(EffectsError, match="R2"):
        oster((1.0, 0.5), (0.8, 0.2), **variances)
    with pytest.raises(EffectsError, match="variances"):
        oster((1.0, 0.2), (0.8, 0.5), variance_treatment=1.0, variance_residual=1.1, variance_outcome=1.0)


def test_bad_shares():
    with pytest.raises(EffectsError, match="r2_treatment"):
        adjusted_estimate(1.0, 0.1, 50, r2_treatment=1.0, r2_outcome=0.1)
    with pytest.raises(EffectsError, match="df"):
        robustness(2.0, 1)
    with pytest.raises(EffectsError, match="q="):
        robustness(2.0, 100, q=0)


def triple(seed=0, n=400, rho=0.4):
    rng = np.random.default_rng(seed)
    d = rng.normal(size=n)
    errors = rng.multivariate_normal([0, 0], [[1, rho * 1.5], [rho * 1.5, 2.25]], size=n)
    m = 0.6 * d + errors[:, 0]
    return d, m, 0.3 * d + 0.8 * m + errors[:, 1]


def test_at_rho_zero_the_curve_is_the_product_of_coefficients_with_its_sandwich_error():
    d, m, y = triple()
    ours = rho_sensitivity(d, m, y, rho=[0.0, 0.5])
    a, _, _, u = least_squares(m, d[:, None])
    b, _, _, e = least_squares(y, np.column_stack([d, m]))
    assert ours.frame.loc[0.0, "mediated"] == pytest.approx(a[0] * b[1], rel=1e-12)
    psi = b[1] * d * u / (d @ d) + a[0] * u * e / (u @ u)
    assert ours.frame.loc[0.0, "std_error"] == pytest.approx(np.sqrt(psi @ psi), rel=1e-12)
    total = least_squares(y, d[:, None])[3]
    assert ours.rho_at_zero == pytest.approx(total @ u / np.sqrt(total @ total * (u @ u)), rel=1e-9)
    assert rho_sensitivity(d, m, y, rho=[ours.rho_at_zero]).frame["mediated"].iloc[0] == pytest.approx(0, abs=1e-12)


def test_at_the_true_rho_the_curve_is_the_truth():
    ours = rho_sensitivity(*triple(n=200_000), rho=[0.4]).frame.iloc[0]
    assert ours["mediated"] == pytest.approx(0.48, abs=4 * ours["std_error"])
    assert ours["std_error"] < 0.005


def test_clusters_of_one_row_are_rows_and_copies_double_the_variance():
    d, m, y = triple(n=150)
    rows = rho_sensitivity(d, m, y)
    labels = np.array([f"c{i}" for i in range(150)])
    np.testing.assert_allclose(rho_sensitivity(d, m, y, clusters=labels).frame, rows.frame, rtol=1e-12)
    twice = [np.tile(v, 2) for v in (d, m, y)]
    copied = rho_sensitivity(*twice, clusters=np.tile(labels, 2))
    np.testing.assert_allclose(copied.frame, rows.frame, rtol=1e-10)
    assert copied.rho_at_zero_std_error == pytest.approx(rows.rho_at_zero_std_error, rel=1e-10)


def test_errors_and_plot():
    d, m, y = triple(n=50)
    with pytest.raises(CollinearError, match="channel"):
        rho_sensitivity(d, 0 * d, y)
    with pytest.raises(EffectsError, match="rho"):
        rho_sensitivity(d, m, y, rho=[1.0])
    with pytest.raises(EffectsError, match="rows"):
        channel_sensitivity(0.5, 0.5, np.zeros((50, 2)), d, y[:-1])
    assert rho_sensitivity(d, m, y).plot().lines
