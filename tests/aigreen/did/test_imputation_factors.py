"""Imputation with interactive effects: exact data, dense least squares, influence functions, number of factors."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import least_squares

from aigreen import Imputation, Panel
from aigreen.counterfactual.factors import cross_validation
from aigreen.errors import (
    ConvergenceError,
    EstimationError,
    OptionError,
    RepeatedCrossSectionsError,
    SmallCellWarning,
    UnreachedWarning,
)
from aigreen.linalg.factors import fit_factors

FIRST = {0: 11, 1: 14}  # by unit modulo 5; others never


def frame(factors=2, noise=0.0, effect=1.0, n=40, periods=18, seed=0):
    """Loadings are higher on average in treated units, so that their trends are not those of others."""
    rng = np.random.default_rng(seed)
    unit, time = np.repeat(np.arange(n), periods), np.tile(np.arange(1, periods + 1), n)
    first = np.array([FIRST.get(i % 5, 0) for i in range(n)])
    common = rng.normal(size=(periods, factors)).cumsum(axis=0)
    loadings = rng.normal(size=(n, factors)) + (first > 0)[:, None]
    df = pd.DataFrame({"unit": unit, "time": time, "first": first[unit], "x": rng.normal(size=n * periods)})
    df["w"] = rng.uniform(0.5, 2, n)[unit]
    df["untreated"] = (loadings @ common.T).ravel() + rng.normal(size=n)[unit] + rng.normal(size=periods)[time - 1]
    df["untreated"] += 0.5 * df["x"] + noise * rng.normal(size=n * periods)
    df["on"] = (df["first"] > 0) & (df["time"] >= df["first"])
    return df.assign(y=df["untreated"] + effect * df["on"])


def panel_of(df, **keys):
    return Panel(df, unit="unit", time="time", cohort="first", **keys)


@pytest.mark.filterwarnings("ignore::aigreen.errors.SmallCellWarning")
@pytest.mark.parametrize("share", [1.0, 0.85], ids=["balanced", "unbalanced"])
@pytest.mark.parametrize("factors", [1, 2, 3])
def test_data_without_noise_are_recovered(factors, share):
    df = frame(factors).sample(frac=share, random_state=0)
    found = Imputation(factors=factors).fit(panel_of(df, weights="w"), "y", covariates="x")
    assert found.dropped.empty
    np.testing.assert_allclose(found.values, 1, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.psi, 0, rtol=0, atol=1e-9)
    assert found.method == f"Imputation ({factors} factor{'s' * (factors > 1)})"
    plain = Imputation().fit(panel_of(df, weights="w"), "y", covariates="x")
    assert np.abs(plain.values - 1).max() > 1


def test_without_factors_it_is_the_plain_estimator():
    df = frame(0, noise=1.0, n=25)
    plain = Imputation().fit(panel_of(df), "y", covariates="x")
    for factors in (0, "cv"):
        found = Imputation(factors=factors).fit(panel_of(df), "y", covariates="x")
        np.testing.assert_array_equal(found.values, plain.values)
        np.testing.assert_array_equal(found.psi, plain.psi)
    assert found.conventions["factors"].startswith("0, by cross-validation (mean squared errors of 0, 1, ...: ")


def dense(df, factors):
    """Nonlinear least squares over all parameters, from two starts; treated outcomes less predictions."""
    n, periods = df["unit"].nunique(), df["time"].nunique()
    unit, time = df["unit"].to_numpy(), df["time"].to_numpy() - 1
    clean, root = ~df["on"].to_numpy(), np.sqrt(df["w"].to_numpy())
    sizes = np.cumsum([n, periods, n * factors, periods * factors])

    def mean(p):
        alpha, xi, loading, common, beta = np.split(p, sizes)
        product = (loading.reshape(n, factors)[unit] * common.reshape(periods, factors)[time]).sum(axis=1)
        return alpha[unit] + xi[time] + product + beta * df["x"].to_numpy()

    fits = []
    for seed in (1, 2):
        start = np.random.default_rng(seed).normal(size=sizes[-1] + 1)
        options = {"method": "lm", "xtol": 1e-14, "ftol": 1e-14, "gtol": 1e-14, "max_nfev": 4000}
        fits.append(least_squares(lambda p: ((df["y"] - mean(p)) * root)[clean].to_numpy(), start, **options))
    best = min(fits, key=lambda fit: fit.cost)
    return (df["y"] - mean(best.x))[~clean], mean, best.x, clean, root


def test_dense_least_squares_and_its_tangent():
    """Effects are those of the nonlinear fit, influence functions those of its linearisation at the solution."""
    df = frame(1, noise=0.7, n=10, periods=12).assign(first=lambda d: d["first"] - (d["first"] > 0) * 3)
    df["on"] = (df["first"] > 0) & (df["time"] >= df["first"])
    effects, mean, p, clean, root = dense(df, 1)
    found = Imputation(factors=1).fit(panel_of(df, weights="w"), "y", covariates="x").overall()
    w = df.loc[~clean, "w"]
    assert found.values[0] == pytest.approx(np.average(effects, weights=w), abs=1e-6)
    steps = 1e-6 * np.eye(len(p))
    tangent = np.column_stack([(mean(p + step) - mean(p - step)) / 2e-6 for step in steps])
    target = np.where(clean, 0, df["w"]) / w.sum()
    inverse = np.linalg.pinv((tangent * root[:, None])[clean], rcond=1e-7)
    implied = (tangent.T @ target) @ inverse * root[clean]
    scores = pd.Series(implied * (df["y"] - mean(p))[clean]).groupby(df["unit"].to_numpy()[clean]).sum()
    never = df.groupby("unit")["first"].first() == 0
    np.testing.assert_allclose(found.influence.loc[never, "ATT"], -scores[never], rtol=0, atol=1e-6)


def test_influence_is_the_derivative_where_errors_are_small():
    """By the weight of a never treated unit; what is left out is of the second order in the errors."""
    for noise, tolerance in ((1e-2, 3e-2), (1e-4, 3e-4)):
        df = frame(2, noise=noise)
        effects = Imputation(factors=2).fit(panel_of(df, weights="w"), "y", covariates="x").overall()
        largest = np.abs(effects.psi).max()
        for unit in (2, 13, 34):
            moved = []
            for step in (1e-2, -1e-2):
                other = df.assign(w=df["w"] * (1 + step * (df["unit"] == unit)))
                refit = Imputation(factors=2).fit(panel_of(other, weights="w"), "y", covariates="x")
                moved.append(refit.overall().values[0])
            slope = (moved[0] - moved[1]) / 2e-2
            assert effects.influence.loc[unit, "ATT"] == pytest.approx(slope, abs=tolerance * largest)


def test_errors_are_near_those_of_the_jackknife():
    df = frame(1, noise=0.5, n=40)
    model = Imputation(factors=1, variance="leave_one_out")
    whole = model.fit(panel_of(df), "y").overall()
    left_out = np.array([model.fit(panel_of(df[df["unit"] != i]), "y").overall().values[0] for i in range(40)])
    jackknife = np.sqrt(39 / 40 * ((left_out - left_out.mean()) ** 2).sum())
    assert whole.std_errors["ATT"] == pytest.approx(jackknife, rel=0.1)


@pytest.mark.parametrize("factors", [0, 1, 2])
def test_the_number_of_factors_is_found(factors):
    df = frame(factors, noise=0.5, n=30, seed=3)
    found = Imputation(factors="cv").fit(panel_of(df), "y", covariates="x")
    assert found.conventions["factors"].startswith(f"{factors}, by cross-validation")
    fixed = Imputation(factors=factors).fit(panel_of(df), "y", covariates="x")
    np.testing.assert_array_equal(found.values, fixed.values)


def test_cross_validation_leaves_out_what_it_predicts():
    """Without factors the errors are those of fits without the cells, on units that keep half of the periods."""
    rng = np.random.default_rng(0)
    y, w = rng.normal(size=(20, 12)), np.ones((20, 12))
    w[:4, 5:] = 0
    part = (np.arange(20)[:, None] + np.arange(12) // 3) % 10
    total, count = 0.0, 0
    for fold in range(10):
        kept = (w > 0) & (part != fold)
        unit, time = np.nonzero(kept)
        dummies = np.column_stack([np.eye(20)[unit], np.eye(12)[time]])
        solution = np.linalg.lstsq(dummies, y[kept], rcond=None)[0]
        gap = (y - solution[:20, None] - solution[20:])[4:][part[4:] == fold]
        total, count = total + gap @ gap, count + gap.size
    errors = cross_validation(y, np.zeros((20, 12, 0)), w)
    assert errors[0] == pytest.approx(total / count, rel=1e-6)
    assert len(errors) == 3


def test_units_with_short_pasts_are_not_reached():
    df = frame(2)
    short = (df["unit"] == 0) & (df["time"] < 9)
    with pytest.warns(UnreachedWarning, match=r"8 rows left out: treated rows .* first: \(0, 11\)"):
        found = Imputation(factors=2).fit(panel_of(df[~short]), "y", covariates="x")
    np.testing.assert_allclose(found.values, 1, rtol=0, atol=1e-9)


def test_short_pasts_are_warned_of():
    df = frame(1, noise=1.0)  # cohorts with ten and thirteen untreated periods
    short = df[(df["unit"] > 1) | (df["time"] > 4)]  # six of unit 0, nine of unit 1
    message = (
        r"^1 treated unit has fewer than 7 untreated rows for 2 coefficients each: effects are imprecise; first: 0$"
    )
    with pytest.warns(SmallCellWarning, match=message):
        Imputation(factors=1).fit(panel_of(short), "y")
    with warnings.catch_warnings():
        warnings.simplefilter("error", SmallCellWarning)
        Imputation(factors=1).fit(panel_of(df), "y")
        Imputation().fit(panel_of(short), "y")


def test_leads_are_zero_in_the_model_and_found_beside_it():
    df = frame(2, noise=1e-3)
    model = Imputation(factors=2, leads=2)
    clean = model.fit(panel_of(df), "y", covariates="x").event_study(window=(-2, -1))
    np.testing.assert_allclose(clean.values, 0, atol=5 * clean.std_errors.max())
    early = df.assign(y=df["y"] + 1e-2 * ((df["first"] - df["time"]).isin([1, 2]) & (df["first"] > 0)))
    found = model.fit(panel_of(early), "y", covariates="x").event_study(window=(-2, -1))
    np.testing.assert_allclose(found.values, 1e-2, atol=2e-3)


def test_what_is_refused():
    df = frame(1, noise=1.0)
    for options in ({"family": "poisson"}, {"fixed_effects": ["unit", "time"]}):
        with pytest.raises(OptionError, match="factors=1: use one of"):
            Imputation(factors=1, **options)
    for bad in (-1, 1.5, "all"):
        with pytest.raises(OptionError, match="factors"):
            Imputation(factors=bad)
    with pytest.raises(EstimationError, match="17 factors need units with 19 untreated rows"):
        Imputation(factors=17).fit(panel_of(df), "y")
    with pytest.raises(EstimationError, match="say how many factors there are"):
        Imputation(factors="cv").fit(panel_of(df[df["time"].between(9, 13)]), "y")
    halves = df[np.where(df["unit"] % 2, df["time"] >= 9, df["time"] <= 10)]
    with pytest.raises(EstimationError, match="no unit has enough of them"):
        Imputation(factors="cv").fit(panel_of(halves), "y")
    with pytest.raises(RepeatedCrossSectionsError):
        repeated = Panel(df.drop(columns="unit"), time="time", cohort="first", repeated=True)
        Imputation(factors=1).fit(repeated, "y")


def test_no_convergence_is_an_error(monkeypatch):
    monkeypatch.setattr("aigreen.linalg.factors._EXACT", (2, 1e-9))
    with pytest.raises(ConvergenceError, match="2 factors: no convergence in 2 steps"):
        Imputation(factors=2).fit(panel_of(frame(2, noise=1.0)), "y")


def test_neither_units_nor_levels_matter():
    rng = np.random.default_rng(0)
    y, x, w = rng.normal(size=(20, 10)), rng.normal(size=(20, 10, 2)), rng.uniform(0.5, 2, (20, 10))
    w[:5, 7:] = 0
    base = fit_factors(y, x, w, 1).mean
    for shift, scale, covariates in ((1e4, 1e3, x * 1e-5 + 7), (-3, 1e-6, x * [1e6, 1])):
        other = fit_factors(shift + scale * y, covariates, w, 1).mean
        np.testing.assert_allclose((other - shift) / scale, base, rtol=0, atol=1e-6)
