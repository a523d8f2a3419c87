"""The decomposition against dense algebra and numerical derivatives, its laws, and bad input."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigreen import Decomposition, Imputation, Panel, Spillover, share
from aigreen.errors import (
    AigreenError,
    CollinearError,
    CollinearWarning,
    DataError,
    EffectsError,
    EstimationError,
    MissingRowsWarning,
    NoControlsError,
    NonNumericError,
    NoPrePeriodError,
    NoTreatedError,
    OptionError,
    OverlapWarning,
    RefitWarning,
    SmallCellWarning,
    TooFewClustersError,
    UnknownColumnError,
    UnreachedWarning,
)

pytestmark = pytest.mark.filterwarnings("ignore::aigreen.errors.OverlapWarning")

KEYS = {"unit": "firm", "time": "year", "cohort": "first"}
CITY = {**KEYS, "cluster": "city"}
FULL = {"channels": ["m1", "m2"], "exposure": ["ring", "peers"]}


def economy(
    seed: int = 0, n_cities: int = 24, per_city: int = 5, periods: int = 8, missing: float = 0.1
) -> pd.DataFrame:
    """Cities treated in 4, 6 or never, some exposed from 5 or 6 on; firms with two channels and two exposures."""
    rng = np.random.default_rng(seed)
    n = n_cities * per_city
    firm, year = np.repeat(np.arange(n), periods), np.tile(np.arange(1, periods + 1), n)
    city = firm // per_city
    first = rng.permutation(np.resize([0, 4, 6, 0], n_cities))[city]
    treated = (first > 0) & (year >= first)
    near = rng.permutation(np.resize([5, 99, 99, 6], n_cities))[city]
    ring = 1.0 * (year >= near)
    peers = np.where((year >= 6) & (city % 3 == 1), 0.2 + rng.random(n)[firm], 0.0)

    def noise() -> np.ndarray:
        return rng.standard_normal(n * periods) + 0.4 * rng.standard_normal((n_cities, periods))[city, year - 1]

    m1 = rng.standard_normal(n)[firm] + 0.1 * year + 0.8 * treated + 0.3 * ring + noise()
    m2 = rng.standard_normal(n)[firm] + 0.3 * m1 - 0.4 * treated + noise()
    x = rng.standard_normal(n * periods) + 0.2 * year
    y = rng.standard_normal(n)[firm] + 0.2 * year + 0.5 * m1 + 0.3 * m2 + treated + 0.25 * ring + 0.4 * x + noise()
    df = pd.DataFrame(
        {"firm": firm, "year": year, "first": first, "city": city, "m1": m1, "m2": m2, "ring": ring, "peers": peers}
        | {"x": x, "y": y, "w": rng.uniform(0.5, 1.5, n * periods), "big": city % 2, "industry": firm % 3}
    )
    return df[rng.random(len(df)) >= missing].reset_index(drop=True)


@pytest.fixture
def panel() -> Panel:
    return Panel(economy(), **CITY)


class Dense:
    """The decomposition written out with dummy matrices, for one response column an exposure."""

    def __init__(self, panel: Panel, channels: list[str], exposures: list[str], covariates: list[str]) -> None:
        frame = panel.frame
        F = [pd.get_dummies(frame[name].astype(str)).to_numpy(float) for name in ("firm", "year")]
        self.F = np.hstack([*F, frame[covariates].to_numpy(float)])
        self.y, self.M = panel.column("y"), panel.matrix(channels)
        self.w = np.ones(len(self.y)) if panel.weights is None else panel.weights
        self.B = panel.matrix(exposures)
        hit = (self.B > 0).any(axis=1)
        self.clean, self.exposed, self.treated = ~panel.treated & ~hit, ~panel.treated & hit, panel.treated
        self.cluster, self.n_clusters = panel.cluster_codes, len(panel.clusters)

    def fit(self, columns: np.ndarray, y: np.ndarray) -> np.ndarray:
        c = self.clean
        root = np.sqrt(self.w[c])[:, None]
        return np.linalg.lstsq(columns[c] * root, y[c] * root[:, 0], rcond=None)[0]

    def solve(self) -> Dense:
        k = self.M.shape[1]
        both = np.hstack([self.F, self.M])
        self.b = self.fit(both, self.y)[len(self.F.T) :]
        self.deviation = self.M - np.column_stack([self.F @ self.fit(self.F, m) for m in self.M.T]) if k else self.M
        self.within = self.y - self.F @ self.fit(self.F, self.y)
        rest = self.within - self.deviation @ self.b
        e = self.exposed
        root = np.sqrt(self.w[e])[:, None]
        self.theta = np.linalg.lstsq(self.B[e] * root, rest[e] * root[:, 0], rcond=None)[0]
        self.spill = self.B @ self.theta
        self.net = rest - self.spill
        return self

    def values(self, target: np.ndarray) -> dict[str, float]:
        share = self.w * target / (self.w @ target)
        through = {f"m{j + 1}": self.b[j] * (share @ self.deviation[:, j]) for j in range(len(self.b))}
        return {"total": share @ self.within, "direct": share @ self.net, **through, "spillover": share @ self.spill}

    def psi(self, target: np.ndarray, centre: np.ndarray) -> dict[str, np.ndarray]:
        """Influence by cluster, equations of docs/decomposition.md in dense form."""
        share, c, e = self.w * target / (self.w @ target), self.clean, self.exposed
        inverse = np.linalg.pinv((self.F[c] * self.w[c, None]).T @ self.F[c])

        def through_clean(weights: np.ndarray) -> np.ndarray:
            v = np.zeros(len(self.y))
            v[c] = -self.w[c] * (self.F[c] @ (inverse @ (self.F.T @ weights)))
            return v

        def sums(values: np.ndarray) -> np.ndarray:
            return np.bincount(self.cluster, values, self.n_clusters)

        def own(values: np.ndarray) -> np.ndarray:
            return sums(share * (values - centre @ values))

        resid = np.where(c, self.within - self.deviation @ self.b, 0.0)
        u = np.where(c[:, None], self.deviation, 0.0)
        bread = np.linalg.inv((u * self.w[:, None]).T @ u)
        slope = np.array([sums(self.w * u[:, j] * resid) for j in range(len(self.b))]).T @ bread
        v = through_clean(share)
        out = {}
        for j in range(len(self.b)):
            moved = share @ self.deviation[:, j]
            out[f"m{j + 1}"] = self.b[j] * (sums(v * u[:, j]) + own(self.deviation[:, j])) + moved * slope[:, j]
        dose, wB = share @ self.B, self.B * (self.w * e)[:, None]
        on_exposed = wB @ np.linalg.solve(wB.T @ self.B, dose)
        out["spillover"] = sums(through_clean(on_exposed) * resid + on_exposed * self.net) - slope @ (
            on_exposed @ self.deviation
        )
        out["direct"] = sums(v * resid) + own(self.net) - slope @ (share @ self.deviation) - out["spillover"]
        out["total"] = sum(out.values())
        return out


def paper_centre(panel: Panel, w: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Matrix that maps values to the centre of each target row: squared cluster weights inside its cohort-period."""
    n = len(w)
    A = np.zeros((n, n))
    for g, t in {(g, t) for g, t in zip(panel.cohort[target], panel.time[target], strict=True)}:
        rows = np.flatnonzero(target & (panel.cohort == g) & (panel.time == t))
        by = pd.Series(w[rows]).groupby(panel.cluster_codes[rows]).transform("sum").to_numpy()
        clusters = pd.Series(w[rows]).groupby(panel.cluster_codes[rows]).sum()
        A[np.ix_(rows, rows)] = w[rows] * by / (clusters**2).sum()
    return A


