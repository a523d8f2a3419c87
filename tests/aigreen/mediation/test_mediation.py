"""Mediation against ordinary least squares, the delta method and derivatives; designs, options and bad input."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from aigreen import TWFE, Decomposition, GroupTimeATT, Mediation, Panel, share
from aigreen.errors import (
    AigreenError,
    AlwaysTreatedWarning,
    CollinearError,
    CollinearWarning,
    EffectsError,
    NoInfluenceError,
    NoTreatedError,
    OptionError,
    RefitWarning,
)

KEYS = {"unit": "firm", "time": "year", "cohort": "first", "cluster": "city"}


def firms(seed: int = 0, n: int = 120, periods: int = 6) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    firm, year = np.repeat(np.arange(n), periods), np.tile(np.arange(1, periods + 1), n)
    first = rng.permutation(np.resize([0, 3, 5], n))[firm]
    treated = (first > 0) & (year >= first)
    ai = rng.random(n * periods) + treated
    x = rng.standard_normal(n * periods)
    m1 = rng.standard_normal(n)[firm] + 0.7 * ai + 0.2 * x + rng.standard_normal(n * periods)
    m2 = 0.4 * m1 - 0.3 * ai + rng.standard_normal(n * periods)
    y = (
        rng.standard_normal(n)[firm]
        + 0.1 * year
        + ai
        + 0.5 * m1
        + 0.3 * m2
        + 0.2 * x
        + rng.standard_normal(n * periods)
    )
    df = pd.DataFrame({"firm": firm, "year": year, "first": first, "city": firm // 4, "ai": ai, "x": x})
    df = df.assign(m1=m1, m2=m2, y=y, w=rng.uniform(0.5, 2, len(df)), big=(firm // 4) % 2)
    return df[rng.random(len(df)) > 0.1].reset_index(drop=True)


@pytest.fixture
def panel() -> Panel:
    return Panel(firms(), **KEYS, weights="w")


def coefficients(panel: Panel, outcome: str, columns: list[str]) -> pd.Series:
    fit = TWFE().fit(panel, outcome, treatment="ai", covariates=[*columns, "x"])
    return fit.estimates


def test_products_of_regression_coefficients(panel: Panel) -> None:
    result = Mediation(channels=["m1", "m2"]).fit(panel, "y", treatment="ai", covariates=["x"])
    long, short = coefficients(panel, "y", ["m1", "m2"]), coefficients(panel, "y", [])
    assert result.estimates["total"] == pytest.approx(short["ai"], abs=1e-9)
    assert result.estimates["direct"] == pytest.approx(long["ai"], abs=1e-9)
    for name in ("m1", "m2"):
        assert result.estimates[name] == pytest.approx(coefficients(panel, name, [])["ai"] * long[name], abs=1e-9)
    assert result.estimates.drop("total").sum() == pytest.approx(result.estimates["total"], abs=1e-12)
    assert result.psi[:, 1:].sum(axis=1) == pytest.approx(result.psi[:, 0], abs=1e-12)


def test_errors_of_the_direct_effect_are_those_of_the_regression(panel: Panel) -> None:
    result = Mediation(channels=["m1", "m2"]).fit(panel, "y", treatment="ai", covariates=["x"])
    long = TWFE().fit(panel, "y", treatment="ai", covariates=["m1", "m2", "x"])
    assert result.influence["direct"].to_numpy() == pytest.approx(long.influence["ai"].to_numpy(), abs=1e-9)
    assert result.df == long.df
    short = TWFE().fit(panel, "y", treatment="ai", covariates=["x"])
    ratio = result.influence["total"] / short.influence["ai"]
    assert ratio.to_numpy() == pytest.approx(np.full(len(ratio), ratio.iloc[0]), rel=1e-6)
    assert ratio.iloc[0] == pytest.approx(1, abs=1e-2)


def test_channel_error_is_the_delta_method_of_two_regressions(panel: Panel) -> None:
    result = Mediation(channels=["m1"]).fit(panel, "y", treatment="ai")
    long = TWFE().fit(panel, "y", treatment="ai", covariates=["m1"])
    first = TWFE().fit(panel, "m1", treatment="ai")
    n, k = result.n_rows, panel.n_periods
    same = np.sqrt((n - k - 1) / (n - k - 2))
    expected = first.estimates["ai"] * long.influence["m1"] + long.estimates["m1"] * first.influence["ai"] * same
    assert result.influence["m1"].to_numpy() == pytest.approx(expected.to_numpy(), rel=2e-3, abs=1e-6)


def test_ordered_channels_are_sequential_fits(panel: Panel) -> None:
    result = Mediation(channels=["m1", "m2"], ordered=True).fit(panel, "y", treatment="ai")
    direct = [TWFE().fit(panel, "y", treatment="ai", covariates=c).estimates["ai"] for c in ([], ["m1"], ["m1", "m2"])]
    assert result.estimates.to_numpy() == pytest.approx(
        [direct[0], direct[2], direct[0] - direct[1], direct[1] - direct[2]], abs=1e-9
    )
    one = Mediation(channels=["m1"]).fit(panel, "y", treatment="ai")
    ratio = result.influence["m1"] / one.influence["m1"]
    assert ratio.to_numpy() == pytest.approx(np.full(len(ratio), ratio.iloc[0]), rel=1e-6)


def test_interaction_equals_the_regression_with_products() -> None:
    df = firms().assign(product=lambda d: d["ai"] * d["m1"])
    panel = Panel(df, **KEYS)
    result = Mediation(channels=["m1"], interaction=True).fit(panel, "y", treatment="ai").estimates
    long = TWFE().fit(panel, "y", treatment="ai", covariates=["m1", "product"]).estimates
    a = TWFE().fit(panel, "m1", treatment="ai").estimates["ai"]
    untreated = (df["m1"] - a * df["ai"]).mean()
    at_zero = long["ai"] + long["product"] * untreated
    expected = {
        "total": at_zero + a * (long["product"] + long["m1"]),
        "direct": at_zero + a * long["product"],
        "m1": a * long["m1"],
        "direct: at untreated channels": at_zero,
        "direct: interaction m1": a * long["product"],
    }
    assert result.to_dict() == pytest.approx(expected, abs=1e-8)


SEQUENTIAL_G = {"channels": ["m1"], "design": "sequential_g", "intermediates": ["m2"]}


@pytest.mark.parametrize("options", [{}, {"ordered": True}, {"interaction": True}, SEQUENTIAL_G])
def test_influence_is_the_derivative_by_cluster_weights(options: dict) -> None:
    df, step = firms(), 1e-5

    def fit(w: np.ndarray | float) -> object:
        panel = Panel(df.assign(w=w), **KEYS, weights="w")
        return Mediation(**{"channels": ["m1", "m2"], **options}).fit(panel, "y", treatment="ai", covariates=["x"])

    base = fit(1.0)
    scale = np.median(base.influence.loc[0].abs())
    for city in (0, 7, 20):
        up, down = (fit(np.where(df["city"] == city, 1 + s * step, 1.0)).values for s in (1, -1))
        derivative = (up - down) / (2 * step)
        row = base.influence.loc[city].to_numpy()
        factor = (row @ derivative) / (derivative @ derivative)
        assert 1.0 < factor < 1.1
        assert row == pytest.approx(factor * derivative, abs=1e-5 * scale)


def test_pooled_regression_with_classical_errors() -> None:
    df = firms().assign(id=lambda d: np.arange(len(d)), t=lambda d: d["id"] % 2)
    result = Mediation(channels=["m1"], fixed_effects=[], vcov="iid").fit(
        Panel(df, unit="id", time="t"), "y", treatment="ai", covariates=["x"]
    )
    m = sm.OLS(df["m1"], sm.add_constant(df[["ai", "x"]])).fit()
    y = sm.OLS(df["y"], sm.add_constant(df[["ai", "m1", "x"]])).fit()
    a, b = m.params["ai"], y.params["m1"]
    assert result.estimates["m1"] == pytest.approx(a * b)
    assert result.std_errors["m1"] == pytest.approx(np.sqrt(a**2 * y.bse["m1"] ** 2 + b**2 * m.bse["ai"] ** 2))
    assert result.std_errors["direct"] == pytest.approx(y.bse["ai"])
    total = sm.OLS(df["y"], sm.add_constant(df[["ai", "x"]])).fit()
    assert result.std_errors["total"] == pytest.approx(total.bse["ai"], rel=1e-10)
    ones = np.array([1, -1, -1])
    assert ones @ result.vcov.to_numpy() @ ones == pytest.approx(0, abs=1e-15)
    with pytest.raises(NoInfluenceError):
        share(result["m1"], result["total"])


@pytest.mark.parametrize("channels", [["m1"], ["m2"], ["m1", "m2"]])
def test_the_classical_error_of_the_total_does_not_hang_on_the_channels(panel: Panel, channels: list[str]) -> None:
    result = Mediation(channels=channels, vcov="iid").fit(panel, "y", treatment="ai", covariates=["x"])
    short = TWFE(vcov="iid").fit(panel, "y", treatment="ai", covariates=["x"])
    assert result.std_errors["total"] == pytest.approx(short.std_errors["ai"], rel=1e-9)
    covariance = result.vcov.to_numpy()
    assert covariance[0] == pytest.approx(covariance[1:].sum(axis=0), rel=1e-9)
    assert np.linalg.eigvalsh(covariance)[0] > -1e-12 * covariance[0, 0]


def test_shares_and_their_difference_between_groups(panel: Panel) -> None:
    fits = {k: Mediation(channels=["m1"]).fit(v, "y", treatment="ai").overall() for k, v in panel.split("big").items()}
    gap = fits[1].shares() - fits[0].shares()
    errors = [fit.shares().std_errors["m1"] for fit in fits.values()]
    assert gap.std_errors["m1"] == pytest.approx(np.hypot(*errors))
    assert gap["m1"].test().statistic == pytest.approx((gap.estimates["m1"] / gap.std_errors["m1"]) ** 2)


def test_staggered_is_the_decomposition_without_exposure(panel: Panel) -> None:
    with pytest.warns(AlwaysTreatedWarning, match="1 unit left out"):
        result = Mediation(channels=["m1", "m2"], design="staggered", ordered=True).fit(panel, "y", covariates=["x"])
    with pytest.warns(AlwaysTreatedWarning, match="1 unit left out"):
        expected = Decomposition(channels=["m1", "m2"], ordered=True).fit(panel, "y", covariates=["x"])
    assert np.array_equal(result.psi, expected.psi)
    assert result.index.equals(expected.index)


@pytest.mark.parametrize("resampling", ["clusters", "exponential"])
@pytest.mark.parametrize("ordered", [False, True])
def test_bootstrap_products_equal_refits(panel: Panel, ordered: bool, resampling: str, monkeypatch: object) -> None:
    estimator = Mediation(channels=["m1", "m2"], ordered=ordered)
    options = {"treatment": "ai", "covariates": ["x"], "n_draws": 8, "resampling": resampling}
    fast = estimator.bootstrap(panel, "y", **options).draws
    monkeypatch.setattr("aigreen.mediation.product.is_nested", lambda *codes: False)
    with pytest.warns(RefitWarning, match="each of 8 draws is fitted anew"):
        slow = estimator.bootstrap(panel, "y", **options).draws
    assert fast.to_numpy() == pytest.approx(slow.to_numpy(), abs=1e-10)
    assert fast.notna().all(axis=None)


def test_bootstrap_errors_are_near_those_of_influence_functions() -> None:
    panel = Panel(firms(n=400), **KEYS)
    draws = Mediation(channels=["m1", "m2"]).bootstrap(panel, "y", treatment="ai", seed=1)
    assert (draws.std_errors / draws.effects.std_errors).between(0.9, 1.1).all()
    staggered = Mediation(channels=["m1"], design="staggered").bootstrap(panel, "y", n_draws=50)
    assert staggered.draws.columns.tolist() == ["total", "direct", "m1"]
    with pytest.warns(RefitWarning, match="each of 50 draws is fitted anew"):
        pooled = Mediation(channels=["m1"], fixed_effects=[]).bootstrap(panel, "y", treatment="ai", n_draws=50)
    assert pooled.draws.notna().all(axis=None)
    with pytest.raises(OptionError):
        Mediation(channels=["m1"], design="doubly_robust").bootstrap(panel, "y")
    with pytest.raises(EffectsError, match="2 to 10,000,000 draws"):
        Mediation(channels=["m1"]).bootstrap(panel, "y", treatment="ai", n_draws=1)


# -- sequential g-estimation ------------------------------------------------------------------------------------------


def confounded(seed: int, n: int = 240) -> pd.DataFrame:
    """Treatment moves z by 0.8; z moves the channel (0.5) and the outcome (0.6); direct 1 + 0.48, channel 0.7 x 0.9."""
    rng = np.random.default_rng(seed)
    firm, year = np.repeat(np.arange(n), 4), np.tile(np.arange(4), n)
    city = firm // 3
    shock = rng.standard_normal((3, n // 3, 4))[:, city, year] + rng.standard_normal((3, len(firm)))
    level = rng.standard_normal(n)[firm]
    ai = rng.standard_normal((n // 3, 4))[city, year] + level
    z = 0.8 * ai + level + shock[0]
    m = 0.5 * ai + 0.5 * z + level + shock[1]
    y = ai + 0.7 * m + 0.6 * z + level + 0.1 * year + shock[2]
    return pd.DataFrame({"firm": firm, "year": year, "city": city, "ai": ai, "z": z, "m": m, "y": y})


def test_sequential_g_is_two_regressions(panel: Panel) -> None:
    result = Mediation(**SEQUENTIAL_G).fit(panel, "y", treatment="ai", covariates=["x"])
    slope = coefficients(panel, "y", ["m1", "m2"])["m1"]
    frame = panel.frame.assign(less=lambda d: d["y"] - slope * d["m1"])
    less = coefficients(Panel(frame, **KEYS, weights="w"), "less", [])["ai"]
    assert result.estimates.to_dict() == pytest.approx(
        {
            "total": coefficients(panel, "y", [])["ai"],
            "direct": less,
            "m1": coefficients(panel, "m1", [])["ai"] * slope,
        },
        abs=1e-9,
    )
    assert result.conventions["direct"] == "controlled: channels fixed; through m2 included"
    one = Mediation(**SEQUENTIAL_G | {"channels": "m1", "intermediates": "m2"}).fit(
        panel, "y", treatment="ai", covariates="x"
    )
    assert np.array_equal(one.psi, result.psi)


def test_sequential_g_without_intermediates_is_the_product_of_coefficients(panel: Panel) -> None:
    """Also with R's numbers: what is held for design="regression" in tests/reference holds here."""
    ours = Mediation(channels=["m1", "m2"], design="sequential_g").fit(panel, "y", treatment="ai")
    product = Mediation(channels=["m1", "m2"]).fit(panel, "y", treatment="ai")
    assert np.array_equal(ours.values, product.values)
    assert np.array_equal(ours.psi, product.psi)


