"""Spillover against dense algebra, numerical derivatives, Imputation, invariances and bad input."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pyfixest import fepois

from aigreen import Decomposition, Effects, Imputation, Panel, Spillover
from aigreen.errors import (
    CollinearError,
    CollinearWarning,
    ConvergenceError,
    DataError,
    EstimationError,
    MissingRowsWarning,
    NoControlsError,
    OptionError,
    OverlapWarning,
    SeparationWarning,
    SmallCellWarning,
    UnknownColumnError,
    UnreachedWarning,
)
from aigreen.exposure.basis import Basis
from aigreen.inference.spatial import conley
from aigreen.spillover.spillover import prepare

KEYS = {"unit": "firm", "time": "year", "cohort": "first"}
RINGS = ["near", "far"]

pytestmark = [
    pytest.mark.filterwarnings(f"ignore::aigreen.errors.{name}")
    for name in ("AlwaysTreatedWarning", "CollinearWarning", "OverlapWarning", "SeparationWarning", "SmallCellWarning")
]


def firms(seed: int = 0, n: int = 150, periods: int = 8, missing: float = 0.1) -> pd.DataFrame:
    """An unbalanced panel with cohorts 4 and 6, two exposures that overlap, weights, clusters, counts."""
    rng = np.random.default_rng(seed)
    firm, year = np.repeat(np.arange(n), periods), np.tile(np.arange(1, periods + 1), n)
    first = rng.choice([0, 0, 4, 6], n)[firm]
    links = rng.choice([0, 0, 0, 1, 2], (n, 2))[firm]
    on = np.column_stack([year >= rng.choice([4, 5], n)[firm], year >= rng.choice([5, 6], n)[firm]])
    S = links * on * (1 + 0.5 * rng.random((n * periods, 2)).round(1))
    treated = (first > 0) & (year >= first)
    x = rng.standard_normal(n * periods)
    effect = treated * (0.5 + 0.1 * (year - first)) + 0.3 * S[:, 0] + 0.1 * (S[:, 1] > 0)
    level = 0.5 * rng.standard_normal(n)[firm]
    df = pd.DataFrame(
        {
            "firm": firm,
            "year": year,
            "first": first,
            "city": firm // 3,
            "industry": rng.integers(0, 2, n)[firm],
            "near": S[:, 0],
            "far": S[:, 1],
            "x": x,
            "w": (rng.random(n) + 0.5)[firm],
            "y": level + 0.1 * year + 0.4 * x + effect + rng.standard_normal(n * periods),
            "count": rng.poisson(np.exp(1.2 + level + 0.05 * year + 0.2 * x + 0.5 * effect)),
        }
    )
    return df[rng.random(len(df)) >= missing].reset_index(drop=True)


class Dense:
    """The estimator by dense matrices: linear weights of every part on all outcomes."""

    def __init__(
        self,
        panel: Panel,
        basis: Basis,
        columns: list[str],
        covariates: list[str],
        effects: list[str],
        *,
        leave_one_out: bool = False,
    ) -> None:
        df, self.leave_one_out = panel.frame, leave_one_out
        self.panel, self.S, self.y = panel, panel.matrix(columns), panel.column("y")
        self.w = np.ones(len(df)) if panel.weights is None else panel.weights
        parts = [pd.get_dummies(df[name].astype(str)).to_numpy(float) for name in effects]
        Z = np.hstack([*parts, df[covariates].to_numpy(float)])
        self.B = basis(self.S)
        exposed = (self.S > 0).any(axis=1)
        self.treated = panel.treated
        self.clean, self.E = ~self.treated & ~exposed, ~self.treated & exposed
        clean = self.clean
        inverse = np.linalg.pinv((Z[clean] * self.w[clean, None]).T @ Z[clean])
        self.project = Z @ inverse @ (Z[clean] * self.w[clean, None]).T  # n x clean
        self.tau = self.y - self.project @ self.y[clean]
        b, w = self.B[self.E], self.w[self.E]
        self.theta_rows = np.zeros((b.shape[1], len(df)))  # weights of theta on tau
        self.theta_rows[:, self.E] = np.linalg.solve((b * w[:, None]).T @ b, (b * w[:, None]).T)
        self.theta = self.theta_rows @ self.tau
        self.residual = self.tau - self.B @ self.theta
        if leave_one_out:
            self.without = np.array([self.theta_on(panel.cluster_codes != c) for c in range(len(panel.clusters))])
            around = np.einsum("ij,ij->i", self.B, self.without[panel.cluster_codes])
            self.residual[self.E] = (self.tau - around)[self.E]
        self.onset = [self.first(exposed), *(self.first(s > 0) for s in self.S.T)]

    def theta_on(self, kept: np.ndarray) -> np.ndarray:
        """Response from some of the exposed rows."""
        rows = self.E & kept
        root = np.sqrt(self.w[rows])
        return np.linalg.lstsq(self.B[rows] * root[:, None], self.tau[rows] * root, rcond=None)[0]

    def first(self, positive: np.ndarray) -> np.ndarray:
        df = self.panel.frame
        return df["firm"].map(df["year"][positive].groupby(df["firm"][positive]).min()).to_numpy()

    def clean_psi(self, rows: np.ndarray) -> np.ndarray:
        """Part of the influence that comes through clean rows, of weights on tau."""
        out = np.zeros(len(self.y))
        out[self.clean] = -(rows @ self.project) * self.tau[self.clean]
        return self.by_cluster(out)

    def own_psi(self, rows: np.ndarray) -> np.ndarray:
        """Deviations from the response, and for treated rows from the centre of the cohort-period, by cluster."""
        df = pd.DataFrame({"c": self.panel.cluster_codes, "v": rows, "vt": rows * self.residual})
        df["g"], df["t"] = self.panel.cohort, self.panel.time
        df = df[rows != 0]
        if not self.treated[rows != 0].any():
            return np.bincount(df.c, df.vt, len(self.panel.clusters))
        sums = df.groupby(["g", "t", "c"])[["v", "vt"]].sum()
        squares = pd.DataFrame({"top": sums.v * sums.vt, "bottom": sums.v**2})
        around = squares.groupby(["g", "t"]).transform("sum") - self.leave_one_out * squares
        centre = (around.top / around.bottom).reindex(pd.MultiIndex.from_frame(df[["g", "t", "c"]])).to_numpy()
        return np.bincount(df.c, df.vt - df.v * centre, len(self.panel.clusters))

    def by_cluster(self, values: np.ndarray) -> np.ndarray:
        return np.bincount(self.panel.cluster_codes, values, len(self.panel.clusters))

    def theta_psi(self) -> np.ndarray:
        clean = np.column_stack([self.clean_psi(rows) for rows in self.theta_rows])
        if self.leave_one_out:
            return clean + self.theta - self.without
        return clean + np.column_stack([self.by_cluster(rows * self.residual) for rows in self.theta_rows])

    def part(self, rows: np.ndarray, functions: list[int]) -> tuple[float, np.ndarray]:
        """Estimate and influence of a weighted mean of tau - B'theta over some basis functions."""
        a = np.where(rows, self.w, 0) / self.w[rows].sum()
        psi = self.own_psi(a) + self.clean_psi(a)
        psi -= self.theta_psi()[:, functions] @ (a @ self.B[:, functions])
        return a @ (self.tau - self.B[:, functions] @ self.theta[functions]), psi


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
def test_without_exposure_equals_imputation_exactly(family: str, keys: dict, variance: str) -> None:
    panel = Panel(firms().assign(none=0.0), **KEYS, **keys)
    options = {"family": family, "variance": variance, "anticipation": 1}
    outcome = "y" if family == "gaussian" else "count"
    plain = Imputation(**options).fit(panel, outcome, covariates=["x"])
    with pytest.warns(CollinearWarning, match="no row has them"):
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