@pytest.mark.parametrize("weights", [None, "w"])
@pytest.mark.parametrize("covariates", [[], ["x"]])
def test_equals_dense_least_squares(weights: str | None, covariates: list[str]) -> None:
    panel = Panel(economy(), **CITY, weights=weights)
    result = Decomposition(**FULL, response="linear", variance="conservative").fit(panel, "y", covariates=covariates)
    dense = Dense(panel, ["m1", "m2"], ["ring", "peers"], covariates).solve()
    for g, t in [(4, 4), (4, 7), (6, 8)]:
        target = (panel.cohort == g) & (panel.time == t)
        values, psi = dense.values(target), dense.psi(target, paper_centre(panel, dense.w, target))
        for part, value in values.items():
            assert result.estimates[part, g, t] == pytest.approx(value, abs=1e-10), part
            assert result.influence[part, g, t].to_numpy() == pytest.approx(psi[part], abs=1e-11), part


@pytest.mark.parametrize("how", ["simple", "event_study", "group", "calendar"])
@pytest.mark.parametrize(
    "options", [FULL, {**FULL, "ordered": True}, {"channels": ["m1"]}, {"channels": [], "exposure": "ring"}]
)
def test_parts_add_up_at_every_aggregation(how: str, options: dict) -> None:
    panel = Panel(economy(), **CITY, weights="w")
    result = Decomposition(**options).fit(panel, "y", covariates=["x"])
    for view in (result, result.aggregate(how), result.overall()):
        names = view.index.get_level_values("part")
        assert names.unique().tolist()[:2] == ["total", "direct"]
        total = view.select(names == "total")
        additive = view.additive
        parts = len(additive) // len(total)
        values = additive.values.reshape(parts, -1).sum(axis=0)
        psi = additive.psi.reshape(len(view.psi), parts, -1).sum(axis=1)
        assert np.abs(values - total.values).max() <= 1e-10 * np.abs(total.values).max()
        assert np.abs(psi - total.psi).max() <= 1e-10 * np.abs(total.psi).max()


