import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from aigreen.effects.effects import Effects
from aigreen.errors import EffectsError, SingularCovarianceError
from aigreen.inference import pretrend_power, slope_for_power
from aigreen.inference.pretrends import truncated_moments

mpl.use("Agg")


def study(values, covariance, horizons):
    return Effects(
        values=np.asarray(values, float),
        index=pd.Index(horizons, name="horizon"),
        psi=None,
        covariance=np.asarray(covariance, float),
        clusters=pd.RangeIndex(0),
        n_rows=1,
        n_units=1,
        n_clusters=50,
        method="m",
        outcome="y",
        post=np.asarray(horizons) >= 0,
    )


def test_one_effect_before_in_closed_form():
    effects = study([0.1, 1.0], [[0.04, 0.02], [0.02, 0.09]], [-2, 0])
    ours = pretrend_power(effects, slope=0.3)
    z = stats.norm.ppf(0.975)
    a, b = -z + 0.3 / 0.2, z + 0.3 / 0.2
    passing = stats.norm.cdf(b) - stats.norm.cdf(a)
    assert ours.power == pytest.approx(1 - passing, abs=1e-9)
    assert ours.bayes_factor == pytest.approx(passing / 0.95, rel=1e-9)
    mean = -0.3 + 0.2 * (stats.norm.pdf(a) - stats.norm.pdf(b)) / passing
    np.testing.assert_allclose(ours.frame["after_passing"], [mean, 0, 0.3 + 0.5 * (mean + 0.3)], atol=1e-5)
    assert slope_for_power(effects, ours.power) == pytest.approx(0.3, rel=1e-7)


def test_independent_effects_multiply():
    covariance = np.diag([1.0, 0.25, 4.0, 1.0])
    ours = pretrend_power(study(np.zeros(4), covariance, [-4, -3, -2, 0]), slope=0.4)
    mean, sd = -0.4 * np.array([3, 2, 1]), np.array([1.0, 0.5, 2.0])
    inside = stats.norm.cdf(1.959964 - mean / sd) - stats.norm.cdf(-1.959964 - mean / sd)
    assert ours.power == pytest.approx(1 - inside.prod(), abs=1e-6)
    assert ours.frame.loc[0, "after_passing"] == pytest.approx(0.4)


@pytest.mark.parametrize("k", [2, 5, 9])
def test_moments_of_a_correlated_box(k):
    rng = np.random.default_rng(k)
    root = rng.normal(size=(k, k)) / np.sqrt(k) + 0.3
    covariance = root @ root.T + 0.1 * np.eye(k)
    mean, half = rng.normal(size=k) * 0.8, 1.5 * np.sqrt(np.diag(covariance))
    probability, inside = truncated_moments(mean, covariance, half)
    draws = rng.multivariate_normal(mean, covariance, size=1_000_000)
    passed = (np.abs(draws) <= half).all(axis=1)
    assert probability == pytest.approx(passed.mean(), abs=4 * np.sqrt(probability / 1e6))
    spread = draws[passed].std(axis=0) / np.sqrt(passed.sum())
    assert (np.abs(inside - draws[passed].mean(axis=0)) < 4.5 * spread).all()


def test_far_away_violations_keep_their_moments():
    """The mean of a normal 30 standard errors outside the box sticks to its edge, on both sides."""
    for sign in (1, -1):
        _, inside = truncated_moments(np.array([sign * 32.0]), np.eye(1), np.array([2.0]))
        assert inside[0] == pytest.approx(sign * (2 - 1 / 30), abs=2e-4)


def test_sign_of_the_slope_does_not_matter_to_power():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(5, 7))
    effects = study(rng.normal(size=5), root @ root.T, [-4, -3, -2, 0, 1])
    powers = [pretrend_power(effects, slope=s).power for s in (1.0, -1.0)]
    assert powers[0] == pytest.approx(powers[1], abs=2e-4)
    assert slope_for_power(effects, 0.9) > slope_for_power(effects, 0.5) > 0


def test_errors_and_plot():
    effects = study([0.1, 0.2, 1.0], np.eye(3), [-3, -2, 0])
    with pytest.raises(EffectsError, match="either"):
        pretrend_power(effects)
    with pytest.raises(EffectsError, match="horizons"):
        pretrend_power(effects, violation={-3: 0.1})
    with pytest.raises(EffectsError, match="size"):
        slope_for_power(effects, 0.01)
    with pytest.raises(SingularCovarianceError):
        slope_for_power(study([0.1, 0.2, 1.0], np.ones((3, 3)), [-3, -2, 0]))
    assert len(pretrend_power(effects, slope=0.1).plot().lines) >= 4
