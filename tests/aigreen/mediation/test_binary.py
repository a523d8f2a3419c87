"""Logit and probit channels: stacked moments by hand, derivatives, saturated models, separation, coverage."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.stats import logistic, norm

from aigreen import Mediation, Panel
from aigreen.errors import AigreenError, DataError, EstimationError, OptionError, SeparationError

KEYS = {"unit": "firm", "time": "year", "cluster": "city"}


def firms(seed: int = 0, n: int = 160, periods: int = 5) -> pd.DataFrame:
    """Two channels of zeros and ones and one that is linear; treatment a dummy; a tenth of the rows missing."""
    rng = np.random.default_rng(seed)
    firm, year = np.repeat(np.arange(n), periods), np.tile(np.arange(periods), n)
    taste, noise = rng.standard_normal(n)[firm], rng.standard_normal((5, n * periods))
    ai = 1.0 * (taste + noise[0] > 0)
    x = 3 + 0.5 * noise[1] + 0.2 * taste
    hot = 1.0 * (0.6 * ai + 0.5 * taste + 0.3 * x - 1 + noise[2] > 0)
    dry = 1.0 * (0.4 * noise[2] - 0.5 * ai + 0.1 * year + noise[3] > 0)
    lin = 0.5 * ai + taste + noise[3]
    y = ai + 0.8 * hot - 0.4 * dry + 0.3 * lin + 0.5 * ai * hot + taste + 0.2 * x + noise[4]
    df = pd.DataFrame({"firm": firm, "year": year, "city": firm // 4, "region": firm % 8, "ai": ai, "x": x})
    df = df.assign(hot=hot, dry=dry, lin=lin, y=y, w=rng.uniform(0.5, 2, len(df)))
    return df[rng.random(len(df)) > 0.1].reset_index(drop=True)


def pooled(panel: Panel, **options: object) -> object:
    return Mediation(**{"channels": "hot", "links": {"hot": "probit"}, "fixed_effects": [], **options}).fit(
        panel, "y", treatment="ai"
    )


@pytest.mark.parametrize("link", ["logit", "probit"])
def test_stacked_moments_by_hand(link: str) -> None:
    """Scores of statsmodels, dense dummies, unit means by group: one system of moments, one sandwich, one delta."""
    df = firms()
    result = Mediation(channels="hot", links={"hot": link}, interaction=True).fit(
        Panel(df, **KEYS), "y", treatment="ai", covariates="x"
    )
    years = pd.get_dummies(df["year"], dtype=float, drop_first=True)
    means = df.groupby("firm")[["ai", "x"]].transform("mean")
    Z = np.column_stack([df["ai"], df["x"], np.ones(len(df)), years, means])
    W = np.column_stack([df["ai"], df["hot"], df["ai"] * df["hot"], df["x"], pd.get_dummies(df["firm"]), years])
    W = W.astype(float)
    channel = {"logit": sm.Logit, "probit": sm.Probit}[link](df["hot"].to_numpy(), Z)
    gamma = channel.fit(method="newton", tol=1e-13, disp=0).params
    beta = np.linalg.solve(W.T @ W, W.T @ df["y"])
    F = {"logit": logistic, "probit": norm}[link]
    Z0, Z1 = Z.copy(), Z.copy()
    Z0[:, 0], Z1[:, 0] = 0, 1
    p0, p1 = F.cdf(Z0 @ gamma), F.cdf(Z1 @ gamma)
    n, q, r = len(df), len(gamma), len(beta)
    moments = np.column_stack(
        [channel.score_obs(gamma), W * (df["y"] - W @ beta).to_numpy()[:, None], p0 - p0.mean(), p1 - p1.mean()]
    )
    J = np.zeros((q + r + 2, q + r + 2))
    J[:q, :q], J[q : q + r, q : q + r] = channel.hessian(gamma), -W.T @ W
    J[-2, :q], J[-1, :q] = F.pdf(Z0 @ gamma) @ Z0, F.pdf(Z1 @ gamma) @ Z1
    J[-2, -2] = J[-1, -1] = -n
    psi = -np.linalg.solve(J, moments.T).T
    psi = pd.DataFrame(psi).groupby(df["city"]).sum().to_numpy()
    c, b, h = beta[:3]
    a, p = p1.mean() - p0.mean(), p1.mean()
    expected = [c + h * p + a * b, c + h * p, a * b, c + h * p0.mean(), h * a]
    slope = np.zeros((5, q + r + 2))
    slope[:, q : q + 3] = [[1, a, p], [1, 0, p], [0, a, 0], [1, 0, p0.mean()], [0, 0, a]]
    slope[:, -2:] = [[-b, b + h], [0, h], [-b, b], [h, 0], [-h, h]]
    psi = psi @ slope.T
    cities, free = df["city"].nunique(), 4 + df["year"].nunique()
    factor = cities / (cities - 1) * (n - 1) / (n - free)
    assert result.estimates.to_numpy() == pytest.approx(expected, abs=1e-10)
    assert result.vcov.to_numpy() == pytest.approx(factor * psi.T @ psi, rel=1e-8)


@pytest.mark.parametrize(
    "options",
    [{}, {"interaction": True}, {"fixed_effects": ["region", "year"]}, {"fixed_effects": []}],
    ids=["default", "interaction", "dummies", "pooled"],
)
def test_influence_is_the_derivative_by_cluster_weights(options: dict) -> None:
    df, step = firms(), 1e-4

    def fit(w: np.ndarray | pd.Series) -> object:
        links = {"hot": "probit", "dry": "logit"}
        estimator = Mediation(channels=["hot", "lin", "dry"], links=links, **options)
        return estimator.fit(Panel(df.assign(w=w), **KEYS, weights="w"), "y", treatment="ai", covariates="x")

    base = fit(df["w"])
    factors = []
    for city in (0, 7, 20):
        at = [fit(np.where(df["city"] == city, (1 + s * step) * df["w"], df["w"])).values for s in (1, -1, 2, -2)]
        derivative = (8 * (at[0] - at[1]) - (at[2] - at[3])) / (12 * step)
        row = base.influence.loc[city].to_numpy()
        factors.append((row @ derivative) / (derivative @ derivative))
        assert row == pytest.approx(factors[-1] * derivative, abs=1e-6 * np.abs(row).max())
    assert factors == pytest.approx([factors[0]] * 3, rel=1e-6)
    assert 1.0 < factors[0] < 1.1


@pytest.mark.parametrize("interaction", [False, True])
@pytest.mark.parametrize("link", ["logit", "probit"])
def test_saturated_models_do_not_depend_on_the_link(link: str, *, interaction: bool) -> None:
    """Treatment a dummy, nothing else: both links fit the shares of treated and others, as the straight line does."""
    panel = Panel(firms(), **KEYS, weights="w")
    linked = pooled(panel, links={"hot": link}, interaction=interaction)
    linear = pooled(panel, links={}, interaction=interaction)
    assert linked.values == pytest.approx(linear.values, abs=1e-12)
    assert linked.psi == pytest.approx(linear.psi, abs=1e-12)


def test_parts_add_up_and_linear_channels_stay_as_they_are() -> None:
    panel = Panel(firms(), **KEYS, weights="w")
    channels = ["hot", "lin", "dry"]
    linear = Mediation(channels=channels).fit(panel, "y", treatment="ai", covariates="x")
    linked = Mediation(channels=channels, links={"dry": "logit"}).fit(panel, "y", treatment="ai", covariates="x")
    for part in ("direct", "hot", "lin"):
        assert linked.estimates[part] == pytest.approx(linear.estimates[part], abs=1e-13)
        assert linked.influence[part].to_numpy() == pytest.approx(linear.influence[part].to_numpy(), abs=1e-13)
    assert linked.estimates["dry"] != pytest.approx(linear.estimates["dry"], rel=1e-3)
    assert linked.additive.values.sum() == pytest.approx(linked.values[0], abs=1e-13)
    assert linked.additive.psi.sum(axis=1) == pytest.approx(linked.psi[:, 0], abs=1e-13)
    assert linked.conventions["total"] == "sum of its parts: treatment from 0 to 1 in every row"
    assert linked.conventions["links"] == "dry: logit"
    assert linked.conventions["fixed effects of links"] == "firm as means of treatment and covariates; year as dummies"


def test_laws() -> None:
    df = firms()
    options = {"links": {"hot": "probit"}, "interaction": True, "fixed_effects": None}
    base = pooled(Panel(df, **KEYS, weights="w"), **options)
    changes = {
        "row order": (df.sample(frac=1, random_state=1), 1.0),
        "outcome": (df.assign(y=20 * df["y"] - 7), 20.0),
        "weights": (df.assign(w=1e3 * df["w"]), 1.0),
    }
    for name, (frame, factor) in changes.items():
        changed = pooled(Panel(frame, **KEYS, weights="w"), **options)
        assert changed.values == pytest.approx(factor * base.values, rel=1e-8), name
        assert changed.psi == pytest.approx(factor * base.psi, rel=1e-8, abs=1e-10), name
    fit = Mediation(channels="hot", links={"hot": "probit"}).fit
    plain, moved = (
        fit(Panel(frame, **KEYS), "y", treatment="ai", covariates="x")
        for frame in (df, df.assign(x=1e6 + 1e4 * df["x"]))
    )
    assert moved.values == pytest.approx(plain.values, rel=1e-8)


# -- bad input -------------------------------------------------------------------------------------------------------


def test_rows_told_apart_without_error_are_named() -> None:
    df = firms()
    told = df.assign(hot=np.where((df["region"] == 3), 1.0, df["hot"]))
    count = int((df["region"] == 3).sum())
    with pytest.raises(SeparationError, match=rf"'hot': {count} rows .*probit has no maximum.*\(3, 0\)") as error:
        pooled(Panel(told, **KEYS), fixed_effects=["region"])
    assert (error.value.column, error.value.count, error.value.first[0]) == ("hot", count, "(3, 0)")
    certain = df.assign(hot=np.where(df["ai"] == 1, 1.0, df["hot"]))
    with pytest.raises(SeparationError, match=f"{int(df['ai'].sum())} rows .*logit"):
        pooled(Panel(certain, **KEYS), links={"hot": "logit"})
    split = df.assign(hot=(df["x"] > 3) * 1.0)
    estimator = Mediation(channels="hot", links={"hot": "probit"})
    with pytest.raises(SeparationError, match=f"{len(df)} rows"):
        estimator.fit(Panel(split, **KEYS), "y", treatment="ai", covariates="x")


@pytest.mark.parametrize("link", ["logit", "probit"])
def test_rows_far_out_are_not_separated(link: str) -> None:
    """One row of the others' direction, so the maximum exists, however near to one its neighbours are."""
    df = firms()
    x = np.where(df.index == 5, 60.0, df["x"])
    x = np.where(df.index == 9, -3.0, x)
    hot = np.where(df.index == 5, 1.0, np.where(df.index == 9, 0.0, df["hot"]))
    result = Mediation(channels="hot", links={"hot": link}, fixed_effects=[]).fit(
        Panel(df.assign(x=x, hot=hot), **KEYS), "y", treatment="ai", covariates="x"
    )
    assert np.isfinite(result.std_errors).all()