def test_total_is_imputation_from_clean_rows(panel: Panel) -> None:
    """Omitted-variable identity: without exposure the deviation of Y is Y less its own imputation."""
    total = Decomposition(channels=["m1", "m2"]).fit(panel, "y", covariates=["x"])["total"]
    plain = Imputation(variance="leave_one_out").fit(panel, "y", covariates=["x"])
    assert total.values == pytest.approx(plain.values, abs=1e-12)
    assert total.psi == pytest.approx(plain.psi, abs=1e-12)
    assert total.index.equals(plain.index)
    free = panel[
        (panel.frame["ring"] == 0) | (panel.frame["year"] >= panel.frame["first"].where(panel.frame["first"] > 0, 99))
    ]
    exposed = Decomposition(channels=["m1", "m2"], exposure="ring").fit(panel, "y")["total"]
    assert exposed.values == pytest.approx(Imputation().fit(free, "y").values, abs=1e-12)


def test_influence_is_the_derivative_by_cluster_weights(panel: Panel) -> None:
    """Moving the weights of a cluster's untreated rows moves each part by psi less the term of the treated rows."""
    df = economy()
    step = 1e-5
    spline = {"channels": ["m1", "m2"], "exposure": "peers", "response": "spline"}
    kinds = [spline, {**FULL, "ordered": True}]
    for options in kinds:
        estimator = Decomposition(**options, variance="conservative")
        base = estimator.fit(Panel(df.assign(w=1.0), **CITY, weights="w"), "y", covariates=["x"])
        treated = (df["first"] > 0) & (df["year"] >= df["first"])
        free = {c for c in df["city"].unique() if not treated[df["city"] == c].any()}
        for city in sorted(free)[:4]:
            moved = []
            for sign in (1, -1):
                w = np.where((df["city"] == city) & ~treated, 1 + sign * step, 1.0)
                moved.append(estimator.fit(Panel(df.assign(w=w), **CITY, weights="w"), "y", covariates=["x"]).values)
            derivative = (moved[0] - moved[1]) / (2 * step)
            assert derivative == pytest.approx(base.influence.loc[city].to_numpy(), abs=2e-8)


def test_several_exposures_and_interaction_come_in_pieces(panel: Panel) -> None:
    overall = Decomposition(**FULL, interaction=True).fit(panel, "y").overall().estimates
    assert overall.index.tolist() == [
        *("total", "direct", "m1", "m2", "spillover", "direct: at untreated channels", "direct: interaction m1"),
        *("direct: interaction m2", "spillover: ring", "spillover: peers"),
    ]
    assert overall.filter(like="direct: ").sum() == pytest.approx(overall["direct"], abs=1e-12)
    assert overall.filter(like="spillover: ").sum() == pytest.approx(overall["spillover"], abs=1e-12)
    plain = Decomposition(**FULL).fit(panel, "y").overall().estimates
    assert overall[plain.index[:5]].to_numpy() == pytest.approx(plain[:5].to_numpy(), abs=1e-12)


def test_interaction_is_the_gap_of_slopes_on_treated_and_clean_rows(panel: Panel) -> None:
    result = Decomposition(channels=["m1"], interaction=True).fit(panel, "y")
    rows = panel.treated
    dummies = [
        panel.frame["firm"].astype(str),
        panel.frame["first"].astype(str) + "-" + panel.frame["year"].astype(str),
    ]
    F = np.hstack([pd.get_dummies(d).to_numpy(float) for d in dummies])
    y, m = panel.column("y"), panel.column("m1")
    treated = np.linalg.lstsq(np.column_stack([m, F])[rows], y[rows], rcond=None)[0][0]
    dense = Dense(panel, ["m1"], [], []).solve()
    moved = dense.deviation[rows, 0].mean()
    piece = result.overall()["direct: interaction m1"]
    assert piece.values[0] == pytest.approx((treated - dense.b[0]) * moved, abs=1e-10)
    assert piece.std_errors.iloc[0] > 0