def test_sequential_g_bootstrap_is_of_its_parts(panel: Panel) -> None:
    draws = Mediation(**SEQUENTIAL_G).bootstrap(panel, "y", treatment="ai", covariates=["x"], n_draws=400)
    ratio = draws.std_errors / draws.effects.std_errors
    assert ratio.index.tolist() == ["total", "direct", "m1"]
    assert ratio.between(0.85, 1.2).all()
    both = Mediation(channels=["m1", "m2"]).bootstrap(panel, "y", treatment="ai", covariates=["x"], n_draws=400)
    assert draws.draws["direct"].to_numpy() == pytest.approx((both.draws["direct"] + both.draws["m2"]).to_numpy())


@pytest.mark.slow
def test_sequential_g_covers_where_intermediates_confound_the_channel() -> None:
    """The regression that leaves z out takes its effect on the outcome for the channel's; the one that holds z, too."""
    truth = np.array([1 + 0.48 + 0.63, 1.48, 0.63])
    gap, error, without, holding = [], [], [], []
    for seed in range(1000):
        panel = Panel(confounded(seed), unit="firm", time="year", cluster="city")
        found = Mediation(channels=["m"], design="sequential_g", intermediates=["z"]).fit(panel, "y", treatment="ai")
        gap.append(found.values - truth)
        interval = found.conf_int()
        error.append((interval["low"] <= truth) & (truth <= interval["high"]))
        if seed < 100:
            product = Mediation(channels=["m"])
            without.append(product.fit(panel, "y", treatment="ai").estimates["direct"])
            holding.append(product.fit(panel, "y", treatment="ai", covariates=["z"]).estimates["direct"])
    bias, noise = np.mean(gap, axis=0), np.std(gap, axis=0) / np.sqrt(len(gap))
    coverage = np.mean(error, axis=0)
    print(pd.DataFrame({"bias": bias, "noise": noise, "coverage": coverage}, index=["total", "direct", "m"]))
    assert (np.abs(bias) < 3 * noise).all()
    assert ((coverage > 0.93) & (coverage < 0.97)).all()
    assert np.mean(without) < 1.48 - 0.05
    assert np.mean(holding) == pytest.approx(1.0, abs=0.02)


