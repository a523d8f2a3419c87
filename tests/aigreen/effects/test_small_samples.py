"""Few treated clusters: intervals and joint tests against Welch, Hotelling, brute force and each other."""

from __future__ import annotations

import itertools
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from aigreen import TWFE, Decomposition, GroupTimeATT, Imputation, Panel, StackedDiD, SunAbraham, concat, load
from aigreen.effects.cluster_shares import ClusterShares, _owners, effective
from aigreen.effects.small_samples import (
    Strata,
    hotelling,
    leverage,
    most_df,
    randomization_p,
    scaled,
    slope_weights,
    spread,
    strata_of,
    wild_draws,
)
from aigreen.errors import EffectsError, FewClustersError, FewClustersWarning

# small cohorts are what these tests are about
pytestmark = [
    pytest.mark.filterwarnings("ignore::aigreen.errors.SmallCellWarning"),
    pytest.mark.filterwarnings("ignore::aigreen.errors.OverlapWarning"),
]


def draw(n: int = 24, treated: int = 6, periods: int = 8, seed: int = 0, cohorts: int = 1) -> pd.DataFrame:
    """Cities observed `periods` times from 2000 on, the first `treated` of them treated from 2005 on (or 2006 ...)."""
    rng = np.random.default_rng(seed)
    city, year = np.repeat(np.arange(n), periods), np.tile(2000 + np.arange(periods), n)
    first = np.where(city < treated, 2005 + city % cohorts, 0)
    return pd.DataFrame({"city": city, "year": year, "first": first, "y": rng.standard_normal(n * periods)})


def panel(**options) -> Panel:
    return Panel(draw(**options), unit="city", time="year", cohort="first")


def universal(**options):
    return GroupTimeATT(base_period="universal").fit(panel(**options), "y")


def test_two_periods_are_welchs_t_test():
    data = draw(periods=7)
    data = data[data["year"].isin([2004, 2006])]
    effect = GroupTimeATT().fit(Panel(data, unit="city", time="year", cohort="first"), "y")
    change = data.pivot(index="city", columns="year", values="y")
    change = (change[2006] - change[2004]).to_numpy()
    welch = stats.ttest_ind(change[:6], change[6:], equal_var=False)
    row, few = effect.to_frame().iloc[0], effect.effective_clusters().iloc[0]
    assert row["p_value"] == pytest.approx(welch.pvalue, rel=1e-12)
    assert (few["df"], few["treated"], few["control"]) == (pytest.approx(welch.df), pytest.approx(6), pytest.approx(18))
    low, high = welch.confidence_interval()
    assert (row["conf_low"], row["conf_high"]) == (pytest.approx(low), pytest.approx(high))
    assert effect.test().p_value == pytest.approx(welch.pvalue, rel=1e-12)


def test_without_noise_of_the_comparison_the_joint_test_is_hotellings():
    rng = np.random.default_rng(3)
    x = rng.standard_normal((9, 3))
    mean, covariance = x.mean(axis=0), np.cov(x.T)
    t2 = 9 * mean @ np.linalg.solve(covariance, mean)
    psi = np.vstack([(x - mean) / 9, np.zeros((20, 3))])
    group = np.repeat([0, -1], [9, 20])
    shares = ClusterShares.count(np.arange(29), group, np.ones((1, 3)), n_clusters=29)
    strata = Strata((group == 0).astype(int), np.array([19.0, 8.0]))
    statistic, nu, p = hotelling(mean, scaled(psi, shares), strata)
    assert (statistic, nu) == (pytest.approx(t2), pytest.approx(8))
    assert p == pytest.approx(stats.f.sf(t2 * 6 / (8 * 3), 3, 6))


def test_wild_draws_are_those_of_a_loop():
    rng = np.random.default_rng(1)
    psi, group = rng.standard_normal((10, 2)), np.array([0, 0, 0, 0, -1, -1, -1, -1, -1, -1])
    shares = ClusterShares.count(np.arange(10), group, np.ones((1, 2)), n_clusters=10, weights=np.arange(1.0, 11))
    gap = np.array([0.3, -0.2])
    [(draws, covariances)] = wild_draws(gap, psi, shares, n_draws=5, seed=7)
    xi = np.random.default_rng(7)
    bits = np.unpackbits(xi.integers(0, 256, size=(5, 2), dtype=np.uint8), axis=1)[:, :10] * 2.0 - 1
    H, h = np.arange(1, 5) / 10, np.arange(5, 11) / 45
    for signs, draw_, covariance in zip(bits, draws, covariances, strict=True):
        base = psi[:4] + H[:, None] * gap
        moved = signs[:4, None] * base
        assert draw_ == pytest.approx(moved.sum(axis=0) + signs[4:] @ psi[4:])
        own = (moved - H[:, None] * moved.sum(axis=0)) / np.sqrt(1 - H)[:, None]
        rest = psi[4:] / np.sqrt(1 - h)[:, None]
        assert covariance == pytest.approx(own.T @ own + rest.T @ rest)


def test_regressions_lose_more_than_shares_and_are_drawn_as_means():
    rng = np.random.default_rng(5)
    weight, control, psi = (
        rng.random((9, 2)) * ([[1]] * 5 + [[0]] * 4),
        np.r_[np.zeros(5), np.full(4, 0.25)],
        rng.random((9, 2)),
    )
    lost = np.column_stack([rng.random(9), np.full(9, np.nan)])
    shares = ClusterShares.weighted(weight, lost, np.array([1, 0]), control)
    share = weight / weight.sum(axis=0)
    treated = np.array([True] * 5 + [False] * 4)
    np.testing.assert_allclose(leverage(shares, 0), np.where(treated, share[:, 1], control), atol=1e-14)
    np.testing.assert_allclose(leverage(shares, 1), np.where(treated, lost[:, 0], control), atol=1e-14)
    both = shares.mix(np.array([[1.0], [-1.0]]))
    own = share / 2
    mixed = (own[:, 1] ** 2 + own[:, 0] * lost[:, 0]) / np.where(treated, own.sum(axis=1), 1)
    np.testing.assert_allclose(leverage(both, 0), np.where(treated, mixed, control), atol=1e-14)
    gap = np.array([0.3, 0.1])
    plain = wild_draws(gap, psi, replace(shares, lost=None), n_draws=20, seed=1)
    for (drawn, covariance), (draws, covariances) in zip(
        wild_draws(gap, psi, shares, n_draws=20, seed=1), plain, strict=True
    ):
        np.testing.assert_array_equal(drawn, draws)
        np.testing.assert_array_equal(covariance, covariances)