def test_ordered_channels_are_differences_of_nested_fits(panel: Panel) -> None:
    both = Decomposition(channels=["m1", "m2"], ordered=True).fit(panel, "y")
    short = Decomposition(channels=["m1"]).fit(panel, "y")
    none = Imputation(variance="leave_one_out").fit(panel, "y")
    assert both["m1"].values == pytest.approx(none.values - short["direct"].values, abs=1e-12)
    assert both["m1"].psi == pytest.approx(none.psi - short["direct"].psi, abs=1e-12)
    assert both["m2"].values == pytest.approx((short["direct"] - both["direct"]).values, abs=1e-12)
    assert both["m2"].psi == pytest.approx((short["direct"] - both["direct"]).psi, abs=1e-12)
    ordered, parallel = (Decomposition(**FULL, ordered=o).fit(panel, "y") for o in (True, False))
    assert (ordered["m1"] + ordered["m2"]).values == pytest.approx((parallel["m1"] + parallel["m2"]).values, abs=1e-12)
    assert ordered["direct"].psi == pytest.approx(parallel["direct"].psi, abs=1e-12)


def test_factors_multiply_to_the_parts(panel: Panel) -> None:
    estimator = Decomposition(**FULL)
    overall, factors = estimator.fit(panel, "y").overall(), estimator.factors(panel, "y")
    for name in ("m1", "m2"):
        b, moved = factors.estimates[name]
        assert overall.estimates[name] == pytest.approx(b * moved, abs=1e-12)
        psi = factors.influence[name]
        expected = b * psi["moved"] + moved * psi["slope"]
        assert overall.influence[name].to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-13)
    free = panel.clean(FULL["exposure"])
    assert factors["m1"].estimates["moved"] == pytest.approx(
        Imputation().fit(free, "m1").overall().values[0], abs=1e-10
    )
    with pytest.raises(OptionError):
        Decomposition(channels=[], exposure="ring").factors(panel, "y")


def test_exposure_that_is_zero_on_treated_rows_moves_nothing_to_them() -> None:
    df = economy()
    df["ring"] = df["ring"].where(df["first"] == 0, 0.0)
    result = Decomposition(channels=["m1"], exposure="ring").fit(Panel(df, **CITY), "y")
    assert np.all(result["spillover"].values == 0)
    assert np.all(result["spillover"].psi == 0)


def test_zero_exposure_is_no_exposure(panel: Panel) -> None:
    none = Decomposition(channels=["m1"]).fit(panel, "y")
    zero = Panel(economy().assign(ring=0.0, peers=0.0), **CITY)
    estimator = Decomposition(channels=["m1"], exposure=["ring", "peers"])
    result = estimator.fit(zero, "y")
    for part in ("total", "direct", "m1"):
        assert np.array_equal(result[part].values, none[part].values)
        assert result[part].psi == pytest.approx(none[part].psi, abs=1e-14)
    for part in ("spillover", "spillover: ring", "spillover: peers"):
        assert not result[part].psi.any() and not result[part].values.any()
    draws = estimator.bootstrap(zero, "y", n_draws=5).draws
    assert (draws["spillover"] == 0).all() and draws["total"].notna().all()


@pytest.mark.parametrize("options", [{}, {"response": "linear"}, {"anticipation": 1}, {"variance": "leave_one_out"}])
def test_without_channels_it_is_the_spillover_estimator(panel: Panel, options: dict) -> None:
    exposures = ["ring", "peers"]
    parts = Decomposition(channels=[], exposure=exposures, **options).fit(panel, "y", covariates=["x"])
    other = Spillover(exposure=exposures, **options).fit(panel, "y", covariates=["x"])
    for ours, theirs in {"total": "treated", "direct": "net", "spillover": "spillover"}.items():
        assert parts[ours].index.equals(other[theirs].index)
        assert parts[ours].values == pytest.approx(other[theirs].values, abs=1e-11)
        assert parts[ours].psi == pytest.approx(other[theirs].psi, abs=1e-11)


def test_interaction_influence_is_the_derivative_up_to_centring() -> None:
    """Also where treated rows move: what their centring changes is the same for channel and interaction."""
    df, step = economy(), 1e-5
    estimator = Decomposition(channels=["m1"], interaction=True)

    def fit(w: np.ndarray | float) -> object:
        return estimator.fit(Panel(df.assign(w=w), **CITY, weights="w"), "y")

    base = fit(1.0)
    piece, channel = "direct: interaction m1", "m1"
    ratio = (base[piece].values / base[channel].values)[0]
    for city in df.loc[df["first"] == 4, "city"].unique()[:3]:
        up, down = (fit(np.where(df["city"] == city, 1 + s * step, 1.0)) for s in (1, -1))
        gap = {
            part: base[part].influence.loc[city] - (up[part].values - down[part].values) / (2 * step)
            for part in (piece, channel)
        }
        assert gap[piece].to_numpy() == pytest.approx(ratio * gap[channel].to_numpy(), abs=1e-7)


