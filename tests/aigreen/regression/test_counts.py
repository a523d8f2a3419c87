import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats
from statsmodels.discrete.discrete_model import NegativeBinomial as Likelihood

from aigreen import TWFE, Panel, concat
from aigreen.errors import (
    CollinearError,
    ConvergenceError,
    DataError,
    EstimationError,
    NoTreatedError,
    OptionError,
    SeparationWarning,
)
from aigreen.regression.counts import NegativeBinomial, _scores

KEYS = {"unit": "firm", "time": "year", "cohort": "first", "cluster": "city"}


def make(n_units=24, n_periods=8, size=2.0, seed=0):
    """Firms whose counts have variance mean + mean^2 / size, with an effect of 0.5 log points."""
    rng = np.random.default_rng(seed)
    firm, year = np.repeat(np.arange(n_units), n_periods), np.tile(np.arange(2001, 2001 + n_periods), n_units)
    first = np.where(np.arange(n_units) % 2, 0, 2004)[firm]
    x = rng.normal(size=len(firm))
    treated = (first > 0) & (year >= first)
    mean = np.exp(1.5 + 0.3 * rng.normal(size=n_units)[firm] + 0.05 * (year - 2001) + 0.5 * treated + 0.3 * x)
    count = rng.negative_binomial(size, size / (size + mean))
    return pd.DataFrame({"firm": firm, "year": year, "first": first, "city": firm % 8, "x": x, "count": count})


def design_of(frame):
    treated = ((frame["first"] > 0) & (frame["year"] >= frame["first"])).astype(float)
    firm = pd.get_dummies(frame["firm"]).to_numpy(float)
    year = pd.get_dummies(frame["year"]).to_numpy(float)[:, 1:]
    return np.column_stack([treated, frame["x"], firm, year])


def test_estimates_maximise_the_likelihood():
    """Against scipy's optimiser on scipy's probability mass function, the dispersion in logs."""
    frame = make()
    result = NegativeBinomial().fit(Panel(frame, **KEYS), "count", covariates=["x"])
    design, y = design_of(frame), frame["count"].to_numpy()

    def loss(theta):
        mean, size = np.exp(design @ theta[:-1]), np.exp(-theta[-1])
        ratio = (y - mean) / (1 + mean / size)
        dispersion = approximate(
            lambda log: -stats.nbinom.logpmf(y, np.exp(-log), 1 / (1 + mean * np.exp(log))).sum(), theta[-1]
        )
        value = -stats.nbinom.logpmf(y, size, size / (size + mean)).sum()
        return value, np.append(-design.T @ ratio, dispersion)

    found = optimize.minimize(loss, np.zeros(design.shape[1] + 1), jac=True, method="BFGS", options={"gtol": 1e-6})
    np.testing.assert_allclose(result.values, found.x[:2], atol=1e-5)
    assert float(result.conventions["dispersion"].split()[0]) == pytest.approx(np.exp(found.x[-1]), rel=1e-4)
    assert result.index.tolist() == ["treated", "x"]
    assert abs(result.estimates["treated"] - 0.5) < 2 * result.std_errors["treated"]


def approximate(f, at, step=1e-5):
    return (f(at + step) - f(at - step)) / (2 * step)


def test_clustered_errors_are_the_sandwich_of_statsmodels():
    frame = make()
    result = NegativeBinomial().fit(Panel(frame, **KEYS), "count", covariates=["x"])
    design = design_of(frame)
    groups = {"groups": frame["city"], "use_correction": False}
    start = np.append(np.full(design.shape[1], 0.1), 0.5)
    fit = Likelihood(frame["count"], design).fit(start_params=start, method="newton", maxiter=200, disp=0)
    again = Likelihood(frame["count"], design).fit(
        start_params=fit.params, method="newton", disp=0, cov_type="cluster", cov_kwds=groups
    )
    n, parameters = len(frame), 2 + 8  # firms lie within cities
    factor = (n - 1) / (n - parameters) * 8 / 7
    np.testing.assert_allclose(result.std_errors, again.bse[:2] * np.sqrt(factor), rtol=1e-5)
    np.testing.assert_allclose(result.psi.sum(axis=0), 0, atol=1e-9)


def test_scores_are_the_slopes_of_the_likelihood():
    """Of each row, at parameters that are no maximum, against differences of scipy's probability mass function."""
    frame = make()
    design, y = design_of(frame), frame["count"].to_numpy()
    params = np.append(np.linspace(-0.2, 0.3, design.shape[1]), 0.7)

    def likelihood(at):
        mean, size = np.exp(design @ at[:-1]), 1 / at[-1]
        return stats.nbinom.logpmf(y, size, size / (size + mean))

    steps = 1e-5 * np.eye(len(params))
    slopes = np.column_stack([(likelihood(params + h) - likelihood(params - h)) / 2e-5 for h in steps])
    np.testing.assert_allclose(_scores(y, design, params), slopes, atol=1e-7)


