from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

from aigreen import Effects, GroupTimeATT, Panel, concat, load, share
from aigreen.effects.aggregation import Mass
from aigreen.errors import (
    EffectsError,
    IncompatibleEffectsError,
    NoInfluenceError,
    OptionError,
    SourceError,
    UnknownColumnError,
)

CLUSTERS = pd.Index([f"c{i:02d}" for i in range(40)], name="city")


def make(index=("a", "b", "c"), seed=0, **options):
    rng = np.random.default_rng(seed)
    if not isinstance(index, pd.Index):
        index = pd.Index(index, name="effect")
    facts = {"n_rows": 400, "n_units": 80, "n_clusters": 40, "method": f"m{seed}", "outcome": "y", "df": 39}
    psi = rng.normal(size=(40, len(index))) @ np.diag(rng.uniform(0.5, 2, len(index))) / 6
    return Effects(rng.normal(size=len(index)), index, psi, CLUSTERS, **(facts | options))


def group_time(seed=0, moving=True):
    cells = [(3, t) for t in (1, 2, 3, 4, 5)] + [(4, t) for t in (1, 2, 3, 4, 5)]
    index = pd.MultiIndex.from_tuples(cells, names=["cohort", "time"])
    rng = np.random.default_rng(seed + 100)
    mass = Mass(np.array([0.2, 0.3]), np.repeat([0, 1], 5), rng.normal(size=(40, 2)) / 50 if moving else None)
    return make(index, seed, mass=mass, post=np.array([t >= g for g, t in cells]))


def stacked_covariance(*results):
    psi = np.hstack([r.psi for r in results])
    return psi.T @ psi


# -- errors, intervals -------------------------------------------------------------------------------------------


def test_errors_and_intervals_come_from_the_influence_functions():
    e = make()
    np.testing.assert_allclose(e.vcov, e.psi.T @ e.psi)
    np.testing.assert_allclose(e.std_errors, np.sqrt(np.diag(e.vcov)))
    np.testing.assert_allclose(e.conf_int(0.9)["high"], e.values + stats.t(39).ppf(0.95) * e.std_errors)
    table = e.to_frame()
    np.testing.assert_allclose(table["p_value"], 2 * stats.t(39).sf(np.abs(e.values / e.std_errors)))
    normal = replace(e, df=None)
    np.testing.assert_allclose(normal.conf_int()["low"], e.values - 1.959963984540054 * e.std_errors)
    assert e.influence.shape == (40, 3) and e.influence.index.equals(CLUSTERS)
    for level in (0, 1, 95):
        with pytest.raises(EffectsError, match="level"):
            e.conf_int(level)


def test_reference_effects_have_no_p_value():
    e = make()
    e = replace(e, values=np.array([1.0, 0.0, 2.0]), psi=e.psi * [1, 0, 1])
    row = e.to_frame().loc["b"]
    assert row["std_error"] == 0 and np.isnan(row["p_value"]) and row["conf_low"] == row["conf_high"] == 0
    assert e.test().df == 2