def derivative(estimator: Spillover, df: pd.DataFrame, outcome: str, mean: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Change of the estimates as the outcomes of some rows move along their residuals."""
    step = 1e-4
    up, down = df[outcome].astype(float).copy(), df[outcome].astype(float).copy()
    up[rows] += step * (df[outcome] - mean)[rows]
    down[rows] -= step * (df[outcome] - mean)[rows]
    fits = [estimator.fit(Panel(df.assign(moved=y), **KEYS), "moved", covariates=["x"]).values for y in (up, down)]
    return (fits[0] - fits[1]) / (2 * step)


@pytest.mark.parametrize("response", ["bins", "linear"])
@pytest.mark.parametrize("scale", ["level", "percent"])
def test_poisson_influence_of_clean_units_equals_numerical_derivatives(response: str, scale: str) -> None:
    df = firms(n=60)
    df["count"] += 1.0
    panel = Panel(df, **KEYS)
    estimator = Spillover(exposure=RINGS, family="poisson", response=response, scale=scale)
    result = estimator.fit(panel, "count", covariates=["x"])
    clean = ((df[RINGS] == 0).all(axis=1) & ~panel.treated).to_numpy()
    mean = np.zeros(len(df))
    fit = fepois("count ~ x | firm + year", df[clean], fixef_rm="none", iwls_tol=1e-12)
    mean[clean] = fit.predict(type="response")
    always_clean = [u for u in panel.units if clean[df["firm"] == u].all()][:3]
    assert always_clean
    for unit in always_clean:
        expected = derivative(estimator, df, "count", mean, (df["firm"] == unit).to_numpy())
        assert np.abs(expected).max() > 1e-4
        assert result.influence.loc[unit].to_numpy() == pytest.approx(expected, abs=2e-5)


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


def test_leads_of_counts_are_growth_rates() -> None:
    panel = Panel(firms(missing=0), **KEYS, cluster="city")
    study = Spillover(exposure="near", family="poisson", scale="percent", leads=1).fit(panel, "count").event_study()
    alone = Imputation(family="poisson", scale="percent", leads=1, variance="leave_one_out")
    for part in ("treated", "exposed"):
        assert study[part].index.tolist()[0] == -1
        assert abs(study[part].values[0]) < 4 * study[part].std_errors.iloc[0]
    none = Panel(firms(missing=0).assign(none=0.0), **KEYS, cluster="city")
    ours = Spillover(exposure="none", family="poisson", scale="percent", leads=1).fit(none, "count")["treated"]
    theirs = alone.fit(none, "count")
    assert ours.event_study().values == pytest.approx(theirs.event_study().values, rel=1e-10)
    assert ours.event_study().psi == pytest.approx(theirs.event_study().psi, abs=1e-10)


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


def test_anticipation_leaves_out_the_periods_before_both_onsets() -> None:
    df = firms(missing=0)
    panel = Panel(df, **KEYS)
    result = Spillover(exposure=RINGS, anticipation=1).fit(panel, "y")
    onset = df["firm"].map(df[(df[RINGS] > 0).any(axis=1)].groupby("firm")["year"].min())
    cohort = df["first"].where(df["first"] > 0, np.inf)
    waiting = (df["year"] == cohort - 1) | (df["year"] == onset - 1)
    clean = ~panel.treated & (df[RINGS] == 0).all(axis=1) & ~waiting
    assert result.conventions["clean controls"] == f"{clean.sum():,} untreated and unexposed rows"
    exposed = ~panel.treated & (df[RINGS] > 0).any(axis=1) & (df["year"] != cohort - 1)
    assert result.conventions["exposed"].startswith(f"{exposed.sum():,} untreated rows")
    assert result.conventions["anticipation"].startswith("1 periods before treatment and before exposure")


def test_onset_is_read_from_rows_that_the_outcome_lacks() -> None:
    df = firms(missing=0)
    whole = Spillover(exposure="near").fit(Panel(df, **KEYS), "y")["near"]
    first = df[(df["near"] > 0) & (df["first"] == 0)].groupby("firm")["year"].min()
    df.loc[df.set_index(["firm", "year"]).index.isin(list(first.items())), "y"] = np.nan
    with pytest.warns(MissingRowsWarning):
        gaps = Spillover(exposure="near").fit(Panel(df, **KEYS), "y")["near"]
    assert gaps.index.equals(whole.index)
    rows = pd.Series(whole.mass.value[whole.mass.of] - gaps.mass.value[gaps.mass.of], whole.index)
    assert rows[[g == t for g, t in rows.index]].sum() == len(first)
    assert rows.sum() == len(first)


def test_rows_that_clean_rows_do_not_reach_are_counted() -> None:
    df = firms(missing=0)
    lonely = df["firm"].isin([df.loc[df["first"] == 0, "firm"].iloc[0], df.loc[df["first"] == 6, "firm"].iloc[0]])
    df.loc[lonely, "near"] = 1.0
    with pytest.warns(UnreachedWarning) as caught:
        result = Spillover(exposure=RINGS).fit(Panel(df, **KEYS), "y")
    messages = [str(w.message) for w in caught if w.category is UnreachedWarning]
    assert any(m.startswith("3 rows left out: treated rows") for m in messages)
    assert any(m.startswith("13 rows left out: exposed untreated rows") for m in messages)
    assert sorted(result.dropped["count"]) == [3, 13]


def test_bad_data() -> None:
    df = firms()
    panel = Panel(df, **KEYS)
    with pytest.raises(NoControlsError, match="both untreated and unexposed"):
        Spillover(exposure="near").fit(Panel(df.assign(near=1.0), **KEYS), "y")
    with pytest.raises(DataError, match="column 'near': 1 negative exposures"):
        Spillover(exposure="near").fit(Panel(df.assign(near=df["near"].where(df.index != 5, -1)), **KEYS), "y")
    with pytest.raises(UnknownColumnError, match="did you mean 'near'"):
        Spillover(exposure="nea").fit(panel, "y")
    only_treated = df.assign(near=df["near"] * panel.treated)
    with pytest.raises(NoControlsError, match=r"treated rows have an exposure that no untreated row has.*first: near"):
        Spillover(exposure="near").fit(Panel(only_treated, **KEYS), "y")
    with pytest.raises(CollinearError, match="near, twin are collinear"):
        Spillover(exposure=["near", "twin"]).fit(Panel(df.assign(twin=df["near"]), **KEYS), "y")
    one_row = df.assign(near=np.where(~panel.treated & (df.index == df.index[~panel.treated][3]), 1.0, 0), far=0.0)
    with pytest.raises(CollinearError, match="are collinear"):
        Spillover(exposure="near", response="spline", bins=[0, 1, 2]).fit(Panel(one_row, **KEYS), "y")
    with pytest.raises(OptionError, match="too few values for a spline"):
        Spillover(exposure="one", response="spline").fit(Panel(df.assign(one=1.0 * (df["near"] > 0)), **KEYS), "y")
    with pytest.raises(OptionError, match="outcome='near'"):
        Spillover(exposure="near").fit(panel, "near")
    with pytest.raises(OptionError, match="covariates="):
        Spillover(exposure="near").fit(panel, "y", covariates=["near"])
    far_out = df.assign(near=df["near"].where(~panel.treated | (df["near"] == 0), 9.0))
    with pytest.warns(OverlapWarning, match=r"treated rows have exposures outside those of untreated rows"):
        Spillover(exposure="near", response="linear").fit(Panel(far_out, **KEYS), "y")
    with pytest.raises(NoControlsError, match="no untreated row has such an exposure"):
        Spillover(exposure="far").response_curve(Panel(df.assign(far=0.0), **KEYS), "y")


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


def test_separated_counts_are_a_typed_error() -> None:
    rows = [("a", 1, 0, 5), ("a", 2, 0, 0), ("b", 2, 0, 3), ("b", 3, 0, 2), ("d", 2, 3, 2), ("d", 3, 3, 1)]
    df = pd.DataFrame(rows, columns=["firm", "year", "first", "count"]).assign(none=0)
    with pytest.raises(ConvergenceError, match="did not converge"):
        Spillover(exposure="none", family="poisson").fit(Panel(df, **KEYS), "count")


def test_all_zero_pasts_have_a_counterfactual_of_zero() -> None:
    df = firms(missing=0)
    clean = (df["near"] == 0) & ~((df["first"] > 0) & (df["year"] >= df["first"]))
    unlucky = df.loc[(df["first"] == 4), "firm"].unique()[:2]
    df.loc[clean & df["firm"].isin(unlucky), "count"] = 0
    panel = Panel(df, **KEYS)
    with pytest.warns(SeparationWarning, match="always zero"):
        result = Spillover(exposure="near", family="poisson").fit(panel, "count")
    plain = Imputation(family="poisson").fit(Panel(df.assign(none=0.0), **KEYS), "count")
    assert result["treated"].index.equals(plain.index)


def test_cells_in_one_cluster() -> None:
    df = firms(missing=0)
    df["country"] = np.where(df["firm"] < 75, 0, 1)
    df.loc[df["country"] == 0, "near"] = 0.0
    panel = Panel(df, **KEYS, cluster="country")
    # Exposed rows are centred at the response: alone in their cells, their errors do not vanish.
    with pytest.warns(SmallCellWarning, match="exposed untreated rows in one cluster only"):
        result = Spillover(exposure="near", variance="conservative").fit(panel, "y")
    assert (result["exposed"].influence.loc[1].abs() > 1e-6).all()
    with pytest.raises(EstimationError, match="every term of exposure; 1 have one, first: near"):
        Spillover(exposure="near").fit(panel, "y")
    lone = df.assign(first=df["first"] * (df["country"] == 0))
    with pytest.warns(SmallCellWarning, match="treated rows in one cluster only"):
        Spillover(exposure="near", variance="conservative").fit(Panel(lone, **KEYS, cluster="country"), "y")
    with pytest.raises(EstimationError, match="two clusters with treated rows, and all are in one"):
        Spillover(exposure="near").fit(Panel(lone, **KEYS, cluster="country"), "y")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"exposure": []}, "exposure="),
        ({"exposure": ["a", "a"]}, "exposure="),
        ({"exposure": "net"}, "not named as a part"),
        ({"exposure": "a", "response": "cubic"}, "response='cubic'"),
        ({"exposure": "a", "bins": 0}, "bins=0"),
        ({"exposure": "a", "bins": [2, 1]}, "bins="),
        ({"exposure": "a", "bins": [0, 1]}, "bins="),
        ({"exposure": "a", "response": "spline", "bins": 2}, "bins=2"),
        ({"exposure": "a", "response": "spline", "bins": [1, 2]}, "bins="),
        ({"exposure": "a", "response": "linear", "bins": 2}, "bins=2"),
        ({"exposure": "a", "family": "logit"}, "family='logit'"),
        ({"exposure": "a", "variance": "rows"}, "variance='rows'"),
        ({"exposure": "a", "anticipation": -1}, "anticipation=-1"),
        ({"exposure": "a", "leads": 1.5}, "leads=1.5"),
        ({"exposure": "a", "leads": 1, "family": "poisson"}, "scale='level'"),
        ({"exposure": "a", "scale": "percent"}, "scale='percent'"),
        ({"exposure": "a", "fixed_effects": "firm"}, "fixed_effects='firm'"),
    ],
)
def test_bad_options(options: dict, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Spillover(**options)


# -- response --------------------------------------------------------------------------------------------------------


def test_bins_by_hand() -> None:
    basis = Basis.choose(["a", "b"], "bins", [1, 2], np.zeros((0, 2)))
    assert basis.terms == ["a (0, 1]", "a (1, 2]", "a > 2", "b (0, 1]", "b (1, 2]", "b > 2"]
    rows = basis(np.array([[0, 1], [1.5, 9]]))
    assert rows.tolist() == [[0, 0, 0, 1, 0, 0], [0, 1, 0, 0, 0, 1]]
    thirds = Basis.choose(["a"], "bins", 3, np.array([[0.0, 1, 2, 3, 4, 5, 6]]).T)
    assert thirds.cuts == ((0, 2, 4),)


def test_splines_vanish_at_zero_and_are_linear_beyond_the_outer_knots() -> None:
    basis = Basis.choose(["a"], "spline", [1, 2, 3, 5], np.zeros((0, 1)))
    s = np.linspace(0, 10, 101)
    values = basis(s[:, None])
    assert basis.terms == ["a, spline term 1", "a, spline term 2", "a, spline term 3"]
    assert not values[0].any()
    assert not values[s <= 1][:, 1:].any()
    bend = np.diff(values, 2, axis=0)
    assert bend[s[2:] > 5.2] == pytest.approx(0, abs=1e-10)
    assert np.abs(bend[(s[2:] > 1.3) & (s[2:] < 3)][:, 1]).min() > 1e-5