def test_units_of_a_covariate_do_not_matter():
    frame = make()
    one = NegativeBinomial().fit(Panel(frame, **KEYS), "count", covariates=["x"])
    other = NegativeBinomial().fit(Panel(frame.assign(x=1e6 * frame["x"] + 5), **KEYS), "count", covariates=["x"])
    np.testing.assert_allclose(other.values, one.values / [1, 1e6], rtol=1e-7)
    np.testing.assert_allclose(other.std_errors, one.std_errors / [1, 1e6], rtol=1e-7)


def test_it_can_be_held_against_poisson_jointly():
    panel = Panel(make(n_units=40), **KEYS)
    negative = NegativeBinomial().fit(panel, "count", covariates=["x"])
    poisson = TWFE(family="poisson").fit(panel, "count", covariates=["x"])
    gap = negative - poisson
    assert (gap.std_errors < negative.std_errors).all()
    assert len(concat({"negative binomial": negative, "Poisson": poisson})) == 4


def test_groups_of_zeros_are_left_out_and_counted():
    frame = make()
    frame.loc[frame["firm"] == 3, "count"] = 0
    with pytest.warns(SeparationWarning, match="outcome always zero in a fixed effect"):
        result = NegativeBinomial().fit(Panel(frame, **KEYS), "count", covariates=["x"])
    without = NegativeBinomial().fit(Panel(frame[frame["firm"] != 3], **KEYS), "count", covariates=["x"])
    np.testing.assert_allclose(result.values, without.values, rtol=1e-10)
    assert result.dropped["count"].tolist() == [8]


def test_what_cannot_be_fitted_is_refused():
    frame = make()
    panel = Panel(frame, **KEYS)
    rng = np.random.default_rng(1)
    narrow = frame.assign(count=5 + (rng.random(len(frame)) < 0.5))
    with pytest.raises(ConvergenceError, match=r"not spread more widely than Poisson's \(dispersion -0"):
        NegativeBinomial().fit(Panel(narrow, **KEYS), "count")
    with pytest.raises(CollinearError, match=r"determine fixed \(1 columns\)"):
        NegativeBinomial().fit(Panel(frame.assign(fixed=frame["firm"]), **KEYS), "count", covariates=["fixed"])
    with pytest.raises(DataError, match="2 negative values"):
        NegativeBinomial().fit(Panel(frame.assign(count=[-1, -1, *frame["count"][2:]]), **KEYS), "count")
    with pytest.raises(EstimationError, match="weights are not passed on"):
        NegativeBinomial().fit(Panel(frame, **KEYS, weights="year"), "count")
    with pytest.raises(EstimationError, match=r"1,010 fixed effects: as dummies a negative binomial takes 1,000"):
        NegativeBinomial().fit(Panel(make(n_units=1002), **KEYS), "count")
    with pytest.raises(NoTreatedError):
        NegativeBinomial().fit(panel[panel.frame["first"] == 0], "count")
    with pytest.raises(OptionError):
        NegativeBinomial(fixed_effects="firm")


def test_intervals_use_the_degrees_of_freedom_that_treated_clusters_leave():
    """Rows count by mean / (1 + dispersion mean), as in the score."""
    frame = make(n_units=32).assign(first=lambda f: f["first"].where(f["city"] < 4, 0))
    panel = Panel(frame, **KEYS)
    fit = NegativeBinomial().fit(panel, "count", covariates=["x"])
    design = design_of(frame)
    start = np.append(np.full(design.shape[1], 0.1), 0.5)
    told = np.asarray(
        Likelihood(frame["count"], design).fit(start_params=start, method="newton", maxiter=200, disp=0).params
    )
    mean, spread = np.exp(design @ told[:-1]), told[-1]
    treated = frame["first"] > 0
    share = pd.Series(mean / (1 + spread * mean))[treated].groupby(frame["city"]).sum()
    shares = fit.cluster_shares.treated(0)
    np.testing.assert_allclose(shares[shares > 0], share / share.sum(), rtol=1e-4)
    low, high = fit.conf_int().loc["treated"]
    df = fit.effective_clusters()["df"].iloc[0]
    assert 0 < df < 4
    half = stats.t.ppf(0.975, df) * fit.effective_clusters().loc["treated", "small_sample_error"]
    np.testing.assert_allclose((high - low) / 2, half)