def test_randomization_is_the_permutation_test_of_studentised_differences():
    rng = np.random.default_rng(5)
    x = rng.standard_normal((8, 1))
    psi = np.concatenate([(x[:3] - x[:3].mean()) / 3, -(x[3:] - x[3:].mean()) / 5])
    group = np.repeat([0, -1], [3, 5])
    shares = ClusterShares.count(np.arange(8), group, np.ones((1, 1)), n_clusters=8)
    gap = x[:3].mean(axis=0) - x[3:].mean(axis=0)
    statistic, p = randomization_p(gap, psi, shares, n_draws=4000, seed=0)
    welch = stats.ttest_ind(x[:3, 0], x[3:, 0], equal_var=False).statistic
    assert statistic == pytest.approx(welch**2)
    values = x[:, 0]
    every = []
    for chosen in itertools.combinations(range(8), 3):
        rest = [i for i in range(8) if i not in chosen]
        every.append(stats.ttest_ind(values[list(chosen)], values[rest], equal_var=False).statistic ** 2)
    assert p == pytest.approx(np.mean(np.array(every) >= welch**2 - 1e-9), abs=0.02)


def test_a_trend_is_the_same_from_levels_and_from_changes():
    path, changes = universal(), GroupTimeATT(base_period="varying").fit(panel(), "y")
    ours, theirs = path.event_study().trend(), changes.event_study().trend()
    assert ours.values == pytest.approx(theirs.values)
    assert ours.psi == pytest.approx(theirs.psi)
    study = path.event_study()
    before = study.index < 0
    slope = np.polyfit(study.index[before].to_numpy(float), study.values[before], 1)[0]
    assert ours.values[0] == pytest.approx(slope)


def test_the_slope_of_leads_without_a_reference_starts_one_period_earlier():
    weights = slope_weights(np.array([-3.0, -2.0, -1.0]), np.array([]), "path")
    line = np.array([1.0, 2.0, 3.0])
    assert weights @ line == pytest.approx(1)


def test_a_trend_is_found_and_stands_beside_the_joint_test():
    data = draw(n=60, treated=12)
    data["y"] += 0.5 * np.where(data["first"] > 0, data["year"] - 2000, 0)
    study = GroupTimeATT(base_period="universal").fit(Panel(data, unit="city", time="year", cohort="first"), "y")
    test = study.event_study().pretrend_test()
    assert test.trend.estimates["trend"] == pytest.approx(0.5, abs=0.2)
    assert test.trend_p_value < 1e-3 < test.p_value
    assert test.trend_p_value == pytest.approx(test.trend.to_frame()["p_value"].iloc[0])
    assert (test.df, test.method, test.treated_clusters) == (4, "wild", pytest.approx(12))
    largest = study.event_study().pretrend_test(method="max_t")
    assert largest.p_value < 0.01
    assert (test.leads, largest.leads, largest.df) == (test.df, test.df, test.df + 1)  # the slope is no lead
    assert "trend a period" in repr(test)


def test_more_leads_than_treated_clusters_can_bear_are_refused():
    study = universal(treated=5).event_study()
    with pytest.raises(FewClustersError, match=r"4 restrictions but 5 effective treated clusters.*max_t"):
        study.pretrend_test()
    assert 0 < study.pretrend_test(method="max_t").p_value <= 1
    with pytest.warns(FewClustersWarning, match="4 restrictions with"):
        universal(n=100, treated=6).event_study().pretrend_test()


def test_one_treated_cluster_has_no_interval():
    data = draw(treated=2)
    data["region"] = np.where(data["city"] < 2, 0, data["city"])
    one = Panel(data, unit="city", time="year", cohort="first", cluster="region")
    for model in (TWFE(), GroupTimeATT(), StackedDiD(window=(-2, 2)), SunAbraham(), Imputation()):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            effect = model.fit(one, "y").overall() if not isinstance(model, TWFE) else model.fit(one, "y")
        with pytest.warns(
            FewClustersWarning, match="1 effect rests on one treated cluster, or on one comparison cluster"
        ):
            assert effect.conf_int().isna().all(axis=None), model


@pytest.mark.parametrize("model", [TWFE(), SunAbraham(), StackedDiD(window=(-2, 0)), GroupTimeATT(), Imputation()])
def test_every_estimator_counts_its_treated_clusters(model):
    result = model.fit(panel(n=40, treated=9, cohorts=3), "y")
    few = (result if isinstance(model, TWFE) else result.overall()).effective_clusters().iloc[0]
    assert 3 <= few["treated"] <= 9.01
    assert 2 < few["df"] < 30


def test_shares_follow_every_operation(tmp_path):
    cells = universal(n=40, treated=9, cohorts=3)
    study = cells.event_study()
    assert study.effective_clusters().loc[0, "treated"] == pytest.approx(9)
    assert study.effective_clusters().loc[2, "treated"] == pytest.approx(3)
    late = study.select(study.index == 2)
    assert late.effective_clusters()["treated"].iloc[0] == pytest.approx(3)
    both = concat({"a": study, "b": study})
    assert both.effective_clusters()["df"].to_numpy() == pytest.approx(
        np.tile(study.effective_clusters()["df"], 2), nan_ok=True
    )
    assert (study - 2 * study).effective_clusters()["df"].to_numpy() == pytest.approx(
        study.effective_clusters()["df"].to_numpy(), nan_ok=True
    )
    study.save(tmp_path / "study")
    again = load(tmp_path / "study")
    pd.testing.assert_frame_equal(again.effective_clusters(), study.effective_clusters())
    pd.testing.assert_frame_equal(again.conf_int(simultaneous=True), study.conf_int(simultaneous=True))