# -- doubly robust ---------------------------------------------------------------------------------------------------


def two_periods(seed: int, n: int = 1_000, *, confounded: bool = True) -> tuple[pd.DataFrame, float]:
    """Two periods; direct effect 1, effect of the channel on the treated 0.5, total 1.5, selection on x and levels."""
    rng = np.random.default_rng(seed)
    x, level, taste = rng.standard_normal((3, n))
    d = rng.random(n) < 1 / (1 + np.exp(-(0.5 * x + 0.5 * taste * confounded)))
    m0 = taste + rng.standard_normal(n)
    m1 = taste + 0.3 * x + 0.5 * d + rng.standard_normal(n)
    y0 = level + m0 + rng.standard_normal(n)
    y1 = level + 0.5 + 0.5 * x + m1 + d + rng.standard_normal(n)
    df = pd.DataFrame({"firm": np.tile(np.arange(n), 2), "year": np.repeat([1, 2], n), "x": np.tile(x, 2)})
    df = df.assign(first=np.tile(np.where(d, 2, 0), 2), m=np.concatenate([m0, m1]), y=np.concatenate([y0, y1]))
    return df, 1.5


def test_doubly_robust_total_is_the_group_time_effect() -> None:
    panel = Panel(firms(n=400), **KEYS)
    result = Mediation(channels=["m1", "m2"], design="doubly_robust").fit(panel, "y", covariates=["x"])
    expected = GroupTimeATT().fit(panel, "y", covariates=["x"])
    total = result["total"]
    common = expected.select(expected.index.isin(total.index))
    assert total.values == pytest.approx(common.values)
    assert total.psi == pytest.approx(common.psi)
    for view in (result, result.overall(), result.event_study()):
        k = len(view.additive) // 3
        assert view.additive.values.reshape(3, k).sum(axis=0) == pytest.approx(view.values[:k], abs=1e-12)
        assert view.additive.psi.reshape(-1, 3, k).sum(axis=1) == pytest.approx(view.psi[:, :k], abs=1e-12)
    assert result.event_study().index.get_level_values("horizon").min() < 0
    assert result.overall().index.tolist() == ["total", "direct", "m1", "m2"]


