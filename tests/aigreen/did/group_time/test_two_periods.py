import numpy as np
import pytest
import statsmodels.api as sm

from aigreen.did.group_time.two_periods import NotIdentifiedError, cross_section_att, logit, panel_att

METHODS = ["dr", "ipw", "reg"]


@pytest.fixture(scope="module")
def sample():
    rng = np.random.default_rng(1)
    n = 200
    x = np.stack([np.ones(n), rng.normal(size=n), rng.normal(size=n)])
    d = rng.random(n) < 1 / (1 + np.exp(0.5 - x[1]))
    later = rng.random(n) < 0.5
    y = x[1] + later * (1 + x[2]) + d * later * x[1] + rng.normal(size=n)
    return y, x, rng.uniform(0.5, 2, n), d, later


def derivative(estimate, w, i, step=1e-4):
    """Derivative of the estimate with respect to the logarithm of one weight: the influence of that observation."""
    up, down = w.copy(), w.copy()
    up[i] *= 1 + step
    down[i] *= 1 - step
    return (estimate(up) - estimate(down)) / (2 * step)


@pytest.mark.parametrize("method", METHODS)
def test_influence_of_cross_sections_is_the_derivative(method, sample):
    y, x, w, d, later = sample
    _, psi = cross_section_att(method, y, x, w, d, later)
    for i in range(0, len(y), 10):
        numeric = derivative(lambda weights: cross_section_att(method, y, x, weights, d, later)[0], w, i)
        assert psi[i] == pytest.approx(numeric, abs=1e-9)
    assert psi.sum() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_influence_of_differences_is_the_derivative(method, sample):
    y, x, w, d, _ = sample
    outcomes = np.stack([y, y * x[2]])

    def estimate(weights):
        return panel_att(method, (outcomes[:, d], x[:, d], weights[d]), (outcomes[:, ~d], x[:, ~d], weights[~d]))

    _, psi1, psi0, _ = estimate(w)
    psi = np.empty_like(outcomes)
    psi[:, d], psi[:, ~d] = psi1, psi0
    for i in range(0, len(y), 10):
        np.testing.assert_allclose(psi[:, i], derivative(lambda weights: estimate(weights)[0], w, i), atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_an_intercept_alone_is_the_difference_of_means(method, sample):
    y, x, w, d, later = sample
    one = x[:1]
    alone = panel_att(method, (y[None, d], one[:, d], w[d]), (y[None, ~d], one[:, ~d], w[~d]))
    closed = panel_att(method, (y[None, d], None, w[d]), (y[None, ~d], None, w[~d]))
    for got, expected in zip(alone[:3], closed[:3], strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-12)
    assert closed[0][0] == pytest.approx(np.average(y[d], weights=w[d]) - np.average(y[~d], weights=w[~d]))
    value, _ = cross_section_att(method, y, None, w, d, later)
    means = {
        (a, b): np.average(y[(d == a) & (later == b)], weights=w[(d == a) & (later == b)])
        for a in (0, 1)
        for b in (0, 1)
    }
    assert value == pytest.approx(means[1, 1] - means[1, 0] - means[0, 1] + means[0, 0])


def test_logit_of_a_binary_covariate_gives_the_shares():
    d = np.array([1, 0, 0, 0, 1, 1, 0, 0])
    x = np.stack([np.ones(8), np.repeat([0.0, 1.0], 4)])
    p, information, beta = logit(x, d, np.ones(8))
    np.testing.assert_allclose(p, np.repeat([0.25, 0.5], 4), atol=1e-12)
    np.testing.assert_allclose(beta, [np.log(1 / 3), np.log(3)], atol=1e-12)
    np.testing.assert_allclose(information, [[0.75 + 1, 1], [1, 1]], atol=1e-12)


def test_separation_is_not_identified():
    d, size = np.repeat([0, 1], 10), np.arange(20.0)
    with pytest.raises(NotIdentifiedError, match=r"propensity scores above 0\.999"):
        logit(np.stack([np.ones(20), size / 20]), d, np.ones(20))


@pytest.mark.parametrize("method", METHODS)
def test_collinear_covariates_are_not_identified(method, sample):
    y, x, w, d, later = sample
    flat = np.stack([x[0], x[1], 2 * x[1] - 1])
    with pytest.raises(NotIdentifiedError, match="collinear"):
        panel_att(method, (y[None, d], flat[:, d], w[d]), (y[None, ~d], flat[:, ~d], w[~d]))
    with pytest.raises(NotIdentifiedError):
        cross_section_att(method, y, flat, w, d, later)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n", [60, 2000])
def test_logit_equals_statsmodels(n, weighted):
    rng = np.random.default_rng(n)
    x = np.vstack([np.ones(n), rng.normal(size=(3, n))])
    d = (rng.random(n) < 1 / (1 + np.exp(-([-0.5, 0.4, 0.3, -0.2] @ x)))).astype(float)
    w = rng.integers(1, 5, n).astype(float) if weighted else np.ones(n)
    p, information, beta = logit(x, d, w)
    if weighted:
        fit = sm.GLM(d, x.T, family=sm.families.Binomial(), freq_weights=w).fit(tol=1e-13)
    else:
        fit = sm.Logit(d, x.T).fit(method="newton", tol=1e-13, disp=0)
    np.testing.assert_allclose(beta, fit.params, rtol=0, atol=1e-10)
    np.testing.assert_allclose(p, fit.predict(), rtol=0, atol=1e-10)
    np.testing.assert_allclose(np.linalg.inv(information), fit.cov_params(), rtol=1e-8)


def test_different_covariates_in_outcome_and_propensity(sample):
    """The outcome model on the second covariate, the propensity score on the first: derivatives, and closed forms."""
    y, x, w, d, later = sample
    outcome, score = x[[0, 2]], x[[0, 1]]

    def panel(weights):
        sides = [(y[None, s], outcome[:, s], weights[s]) for s in (d, ~d)]
        return panel_att("dr", *sides, propensity=(score[:, d], score[:, ~d]))

    def rows(weights):
        return cross_section_att("dr", y, outcome, weights, d, later, score)

    value, psi1, psi0, _ = panel(w)
    psi = np.empty(len(y))
    psi[d], psi[~d] = psi1[0], psi0[0]
    _, psi_rows = rows(w)
    for i in range(0, len(y), 10):
        assert psi[i] == pytest.approx(derivative(lambda weights: panel(weights)[0][0], w, i), abs=1e-9)
        assert psi_rows[i] == pytest.approx(derivative(lambda weights: rows(weights)[0], w, i), abs=1e-9)
    p = logit(score, d, w)[0]
    odds = np.where(d, 0, w * p / (1 - p))
    beta = np.linalg.lstsq((outcome * np.sqrt(w))[:, ~d].T, (y * np.sqrt(w))[~d], rcond=None)[0]
    residual = y - beta @ outcome
    assert value[0] == pytest.approx(np.average(residual, weights=w * d) - np.average(residual, weights=odds), abs=1e-9)


def test_the_same_covariates_twice_change_nothing(sample):
    y, x, w, d, later = sample
    sides = [(y[None, s], x[:, s], w[s]) for s in (d, ~d)]
    once, twice = panel_att("dr", *sides), panel_att("dr", *sides, propensity=(x[:, d], x[:, ~d]))
    np.testing.assert_array_equal(once[1], twice[1])
    assert cross_section_att("dr", y, x, w, d, later)[0] == cross_section_att("dr", y, x, w, d, later, x)[0]