def test_asymptotic_intervals_are_those_of_the_errors():
    study = universal(n=40, treated=9).event_study()
    bounds = study.conf_int(method="asymptotic")
    assert (bounds["high"] - study.values).to_numpy() == pytest.approx(1.959963984540054 * study.std_errors.to_numpy())


def test_a_band_holds_each_interval_at_sidaks_level():
    study = universal(n=40, treated=9).event_study()
    band = study.conf_int(simultaneous=True)
    few = study.effective_clusters()
    live = few["small_sample_error"] > 0
    critical = stats.t.ppf((1 + 0.95 ** (1 / live.sum())) / 2, few["df"])
    reach = (critical * few["small_sample_error"]).fillna(0)
    assert (band["high"] - study.values).to_numpy() == pytest.approx(reach.to_numpy())


def test_effective_clusters_of_equal_and_unequal_shares():
    assert effective(np.full(7, 1 / 7)) == pytest.approx(7)
    assert effective(np.array([1.0, 0, 0])) == pytest.approx(1)
    a = np.array([0.7, 0.2, 0.1])
    assert effective(a) == pytest.approx((1 / (a**2).sum() + (a**2).sum() ** 2 / (a**4).sum()) / 2)


def test_groups_have_their_own_degrees_of_freedom():
    rng = np.random.default_rng(0)
    group = np.repeat([0, 1, -1], [4, 6, 30])
    psi = rng.standard_normal((40, 1)) * np.where(group < 0, 0, 1)[:, None]
    shares = ClusterShares.count(
        np.arange(40), group, np.array([[0.4], [0.6]]), n_clusters=40, labels=np.arange(2), by_group=True
    )
    found = spread(psi, shares, 40)
    v = np.array([(psi[:4] ** 2).sum() / (1 - 1 / 4), (psi[4:10] ** 2).sum() / (1 - 1 / 6)])
    assert found.std_errors[0] == pytest.approx(np.sqrt(v.sum()))
    assert found.df[0] == pytest.approx(v.sum() ** 2 / (v**2 / [3, 5]).sum())


def test_randomization_needs_all_treated_clusters_behind_each_effect():
    study = universal(n=40, treated=12, cohorts=3).event_study()
    with pytest.raises(EffectsError, match=r"4 treated clusters are behind some of the effects only"):
        study.select(study.index.isin([1, 2])).test(method="randomization")
    near = study.select((study.index >= -3) & (study.index <= 0))
    assert 0 < near.test(method="randomization", n_draws=99).p_value <= 1


def test_without_never_treated_the_later_cohorts_are_the_comparison():
    data = draw(n=24, treated=24, cohorts=3)
    result = GroupTimeATT().fit(Panel(data, unit="city", time="year", cohort="first"), "y")
    few = result.effective_clusters()
    assert few["df"].notna().all()
    assert few.loc[(2005, 2005), "df"] > 7
    assert result.overall().conf_int().notna().all(axis=None)


def test_fewer_degrees_of_freedom_than_restrictions_are_refused():
    rng = np.random.default_rng(0)
    group = np.repeat([0, 1, 2, 3, -1], [2, 2, 2, 2, 30])
    psi = rng.standard_normal((38, 6)) * np.where(group < 0, 0.01, 1)[:, None]
    of = np.full((4, 6), 0.25)
    shares = ClusterShares.count(np.arange(38), group, of, n_clusters=38, labels=np.arange(4), by_group=True)
    cells = universal(n=38, treated=8).event_study()
    few = replace(
        cells, values=psi.sum(axis=0), psi=psi, index=pd.RangeIndex(6, name="term"), mass=None, post=None,
        weights=None, cluster_shares=shares, clusters=pd.RangeIndex(38),
    )  # fmt: skip
    with pytest.raises(FewClustersError, match=r"6 restrictions but .* degrees of freedom of their covariance"):
        few.test()
    assert 0 < few.test(method="max_t").p_value <= 1