def test_doubly_robust_direct_effect_conditions_on_both_periods() -> None:
    """Two periods, no covariates: equal to Sant'Anna and Zhao's estimator with the channel of both periods."""
    from aigreen.did.group_time.two_periods import panel_att

    df, _ = two_periods(0)
    result = Mediation(channels=["m"], design="doubly_robust").fit(
        Panel(df, unit="firm", time="year", cohort="first"), "y"
    )
    wide = df.pivot(index="firm", columns="year", values=["y", "m"])
    d = df[df["year"] == 1]["first"].to_numpy() > 0
    dy = (wide["y"][2] - wide["y"][1]).to_numpy()[None]
    x = np.vstack([np.ones(len(d)), wide["m"][1], wide["m"][2]])
    sides = [(dy[:, s], x[:, s], np.ones(s.sum())) for s in (d, ~d)]
    att, psi1, psi0, _ = panel_att("dr", *sides)
    assert result.overall().estimates["direct"] == pytest.approx(att[0], abs=1e-9)
    error = np.sqrt((psi1**2).sum() + (psi0**2).sum())
    assert result["direct"].std_errors.iloc[0] == pytest.approx(error, rel=1e-8)


def test_doubly_robust_recovers_direct_and_indirect_effects() -> None:
    gaps = []
    for seed in range(30):
        df, _ = two_periods(seed)
        panel = Panel(df, unit="firm", time="year", cohort="first")
        overall = Mediation(channels=["m"], design="doubly_robust").fit(panel, "y", covariates=["x"]).overall()
        gaps.append((overall.values - [1.5, 1.0, 0.5]) / overall.std_errors.to_numpy())
    gaps = np.array(gaps)
    assert np.all(np.abs(gaps.mean(axis=0)) < 3 / np.sqrt(30))
    assert np.all((gaps.std(axis=0) > 0.7) & (gaps.std(axis=0) < 1.35))