@pytest.mark.parametrize("multipliers", ["rademacher", "mammen", "webb"])
def test_sup_t_of_independent_effects_is_the_known_normal_maximum(multipliers):
    n, k = 4000, 8
    e = make(list("abcdefgh"))
    psi = np.kron(np.eye(k), np.random.default_rng(0).normal(size=(n // k, 1)) / 20)
    e = replace(e, psi=psi, clusters=pd.RangeIndex(n), n_clusters=n)
    critical = optimize.brentq(lambda c: (2 * stats.norm.cdf(c) - 1) ** k - 0.95, 1, 5)
    band = e.conf_int(simultaneous=True, n_draws=20_000, multipliers=multipliers, seed=1)
    np.testing.assert_allclose((band["high"] - e.values) / e.std_errors, critical, rtol=0.015)


def test_bands_are_reproducible_wider_and_equal_for_one_effect():
    e = make()
    band = e.conf_int(simultaneous=True, seed=7)
    pd.testing.assert_frame_equal(band, e.conf_int(simultaneous=True, seed=7))
    assert not band.equals(e.conf_int(simultaneous=True, seed=8))
    assert (band["high"] > replace(e, df=None).conf_int()["high"]).all()
    with pytest.raises(OptionError, match="webb"):
        e.conf_int(simultaneous=True, multipliers="web")
    with pytest.raises(EffectsError, match="variance"):
        replace(e, psi=e.psi * 0).conf_int(simultaneous=True)


# -- algebra -----------------------------------------------------------------------------------------------------


def test_differences_use_the_joint_covariance():
    a, b = make(seed=1), make(seed=2)
    joint = stacked_covariance(a, b)
    R = np.hstack([np.eye(3), -np.eye(3)])
    np.testing.assert_allclose((a - b).vcov, R @ joint @ R.T)
    np.testing.assert_allclose((a - b).values, a.values - b.values)
    np.testing.assert_allclose((a - a).vcov, 0)
    np.testing.assert_allclose((0.3 * a + b * 2.0).psi, 0.3 * a.psi + 2 * b.psi)
    np.testing.assert_allclose((-a).psi, -a.psi)
    assert (a - b).method == "m1 / m2" and (a - b).df == 39


def test_a_mean_of_results_is_written_as_one():
    a, b = make(seed=1), make(seed=2)
    for mean in ((a + b) / 2, sum([a, b]) / 2):
        np.testing.assert_array_equal(mean.values, 0.5 * a.values + 0.5 * b.values)
        np.testing.assert_array_equal(mean.psi, (0.5 * a + 0.5 * b).psi)
    with pytest.raises(TypeError, match="unsupported operand"):
        1 + a
    with pytest.raises(TypeError, match="unsupported operand"):
        a / b
    with pytest.raises(ZeroDivisionError):
        a / 0


def test_differences_align_on_the_index():
    a, b = make(seed=1), make(["c", "a", "b"], seed=2)
    difference = a - b
    assert difference.index.tolist() == ["a", "b", "c"]
    np.testing.assert_allclose(difference.values, a.values - b.estimates[["a", "b", "c"]])
    np.testing.assert_allclose(difference.psi[:, 0], a.psi[:, 0] - b.psi[:, 1])
    with pytest.raises(IncompatibleEffectsError, match="different effects"):
        a - make(["a", "b", "d"])
    with pytest.raises(IncompatibleEffectsError, match="different effects"):
        a - make(["a", "b"])
    assert len(a.select(np.array([True, False, False])) - make(["z"])) == 1


def test_results_on_other_clusters_are_refused():
    other = replace(make(), clusters=CLUSTERS.rename("firm"))
    for combine in (lambda: make() - other, lambda: concat({"a": make(), "b": other}), lambda: share(make(), other)):
        with pytest.raises(IncompatibleEffectsError, match=r"'city'.*'firm'"):
            combine()
    none = replace(make(), psi=None, covariance=np.eye(3))
    with pytest.raises(NoInfluenceError, match="m0 has no influence functions"):
        make() - none
    with pytest.raises(NoInfluenceError):
        none.influence  # noqa: B018
    np.testing.assert_allclose(none.std_errors, 1)
    np.testing.assert_allclose(none.test().statistic, none.values @ none.values)


def test_concat_stacks_with_one_joint_covariance():
    a, b = make(seed=1), make(["x"], seed=2)
    both = concat({"first": a, "second": b})
    assert both.index.tolist() == [("first", "a"), ("first", "b"), ("first", "c"), ("second", "x")]
    assert both.index.names == ["model", "effect"]
    np.testing.assert_allclose(both.vcov, stacked_covariance(a, b))
    np.testing.assert_allclose(both["second"].values, b.values)
    assert both["first"].index.equals(a.index)
    R = np.array([[1.0, 0, 0, -1]])
    assert both.test(R).statistic == pytest.approx(
        (a.values[0] - b.values[0]) ** 2 / np.sum((a.psi[:, 0] - b.psi[:, 0]) ** 2)
    )
    assert concat([a, b]).index.get_level_values(0).unique().tolist() == ["m1 y", "m2 y"]


def test_combine_and_its_labels():
    e = make()
    weights = pd.DataFrame({"mean": [1 / 3] * 3, "gap": [0, 1.0, -1.0]}, index=["a", "b", "c"])
    ours = e.combine(weights.loc[["c", "a", "b"]])
    np.testing.assert_allclose(ours.values, weights.T.to_numpy() @ e.values)
    np.testing.assert_allclose(ours.vcov, weights.T.to_numpy() @ e.vcov.to_numpy() @ weights.to_numpy())
    assert ours.index.tolist() == ["mean", "gap"]
    np.testing.assert_allclose(e.combine(np.ones(3)).values, e.values.sum())
    for bad in (weights.iloc[:2], np.ones(2), pd.Series([1, 1, 1, 1.0], index=list("abcz"))):
        with pytest.raises(EffectsError, match="weights"):
            e.combine(bad)


def test_selection():
    e = make()
    assert e.select(np.array([False, True, True])).index.tolist() == ["b", "c"]
    assert e["b"].values == e.values[1]
    with pytest.raises(UnknownColumnError, match="no effect 'd'"):
        e["d"]
    for bad in (np.array([0, 2]), np.array([True, False])):
        with pytest.raises(EffectsError, match="mask"):
            e.select(bad)
    parts = make(pd.MultiIndex.from_product([["total", "direct"], [0, 1]], names=["part", "horizon"]))
    assert parts["direct"].index.tolist() == [0, 1]
    assert parts["direct", 1].values == parts.values[3]


def test_share_is_the_delta_method():
    e = make()
    part, whole = e["a"], e["b"] + e["c"]
    ours = share(part, whole)

    def ratio(theta):
        return theta[0] / (theta[1] + theta[2])

    slope = optimize.approx_fprime(e.values, ratio, 1e-7)
    assert ours.values[0] == pytest.approx(ratio(e.values))
    np.testing.assert_allclose(ours.vcov.iloc[0, 0], slope @ e.vcov @ slope, rtol=1e-5)
    np.testing.assert_allclose(e.share("a", "b").values, e.values[0] / e.values[1])
    assert e.share("a", "b").conventions["estimates"] == "shares of b, errors by the delta method"
    with pytest.raises(EffectsError, match="exactly zero"):
        share(part, replace(whole, values=np.zeros(1)))


def test_shares_align_on_the_index():
    parts = make(pd.Index([0, 1], name="horizon"))
    whole = make(pd.Index([1, 0], name="horizon"), seed=3)
    np.testing.assert_allclose(share(parts, whole).values, parts.values / whole.values[::-1])
    expected = (parts.psi[:, 0] - parts.values[0] / whole.values[1] * whole.psi[:, 1]) / whole.values[1]
    np.testing.assert_allclose(share(parts, whole).psi[:, 0], expected)
    with pytest.raises(IncompatibleEffectsError):
        share(parts, make(pd.Index([0, 2], name="horizon")))
    assert len(share(parts, make(["total"]))) == 2


# -- aggregation -------------------------------------------------------------------------------------------------


def test_event_study_and_overall_by_hand():
    e = group_time(moving=False)
    by_cell = e.estimates
    study = e.event_study()
    assert study.index.tolist() == [-3, -2, -1, 0, 1, 2] and study.post.tolist() == [False] * 3 + [True] * 3
    expected = 0.4 * by_cell[3, 4] + 0.6 * by_cell[4, 5]
    assert study.estimates[1] == pytest.approx(expected)
    assert study.estimates[2] == pytest.approx(by_cell[3, 5])
    simple = e.aggregate("simple").values[0]
    weights = np.array([0.2] * 3 + [0.3] * 2) / 1.2
    assert simple == pytest.approx(weights @ by_cell[e.post])
    assert simple == pytest.approx(e.overall().values[0])
    group = e.aggregate("group")
    np.testing.assert_allclose(group.values, [by_cell[3][2:].mean(), by_cell[4][3:].mean()])
    assert group.overall().values[0] == pytest.approx(0.4 * group.values[0] + 0.6 * group.values[1])
    calendar = e.aggregate("calendar")
    assert calendar.index.tolist() == [3, 4, 5]
    assert calendar.overall().values[0] == pytest.approx(calendar.values.mean())
    assert e.aggregate("event_study", balanced=1).index.tolist() == [-3, -2, -1, 0, 1]


def test_binned_end_points_by_hand():
    e = group_time()
    study = e.event_study(bins=(-2, 1))
    assert study.index.tolist() == [-2, -1, 0, 1] and study.post.tolist() == [False, False, True, True]
    v = e.estimates
    first = (0.2 * v[3, 1] + 0.3 * (v[4, 1] + v[4, 2])) / 0.8
    last = (0.2 * (v[3, 4] + v[3, 5]) + 0.3 * v[4, 5]) / 0.7
    np.testing.assert_allclose(study.values, [first, *e.event_study().estimates[[-1, 0]], last], atol=1e-14)

    psi, (small, large) = e.influence, e.mass.influence.T
    psi_last = (0.2 * (psi[3, 4] + psi[3, 5]) + 0.3 * psi[4, 5]) / 0.7
    psi_last += (small * (v[3, 4] + v[3, 5] - 2 * last) + large * (v[4, 5] - last)) / 0.7
    np.testing.assert_allclose(study.influence[1], psi_last, atol=1e-14)
    everything = e.event_study(bins=(-9, 9))
    np.testing.assert_array_equal(everything.values, e.event_study().values)


def test_bins_that_cannot_be_made_are_refused():
    e = group_time()
    for bins in ((0, 3), (-3, -1)):
        with pytest.raises(OptionError, match="bins="):
            e.event_study(bins=bins)
    with pytest.raises(EffectsError, match=r"by horizon already: .* or fit TWFE\(event_study=\(-2, 1\)\)"):
        e.event_study().event_study(bins=(-2, 1))
    with pytest.raises(EffectsError, match="bins= goes with an event study"):
        e.aggregate("group", bins=(-2, 1))
    reference = np.isin(np.arange(10), [0, 6])  # horizon -2 of both cohorts
    zero = replace(
        e,
        values=np.where(reference, 0.0, e.values),
        psi=np.where(reference, 0.0, e.psi),
        mass=Mass(np.ones(10), np.arange(10)),
    )
    with pytest.raises(EffectsError, match=r"bins=\(-2, 1\): the bin at -2 holds the reference period"):
        zero.event_study(bins=(-2, 1))
    assert zero.event_study(bins=(-3, 1)).index.tolist() == [-3, -2, -1, 0, 1]


@pytest.mark.parametrize("how", ["simple", "group", "event_study", "calendar"])
def test_aggregation_is_linear_in_estimates_and_influence(how):
    e = group_time(moving=False)
    ours = e.aggregate(how)
    np.testing.assert_allclose(ours.values, ours.weights.to_numpy().T @ e.estimates[ours.weights.index])
    np.testing.assert_allclose(ours.weights.sum(), 1)
    double = replace(e, values=3 * e.values, psi=3 * e.psi).aggregate(how)
    np.testing.assert_allclose(double.psi, 3 * ours.psi)


@pytest.mark.parametrize("how", ["simple", "event_study", "calendar"])
def test_estimated_masses_enter_by_the_delta_method(how):
    e = group_time()
    ours = e.aggregate(how)
    step = 1e-6
    for j in range(2):
        moved = e.mass.value.copy()
        moved[j] += step
        slope = (replace(e, mass=replace(e.mass, value=moved)).aggregate(how).values - ours.values) / step
        ours = replace(ours, psi=ours.psi - np.outer(e.mass.influence[:, j], slope))
    fixed = replace(e, mass=replace(e.mass, influence=None)).aggregate(how)
    np.testing.assert_allclose(ours.psi, fixed.psi, atol=1e-6)


def test_what_cannot_be_aggregated_is_named():
    with pytest.raises(EffectsError, match="cannot be aggregated"):
        make().aggregate("simple")
    with pytest.raises(OptionError, match="did you mean 'calendar'"):
        group_time().aggregate("calender")
    with pytest.raises(EffectsError, match="balanced"):
        group_time().aggregate("group", balanced=1)
    with pytest.raises(EffectsError, match="no weights for an overall average"):
        make().overall()
    with pytest.raises(EffectsError, match="no effect after treatment"):
        replace(group_time(), post=np.zeros(10, dtype=bool)).aggregate("simple")


# -- tests -------------------------------------------------------------------------------------------------------


def test_an_average_of_nothing_is_refused():
    before = group_time().select(~group_time().post)
    with pytest.raises(EffectsError, match="no effect after treatment is left"):
        before.overall()


def test_singular_pretrends_by_cell_point_to_the_event_study():
    cells = group_time()
    repeated = replace(cells, psi=np.repeat(cells.psi[:, :1], len(cells), axis=1))
    with pytest.raises(EffectsError, match=r"not of full rank.*event_study\(\)\.pretrend_test"):
        repeated.pretrend_test()


def test_wald():
    e = make()
    R = np.array([[1, -1, 0], [0, 1, -1.0]])
    gap = R @ e.values - [0.1, 0.2]
    ours = e.test(R, [0.1, 0.2])
    assert ours.statistic == pytest.approx(gap @ np.linalg.solve(R @ e.vcov.to_numpy() @ R.T, gap))
    assert (ours.df, ours.method, ours.df_denominator) == (2, "hotelling", pytest.approx(39))
    assert ours.p_value == pytest.approx(stats.f.sf(ours.statistic * 38 / (39 * 2), 2, 38))
    known = e.test(R, [0.1, 0.2], method="chi2")
    assert known.statistic == pytest.approx(ours.statistic)
    assert known.p_value == pytest.approx(stats.chi2.sf(ours.statistic, 2))
    scale = np.array([1e-9, 1.0, 1e9])
    scaled = replace(e, values=e.values * scale, psi=e.psi * scale)
    assert scaled.test().statistic == pytest.approx(e.test().statistic)


def test_wald_without_full_rank_is_refused():
    e = make()
    with pytest.raises(EffectsError, match="not of full rank"):
        replace(e, psi=e.psi[:, [0, 0, 1]]).test()
    with pytest.raises(EffectsError, match="no effect with a variance is left"):
        replace(e, psi=e.psi * 0).test()
    with pytest.raises(EffectsError, match="not of full rank"):
        e.test(np.ones((2, 3)))
    many = make([f"e{j}" for j in range(50)])
    with pytest.raises(EffectsError, match=r"50 restrictions is not of full rank \(40 clusters\)"):
        many.test()
    with pytest.raises(NoInfluenceError, match="no joint test"):
        replace(e, psi=None, covariance=np.where(np.eye(3), 1.0, np.nan)).test()


def test_pretrends():
    e = group_time(moving=False).event_study()
    pre = np.arange(3)
    assert e.pretrend_test().statistic == pytest.approx(
        e.values[pre] @ np.linalg.solve(e.vcov.to_numpy()[:3, :3], e.values[pre])
    )
    with pytest.raises(EffectsError, match="pre-trends"):
        make().pretrend_test()


# -- storage -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "result",
    [make(), group_time(), group_time(moving=False).event_study(), replace(make(), psi=None, covariance=np.eye(3) / 7)],
    ids=["plain", "group-time", "event study", "covariance only"],
)
def test_round_trip_is_exact(result, tmp_path):
    dropped = pd.DataFrame({"what": ["rows"], "reason": ["missing y"], "count": [2], "first": ["(a, 1)"]})
    result = replace(result, dropped=dropped, conventions={"clusters": "Städte"})
    result.save(tmp_path / "deep" / "result.v1")
    again = load(tmp_path / "deep" / "result.v1")
    for name in ("values", "psi", "post", "covariance"):
        ours, theirs = getattr(again, name), getattr(result, name)
        assert (ours is None) == (theirs is None)
        assert ours is None or (ours.dtype == theirs.dtype and np.array_equal(ours, theirs))
    pd.testing.assert_index_equal(again.index, result.index)
    pd.testing.assert_frame_equal(again.dropped, dropped)
    assert again.conventions == result.conventions and again.df == result.df and again.method == result.method
    if result.mass is not None and "cohort" in result.index.names:
        pd.testing.assert_frame_equal(again.aggregate("simple").to_frame(), result.aggregate("simple").to_frame())
    if result.psi is not None:
        np.testing.assert_array_equal((again - result).values, 0)
    assert sorted(p.name for p in (tmp_path / "deep").iterdir()) == ["result.v1.json", "result.v1.parquet"]


def test_absent_or_foreign_files_are_named(tmp_path):
    with pytest.raises(SourceError, match="nothing"):
        load(tmp_path / "nothing")
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(SourceError, match="x: not a saved result"):
        load(tmp_path / "x")


def test_shapes_are_checked():
    with pytest.raises(EffectsError, match="3 estimates"):
        make(seed=0).__class__(**{**vars(make()), "psi": np.ones((40, 2))})
    with pytest.raises(EffectsError, match="influence functions or a covariance"):
        replace(make(), psi=None)
    with pytest.raises(TypeError):
        make().conventions["x"] = "y"


def test_summary_names_what_matters():
    dropped = pd.DataFrame({"what": ["rows"], "reason": ["missing y"], "count": [2], "first": ["(a, 1)"]})
    text = replace(make(), dropped=dropped, conventions={"clusters": "city"}).summary()
    for piece in ("m0 on y", "400 rows, 80 units, 40 clusters", "clusters: city", "left out: 2 rows: missing y"):
        assert piece in text


def test_effects_that_are_not_finite_are_no_part_of_a_test():
    effects = make(("a", "b", "c"))
    psi = effects.psi.copy()
    psi[:, 1] = 0.0
    empty = replace(effects, values=np.array([effects.values[0], -np.inf, effects.values[2]]), psi=psi)
    both = effects.select(np.array([True, False, True]))
    assert empty.test().p_value == pytest.approx(both.test().p_value, rel=1e-12)
    with pytest.raises(EffectsError, match=r"^1 effects are not finite and cannot be tested: b$"):
        empty.test(np.array([1.0, 1.0, 0.0]))


def test_a_level_is_not_written_over_by_the_labels_of_another_stack():
    d = pd.DataFrame([(i, t, 3 * (i < 10), i * t % 7) for i in range(20) for t in range(1, 5)], columns=list("utgy"))
    effects = GroupTimeATT().fit(Panel(d, unit="u", time="t", cohort="g"), "y")
    stacked = concat({"a": effects, "b": effects})
    for one, name in ((effects, "cohort"), (stacked, "model")):
        with pytest.raises(EffectsError, match=f"a level '{name}' already"):
            concat({"x": one, "y": one}, name=name)
    assert concat({"x": stacked}, name="outer").index.names == ["outer", "model", "cohort", "time"]