def test_a_difference_of_two_results_keeps_the_degrees_of_freedom_of_their_cohorts():
    data = draw(n=60, treated=18, cohorts=3)
    data["large"] = np.random.default_rng(2).random(len(data)) < 0.5
    data = data.loc[data.index.repeat(2)].reset_index(drop=True)
    data["firm"] = data["city"] * 2 + np.tile([0, 1], len(data) // 2)
    data["y"] += np.random.default_rng(3).standard_normal(len(data))
    whole = Panel(data, unit="firm", time="year", cohort="first", cluster="city")
    halves = [Imputation().fit(whole[data["firm"] % 2 == h], "y").overall() for h in (0, 1)]
    gap = (halves[0] - halves[1]).effective_clusters().iloc[0]
    each = halves[0].effective_clusters().iloc[0]
    assert gap["treated"] == pytest.approx(each["treated"])
    assert 0.5 * each["df"] < gap["df"] < 2 * each["df"]


def test_a_lone_cohort_has_the_spread_of_the_others_and_lone_cohorts_alone_none():
    first = {0: 2003, 1: 2004, **dict.fromkeys(range(2, 8), 2005)}
    data = draw(n=40).assign(first=lambda d: d["city"].map(first).fillna(0))
    mixed = Imputation().fit(Panel(data, unit="city", time="year", cohort="first"), "y")
    few = mixed.overall().effective_clusters().iloc[0]
    assert few["df"] <= 5 + 1e-9
    assert few["small_sample_error"] > 1.1 * mixed.overall().std_errors.iloc[0]
    assert np.isnan(mixed.effective_clusters().loc[(2003, 2004), "df"])
    apart = data.assign(first=lambda d: np.where(d["city"] < 6, 2002 + d["city"] % 6, 0)).query("first < 2008")
    for model in (Imputation(), SunAbraham(), StackedDiD(window=(-1, 0))):
        with pytest.warns(FewClustersWarning):
            overall = model.fit(Panel(apart, unit="city", time="year", cohort="first"), "y").overall()
            assert overall.conf_int().isna().all(axis=None), model


def test_a_cohort_nearly_in_one_cluster_is_one_in_it():
    """Its own tenth of a degree of freedom made an interval of 150 digits."""
    rng = np.random.default_rng(1)
    city = np.concatenate([np.repeat([0, 1], [59, 1]), np.repeat(np.arange(2, 40), 3)])
    first = np.where(city < 2, 2004, np.where(city < 8, 2005, 0))
    year = np.tile(2000 + np.arange(8), len(city))
    data = pd.DataFrame({"firm": np.repeat(np.arange(len(city)), 8), "city": np.repeat(city, 8), "year": year})
    data = data.assign(first=np.repeat(first, 8), y=rng.standard_normal((40, 8))[data["city"], year - 2000])
    data["y"] += rng.standard_normal(len(data))

    def fitted(rows):
        return Imputation().fit(Panel(rows, unit="firm", time="year", cohort="first", cluster="city"), "y")

    near, lone = fitted(data), fitted(data[data["city"] != 1])
    few, one = (fit.overall().effective_clusters().iloc[0] for fit in (near, lone))
    assert 1.01 < effective(near.cluster_shares.treated(0)) < 1.03
    assert one["df"] == pytest.approx(5) and few["df"] == pytest.approx(5, rel=0.01)
    assert few["small_sample_error"] == pytest.approx(one["small_sample_error"], rel=0.05)
    assert near.conf_int().loc[2004].isna().all(axis=None)
    equal = fitted(data.assign(city=np.where((data["city"] == 0) & (data["firm"] % 3 == 0), 1, data["city"])))
    assert equal.conf_int().loc[2004].notna().all(axis=None)


def test_one_treated_cluster_has_no_test_and_no_difference():
    data = draw(n=40, treated=9)
    data["half"] = np.where(data["city"] < 1, 0, np.where(data["city"] < 9, 1, data["city"] % 2))
    panel_ = Panel(data, unit="city", time="year", cohort="first")
    one, rest = (GroupTimeATT().fit(part, "y").overall() for part in panel_.split("half").values())
    assert np.isnan((rest - one).effective_clusters()["df"].iloc[0])
    for call in (one.test, (rest - one).test):
        with pytest.raises(FewClustersError, match="1 of 1 restrictions rest on one treated cluster, or on one compar"):
            call()
    lone = data.assign(first=np.where(data["city"] == 0, 2006, data["first"]))
    study = GroupTimeATT().fit(Panel(lone, unit="city", time="year", cohort="first"), "y").event_study()
    assert study.pretrend_test(method="max_t", n_draws=99).p_value > 0.02


def test_cohorts_after_the_last_period_are_comparison_clusters():
    data = draw(n=40, treated=9)
    late = data.assign(first=data["first"].replace(0, 2010))
    for model in (Imputation(), GroupTimeATT(), TWFE()):
        few = model.fit(Panel(late, unit="city", time="year", cohort="first"), "y").effective_clusters()
        assert few["df"].dropna().gt(5).all(), model
        assert few["control"].to_numpy() == pytest.approx(31), model


def means(draws: int, treated: int, control: int, seed: int = 0) -> tuple[np.ndarray, ClusterShares, np.ndarray]:
    """Differences of two means of normal clusters, one column a draw: influence functions, shares, differences."""
    x = np.random.default_rng(seed).standard_normal((treated + control, draws))
    inside = np.arange(treated + control) < treated
    centred = np.where(inside[:, None], x - x[inside].mean(axis=0), x[~inside].mean(axis=0) - x)
    psi = centred / np.where(inside, treated, control)[:, None]
    shares = ClusterShares.count(
        np.arange(len(x)), np.where(inside, 0, -1), np.ones((1, draws)), n_clusters=len(x)
    )  # fmt: skip
    return psi, shares, x[inside].mean(axis=0) - x[~inside].mean(axis=0)


@pytest.mark.parametrize(("treated", "control"), [(2, 18), (2, 60), (3, 18)])
def test_two_or_three_treated_clusters_have_a_test_of_its_size(treated, control):
    psi, shares, gap = means(4000, treated, control)
    found = spread(psi, shares, treated + control)
    p = 2 * stats.t.sf(np.abs(gap) / found.std_errors, found.df)
    v = np.array(
        [(part**2).sum(axis=0) * n / (n - 1) for part, n in ((psi[:treated], treated), (psi[treated:], control))]
    )
    welch = 2 * stats.t.sf(
        np.abs(gap) / found.std_errors, v.sum(axis=0) ** 2 / (v.T**2 / [treated - 1, control - 1]).sum(axis=1)
    )
    assert (p < 0.05).mean() == pytest.approx(0.05, abs=0.01)
    assert (welch < 0.05).mean() > 0.065  # what Satterthwaite's degrees of freedom alone give


@pytest.mark.parametrize("weights", [[1, 1], [1, 1, 1], [4, 1, 1], [9, 1], [30, 8, 1, 0.1, 0.1]])
def test_few_comparison_clusters_have_a_test_of_its_size(weights):
    n, h = 14, np.array(weights) / sum(weights)
    x = np.random.default_rng(1).standard_normal((n + len(h), 20_000))
    low, high = h @ x[n:], x[:n].mean(axis=0)
    psi = np.concatenate([(x[:n] - high) / n, (low - x[n:]) * h[:, None]])
    group, w = np.where(np.arange(len(x)) < n, 0, -1), np.append(np.ones(n), n * h)
    shares = ClusterShares.count(np.arange(len(x)), group, np.ones((1, 1)), n_clusters=len(x), weights=w)
    most = most_df(shares, 0, strata_of(shares, [0]))
    errors = np.sqrt((psi[:n] ** 2).sum(axis=0) * n / (n - 1) + (psi[n:] ** 2 / (1 - h)[:, None]).sum(axis=0))
    beyond = np.abs(high - low) / errors > stats.t.ppf(0.975, most)
    assert beyond.mean() == pytest.approx(0.05, abs=0.005)
    found = [spread(psi[:, [j]], shares, len(x)) for j in range(300)]
    assert all(one.df[0] <= most and one.std_errors[0] == pytest.approx(errors[j]) for j, one in enumerate(found))


@pytest.mark.parametrize("model", [Imputation(), GroupTimeATT()])
def test_one_never_treated_cluster_beside_later_cohorts_covers(model):
    inside = []
    for seed in range(60):
        df = pd.DataFrame([(i, t) for i in range(15) for t in range(2014, 2024)], columns=["u", "t"])
        df["g"] = np.select([df.u < 4, df.u < 9, df.u < 14], [2019, 2020, 2021], 0)
        df["y"] = np.random.default_rng(seed).standard_normal(len(df))
        low, high = model.fit(Panel(df, unit="u", time="t", cohort="g"), "y").overall().conf_int().to_numpy()[0]
        inside.append(low <= 0 <= high)
    assert np.mean(inside) >= 0.9  # .65 where those later cohorts are taken for comparison after they are treated


def test_most_degrees_of_freedom_are_those_of_the_exact_quantile():
    _, shares, _ = means(1, 2, 18)
    most = most_df(shares, 0, strata_of(shares, [0]))
    c, w = stats.t.ppf(0.975, most), np.array([1 / 2, 1 / 18]) / (1 / 2 + 1 / 18)

    def beyond(x: float) -> float:
        """Two-sided tail given the variance of the comparison, over that of the treated."""
        return integrate.quad(
            lambda u: 2 * stats.norm.sf(c * np.sqrt(w[0] * u**2 + w[1] * x)) * 2 * stats.norm.pdf(u), 0, 10
        )[0]  # fmt: skip

    x = stats.chi2.ppf((np.arange(400) + 0.5) / 400, 17) / 17
    assert np.mean([beyond(value) for value in x]) == pytest.approx(0.05, abs=2e-4)
    _, shares, _ = means(1, 4, 18)
    assert most_df(shares, 0, strata_of(shares, [0])) == np.inf


def test_one_effect_of_two_treated_clusters_has_the_p_value_of_its_joint_test():
    effect = TWFE().fit(panel(n=20, treated=2, seed=4), "y")
    assert effect.effective_clusters()["df"].iloc[0] <= 2.17
    assert effect.test().p_value == pytest.approx(effect.to_frame()["p_value"].iloc[0], rel=1e-9)


def test_lone_cohorts_centred_at_each_other_are_one_stratum():
    rng = np.random.default_rng(0)
    psi = rng.standard_normal((36, 1)) * (np.arange(36) < 6)[:, None]
    group = np.where(np.arange(36) < 6, np.arange(36), -1)
    shares = ClusterShares.count(
        np.arange(36), group, np.ones((6, 1)), n_clusters=36, labels=np.arange(6), by_group=True, own_left_out=True
    )
    assert spread(psi, shares, 36).df[0] == pytest.approx(5)  # of six, each less the mean of all others
    group = np.where(group >= 2, 2, group)
    shares = ClusterShares.count(
        np.arange(36), group, np.array([[1], [1], [4]]), n_clusters=36, labels=np.arange(3), by_group=True,
        own_left_out=True,
    )  # fmt: skip
    v = np.array([(psi[:2] ** 2).sum(), (psi[2:6] ** 2).sum()])
    assert spread(psi, shares, 36).df[0] == pytest.approx(v.sum() ** 2 / (v**2 / [2, 3]).sum())


def all_treated(seed: int) -> Panel:
    """Eight cities of three firms, each city in a cohort of its own from the third to the tenth of ten years."""
    rng = np.random.default_rng(seed)
    df = pd.DataFrame([(i, i // 3, t) for i in range(24) for t in range(1, 11)], columns=["firm", "city", "year"])
    shock = rng.standard_normal((8, 10))[df["city"], df["year"] - 1]
    df = df.assign(first=3 + df["city"], m=rng.standard_normal(len(df)))
    df["y"] = df["firm"] + shock + 0.5 * df["m"] + rng.standard_normal(len(df))
    return Panel(df, unit="firm", time="year", cohort="first", cluster="city")


@pytest.mark.filterwarnings("ignore::aigreen.errors.UnreachedWarning")
def test_without_never_treated_a_decomposition_covers():
    inside = []
    for seed in range(60):
        parts = Decomposition(channels="m").fit(all_treated(seed), "y").overall()
        bounds = parts.conf_int()
        inside.append((bounds["low"] <= 0) & (bounds["high"] >= 0))
        assert bounds.notna().all(axis=None)
    assert (pd.DataFrame(inside).mean() >= 0.95).all()  # one city is never treated within reach: wide


def test_one_comparison_cluster_gives_no_interval():
    data = draw(n=5, treated=4, cohorts=1)
    for model in (Imputation(), GroupTimeATT(), Decomposition(channels="m")):
        df = data.assign(m=np.random.default_rng(1).standard_normal(len(data)))
        effect = model.fit(Panel(df, unit="city", time="year", cohort="first"), "y").overall()
        assert effect.effective_clusters()[["df"]].isna().all(axis=None)
        with pytest.warns(
            FewClustersWarning, match=r"effects? rests? on one treated cluster, or on one comparison cluster"
        ):
            assert effect.conf_int().isna().all(axis=None)


def test_stacked_results_of_which_one_has_one_treated_cluster_are_not_tested_together():
    data = draw(n=30, treated=9)
    whole = Panel(data, unit="city", time="year", cohort="first")
    few = whole[~data["city"].between(1, 8)]
    for fit in (TWFE().fit, lambda p, y: GroupTimeATT().fit(p, y).overall()):
        both = concat({"all": fit(whole, "y"), "one": fit(few, "y")})
        text = r"^1 of 2 restrictions rest on one treated cluster, .* error of their own: \('one', '\w+'\); test the"
        for method in ("auto", "hotelling", "wild", "randomization"):
            with pytest.raises(FewClustersError, match=text):
                both.test(method=method)
        assert both["all"].test().p_value > 0 and both.test(method="max_t", n_draws=99).p_value > 0


def test_a_treatment_and_its_covariates_are_tested_together():
    data = draw(n=60, treated=30).assign(x=lambda d: np.random.default_rng(5).standard_normal(len(d)))
    effects = TWFE().fit(Panel(data, unit="city", time="year", cohort="first"), "y", covariates=["x"])
    exact = effects.test()
    assert exact.df == 2 and exact.p_value == pytest.approx(effects.test(method="chi2").p_value, abs=0.1)


def apart(sizes: tuple[tuple[int, ...], ...], never: int = 12, seed: int = 0) -> tuple[Panel, list]:
    """Samples without a common city: each has cohorts of these sizes from 2004 on, two years apart."""
    rng = np.random.default_rng(seed)
    cities = [
        (sample, first)
        for sample, cohorts in enumerate(sizes)
        for first, size in [*zip(range(2004, 2010, 2), cohorts, strict=False), (0, never)]
        for _ in range(size)
    ]
    table = pd.DataFrame(cities, columns=["sample", "first"]).rename_axis("city").reset_index()
    data = table.merge(pd.DataFrame({"year": 2000 + np.arange(10)}), how="cross")
    data["y"] = rng.standard_normal(len(data)) * (1 + 2 * data["sample"])
    whole = Panel(data, unit="city", time="year", cohort="first")
    return whole, [whole[data["sample"].to_numpy() == sample] for sample in range(len(sizes))]


def test_a_difference_between_samples_without_a_common_cluster_is_welchs_of_both():
    _, parts = apart(((1, 4), (3, 4)))
    a, b = (Imputation().fit(part, "y").overall() for part in parts)
    df = np.array([x.effective_clusters()["df"].iloc[0] for x in (a, b)])
    half = [x.conf_int().iloc[0]["high"] - x.values[0] for x in (a, b)]
    errors = np.array(half) / stats.t.ppf(0.975, df)
    gap = a - b
    joined = (errors**2).sum() ** 2 / (errors**4 / df).sum()
    assert gap.effective_clusters()["df"].iloc[0] == pytest.approx(joined)
    low, high = gap.conf_int().iloc[0][["low", "high"]]
    assert (high - low) / 2 == pytest.approx(np.sqrt((errors**2).sum()) * stats.t.ppf(0.975, joined))


@pytest.mark.parametrize("less", [1.0, 0.1, 3.0])
def test_most_degrees_of_freedom_of_a_weighted_difference_between_samples_are_those_of_its_quantile(less):
    _, parts = apart(((2,), (3,)))
    a, b = (Imputation().fit(part, "y").overall() for part in parts)
    shares = (b - less * a).cluster_shares
    most = most_df(shares, 0, strata_of(shares, [0]))
    v, df = np.array([less**2 / 2, 1 / 3]), np.array([1, 2])
    rng = np.random.default_rng(1)
    estimated = (v * rng.chisquare(df, (200_000, 2)) / df).sum(axis=1)
    beyond = 2 * stats.norm.sf(stats.t.ppf(0.975, most) * np.sqrt(estimated / v.sum()))
    assert beyond.mean() == pytest.approx(0.05, abs=0.001)


@pytest.mark.parametrize("sizes", [((1,), (4,)), ((1,), (1,)), ((1,), (2,))])
@pytest.mark.parametrize("model", [Imputation(), GroupTimeATT()])
def test_an_effect_on_one_cluster_has_no_error_in_any_sum_with_another_result(model, sizes):
    whole, _ = apart(sizes, never=6)
    table = whole.frame
    shared = table["first"].to_numpy() == 0
    a, b = (model.fit(whole[shared | (table["sample"] == k).to_numpy()], "y").overall() for k in (0, 1))
    stacked = concat({"a": a, "b": b})
    assert np.isnan(a.to_frame()["p_value"].iloc[0])
    for found in (a - b, stacked.combine([1.0, -1.0]), (a + b) * 0.5, stacked.combine([0.5, 0.5])):
        assert found.std_errors.iloc[0] > 0 and np.isnan(found.to_frame()["p_value"].iloc[0])
        with pytest.raises(FewClustersError, match="no error of their own"):
            found.test()
    if len(sizes[1]) == 1 and sizes[1][0] > 1:
        assert stacked.to_frame()["p_value"].iloc[1] == pytest.approx(b.to_frame()["p_value"].iloc[0], rel=1e-9)


@pytest.mark.parametrize("model", [Imputation(), SunAbraham(), StackedDiD()])
@pytest.mark.parametrize("sizes", [(2, 1), (4, 1), (1, 3)])
def test_one_restriction_has_the_p_value_of_its_interval_where_a_cohort_stands_in_one_cluster(model, sizes):
    whole, _ = apart((sizes,), never=12)
    effect = model.fit(whole, "y").overall()
    assert effect.test().p_value == pytest.approx(effect.to_frame()["p_value"].iloc[0], rel=1e-12)
    assert effect.test(method="hotelling").df_denominator == pytest.approx(effect.effective_clusters()["df"].iloc[0])


@pytest.mark.slow
def test_size_of_tests_where_a_cohort_stands_in_one_cluster():
    one, two = [], []
    for seed in range(300):
        whole, _ = apart(((3, 1, 4),), never=20, seed=seed)
        study = Imputation().fit(whole, "y").event_study(window=(0, 2))
        one.append(study.overall().test().p_value < 0.05)
        two.append(study.test(np.eye(3)[:2]).p_value < 0.05)
    assert np.mean(one) < 0.07 and np.mean(two) < 0.085


def test_a_difference_between_samples_has_one_p_value_and_effects_the_clusters_of_their_own():
    _, parts = apart(((2,), (9,)), never=12)
    few, many = (Imputation().fit(part, "y").overall() for part in parts)
    gap = many - few
    assert gap.test().p_value == pytest.approx(gap.to_frame()["p_value"].iloc[0], rel=1e-10)
    stacked = concat({"few": few, "many": many, "gap": gap}).effective_clusters()
    assert stacked["control"].tolist() == pytest.approx([12, 12, 24])


def test_clusters_of_samples_without_a_common_cluster_are_kept_apart_however_results_are_joined(tmp_path):
    _, parts = apart(((3, 4), (3, 4), (5, 3)))
    a, b, c = (Imputation().fit(part, "y").overall() for part in parts)
    gaps = concat({"b": b - a, "c": c - a})
    weights = pd.DataFrame({"b": [-1.0, 1, 0], "c": [-1.0, 0, 1]})
    stacked = concat({"a": a, "b": b, "c": c})
    again = stacked.combine(weights.set_axis(stacked.index))
    gaps.save(tmp_path / "gaps")
    for other in (again, load(tmp_path / "gaps")):
        np.testing.assert_allclose(other.conf_int().to_numpy(), gaps.conf_int().to_numpy(), rtol=1e-12)
        assert other.test(method="max_t").p_value == pytest.approx(gaps.test(method="max_t").p_value, rel=1e-12)
    p = gaps.to_frame()["p_value"].min()
    assert gaps.test(method="max_t").p_value == pytest.approx(1 - (1 - p) ** 2)
    with pytest.raises(EffectsError, match="of several"):
        gaps.test(method="randomization")


def test_the_strata_of_samples_are_each_ones_own():
    _, parts = apart(((8, 9), (10, 12)), never=20)
    a, b = (Imputation().fit(part, "y").overall() for part in parts)
    both = concat({"a": a, "b": b})
    strata = strata_of(both.cluster_shares, [0, 1])
    assert strata.df.tolist() == pytest.approx([19, 7, 8, 19, 9, 11])
    assert strata.comparison.tolist() == [0, 3]
    u = both.small_sample_influence()
    expected = np.column_stack([a.small_sample_influence(), b.small_sample_influence()])
    np.testing.assert_allclose(u, expected, atol=1e-14)
    fewest = min(x.effective_clusters()["treated"].iloc[0] for x in (a, b))
    assert both.test(method="hotelling").treated_clusters == pytest.approx(fewest)
    drawn, covariances = next(wild_draws(both.values, both.psi, both.cluster_shares, n_draws=200, seed=1))
    assert np.abs(covariances[:, 0, 1]).max() < 1e-14 < np.abs(np.cov(drawn.T)[0, 0])


@pytest.mark.slow
def test_size_of_differences_between_samples_with_few_treated_clusters():
    gap, equal = [], []
    for seed in range(300):
        _, parts = apart(((2, 3), (1, 4), (2, 2)), never=25, seed=seed)
        a, b, c = (Imputation().fit(part, "y").overall() for part in parts)
        gaps = concat({"b": b - a, "c": c - a})
        gap.append(gaps.to_frame()["p_value"].to_numpy() < 0.05)
        equal.append(gaps.test(method="max_t").p_value < 0.05)
    assert np.mean(gap, axis=0) == pytest.approx([0.05, 0.05], abs=0.035)
    assert np.mean(equal) < 0.085


def test_samples_that_share_their_comparison_clusters_keep_the_spread_of_their_treated_ones():
    whole, _ = apart(((1, 4), (3, 4)))
    treated, sample = (whole.frame[name].to_numpy() for name in ("first", "sample"))
    a, b = (Imputation().fit(whole[(sample == s) | (treated == 0)], "y").overall() for s in (0, 1))
    gap = b - a
    strata = strata_of(gap.cluster_shares, [0])
    # Cohorts of 4, of 3 and 4, the lone one beside its comparison clusters, and the comparison clusters of both.
    assert sorted(strata.df[np.unique(strata.of)].round(6)) == pytest.approx([2, 3, 3, 23, 23])
    apart_ = 1 / (a.cluster_shares.treated(0) ** 2).sum(), 1 / (b.cluster_shares.treated(0) ** 2).sum()
    assert max(apart_) < 8 < gap.effective_clusters()["treated"].iloc[0] < sum(apart_)
    v = gap.effective_clusters()["small_sample_error"].iloc[0] ** 2
    own = [x.effective_clusters()["small_sample_error"].iloc[0] ** 2 for x in (a, b)]
    never = np.flatnonzero((a.cluster_shares.control > 0) & (b.cluster_shares.control > 0))
    once = sum((x.small_sample_influence()[never] ** 2).sum() for x in (a, b))
    assert v == pytest.approx(sum(own) - once + (gap.small_sample_influence()[never] ** 2).sum())


def moved(firms: int, cohorts: tuple[int, ...] = (2, 3), new_cohort: bool = False, seed: int = 0) -> tuple[Panel, list]:
    """Two samples of cities with eight firms each; some firms of the first are in a treated city of the second."""
    rng = np.random.default_rng(seed)
    cities = [
        (sample, first)
        for sample, sizes in enumerate((cohorts, (1, 3)))
        for first, size in zip((2004, 2006, 0), (*sizes, 12), strict=True)
        for _ in range(size)
    ]
    table = pd.DataFrame(cities, columns=["sample", "first"]).rename_axis("city").reset_index()
    table = table.loc[table.index.repeat(8)]
    city = int(table.query("sample == 1 and first == 2006")["city"].iloc[0])
    stray = pd.DataFrame({"city": city, "sample": 0, "first": 2007 if new_cohort else 2006}, index=range(firms))
    table = pd.concat([table, stray]).reset_index(drop=True).rename_axis("firm").reset_index()
    data = table.merge(pd.DataFrame({"year": 2000 + np.arange(10)}), how="cross")
    shock = rng.standard_normal((data["city"].nunique(), 10))
    data["y"] = shock[data["city"], data["year"] - 2000] + 0.5 * rng.standard_normal(len(data))
    whole = Panel(data, unit="firm", time="year", cohort="first", cluster="city")
    return whole, [whole[data["sample"].to_numpy() == sample] for sample in (0, 1)]


def test_a_few_treated_rows_in_common_do_not_make_two_samples_one():
    _, parts = moved(firms=1)
    a, b = (Imputation().fit(part, "y").overall() for part in parts)
    both = concat({"a": a, "b": b})
    shares = both.cluster_shares
    common = np.flatnonzero((a.cluster_shares.treated(0) > 0) & (b.cluster_shares.treated(0) > 0))
    (first, of_a), (second, of_b) = shares.by_sample([0, 1])
    assert len(common) == 1 and second[common] and not first[common] and (first != second).all()
    assert 0 < shares.treated(0)[common] < 0.05 and of_a.treated(0)[common] == 0
    assert of_a.of[:, 0].any() and not of_b.of[:, 0].any()
    strata = strata_of(shares, [0, 1])
    # Of each: its comparison cities and its cohorts, the second sample's first one in one city.
    assert strata.df.tolist() == pytest.approx([11, 1, 2, 11, 0, 2], abs=0.05)
    alone = pd.concat([x.effective_clusters() for x in (a, b)], ignore_index=True)
    columns = ["treated", "control", "df", "small_sample_error"]
    np.testing.assert_allclose(both.effective_clusters()[columns], alone[columns], rtol=1e-9)
    gap, v = (b - a).effective_clusters().iloc[0], alone["small_sample_error"] ** 2
    assert gap["small_sample_error"] == pytest.approx(np.sqrt(v.sum()), rel=0.05)
    assert gap["df"] < 9  # 23 cities with comparison firms, but three to five treated ones of each


def test_a_sample_with_a_cohort_in_one_cluster_keeps_its_degrees_of_freedom_beside_others():
    whole, _ = apart(((1, 7), (6, 7)), never=3)
    sample, first = (whole.frame[name].to_numpy() for name in ("sample", "first"))
    parts = [whole[(sample == s) | (first == 0)] for s in (0, 1)]
    results = {str(k): Imputation().fit(part, "y").overall() for k, part in enumerate(parts)}
    alone = pd.concat([x.effective_clusters() for x in results.values()])["df"].to_numpy()
    assert alone[0] == 6  # of the cohort of seven; by Satterthwaite more
    np.testing.assert_allclose(concat(results).effective_clusters()["df"], alone, rtol=0.02)


@pytest.mark.parametrize(("shared", "label", "owner"), [(0.3, [0, 1], [0, 1, 1, -1]), (0.4, [0, 0], [0, 0, 0, -1])])
def test_results_with_a_third_of_their_treated_rows_in_common_are_of_one_sample(shared, label, owner):
    H = [np.array([1 - shared, shared, 0, 0]), np.array([0, shared + 0.05, 0.95 - shared, 0])]
    found = _owners(H)
    assert [part.tolist() for part in found] == [label, owner]


def test_a_cohort_that_stands_in_a_city_of_another_sample_alone_leaves_a_difference_its_error():
    _, parts = moved(firms=1, new_cohort=True)
    a, b = (Imputation().fit(part, "y").overall() for part in parts)
    gap = b - a
    assert len(gap.cluster_shares.by_sample([0])) == 2 and np.isfinite(gap.conf_int().to_numpy()).all()


def test_what_stands_beside_two_results_does_not_change_their_difference(tmp_path):
    whole, parts = apart(((3, 4), (3, 4)))
    a, b = (Imputation().fit(part, "y").overall() for part in parts)
    stacked = concat({"a": a, "b": b, "all": Imputation().fit(whole, "y").overall()})
    stacked.save(tmp_path / "stacked")
    weights = pd.DataFrame({"b - a": [-1.0, 1, 0]}, index=stacked.index)
    for other in (stacked, load(tmp_path / "stacked")):
        np.testing.assert_allclose(other.combine(weights).conf_int(), (b - a).conf_int(), rtol=1e-12)
        np.testing.assert_allclose(other.conf_int().iloc[:1], a.conf_int(), rtol=1e-12)


def test_clusters_that_are_neither_treated_nor_compared_do_not_take_a_difference_its_error():
    _, parts = apart(((3, 4), (3, 4)))
    a, b = (Imputation().fit(part, "y").overall() for part in parts)
    gap = b - a
    shares, moved = gap.cluster_shares, gap.psi.copy()
    unused = replace(shares, controls=np.where(np.arange(len(moved))[:, None] == len(moved) - 1, 0, shares.controls))
    moved[-1] = 1e-6
    found = replace(gap, psi=moved, cluster_shares=unused).effective_clusters()["df"]
    assert found.iloc[0] == pytest.approx(gap.effective_clusters()["df"].iloc[0], rel=0.05)


@pytest.mark.slow
def test_size_of_a_difference_between_all_and_a_few_clusters_with_larger_shocks():
    rejected = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        city = np.repeat(np.arange(45), 8)
        data = pd.DataFrame({"city": city, "year": np.tile(np.arange(2000, 2008), 45)})
        data["first"] = np.where(city < 19, 2004, 0)  # the first two, and seven that are never treated, are the few
        few = (city < 2) | (city >= 38)
        walk = rng.standard_normal((45, 8)).cumsum(axis=1).ravel()
        panel = Panel(data.assign(y=walk * np.where(few, 3, 1)), unit="city", time="year", cohort="first")
        gap = TWFE().fit(panel, "y") - TWFE().fit(panel[few], "y")
        rejected.append(gap.to_frame()["p_value"].iloc[0] < 0.05)
    assert np.mean(rejected) < 0.085


@pytest.mark.slow
def test_size_of_differences_between_samples_that_share_a_firm_or_two():
    rejected = []
    for seed in range(300):
        _, parts = moved(firms=2, seed=seed)
        a, b = (Imputation().fit(part, "y").overall() for part in parts)
        rejected.append((b - a).to_frame()["p_value"].iloc[0] < 0.05)
    assert np.mean(rejected) == pytest.approx(0.05, abs=0.035)