@pytest.mark.slow
def test_doubly_robust_coverage() -> None:
    truth = np.array([1.5, 1.0, 0.5])
    rows = []
    for seed in range(1_000):
        df, _ = two_periods(seed, 500)
        panel = Panel(df, unit="firm", time="year", cohort="first")
        overall = Mediation(channels=["m"], design="doubly_robust").fit(panel, "y", covariates=["x"]).overall()
        rows.append(np.stack([overall.values - truth, overall.std_errors.to_numpy()]))
    gap, error = np.stack(rows, axis=1)
    bias, mc = gap.mean(axis=0), gap.std(axis=0) / np.sqrt(len(gap))
    coverage = (np.abs(gap) <= 1.96 * error).mean(axis=0)
    print(pd.DataFrame({"bias": bias, "mc": mc, "coverage": coverage}, index=["total", "direct", "m"]))
    assert np.all(np.abs(bias) < 3 * mc)
    assert np.all((coverage > 0.93) & (coverage < 0.97))


# -- bad input and laws ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda d: d.assign(ai=d["year"]), CollinearError, "treatment 'ai' is determined by the fixed effects"),
        (lambda d: d.assign(m1=2 * d["ai"]), CollinearError, "channel 'm1' is determined by the fixed effects, cov"),
        (lambda d: d.assign(m2=d["m1"] + d["ai"]), CollinearError, "channel 'm2' is determined by 'm1'"),
        (lambda d: d.assign(m2=1.0), CollinearError, "channel 'm2' is constant"),
    ],
)
def test_impossible_data_raise_typed_errors(change: object, error: type[AigreenError], message: str) -> None:
    with pytest.raises(error, match=message):
        Mediation(channels=["m1", "m2"]).fit(Panel(change(firms()), **KEYS), "y", treatment="ai", covariates=["x"])