def test_shares_have_intervals_and_can_be_subtracted_between_groups(panel: Panel) -> None:
    fits = {
        key: Decomposition(channels=["m1"], exposure="ring").fit(view, "y") for key, view in panel.split("big").items()
    }
    overall = fits[0].overall()
    one = share(overall["m1"], overall["total"])
    gradient = np.array([-overall.estimates["m1"] / overall.estimates["total"] ** 2, 1 / overall.estimates["total"]])
    V = overall.vcov.loc[["total", "m1"], ["total", "m1"]].to_numpy()
    assert one.std_errors.iloc[0] == pytest.approx(np.sqrt(gradient @ V @ gradient))
    shares = overall.shares()
    assert shares.estimates.sum() == pytest.approx(1)
    assert shares.influence.sum(axis=1).to_numpy() == pytest.approx(0, abs=1e-12)
    gap = fits[1].overall().shares() - shares
    assert gap.std_errors["m1"] ** 2 == pytest.approx(
        one.std_errors.iloc[0] ** 2 + fits[1].overall().shares().std_errors["m1"] ** 2
    )
    assert 0 <= gap["m1"].test().p_value <= 1
    with pytest.raises(EffectsError):
        fits[0].shares()


def test_event_study_bars_and_waterfall(panel: Panel) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    result = Decomposition(**FULL).fit(panel, "y")
    for drawn, kind in ((result.event_study(), "bars"), (result.overall(), "bars"), (result.overall(), "waterfall")):
        ax = drawn.plot(kind=kind)
        ax.figure.draw_without_rendering()
        if kind == "bars":
            assert ax.get_legend().get_window_extent().x0 > ax.get_window_extent().x1  # beside the bars, not over them
        else:
            bars = [patch.get_x() + patch.get_width() for patch in ax.patches]
            assert bars == pytest.approx([*drawn.estimates[["direct", "m1", "m2", "spillover"]].cumsum(), bars[3]])
            names = [label.get_window_extent() for label in ax.get_yticklabels()]
            assert not any(a.overlaps(b) for a, b in pairwise(names))
        mpl.pyplot.close(ax.figure)


# -- what is left out ------------------------------------------------------------------------------------------------


def test_missing_channels_and_exposures_are_counted() -> None:
    df = economy()
    df.loc[[3, 40], "m1"] = np.nan
    df.loc[77, "ring"] = np.nan
    with pytest.warns(MissingRowsWarning, match=r"3 rows left out: missing m1, ring"):
        result = Decomposition(channels=["m1"], exposure="ring").fit(Panel(df, **CITY), "y")
    expected = Decomposition(channels=["m1"], exposure="ring").fit(Panel(df.dropna(), **CITY), "y")
    assert result.values == pytest.approx(expected.values)
    assert result.dropped["count"].tolist() == [3]


def test_rows_out_of_reach_of_clean_rows_are_counted() -> None:
    df = economy(missing=0)
    df["ring"] = df["ring"].where(df["firm"] % 5 > 0, 1.0)
    with pytest.warns(UnreachedWarning) as record:
        result = Decomposition(channels=["m1"], exposure="ring").fit(Panel(df, **CITY), "y")
    always, treated = df["firm"] % 5 == 0, (df["first"] > 0) & (df["year"] >= df["first"])
    assert [w.message.count for w in record] == [int((always & treated).sum()), int((always & ~treated).sum())]
    assert result.mass.value.sum() == (~always & treated).sum()


def test_anticipation_rows_are_neither_clean_nor_effects(panel: Panel) -> None:
    result = Decomposition(channels=["m1"], exposure="ring", anticipation=1).fit(panel, "y")
    df = panel.frame
    onset = df[df["ring"] > 0].groupby("firm")["year"].min().reindex(df["firm"]).fillna(99).to_numpy()
    clean = (panel.time < panel.cohort - 1) & (panel.time < onset - 1)
    assert result.conventions["clean rows"].startswith(f"{clean.sum():,} ")
    assert result["total"].index.equals(Decomposition(channels=["m1"]).fit(panel, "y")["total"].index)
    none = Decomposition(channels=["m1"], anticipation=1).fit(panel, "y")["total"]
    assert none.values == pytest.approx(Imputation(anticipation=1).fit(panel, "y").values, abs=1e-12)