@pytest.mark.parametrize(
    ("change", "fixed_effects", "error", "message"),
    [
        ({"hot": lambda d: d["hot"] + 1}, None, DataError, "'hot' has .* values other than 0 and 1, which a probit"),
        ({"hot": lambda d: 2 * d["hot"]}, [], DataError, r"values other than 0 and 1.*first: \("),
        ({"pair": lambda d: d["firm"] // 2}, ["pair"], EstimationError, "'pair' has 80 levels.*incidental parameters"),
        ({"hot": 1.0}, [], AigreenError, "'hot' is constant"),
    ],
)
def test_impossible_data(change: dict, fixed_effects: list | None, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        pooled(Panel(firms().assign(**change), **KEYS), fixed_effects=fixed_effects)


@pytest.mark.parametrize(
    "options",
    [
        {"links": {"hot": "cloglog"}},
        {"links": {"cold": "logit"}},
        {"ordered": True},
        {"vcov": "iid"},
        {"design": "staggered"},
        {"design": "doubly_robust"},
        {"design": "sequential_g", "intermediates": "lin"},
    ],
)
def test_impossible_options(options: dict) -> None:
    with pytest.raises(OptionError, match="links"):
        Mediation(**{"channels": ["hot", "dry"], "links": {"hot": "logit"}, **options})


def test_what_links_do_not_have() -> None:
    panel, estimator = Panel(firms(), **KEYS), Mediation(channels="hot", links={"hot": "logit"})
    for method in (estimator.bootstrap, estimator.sensitivity):
        with pytest.raises(OptionError, match="and links"):
            method(panel, "y", treatment="ai")
    with pytest.raises(OptionError, match="links"):
        estimator.check_linearity(panel, "y")


# -- coverage --------------------------------------------------------------------------------------------------------


def city_panel(seed: int, cities: int = 60, periods: int = 6) -> tuple[pd.DataFrame, float, float]:
    """Firms' taste moves treatment, channel and outcome; also the mean probability without it, and what it adds."""
    rng = np.random.default_rng(seed)
    n = 4 * cities
    firm, year = np.repeat(np.arange(n), periods), np.tile(np.arange(periods), n)
    city = firm // 4
    level = rng.standard_normal(n)
    push = 0.7 * level[firm] + 0.7 * rng.standard_normal((cities, periods))[city, year]
    ai = 1.0 * (push + rng.standard_normal(len(firm)) > 0)
    taste = 3 * np.bincount(firm, ai) / periods - 2.1 + 0.5 * rng.standard_normal(n)
    index = (taste + 0.4 * np.repeat(rng.standard_normal(cities), 4))[firm] + 0.1 * (year - 2.5)
    hot = 1.0 * (0.8 * ai + index + rng.standard_normal(len(firm)) > 0)
    shock = 0.7 * rng.standard_normal((cities, periods))[city, year] + rng.standard_normal(len(firm))
    y = ai + 0.7 * hot + 0.5 * ai * hot + index + level[firm] + shock
    df = pd.DataFrame({"firm": firm, "year": year, "city": city, "ai": ai, "hot": hot, "y": y})
    untreated = norm.cdf(index)
    return df, untreated.mean(), (norm.cdf(0.8 + index) - untreated).mean()


@pytest.mark.slow
def test_probit_covers_where_unit_effects_move_everything() -> None:
    """Unit means in the channel's model, unit effects in the outcome's; the straight line misses the channel's part."""
    p, a = np.mean([city_panel(10**6 + seed)[1:] for seed in range(4000)], axis=0)
    truth = np.array([1 + 0.5 * (p + a) + 0.7 * a, 1 + 0.5 * (p + a), 0.7 * a, 1 + 0.5 * p, 0.5 * a])
    gap, inside, line = [], [], []
    for seed in range(1000):
        panel = Panel(city_panel(seed)[0], **KEYS)
        found = Mediation(channels="hot", links={"hot": "probit"}, interaction=True).fit(panel, "y", treatment="ai")
        interval = found.conf_int()
        gap.append(found.values - truth)
        inside.append((interval["low"] <= truth) & (truth <= interval["high"]))
        if seed < 300:
            linear = Mediation(channels="hot", interaction=True).fit(panel, "y", treatment="ai")
            line.append(linear.estimates["hot"] - found.estimates["hot"])
    bias, noise = np.mean(gap, axis=0), np.std(gap, axis=0) / np.sqrt(len(gap))
    coverage = np.mean(inside, axis=0)
    print(pd.DataFrame({"truth": truth, "bias": bias, "noise": noise, "coverage": coverage}, index=found.index))
    assert (np.abs(bias) < 3 * noise).all()
    assert ((coverage > 0.93) & (coverage < 0.97)).all()
    assert np.mean(line) > 0.05 * truth[2]