@pytest.mark.filterwarnings("ignore::aigreen.errors.AlwaysTreatedWarning")
def test_default_treatment_and_collinear_covariates() -> None:
    panel = Panel(firms().assign(copy=lambda d: 2 * d["x"]), **KEYS)
    with pytest.warns(CollinearWarning, match="copy"):
        result = Mediation(channels=["m1"]).fit(panel, "y", covariates=["x", "copy"])
    assert result.estimates["total"] == pytest.approx(TWFE().fit(panel, "y", covariates=["x"]).estimates["treated"])
    with pytest.raises(NoTreatedError):
        Mediation(channels=["m1"]).fit(Panel(firms().assign(first=0), **KEYS), "y")


@pytest.mark.parametrize(
    "options",
    [
        {"channels": []},
        {"channels": ["m1", "m1"]},
        {"channels": ["direct"]},
        {"channels": ["m1"], "design": "sobel"},
        {"channels": ["m1"], "vcov": "iid", "ordered": True},
        {"channels": ["m1"], "vcov": "iid", "design": "staggered"},
        {"channels": ["m1"], "anticipation": 1},
        {"channels": ["m1"], "interaction": True, "design": "doubly_robust"},
        {"channels": ["m1"], "fixed_effects": ["firm"], "design": "doubly_robust"},
        {"channels": ["m1"], "fixed_effects": "firm"},
        {"channels": ["m1"], "intermediates": ["m2"]},
        {**SEQUENTIAL_G, "intermediates": ["m1"]},
        {**SEQUENTIAL_G, "ordered": True},
        {**SEQUENTIAL_G, "interaction": True},
        {**SEQUENTIAL_G, "vcov": "iid"},
        {**SEQUENTIAL_G, "anticipation": 1},
    ],
)
def test_impossible_options_raise(options: dict) -> None:
    with pytest.raises(OptionError):
        Mediation(**options)