def test_exposures_beyond_those_of_untreated_rows_warn() -> None:
    df = economy()
    treated = (df["first"] > 0) & (df["year"] >= df["first"])
    df["peers"] = df["peers"].where(~treated, df["peers"] * 3)
    with pytest.warns(OverlapWarning, match="the response is extrapolated"):
        Decomposition(channels=["m1"], exposure="peers", response="linear").fit(Panel(df, **CITY), "y")


def test_collinear_covariates_and_lone_clusters_warn() -> None:
    df = economy(missing=0).assign(copy=lambda d: d["x"] + d["year"])
    lone = df[(df["first"] != 6) | (df["city"] == df.loc[df["first"] == 6, "city"].min())]
    with pytest.warns(CollinearWarning, match="copy"), pytest.warns(SmallCellWarning, match="3 cohort-periods"):
        Decomposition(channels=["m1"], variance="conservative").fit(Panel(lone, **CITY), "y", covariates=["x", "copy"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.assign(m2=2 * d["m1"] + d["firm"] - d["year"]), "channel 'm2' is determined by 'm1'"),
        (lambda d: d.assign(m2=3.0), "channel 'm2' is constant on the clean rows"),
        (lambda d: d.assign(m1=d["firm"] * 2.0), "channel 'm1' is determined by the fixed effects"),
        (lambda d: d.assign(m1=1e6 + np.where(d["first"] > 0, d["year"] >= d["first"], 0)), "'m1' is constant"),
    ],
)
def test_channels_that_do_not_vary_are_named(change: object, message: str) -> None:
    with pytest.raises(CollinearError, match=message):
        Decomposition(channels=["m1", "m2"]).fit(Panel(change(economy()), **CITY), "y")


def test_a_channel_with_a_large_level_is_no_constant(panel: Panel) -> None:
    moved = Panel(economy().assign(m1=lambda d: d["m1"] + 1e7), **CITY)
    options = {"channels": ["m1", "m2"], "exposure": "ring"}
    expected = Decomposition(**options).fit(panel, "y")
    assert Decomposition(**options).fit(moved, "y").values == pytest.approx(expected.values, abs=1e-6)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda d: d.assign(first=0), NoTreatedError),
        (lambda d: d.assign(first=1), NoControlsError),
        (lambda d: d.assign(first=np.where(d["first"] > 0, 1, 0)), NoPrePeriodError),
        (lambda d: d.assign(ring=1.0), NoControlsError),
        (lambda d: d.assign(ring=d["ring"].where(d["first"].gt(0) & d["year"].ge(d["first"]), 0)), NoControlsError),
        (lambda d: d.assign(ring=-d["ring"]), DataError),
        (lambda d: d.assign(peers=2 * d["ring"]), CollinearError),
        (lambda d: d.assign(city=1), TooFewClustersError),
        (lambda d: d.assign(m1="a"), NonNumericError),
        (lambda d: d.drop(columns="m2"), UnknownColumnError),
        (lambda d: d.assign(m2=np.nan), DataError),
    ],
)
def test_impossible_data_raise_typed_errors(change: object, error: type[AigreenError]) -> None:
    with pytest.raises(error):
        Decomposition(**FULL).fit(Panel(change(economy()), **CITY), "y")


@pytest.mark.parametrize(
    "options",
    [
        {"channels": "m1"},
        {"channels": []},
        {"channels": ["m1", "m1"]},
        {"channels": ["m1"], "exposure": "m1"},
        {"channels": ["total"]},
        {"channels": ["direct: x"]},
        {"channels": ["m1"], "response": "cubic"},
        {"channels": ["m1"], "anticipation": -1},
        {"channels": ["m1"], "fixed_effects": "firm"},
        {"channels": ["m1"], "bins": 0},
    ],
)
def test_impossible_options_raise(options: dict) -> None:
    with pytest.raises(OptionError):
        Decomposition(**options)


def test_a_column_has_one_role(panel: Panel) -> None:
    with pytest.raises(OptionError, match="outcome='m1'"):
        Decomposition(channels=["m1"]).fit(panel, "m1")
    with pytest.raises(OptionError, match="covariates='m1'"):
        Decomposition(channels=["m1"]).fit(panel, "y", covariates=["m1"])


def test_the_assumptions_stand_on_the_result_with_their_checks(panel: Panel) -> None:
    result = Decomposition(**FULL).fit(panel, "y").overall()
    assert len(result.assumptions) == 5
    assert all("(check: " in text for text in result.assumptions.values())
    assert all(text in result.summary() for text in result.assumptions.values())
    assert len(Decomposition(channels=["m1"]).fit(panel, "y").assumptions) == 3
    assert result.conventions["identity"] == "total = direct + m1 + m2 + spillover"


# -- laws ------------------------------------------------------------------------------------------------------------


