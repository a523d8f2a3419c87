"""Spillover against dense algebra, Imputation, Decomposition, the jackknife and invariances."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aigreen import Decomposition, Effects, Imputation, Panel, Spillover
from aigreen.errors import (
    CollinearWarning,
    OptionError,
    UnknownColumnError,
)
from aigreen.exposure.basis import Basis
from aigreen.inference.spatial import conley

from .dense import KEYS, RINGS, Dense, firms

CASES = [
    ({}, {}, [], ["firm", "year"]),
    ({}, {"cluster": "city", "weights": "w"}, ["x"], ["firm", "year"]),
    ({"response": "linear"}, {"cluster": "city", "weights": "w"}, ["x"], ["firm", "year"]),
    ({"response": "spline", "bins": 3}, {"cluster": "city"}, [], ["firm", "year"]),
    ({"bins": [1.2, 2]}, {"cluster": "city"}, ["x"], ["firm", "year"]),
    ({"bins": 3}, {"weights": "w"}, [], ["firm", "year"]),
    ({"fixed_effects": ["firm", "industry^year"]}, {"cluster": "city"}, ["x"], ["firm", "iy"]),
    ({"variance": "leave_one_out"}, {"cluster": "city", "weights": "w"}, ["x"], ["firm", "year"]),
    ({"variance": "leave_one_out", "bins": 3}, {"cluster": "city"}, [], ["firm", "year"]),
    ({"variance": "leave_one_out", "response": "spline", "bins": 3}, {"weights": "w"}, ["x"], ["firm", "year"]),
]


@pytest.mark.parametrize(("options", "keys", "covariates", "effects"), CASES)
def test_equals_dense_algebra(options: dict, keys: dict, covariates: list[str], effects: list[str]) -> None:
    df = firms()
    df["iy"] = df["industry"].astype(str) + "-" + df["year"].astype(str)
    panel = Panel(df, **KEYS, **keys)
    options = {"variance": "conservative", **options}
    result = Spillover(exposure=RINGS, **options).fit(panel, "y", covariates=covariates)
    S = panel.matrix(RINGS)
    exposed = ~panel.treated & (S > 0).any(axis=1)
    basis = Basis.choose(RINGS, options.get("response", "bins"), options.get("bins"), S[exposed])
    dense = Dense(panel, basis, RINGS, covariates, effects, leave_one_out=options["variance"] == "leave_one_out")
    every = list(range(len(basis.of)))
    time = panel.time

    def check(part: str, rows: np.ndarray, cohort: np.ndarray, functions: list[int]) -> None:
        for g, t in result[part].index:
            cell = rows & (cohort == g) & (time == t)
            value, psi = dense.part(cell, functions)
            assert result.estimates[part, g, t] == pytest.approx(value, abs=1e-9)
            assert result.influence[part, g, t].to_numpy() == pytest.approx(psi, abs=1e-9)

    check("treated", dense.treated, panel.cohort, [])
    check("net", dense.treated, panel.cohort, every)
    check("exposed", dense.E, dense.onset[0], [])
    for label, j, functions in basis.parts:
        rows = dense.E & (dense.B[:, functions] != 0).any(axis=1)
        check(label, rows, dense.onset[1 + j], [f for f in every if f not in functions])
    assert set(result.index.get_level_values("part")) == {"treated", "net", "spillover", "exposed"} | {
        label for label, _, _ in basis.parts
    }
    gap = result["treated"] - result["net"] - result["spillover"]
    assert gap.values == pytest.approx(0, abs=1e-12)
    assert gap.psi == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("bins", [None, [1.2, 2], 3])
@pytest.mark.parametrize("variance", ["conservative", "leave_one_out"])
def test_averages_over_bins_are_the_regression_coefficients(bins: object, variance: str) -> None:
    panel = Panel(firms(), **KEYS, cluster="city", weights="w")
    estimator = Spillover(exposure=RINGS, bins=bins, variance=variance)
    overall = estimator.fit(panel, "y").overall()
    basis = Basis.choose(RINGS, "bins", bins, panel.matrix(RINGS)[~panel.treated])
    dense = Dense(panel, basis, RINGS, [], ["firm", "year"], leave_one_out=variance == "leave_one_out")
    labels = basis.terms
    assert overall.estimates[labels].to_numpy() == pytest.approx(dense.theta, abs=1e-10)
    assert overall.influence[labels].to_numpy() == pytest.approx(dense.theta_psi(), abs=1e-10)
    curve = estimator.response_curve(panel, "y", at=[0.0, 1.1])
    assert curve.index.names == ["term", "level"]
    assert curve.values[[0, 2]].tolist() == [0, 0]
    assert curve.estimates["near", 1.1] == pytest.approx(dense.theta[0], abs=1e-10)
    assert curve.influence["near", 1.1].to_numpy() == pytest.approx(dense.theta_psi()[:, 0], abs=1e-10)


@pytest.mark.parametrize("response", ["linear", "spline"])
def test_curves_equal_dense_responses(response: str) -> None:
    panel = Panel(firms(), **KEYS, cluster="city")
    curve = Spillover(exposure=RINGS, response=response).response_curve(panel, "y")
    S = panel.matrix(RINGS)
    exposed = ~panel.treated & (S > 0).any(axis=1)
    basis = Basis.choose(RINGS, response, None, S[exposed])
    dense = Dense(panel, basis, RINGS, [], ["firm", "year"])
    for (name, level), value in curve.estimates.items():
        at = np.where(np.array(RINGS) == name, level, 0.0)[None]
        assert value == pytest.approx((basis(at) @ dense.theta)[0], abs=1e-9)


@pytest.mark.parametrize("family", ["gaussian", "poisson"])
@pytest.mark.parametrize("keys", [{}, {"cluster": "city", "weights": "w"}])
@pytest.mark.parametrize("variance", ["conservative", "leave_one_out"])
@pytest.mark.filterwarnings("ignore::aigreen.errors.CollinearWarning")
@pytest.mark.filterwarnings("ignore::aigreen.errors.SeparationWarning")
def test_without_exposure_equals_imputation_exactly(family: str, keys: dict, variance: str) -> None:
    panel = Panel(firms().assign(none=0.0), **KEYS, **keys)
    options = {"family": family, "variance": variance, "anticipation": 1}
    outcome = "y" if family == "gaussian" else "count"
    plain = Imputation(**options).fit(panel, outcome, covariates=["x"])
    with pytest.warns(CollinearWarning, match="zero in every row"):
        result = Spillover(exposure="none", **options).fit(panel, outcome, covariates=["x"])
    for part in ("treated", "net"):
        assert result[part].index.equals(plain.index)
        assert result[part].values == pytest.approx(plain.values, rel=1e-13)
        assert result[part].psi == pytest.approx(plain.psi, abs=1e-13)
        for how in ("simple", "event_study", "group", "calendar"):
            assert result[part].aggregate(how).psi == pytest.approx(plain.aggregate(how).psi, abs=1e-13)
    assert not result["spillover"].values.any()
    assert not result["spillover"].psi.any()
    assert "exposed" not in result.index.get_level_values("part")
    difference = Spillover(exposure="none", **options).contamination(panel, outcome, covariates=["x"])
    assert not difference.values.any()
    assert not difference.psi.any()


def test_where_no_treated_row_is_exposed_there_is_no_spillover_on_them() -> None:
    df = firms()
    df.loc[(df["first"] > 0) & (df["year"] >= df["first"]), "near"] = 0.0
    result = Spillover(exposure="near").fit(Panel(df, **KEYS), "y")
    assert result.overall().index.tolist() == ["treated", "net", "exposed", "near"]
    assert result["net"].values == pytest.approx(result["treated"].values, abs=0)
    assert result.conventions["spillover"].startswith("no treated row is exposed")
    with pytest.raises(UnknownColumnError, match="'spillover'"):
        result["spillover"]


def test_event_studies_count_from_treatment_and_from_exposure() -> None:
    panel = Panel(firms(missing=0), **KEYS)
    study = Spillover(exposure=RINGS).fit(panel, "y").event_study()
    assert study["treated"].index.tolist() == [0, 1, 2, 3, 4]
    assert study["near"].index.tolist() == [0, 1, 2, 3, 4]
    assert study["far"].index.tolist() == [0, 1, 2, 3]
    assert study["exposed"].index.tolist() == [0, 1, 2, 3, 4]
    assert study["net"].test().df == 5


def test_leads_equal_dense_regression_on_clean_rows() -> None:
    df = firms()
    panel = Panel(df, **KEYS, cluster="city", weights="w")
    result = Spillover(exposure=RINGS, leads=2).fit(panel, "y", covariates=["x"])
    dense = Dense(panel, Basis.choose(RINGS, "bins", None, panel.matrix(RINGS)), RINGS, ["x"], ["firm", "year"])
    clean, w = dense.clean, panel.weights
    onset = pd.Series(dense.onset[0]).fillna(np.inf).to_numpy()
    onset = np.where(onset < panel.cohort, onset, np.inf)
    kinds = {"treated": panel.time - panel.cohort, "exposed": panel.time - onset}
    dummies = np.column_stack([before == h for before in kinds.values() for h in (-2, -1)])
    parts = [pd.get_dummies(df[name].astype(str)).to_numpy(float) for name in ("firm", "year")]
    Z = np.hstack([*parts, df[["x"]].to_numpy(), dummies])[clean]
    bread = np.linalg.pinv((Z * w[clean, None]).T @ Z)
    beta = bread @ (Z * w[clean, None]).T @ panel.column("y")[clean]
    scores = (Z * (w[clean] * (panel.column("y")[clean] - Z @ beta))[:, None]) @ bread[:, -4:]
    psi = np.array([np.bincount(panel.cluster_codes[clean], s, len(panel.clusters)) for s in scores.T]).T
    for part, at in (("treated", slice(-4, -2)), ("exposed", slice(-2, None))):
        study = result[part].event_study()
        assert study.index.tolist()[:2] == [-2, -1]
        assert study.values[:2] == pytest.approx(beta[at], abs=1e-9)
        assert study.psi[:, :2] == pytest.approx(psi[:, at], abs=1e-9)
        assert result[part].event_study().pretrend_test().df == 2
    without = Spillover(exposure=RINGS).fit(panel, "y", covariates=["x"])
    assert result.overall().index.equals(without.overall().index)
    assert result.overall().psi == pytest.approx(without.overall().psi, abs=1e-14)


def test_contamination_is_naive_less_robust() -> None:
    panel = Panel(firms(missing=0), **KEYS, cluster="city")
    estimator = Spillover(exposure=RINGS)
    robust = estimator.fit(panel, "y", covariates=["x"])["treated"]
    naive = Imputation().fit(panel, "y", covariates=["x"])
    difference = estimator.contamination(panel, "y", covariates=["x"])
    assert difference.values == pytest.approx((naive - robust).values, abs=1e-12)
    # Own rows cancel: what is left comes through the two counterfactuals.
    assert difference.std_errors.to_numpy() == pytest.approx((naive - robust).std_errors.to_numpy(), rel=0.5)
    assert (difference.std_errors < 0.8 * robust.std_errors).all()
    assert difference.overall().values == pytest.approx(naive.overall().values - robust.overall().values, abs=1e-12)
    # Ignoring positive spillovers on controls makes the naive estimate too small, and the error is far below either.
    assert difference.overall().estimates["ATT"] < 0
    assert difference.overall().std_errors["ATT"] < robust.overall().std_errors["ATT"]
    assert difference.method == "Imputation less Spillover (bins)"
    twfe = estimator.contamination(panel, "y", covariates=["x"], naive="twfe")
    assert len(twfe) == 1
    assert twfe.method == "TWFE OLS / Spillover (bins)"
    with pytest.raises(OptionError, match="naive='did2s'"):
        estimator.contamination(panel, "y", naive="did2s")
    with pytest.raises(OptionError, match="naive='twfe'"):
        Spillover(exposure=RINGS, family="poisson").contamination(panel, "count", naive="twfe")


@pytest.mark.parametrize("options", [{}, {"response": "linear"}, {"bins": 3, "variance": "leave_one_out"}])
def test_equals_a_decomposition_without_channels(options: dict) -> None:
    panel = Panel(firms(), **KEYS, cluster="city", weights="w")
    parts = Spillover(exposure=RINGS, **options).fit(panel, "y", covariates=["x"])
    whole = Decomposition(channels=[], exposure=RINGS, **options).fit(panel, "y", covariates=["x"])
    for ours, theirs in (("treated", "total"), ("net", "direct"), ("spillover", "spillover")):
        assert parts[ours].values == pytest.approx(whole[theirs].values, abs=1e-12)
        assert parts[ours].psi == pytest.approx(whole[theirs].psi, abs=1e-12)


def test_errors_are_near_the_jackknife_over_clusters() -> None:
    df = firms(n=300)
    estimator = Spillover(exposure=RINGS)

    def overall(rows: pd.DataFrame) -> Effects:
        return estimator.fit(Panel(rows, **KEYS, cluster="city"), "y").overall()

    draws = np.array([overall(df[df["city"] != c]).values for c in df["city"].unique()])
    n = len(draws)
    jackknife = np.sqrt((n - 1) / n * ((draws - draws.mean(axis=0)) ** 2).sum(axis=0))
    ratio = overall(df).std_errors / jackknife
    assert ratio.drop("spillover").between(0.93, 1.01).all()
    # The exposure of the treated is taken as given; the jackknife adds its spread.
    assert 0.85 < ratio["spillover"] < 0.95


def test_spatial_errors_of_spillovers() -> None:
    df = firms()
    panel = Panel(df, **KEYS)
    overall = Spillover(exposure=RINGS).fit(panel, "y").overall()
    rng = np.random.default_rng(1)
    places = pd.DataFrame({"lat": rng.uniform(20, 40, 150), "lon": rng.uniform(80, 120, 150)}, index=panel.units)
    alone = conley(overall, places, 0.001)
    assert alone.std_errors.to_numpy() == pytest.approx(overall.std_errors.to_numpy(), rel=1e-10)
    assert (conley(overall, places, 500).std_errors != overall.std_errors).any()


def test_row_order_and_labels_change_nothing() -> None:
    df = firms()
    result = Spillover(exposure=RINGS).fit(Panel(df, **KEYS), "y")
    shuffled = Spillover(exposure=RINGS).fit(Panel(df.sample(frac=1, random_state=1), **KEYS), "y")
    assert np.array_equal(shuffled.psi, result.psi)
    renamed = Spillover(exposure=RINGS).fit(Panel(df.assign(firm=1000 - df["firm"]), **KEYS), "y")
    assert renamed.values == pytest.approx(result.values, abs=1e-12)
    assert renamed.psi[::-1] == pytest.approx(result.psi, abs=1e-12)