def test_a_column_has_one_role_and_designs_their_treatment(panel: Panel) -> None:
    with pytest.raises(OptionError):
        Mediation(channels=["m1"]).fit(panel, "m1", treatment="ai")
    with pytest.raises(OptionError, match="intermediates='m2'"):
        Mediation(**SEQUENTIAL_G).fit(panel, "y", treatment="ai", covariates=["m2"])
    with pytest.raises(OptionError, match="doubly_robust takes none"):
        Mediation(**SEQUENTIAL_G).check_linearity(panel, "y")
    with pytest.raises(OptionError, match="design='sequential_g'"):
        Mediation(**SEQUENTIAL_G).sensitivity(panel, "y", treatment="ai")
    with pytest.raises(OptionError):
        Mediation(channels=["m1"], design="staggered").fit(panel, "y", treatment="ai")


@given(seed=st.integers(0, 10**6), scale=st.floats(0.1, 100), shift=st.floats(-100, 100))
@settings(max_examples=15, deadline=None)
def test_laws(seed: int, scale: float, shift: float) -> None:
    df = firms(seed % 5, n=60)

    def fit(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        panel = Panel(frame, **KEYS, weights="w")
        result = Mediation(channels=["m1", "m2"]).fit(panel, "y", treatment="ai", covariates=["x"])
        return result.values, result.std_errors.to_numpy()

    values, errors = fit(df)
    changes = {
        "row order": (df.sample(frac=1, random_state=seed % 1000), 1.0),
        "outcome": (df.assign(y=df["y"] * scale + shift), scale),
        "treatment": (df.assign(ai=df["ai"] / scale + shift), scale),
        "channels": (df.assign(m1=df["m1"] * scale + shift, m2=-df["m2"]), 1.0),
        "weights": (df.assign(w=df["w"] * scale), 1.0),
    }
    for name, (frame, factor) in changes.items():
        changed, changed_errors = fit(frame)
        assert changed == pytest.approx(values * factor, rel=1e-6, abs=1e-7), name
        assert changed_errors == pytest.approx(errors * factor, rel=1e-6, abs=1e-7), name


def test_the_check_of_linearity_is_the_difference_of_two_designs() -> None:
    panel = Panel(firms(n=400).query("first != 5"), **KEYS)
    found = Mediation(channels=["m1", "m2"]).check_linearity(panel, "y", covariates=["x"])
    linear, robust = (
        Mediation(channels=["m1", "m2"], design=design, ordered=True).fit(panel, "y", covariates=["x"])
        for design in ("staggered", "doubly_robust")
    )
    assert found.index.tolist() == ["m1", "m2"]
    for name in ("m1", "m2"):
        one, other = linear[name], robust[name].select(robust[name].post)
        assert one.index.equals(other.index)
        weights = one.mass.value[one.mass.of] / one.mass.value[one.mass.of].sum()
        assert found.estimates[name] == pytest.approx(weights @ (one.values - other.values), abs=1e-12)
        assert found.influence[name].to_numpy() == pytest.approx((one.psi - other.psi) @ weights, abs=1e-12)
    with pytest.raises(OptionError, match="no interaction and no fixed_effects"):
        Mediation(channels=["m1"], fixed_effects=["firm"]).check_linearity(panel, "y")
