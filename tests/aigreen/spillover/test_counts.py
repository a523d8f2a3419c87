"""Spillovers on counts: numerical derivatives, numbers by hand, zeros and separation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import pytest
from pyfixest import fepois

from aigreen import Imputation, Panel, Spillover
from aigreen.effects.effects import Effects
from aigreen.errors import (
    CollinearWarning,
    ConvergenceError,
    SeparationWarning,
)
from aigreen.spillover.spillover import prepare

from .dense import KEYS, RINGS, firms


def derivative(
    estimate: Callable[..., Effects], df: pd.DataFrame, outcome: str, mean: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """Change of the estimates as the outcomes of some rows move along their residuals."""
    step = 1e-4
    up, down = df[outcome].astype(float).copy(), df[outcome].astype(float).copy()
    up[rows] += step * (df[outcome] - mean)[rows]
    down[rows] -= step * (df[outcome] - mean)[rows]
    fits = [estimate(Panel(df.assign(moved=y), **KEYS), "moved", covariates=["x"]).values for y in (up, down)]
    return (fits[0] - fits[1]) / (2 * step)


@pytest.mark.parametrize("response", ["bins", "linear"])
@pytest.mark.parametrize("scale", ["level", "percent"])
@pytest.mark.filterwarnings("ignore::aigreen.errors.AlwaysTreatedWarning")
@pytest.mark.filterwarnings("ignore::aigreen.errors.OverlapWarning")
def test_poisson_influence_of_clean_units_equals_numerical_derivatives(response: str, scale: str) -> None:
    df = firms(n=60)
    df["count"] += 1.0
    panel = Panel(df, **KEYS)
    estimator = Spillover(exposure=RINGS, family="poisson", response=response, scale=scale)
    curve_of = partial(estimator.response_curve, at=[1.2, 2.5])
    result, curve = estimator.fit(panel, "count", covariates=["x"]), curve_of(panel, "count", covariates=["x"])
    assert np.abs(curve.values).max() > 0.1
    clean = ((df[RINGS] == 0).all(axis=1) & ~panel.treated).to_numpy()
    mean = np.zeros(len(df))
    fit = fepois("count ~ x | firm + year", df[clean], fixef_rm="none", iwls_tol=1e-12)
    mean[clean] = fit.predict(type="response")
    always_clean = [u for u in panel.units if clean[df["firm"] == u].all()][:3]
    assert always_clean
    for unit in always_clean:
        for estimate, found in ((estimator.fit, result), (curve_of, curve)):
            expected = derivative(estimate, df, "count", mean, (df["firm"] == unit).to_numpy())
            assert np.abs(expected).max() > 1e-4
            assert found.influence.loc[unit].to_numpy() == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize("scale", ["level", "percent"])
def test_poisson_ratio_leaves_the_own_cluster_out(scale: str) -> None:
    """With one dummy the first-order shift is exact: deviations from mu times the ratio of the other clusters."""
    df = firms().assign(near=lambda f: 1.0 * (f["near"] > 0))
    panel = Panel(df, **KEYS, cluster="city")
    options = {"exposure": "near", "family": "poisson", "scale": scale}
    plain, larger = (
        Spillover(**options, variance=v).fit(panel, "count").overall() for v in ("conservative", "leave_one_out")
    )
    stage = prepare(Spillover(**options), panel, "count", None)
    rows, n = stage.exposed, len(panel.clusters)
    y, mu = (
        np.bincount(panel.cluster_codes[rows], values[rows], n)
        for values in (panel.column("count"), stage.imputed.model.mean)
    )
    own, without = y - mu * y.sum() / mu.sum(), y - mu * (y.sum() - y) / (mu.sum() - mu)
    size = mu.sum() if scale == "percent" else len(rows)
    gap = larger.influence["exposed"] - plain.influence["exposed"]
    assert gap.to_numpy() == pytest.approx((without - own) / size, abs=1e-10)
    assert larger.std_errors["spillover"] > plain.std_errors["spillover"]


@pytest.mark.filterwarnings("ignore::aigreen.errors.SmallCellWarning")
def test_poisson_parts_by_hand() -> None:
    """One clean unit, one exposed, one treated and exposed; log-additive response."""
    y = {"a": [2, 4], "b": [3, 12], "c": [5, 60]}
    df = pd.DataFrame(
        [(f, t + 1, v) for f, values in y.items() for t, v in enumerate(values)], columns=["firm", "year", "y"]
    )
    df["first"] = df["firm"].map({"a": 0, "b": 0, "c": 2})
    df["s"] = ((df["firm"] != "a") & (df["year"] == 2)).astype(int)
    panel = Panel(df, **KEYS)
    # Counterfactuals double: 6 for b, 10 for c. Exposure doubles b to 12, so c without treatment would be 20.
    options = {"exposure": "s", "family": "poisson", "variance": "conservative"}
    level = Spillover(**options).fit(panel, "y").overall().estimates
    assert level.to_dict() == pytest.approx({"treated": 50, "net": 40, "spillover": 10, "exposed": 6, "s": 6})
    percent = Spillover(**options, scale="percent").fit(panel, "y").overall().estimates
    assert percent.to_dict() == pytest.approx({"treated": 5, "net": 4, "spillover": 1, "exposed": 1, "s": 1})
    curve = Spillover(**options).response_curve(panel, "y", at=[0, 1])
    assert curve.values == pytest.approx([0, 1])


@pytest.mark.parametrize("scale", ["level", "percent"])
@pytest.mark.parametrize("how", ["simple", "group", "event_study", "calendar"])
def test_poisson_parts_add_up_at_every_aggregation(scale: str, how: str) -> None:
    panel = Panel(firms(), **KEYS, cluster="city", weights="w")
    result = Spillover(exposure=RINGS, family="poisson", scale=scale).fit(panel, "count", covariates=["x"])
    parts = [result[part].aggregate(how) for part in ("treated", "net", "spillover")]
    gap = parts[0] - parts[1] - parts[2]
    assert gap.values == pytest.approx(0, abs=1e-12)
    assert gap.psi == pytest.approx(0, abs=1e-12)


def test_leads_of_counts_are_growth_rates() -> None:
    panel = Panel(firms(missing=0), **KEYS, cluster="city")
    study = Spillover(exposure="near", family="poisson", scale="percent", leads=1).fit(panel, "count").event_study()
    alone = Imputation(family="poisson", scale="percent", leads=1, variance="leave_one_out")
    for part in ("treated", "exposed"):
        assert study[part].index.tolist()[0] == -1
        assert abs(study[part].values[0]) < 4 * study[part].std_errors.iloc[0]
    none = Panel(firms(missing=0).assign(none=0.0), **KEYS, cluster="city")
    with pytest.warns(CollinearWarning, match="zero in every row; first: none"):
        ours = Spillover(exposure="none", family="poisson", scale="percent", leads=1).fit(none, "count")["treated"]
    theirs = alone.fit(none, "count")
    assert ours.event_study().values == pytest.approx(theirs.event_study().values, rel=1e-10)
    assert ours.event_study().psi == pytest.approx(theirs.event_study().psi, abs=1e-10)


def test_counts_that_are_all_zero_in_a_bin_have_no_response() -> None:
    df = firms()
    df.loc[df["near"] > 0, "count"] = 0
    with pytest.raises(ConvergenceError, match="a bin may hold only zeros"):
        Spillover(exposure="near", family="poisson").fit(Panel(df, **KEYS), "count")


def test_bins_whose_counterfactuals_are_all_zero_have_no_response() -> None:
    df = firms(missing=0)
    reached = df["firm"].isin(df.loc[df["near"] > 0, "firm"]) & (df["first"] == 0)
    df.loc[reached & (df["near"] == 0), "count"] = 0
    df.loc[(df["first"] > 0), "near"] = 0.0
    with pytest.warns(SeparationWarning), pytest.raises(ConvergenceError, match="counterfactuals of zero"):
        Spillover(exposure="near", family="poisson").fit(Panel(df, **KEYS), "count")


def test_counts_that_fixed_effects_separate_are_left_out() -> None:
    rows = [("a", 1, 0, 5), ("a", 2, 0, 0), ("b", 2, 0, 3), ("b", 3, 0, 2)]
    rows += [(firm, year, 3, 2 if year == 2 else 1) for firm in "de" for year in (2, 3)]
    df = pd.DataFrame(rows, columns=["firm", "year", "first", "count"]).assign(none=0)
    with (
        pytest.warns(SeparationWarning, match=r"1 untreated row .* fixed effects separate; first: \(a, 2\)"),
        pytest.warns(CollinearWarning, match="first: none"),
    ):
        result = Spillover(exposure="none", family="poisson").fit(Panel(df, **KEYS), "count")
    assert result["treated"].values == pytest.approx([1 - 2 * 2 / 3], abs=1e-9)


def test_all_zero_pasts_have_a_counterfactual_of_zero() -> None:
    df = firms(missing=0)
    clean = (df["near"] == 0) & ~((df["first"] > 0) & (df["year"] >= df["first"]))
    unlucky = df.loc[(df["first"] == 4), "firm"].unique()[:2]
    df.loc[clean & df["firm"].isin(unlucky), "count"] = 0
    panel = Panel(df, **KEYS)
    with pytest.warns(SeparationWarning, match="always zero"):
        result = Spillover(exposure="near", family="poisson").fit(panel, "count")
    with pytest.warns(SeparationWarning, match="6 untreated rows left out: untreated outcome always zero"):
        plain = Imputation(family="poisson").fit(Panel(df.assign(none=0.0), **KEYS), "count")
    assert result["treated"].index.equals(plain.index)