@given(seed=st.integers(0, 10**6), scale=st.floats(0.1, 100), shift=st.floats(-100, 100))
@settings(max_examples=20, deadline=None)
def test_laws(seed: int, scale: float, shift: float) -> None:
    rng = np.random.default_rng(seed)
    df = economy(seed % 5)

    def fit(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        result = Decomposition(**FULL, bins=2).fit(Panel(frame, **CITY, weights="w"), "y", covariates=["x"])
        return result.values, result.std_errors.to_numpy()

    values, errors = fit(df)
    firms = dict(zip(df["firm"].unique(), rng.permutation(df["firm"].nunique()), strict=True))
    cities = dict(zip(df["city"].unique(), rng.permutation(df["city"].nunique()), strict=True))
    later = df.assign(year=df["year"] + 9, first=df["first"].mask(df["first"] > 0, df["first"] + 9))
    moved = df.assign(y=df["y"] + df["firm"] - df["year"], m1=df["m1"] + df["year"])
    changes = {
        "row order": (df.sample(frac=1, random_state=seed % 1000), 1.0),
        "relabelled": (df.assign(firm=df["firm"].map(firms), city=df["city"].map(cities)), 1.0),
        "shifted periods": (later, 1.0),
        "outcome scaled and moved": (df.assign(y=df["y"] * scale + shift), scale),
        "channels scaled and moved": (df.assign(m1=df["m1"] * scale + shift, m2=-df["m2"]), 1.0),
        "effects of firm and year added": (moved, 1.0),
        "weights scaled": (df.assign(w=df["w"] * scale), 1.0),
        "exposure scaled": (df.assign(peers=df["peers"] * scale), 1.0),
    }
    for name, (frame, factor) in changes.items():
        changed, changed_errors = fit(frame)
        assert changed == pytest.approx(values * factor, rel=1e-6, abs=1e-8 * max(1, factor)), name
        assert changed_errors == pytest.approx(errors * factor, rel=1e-6, abs=1e-8 * max(1, factor)), name


# -- bootstrap -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resampling", ["clusters", "exponential"])
@pytest.mark.parametrize("options", [FULL, {**FULL, "ordered": True}, {"channels": ["m1"]}])
@pytest.mark.parametrize("how", ["simple", "event_study", "group"])
def test_bootstrap_products_equal_refits(options: dict, how: str, resampling: str, monkeypatch: object) -> None:
    panel = Panel(economy(), **CITY, weights="w")
    arguments = {"covariates": ["x"], "n_draws": 6, "how": how, "resampling": resampling}
    fast = Decomposition(**options).bootstrap(panel, "y", **arguments)
    monkeypatch.setattr("aigreen.decomposition.bootstrap.cluster_products", lambda setup: None)
    slow = Decomposition(**options).bootstrap(panel, "y", **arguments)
    assert fast.draws.to_numpy() == pytest.approx(slow.draws.to_numpy(), abs=1e-10, nan_ok=True)
    assert fast.draws.notna().mean().min() > 0.8
    assert fast.effects.values == pytest.approx(
        Decomposition(**options).fit(panel, "y", covariates=["x"]).aggregate(how).values[: len(fast.effects)]
    )


def test_bootstrap_errors_are_near_those_of_influence_functions() -> None:
    df = pd.concat(
        [
            economy(s).assign(city=lambda d, s=s: d["city"] + 100 * s, firm=lambda d, s=s: d["firm"] + 1000 * s)
            for s in range(4)
        ]
    )
    panel = Panel(df, **CITY)
    draws = Decomposition(channels=["m1", "m2"], exposure="ring").bootstrap(panel, "y", seed=3)
    errors = draws.effects.std_errors
    assert (draws.std_errors / errors).between(0.85, 1.25).all()
    low, high = draws.conf_int().T.to_numpy()
    assert np.all((low < draws.effects.values) & (draws.effects.values < high))
    share_error = draws.effects.shares().std_errors["m1"]
    assert draws.share("m1").std() == pytest.approx(share_error, rel=0.25)


def test_bootstrap_does_not_need_leave_one_out_errors_in_every_draw(panel: Panel) -> None:
    options = {"channels": ["m1"], "fixed_effects": ["firm", "year"]}
    left_out = Decomposition(**options, variance="leave_one_out").bootstrap(panel, "y", n_draws=10, seed=1)
    conservative = Decomposition(**options).bootstrap(panel, "y", n_draws=10, seed=1)
    pd.testing.assert_frame_equal(left_out.draws, conservative.draws)


def test_bootstrap_of_industry_year_effects_and_moving_clusters(panel: Panel) -> None:
    df = economy()
    moving = Panel(df.assign(city=np.random.default_rng(0).integers(0, 30, len(df))), **CITY)
    with pytest.warns(RefitWarning, match="each of 20 draws is fitted anew"):
        draws = Decomposition(channels=["m1"]).bootstrap(moving, "y", n_draws=20)
    assert draws.draws.notna().all(axis=None)
    effects = Decomposition(channels=["m1"], fixed_effects=["firm", "industry^year"])
    assert effects.bootstrap(panel, "y", n_draws=20).std_errors["total"] > 0
    with pytest.raises(OptionError):
        effects.bootstrap(panel, "y", resampling="rows")
    with pytest.raises(OptionError):
        effects.bootstrap(panel, "y", n_draws=1)


@pytest.mark.parametrize("weights", [None, "w"])
def test_leave_one_out_leaves_the_cluster_out_of_the_response(weights: str | None) -> None:
    """What exposed rows add to the error of theta is theta less theta of the other clusters' rows."""
    panel = Panel(economy(), **CITY, weights=weights)
    plain, larger = (
        Decomposition(**FULL, response="linear", variance=v).fit(panel, "y") for v in ("conservative", "leave_one_out")
    )
    dense = Dense(panel, ["m1", "m2"], ["ring", "peers"], []).solve()
    e, rest = dense.exposed, dense.net + dense.spill
    root = np.sqrt(dense.w)

    def theta(rows: np.ndarray) -> np.ndarray:
        return np.linalg.lstsq(dense.B[rows] * root[rows, None], (rest * root)[rows], rcond=None)[0]

    without = np.array([theta(e & (dense.cluster != c)) for c in range(dense.n_clusters)])
    wB = dense.B * (dense.w * e)[:, None]
    scores = np.column_stack([np.bincount(dense.cluster, column * dense.net, dense.n_clusters) for column in wB.T])
    wider = dense.theta - without - scores @ np.linalg.inv(wB.T @ dense.B)
    assert np.abs(wider).max() > 1e-3
    for g, t in [(4, 5), (4, 7), (6, 8)]:
        share = dense.w * ((panel.cohort == g) & (panel.time == t))
        gap = larger.influence["spillover", g, t] - plain.influence["spillover", g, t]
        assert gap.to_numpy() == pytest.approx(wider @ (share @ dense.B) / share.sum(), abs=1e-11)


def test_leave_one_out_errors_are_larger(panel: Panel) -> None:
    plain, larger = (Decomposition(**FULL, variance=v).fit(panel, "y") for v in ("conservative", "leave_one_out"))
    assert larger.values == pytest.approx(plain.values)
    assert (larger["direct"].std_errors > plain["direct"].std_errors).all()
    additive = larger.additive.psi.reshape(len(larger.psi), 4, -1).sum(axis=1)
    assert larger["total"].psi == pytest.approx(additive, abs=1e-12)
    lone = economy(missing=0)
    once = lone["ring"] * (lone["city"] == lone.loc[(lone["ring"] > 0) & (lone["first"] == 0), "city"].min())
    panel = Panel(lone.assign(ring=once), **CITY)
    with pytest.raises(EstimationError, match="every term of exposure; 1 have one, first: ring"):
        Decomposition(channels=["m1"], exposure="ring").fit(panel, "y")
    with pytest.warns(SmallCellWarning, match="exposed untreated rows in one cluster only"):
        Decomposition(channels=["m1"], exposure="ring", variance="conservative").fit(panel, "y")


def test_a_cohort_in_one_cluster_is_centred_at_the_other_treated_rows() -> None:
    df = economy(missing=0)
    df = df[(df["first"] != 6) | (df["city"] == df.loc[df["first"] == 6, "city"].min())]
    panel = Panel(df, **CITY)
    with pytest.warns(SmallCellWarning, match="3 cohort-periods"):
        plain = Decomposition(channels=["m1"], variance="conservative").fit(panel, "y")
    wider = Decomposition(channels=["m1"]).fit(panel, "y")
    city = df.loc[df["first"] == 6, "city"].min()
    assert df[df["first"] == 4].groupby("city").size().nunique() == 1  # so that the centre is the mean of the cells
    for part in ("total", "direct", "m1"):
        added = wider.influence[part, 6, 8] - plain.influence[part, 6, 8]
        gap = wider[part].estimates[6, 8] - wider[part].estimates[4].mean()
        assert added[city] == pytest.approx(gap, abs=1e-10)
        assert np.abs(added.drop(city)).max() < 1e-12
    with pytest.raises(EstimationError, match="two clusters with treated rows, and all are in one"):
        Decomposition(channels=["m1"]).fit(Panel(df[df["first"] != 4], **CITY), "y")
