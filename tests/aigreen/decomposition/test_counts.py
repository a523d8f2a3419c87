"""Parts of counts, on the log of the mean: identities, dense algebra, numerical derivatives, and what they refuse."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st

from aigreen import Decomposition, Imputation, Panel, load
from aigreen.decomposition.rings import ring_curve
from aigreen.effects.aggregation import log_mean
from aigreen.errors import (
    CollinearError,
    MissingRowsWarning,
    OptionError,
    OverlapWarning,
    RefitWarning,
    SeparationWarning,
)
from aigreen.inference import honest_did

from .economy import CITY, FULL, KEYS, crossed, economy

pytestmark = [
    pytest.mark.filterwarnings("ignore::aigreen.errors.OverlapWarning"),
    pytest.mark.filterwarnings("ignore::aigreen.errors.SeparationWarning"),
]
HOWS = ["simple", "event_study", "group", "calendar"]


def counted(scale: float = 0.3, seed: int = 1) -> pd.DataFrame:
    """The economy of the linear tests with counts whose log mean is its outcome."""
    df = economy()
    return df.assign(n=np.random.default_rng(seed).poisson(np.exp(scale * df["y"] - 0.5)))


@pytest.fixture
def panel() -> Panel:
    return Panel(counted(), **CITY, weights="w")


@given(st.floats(0.01, 100), st.floats(0.01, 100))
def test_logarithmic_mean(a: float, b: float) -> None:
    """Between geometric and arithmetic mean, symmetric, with the derivatives of its definition, and continuous."""
    value, by_a, by_b = (x.item() for x in log_mean(np.array([a]), np.array([b])))
    assert np.sqrt(a * b) * (1 - 1e-12) <= value <= (a + b) / 2 * (1 + 1e-12)
    assert value == pytest.approx(log_mean(np.array([b]), np.array([a]))[0].item(), rel=1e-12)
    h = 1e-5 * a
    low, high = log_mean(np.array([a - h, a + h]), np.array([b, b]))[0]
    assert by_a == pytest.approx((high - low) / (2 * h), rel=1e-7)
    assert a * by_a + b * by_b == pytest.approx(value, rel=1e-11)  # homogeneous of degree one


def test_logarithmic_mean_at_its_limits() -> None:
    near = 3.0 * (1 + np.array([0.0, 1e-12, 1e-5, 9.99e-4, 1.001e-3]))
    value, by_a, by_b = log_mean(near, np.full(5, 3.0))
    exact = 3.0 * np.expm1(np.log1p(near / 3 - 1)) / np.where(near == 3, 1, np.log1p(near / 3 - 1))
    assert value[1:] == pytest.approx(exact[1:], rel=1e-13)
    assert (value[0], by_a[0], by_b[0]) == (3.0, 0.5, 0.5)
    assert np.abs(np.diff(by_a)).max() < 1e-3
    assert [x.item() for x in log_mean(np.array([0.0]), np.array([2.0]))] == [0.0, 0.0, 0.0]


def test_total_is_poisson_imputation(panel: Panel) -> None:
    """Whatever the channels: in logs of percent, in counts of the level; with influence functions."""
    kept = {"variance": "leave_one_out"}
    percent = Imputation(family="poisson", scale="percent", **kept).fit(panel, "n", covariates=["x"])
    level = Imputation(family="poisson", **kept).fit(panel, "n", covariates=["x"])
    for channels in (["m1", "m2"], []):
        parts = Decomposition(channels=channels, family="poisson").fit(panel, "n", covariates=["x"])
        for how in [None, *HOWS]:
            ours, theirs = (e if how is None else e.aggregate(how) for e in (parts["total"], percent))
            assert ours.index.equals(theirs.index)
            assert ours.values == pytest.approx(np.log1p(theirs.values), abs=1e-12)
            assert ours.psi == pytest.approx(theirs.psi / (1 + theirs.values), abs=1e-12)
        counts = Decomposition(channels=channels, family="poisson", scale="count").fit(panel, "n", covariates=["x"])
        for how in [None, *HOWS]:
            ours, theirs = (e if how is None else e.aggregate(how) for e in (counts["total"], level))
            assert ours.values == pytest.approx(theirs.values, abs=1e-11)
            assert ours.psi == pytest.approx(theirs.psi, abs=1e-11)


def test_without_channels_and_exposure_it_is_wooldridges_regression() -> None:
    """Coefficients of treated cohort-years in a pooled Poisson regression (Wooldridge 2023)."""
    df = counted()
    treated = (df["first"] > 0) & (df["year"] >= df["first"])
    cell = np.where(treated, df["first"] * 100 + df["year"], 0)
    dummies = pd.get_dummies(df.assign(cell=cell)[["first", "year", "cell"]].astype(str), drop_first=True)
    dummies = dummies.drop(columns=[c for c in dummies if c.startswith("cell_0")])
    levels = [f"cell_{c}" for c in np.unique(cell[cell > 0])]
    every = pd.concat([dummies[[c for c in dummies if not c.startswith("cell")]]], axis=1)
    design = sm.add_constant(every.assign(**{c: (cell == int(c[5:])) for c in levels}).astype(float))
    fit = sm.GLM(df["n"], design, family=sm.families.Poisson()).fit(tol=1e-14)
    parts = Decomposition(channels=[], fixed_effects=["first", "year"], family="poisson").fit(Panel(df, **CITY), "n")
    assert parts["total"].values == pytest.approx(fit.params[levels].to_numpy(), abs=1e-8)


@pytest.mark.parametrize("scale", ["log", "count"])
@pytest.mark.parametrize(
    "options",
    [
        {**FULL, "origins": True},
        {**FULL, "ordered": True, "leads": 2},
        {**FULL, "interaction": True},
        {**FULL, "movement": "rows"},
        {"channels": ["m1"], "response": "spline", "exposure": "peers"},
        {"channels": [], "exposure": "ring"},
    ],
    ids=str,
)
def test_parts_add_up_at_every_aggregation(panel: Panel, scale: str, options: dict) -> None:
    result = Decomposition(**options, family="poisson", scale=scale).fit(panel, "n", covariates=["x"])
    for view in (result, *(result.aggregate(how) for how in HOWS), result.overall()):
        total, parts = view["total"] if view.index.nlevels > 1 else view.select(view.index == "total"), view.additive
        k = len(parts) // len(total)
        gap = np.abs(parts.values.reshape(k, -1).sum(axis=0) - total.values).max()
        assert gap <= 1e-10 * np.abs(total.values).max()
        gap = np.abs(parts.psi.reshape(len(view.psi), k, -1).sum(axis=1) - total.psi).max()
        assert gap <= 1e-10 * np.abs(total.psi).max()


def test_averages_are_consistent_in_any_order(panel: Panel) -> None:
    """Groups averaged to a whole are the whole, part by part, and the total is the log of the ratio of all sums."""
    result = Decomposition(**FULL, family="poisson").fit(panel, "n", covariates=["x"])
    overall, twice = result.overall(), result.aggregate("group").overall()
    assert twice.values == pytest.approx(overall.values, abs=1e-12)
    assert twice.psi == pytest.approx(overall.psi, abs=1e-12)
    mass = result.mass
    assert overall.values[0] == pytest.approx(np.log(mass.outcome.sum() / mass.counterfactual.sum()), abs=1e-12)


def test_influence_is_the_derivative_by_cluster_weights() -> None:
    """Every part of every cell, for clusters whose own rows are not treated; the total for the treated ones too."""
    df, step = counted().assign(base=lambda d: d["w"]), 1e-4
    for options in [
        {**FULL, "origins": True, "leads": 2},
        {**FULL, "ordered": True, "movement": "rows"},
        {"channels": ["m1"], "exposure": "peers", "response": "spline"},
        {**FULL, "interaction": True, "scale": "count"},
    ]:
        estimator = Decomposition(**options, family="poisson", variance="conservative")
        base = estimator.fit(Panel(df, **CITY, weights="w"), "n", covariates=["x"])
        total = np.asarray(base.index.get_level_values("part") == "total")
        for city in (0, 1, 4, 8, 16):
            moved = []
            for sign in (1, -1):
                w = df["base"] * np.where(df["city"] == city, 1 + sign * step, 1.0)
                panel = Panel(df.assign(w=w), **CITY, weights="w")
                moved.append(estimator.fit(panel, "n", covariates=["x"]).values)
            derivative = (moved[0] - moved[1]) / (2 * step)
            treated = (df.loc[df["city"] == city, "first"] > 0).any()
            of = base.post if not treated else total & base.post & (options.get("scale") != "count")
            assert derivative[of] == pytest.approx(base.psi[city, of], abs=1e-6 * np.abs(base.psi).max())
            if not treated and options.get("scale") != "count":
                assert derivative == pytest.approx(base.psi[city], abs=1e-6 * np.abs(base.psi).max())


class DenseCounts:
    """The decomposition of counts with dummy matrices and Newton's method, for one exposure column each."""

    def __init__(self, panel: Panel) -> None:
        frame = panel.frame
        F = np.hstack([pd.get_dummies(frame[name].astype(str)).to_numpy(float) for name in ("firm", "year")])
        self.F, self.M, self.B = F, panel.matrix(["m1", "m2"]), panel.matrix(["ring", "peers"])
        self.y, self.w = panel.column("n"), panel.weights
        hit = (self.B > 0).any(axis=1)
        self.clean, self.exposed = ~panel.treated & ~hit, ~panel.treated & hit
        positive = (F[self.clean] * self.y[self.clean, None]).sum(axis=0) > 0
        self.active = self.clean & (F[:, ~positive] == 0).all(axis=1)
        self.lost = (F[:, ~positive] > 0).any(axis=1)
        self.cluster, self.n_clusters = panel.cluster_codes, len(panel.clusters)

    def poisson(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients, and influence functions of the index of every row by cluster, shape (clusters, n)."""
        a, w = self.active, self.w
        beta = np.zeros(X.shape[1])
        beta[: self.F.shape[1]] = np.log(np.average(self.y[a], weights=w[a])) / 2
        for _ in range(60):
            mu = np.exp(X[a] @ beta)
            hessian = (X[a] * (w[a] * mu)[:, None]).T @ X[a]
            beta = beta + np.linalg.pinv(hessian, rcond=1e-12) @ (X[a].T @ (w[a] * (self.y[a] - mu)))
        scores = np.zeros_like(X)
        scores[a] = X[a] * (w[a] * (self.y[a] - np.exp(X[a] @ beta)))[:, None]
        return beta, self.sums(scores) @ np.linalg.pinv(hessian, rcond=1e-12)

    def sums(self, rows: np.ndarray) -> np.ndarray:
        out = np.zeros((self.n_clusters, *rows.shape[1:]))
        np.add.at(out, self.cluster, rows)
        return out

    def parts(self, target: np.ndarray) -> tuple[dict[str, float], dict[str, np.ndarray]]:
        F, M, B, w, k = self.F, self.M, self.B, self.w, self.F.shape[1]
        short, short_psi = self.poisson(F)
        both = np.hstack([F, M])
        long, long_psi = self.poisson(both)
        g, b, b_psi = long[:k], long[k:], long_psi[:, k:]
        mu0 = np.where(self.lost, 0.0, np.exp(F @ short))
        V1, V0 = (w * target) @ self.y, (w * target) @ mu0
        own = w * target * (self.y - V1 / V0 * mu0)
        psi = {"total": self.sums(own) / V1 - short_psi @ (F.T @ (w * target * mu0)) / V0}
        values = {"total": np.log(V1 / V0)}

        share = w * target * np.where(self.lost, 0.0, np.exp(F @ g - (F @ g)[target].max()))
        share = share / share.sum()
        by_cluster = self.sums(share)
        clean = self.clean
        inverse = np.linalg.pinv((F[clean] * w[clean, None]).T @ F[clean])
        tilt = long_psi[:, :k] @ F.T

        def moved(m: np.ndarray) -> tuple[float, np.ndarray]:
            u = m - F @ (inverse @ (F[clean].T @ (w[clean] * m[clean])))
            mean = share @ u
            noise = self.sums(F * (clean * w * u)[:, None]) @ inverse @ (F.T @ share)
            centre = (by_cluster @ self.sums(share * u)) / (by_cluster @ by_cluster)
            return mean, self.sums(share * u) - by_cluster * centre - noise + tilt @ (share * (u - mean))

        for j, name in enumerate(["m1", "m2"]):
            mean, mean_psi = moved(M[:, j])
            values[name] = b[j] * mean
            psi[name] = b[j] * mean_psi + mean * b_psi[:, j]
        e = self.exposed
        mu, theta = np.where(self.lost, 0.0, np.exp(both @ long)), np.zeros(2)
        for _ in range(60):
            fitted = mu[e] * np.exp(B[e] @ theta)
            gram = (B[e] * (w[e] * fitted)[:, None]).T @ B[e]
            theta = theta + np.linalg.solve(gram, B[e].T @ (w[e] * (self.y[e] - fitted)))
        noise = np.zeros_like(B)
        noise[e] = B[e] * (w[e] * (self.y[e] - fitted))[:, None]
        through = long_psi @ (both[e].T @ (B[e] * (w[e] * fitted)[:, None]))
        theta_psi = (self.sums(noise) - through) @ np.linalg.inv(gram)
        spill = B @ theta
        values["spillover"] = share @ spill
        psi["spillover"] = theta_psi @ (share @ B) + tilt @ (share * (spill - values["spillover"]))
        rest = ["m1", "m2", "spillover"]
        values["direct"] = values["total"] - sum(values[name] for name in rest)
        psi["direct"] = psi["total"] - sum(psi[name] for name in rest)
        return values, psi


def test_equals_dense_newton(panel: Panel) -> None:
    result = Decomposition(**FULL, family="poisson", response="linear", variance="conservative").fit(panel, "n")
    dense = DenseCounts(panel)
    for g, t in [(4, 4), (4, 7), (6, 8)]:
        values, psi = dense.parts((panel.cohort == g) & (panel.time == t))
        for part, value in values.items():
            assert result.estimates[part, g, t] == pytest.approx(value, abs=1e-7), part
            assert result.influence[part, g, t].to_numpy() == pytest.approx(psi[part], abs=1e-7), part


def test_small_effects_tend_to_the_linear_parts() -> None:
    """Poisson on exp(s y) over s tends to least squares on y, with influence functions but for centres of own rows."""
    df = economy()
    options = {**FULL, "origins": True, "variance": "conservative"}
    linear = Decomposition(**options).fit(Panel(df, **CITY), "y", covariates=["x"])
    free = np.setdiff1d(np.arange(24), df.loc[df["first"] > 0, "city"])
    gaps = []
    for size in (1e-3, 1e-4):
        panel = Panel(df.assign(n=np.exp(size * df["y"])), **CITY)
        logs = Decomposition(**options, family="poisson").fit(panel, "n", covariates=["x"])
        values = np.abs(logs.values / size - linear.values).max()
        gaps.append([values, np.abs(logs.psi / size - linear.psi)[free].max()])
    assert np.max(gaps[1]) < 2e-3
    assert gaps[1] == pytest.approx(np.array(gaps[0]) / 10, rel=0.05)


def test_origins_of_the_linear_parts() -> None:
    """What others do through a channel: its response on exposed rows at the mean dose, by least squares."""
    panel = Panel(economy(), **CITY, weights="w")
    options = {**FULL, "response": "linear", "variance": "conservative"}
    whole = Decomposition(**options, origins=True).fit(panel, "y")
    plain = Decomposition(**options).fit(panel, "y")
    for part in ("total", "direct", "m1", "m2", "spillover"):
        assert np.array_equal(whole[part].values, plain[part].values)
    for j, name in enumerate(["m1", "m2"]):
        # the channel as outcome: its spillover is what others do to it
        alone = Decomposition(channels=[], exposure=FULL["exposure"], response="linear", variance="conservative")
        response = alone.fit(panel, name)["spillover"]
        slope = Decomposition(**options).factors(panel, "y").estimates[name, "slope"]
        assert whole[f"{name}: others"].values == pytest.approx(slope * response.values, abs=1e-12), j
        own, others, both = whole[f"{name}: own"], whole[f"{name}: others"], whole[name]
        assert (own + others).values == pytest.approx(both.values, abs=1e-14)
        assert (own + others).psi == pytest.approx(both.psi, abs=1e-14)
    others = whole["spillover"] + whole["m1: others"] + whole["m2: others"]
    assert whole["total: others"].values == pytest.approx(others.values, abs=1e-14)
    assert (whole["total: own"] + whole["total: others"]).psi == pytest.approx(whole["total"].psi, abs=1e-14)
    with pytest.raises(OptionError, match="exposure="):
        Decomposition(channels=["m1"], origins=True)


def test_units_never_active_stay_in_the_sum_of_outcomes() -> None:
    """Their counterfactual is zero and their counts are not: leaving them out selects on the outcome."""
    df = counted()
    treated = (df["first"] > 0) & (df["year"] >= df["first"])
    firm = df.loc[treated, "firm"].iloc[0]
    df.loc[(df["firm"] == firm) & ~treated, "n"] = 0
    result = Decomposition(channels=["m1"], family="poisson").fit(Panel(df, **CITY), "n")
    assert result.mass.outcome.sum() == df.loc[treated & df["firm"].isin(df.loc[~treated, "firm"]), "n"].sum()
    assert "stay" in result.conventions["separated"]


def test_cells_without_a_count() -> None:
    """Minus infinity without error by itself; in averages the sums decide."""
    df = counted()
    df.loc[(df["first"] == 4) & (df["year"] == 5), "n"] = 0
    result = Decomposition(channels=["m1"], family="poisson").fit(Panel(df, **CITY), "n")
    assert result.estimates["total", 4, 5] == result.estimates["direct", 4, 5] == -np.inf
    assert np.isfinite(result.estimates["m1", 4, 5])
    assert result.conf_int().loc[("total", 4, 5)].isna().all()
    overall, mass = result.overall(), result.mass
    assert overall.values[0] == pytest.approx(np.log(mass.outcome.sum() / mass.counterfactual.sum()), abs=1e-12)
    assert overall.values[0] == pytest.approx(overall.values[1:].sum(), abs=1e-12)
    assert overall.psi[:, 0] == pytest.approx(overall.psi[:, 1:].sum(axis=1), abs=1e-12)
    percent = Imputation(family="poisson", scale="percent", variance="leave_one_out")
    assert overall.psi[:, 0] == pytest.approx(
        (lambda e: e.psi[:, 0] / (1 + e.values[0]))(percent.fit(Panel(df, **CITY), "n").overall()), abs=1e-12
    )


def test_leads_and_path() -> None:
    df = economy(periods=9, cohorts=(5, 7), onsets=(5, 7))
    df["n"] = np.random.default_rng(3).poisson(np.exp(0.2 * df["y"] + 0.5))
    panel = Panel(df, **CITY)
    parts = Decomposition(channels=["m1", "m2"], leads=3, family="poisson", variance="conservative").fit(panel, "n")
    plain = Imputation(family="poisson", scale="percent", leads=3).fit(panel, "n")
    early = ~plain.post
    assert parts["total"].values[~parts["total"].post] == pytest.approx(np.log1p(plain.values[early]), abs=1e-9)
    psi = plain.psi[:, early] / (1 + plain.values[early])
    assert parts["total"].psi[:, ~parts["total"].post] == pytest.approx(psi, abs=1e-9)
    study = parts.event_study()
    for part in ("total", "m1", "direct"):  # a lead is one number for all its cohorts
        by_cell = parts[part].estimates[~parts[part].post].groupby(lambda label: label[1] - label[0]).first()
        assert study[part].estimates.loc[[-3, -2, -1]].to_numpy() == pytest.approx(by_cell.sort_index().to_numpy())
    path = Decomposition(**FULL, leads=3, family="poisson").path(panel, "n")
    assert path.leads == "path"
    for view in (study, path):
        total, rest = view["total"], view.additive
        k = len(rest) // len(total)
        assert rest.values.reshape(k, -1).sum(axis=0) == pytest.approx(total.values, abs=1e-12)
        assert rest.psi.reshape(len(view.psi), k, -1).sum(axis=1) == pytest.approx(total.psi, abs=1e-12)
    assert path["total"].estimates[-1] == path["m1"].estimates[-1] == 0.0
    assert np.isfinite(honest_did(path["m1"]).frame[["low", "high"]].to_numpy()).all()


def test_path_leaves_out_periods_before_treatment_without_a_count() -> None:
    df = counted()
    df.loc[(df["first"] == 6) & (df["year"] == 2), "n"] = 0
    df.loc[(df["first"] == 4) & (df["year"] == 0), "n"] = 0
    with pytest.warns(SeparationWarning, match="without a positive count"):
        path = Decomposition(channels=["m1"], leads=3, family="poisson").path(Panel(df, **CITY), "n")
    assert np.isfinite(path.values).all()


def test_what_stands_on_the_parts(panel: Panel, tmp_path: object) -> None:
    """Factors, sensitivity, additivity of exposure, rings, shares and storage serve counts as they serve levels."""
    estimator = Decomposition(**FULL, family="poisson")
    overall = estimator.fit(panel, "n", covariates=["x"]).overall()
    factors = estimator.factors(panel, "n", covariates=["x"])
    slope, moved = (factors.estimates.xs(name, level="factor") for name in ("slope", "moved"))
    assert (slope * moved).to_numpy() == pytest.approx(overall.values[2:4], abs=1e-12)
    curve = estimator.sensitivity(panel, "n", covariates=["x"])
    at_zero = curve.xs(0.0, level="rho")
    assert at_zero["mediated"].to_numpy() == pytest.approx(overall.values[2:4], abs=1e-12)
    assert at_zero["std_error"].to_numpy() == pytest.approx(overall.std_errors.to_numpy()[2:4], rel=1e-9)
    assert (curve["robustness_value"].between(0, 1)).all()
    shares = overall.shares()
    assert shares.estimates.loc[["direct", "m1", "m2", "spillover"]].sum() == pytest.approx(1.0, abs=1e-12)
    rings = ring_curve(estimator, panel, "n", {"ring": "ring", "both": ["ring", "peers"]}, covariates=["x"])
    assert rings["both"].estimates["m1"] == pytest.approx(overall.estimates["m1"], abs=1e-12)
    cells = estimator.fit(panel, "n", covariates=["x"])
    cells.save(f"{tmp_path}/parts")
    again = load(f"{tmp_path}/parts")
    for how in HOWS:
        assert np.array_equal(again.aggregate(how).values, cells.aggregate(how).values)
        assert np.array_equal(again.aggregate(how).psi, cells.aggregate(how).psi)


def test_additivity_of_exposure() -> None:
    """On treated rows, a Poisson regression within cells gives the response; the gap is its difference."""
    df = crossed(extra=2.0)
    df["n"] = np.random.default_rng(0).poisson(np.exp(0.3 * df["y"] + 1.5))
    panel = Panel(df, **CITY)
    estimator = Decomposition(channels=["m1", "m2"], exposure="ring", family="poisson")
    gap = estimator.additivity(panel, "n")
    assert gap.values[0] == pytest.approx(0.6, abs=3 * gap.std_errors.iloc[0])
    assert gap.test().p_value < 0.05
    none = crossed(extra=0.0)
    none["n"] = np.random.default_rng(0).poisson(np.exp(0.3 * none["y"] + 1.5))
    assert estimator.additivity(Panel(none, **CITY), "n").test().p_value > 0.05


def test_bootstrap_agrees_with_the_errors() -> None:
    panel = Panel(counted(), **CITY)
    with pytest.warns(RefitWarning, match="the outcome is a count"):
        draws = Decomposition(channels=["m1"], family="poisson").bootstrap(
            panel, "n", n_draws=60, resampling="exponential"
        )
    assert draws.draws.notna().all().all()
    gap = draws.draws["total"] - draws.draws["direct"] - draws.draws["m1"]
    assert np.abs(gap).max() < 1e-12
    assert draws.std_errors.to_numpy() == pytest.approx(draws.effects.std_errors.to_numpy(), rel=0.5)


def test_lagged_channels() -> None:
    """A channel some periods before, in the same unit; rows without it are counted."""
    df = economy(missing=0.0)
    lagged = df.assign(m1=df.groupby("firm")["m1"].shift(2)).dropna(subset="m1")
    by_hand = Decomposition(channels=["m1"]).fit(Panel(lagged, **CITY), "y")
    with pytest.warns(MissingRowsWarning, match="missing m1 2 periods before"):
        result = Decomposition(channels=["m1"], lags=2).fit(Panel(df.sample(frac=1, random_state=0), **CITY), "y")
    assert result.values == pytest.approx(by_hand.values, abs=1e-12)
    assert (result.dropped["reason"] == "missing m1 2 periods before").sum() == 1
    assert "lagged by 2" in result.conventions["channels"]
    gapped = df[df["year"] != 3]  # the row before is not the period before
    with pytest.warns(MissingRowsWarning):
        some = Decomposition(channels=["m1"], lags=1).fit(Panel(gapped, **CITY), "y")
    assert some.n_rows == gapped["year"].isin([2, 5, 6, 7, 8]).sum()


def test_channels_beyond_those_of_clean_rows_are_told() -> None:
    df = counted()
    treated = (df["first"] > 0) & (df["year"] >= df["first"])
    df.loc[treated, "m1"] += 20
    with pytest.warns(OverlapWarning, match="channel 'm1' outside the range of clean rows"):
        result = Decomposition(channels=["m1", "m2"]).fit(Panel(df, **CITY), "y")
    assert "m1 100.0%" in result.conventions["overlap"]


@pytest.mark.filterwarnings("ignore::aigreen.errors.CollinearWarning", "ignore::UserWarning:pyfixest")
def test_rows_that_a_covariate_separates_are_in_neither_model() -> None:
    import pyfixest

    df = counted()
    clean = (df["first"] == 0) | (df["year"] < df["first"])
    some = df.index[clean][::40]
    df["only"] = 1.0 * df.index.isin(some)
    df.loc[some, "n"] = 0
    estimator = Decomposition(channels=["m1", "m2"], family="poisson")
    with pytest.warns(SeparationWarning, match=f"{len(some)} untreated rows .* covariates or fixed effects separate"):
        factors = estimator.factors(Panel(df, **CITY), "n", covariates=["only", "x"]).estimates
    rest = df[clean & ~df.index.isin(some)]
    tight = {"iwls_tol": 1e-12, "demeaner": pyfixest.MapDemeaner(fixef_tol=1e-12, fixef_maxiter=100_000)}
    theirs = pyfixest.fepois("n ~ m1 + m2 + x | firm + year", rest, **tight).coef()
    for channel in ("m1", "m2"):
        assert factors[channel, "slope"] == pytest.approx(theirs[channel], abs=1e-8)


def test_what_is_refused(panel: Panel) -> None:
    with pytest.raises(OptionError, match=r"scale='log'.*level \(family='gaussian'\)"):
        Decomposition(channels=["m1"], scale="log")
    with pytest.raises(OptionError, match=r"level.*log \(family='poisson'\)"):
        Decomposition(channels=["m1"], family="poisson", scale="level")
    df = counted()
    idle = df.loc[(df["first"] == 0), "firm"].unique()[:6]
    df["m3"] = np.where(df["firm"].isin(idle), df["m1"], 0.0)
    df.loc[df["firm"].isin(idle), "n"] = 0
    with pytest.raises(CollinearError, match="of units with a positive count"):
        Decomposition(channels=["m3"], family="poisson").fit(Panel(df, **CITY), "n")
    negative = counted().assign(n=lambda d: d["n"] - 1)
    with pytest.raises(Exception, match="negative values; a count model"):
        Decomposition(channels=["m1"], family="poisson").fit(Panel(negative, **KEYS), "n")
