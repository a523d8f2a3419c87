import itertools
import math

import numpy as np
import pandas as pd
import pytest

from aigreen import GroupTimeATT, Panel
from aigreen.errors import (
    ClusterVariesError,
    EffectsError,
    MissingRowsWarning,
    NoControlsError,
    NoTreatedError,
    OptionError,
)
from aigreen.inference import randomization_inference
from aigreen.inference.arrangements import arrangements
from aigreen.regression.twfe import TWFE

from .panels import clustered


def make(n_clusters=12, per=5, n_periods=6, seed=0, cohorts=(0, 3, 5)):
    rng = np.random.default_rng(seed)
    first = np.resize(cohorts, n_clusters)[rng.permutation(n_clusters)]
    return clustered(rng, first, per, n_periods).assign(region=lambda df: df["city"] % 2)


def panel(df, **options):
    return Panel(df, unit="unit", time="time", cohort="first", cluster="city", **options)


@pytest.mark.parametrize("covariates", [[], ["x"]])
@pytest.mark.parametrize("effects", [None, ["industry", "time"], ["city", "time"], ["unit", "industry^time"], []])
@pytest.mark.filterwarnings("ignore::aigreen.errors.AlwaysTreatedWarning")
def test_matrix_products_equal_refits_on_an_unbalanced_weighted_panel(effects, covariates):
    sample = panel(make().sample(frac=0.8, random_state=1), weights="w")

    def refit(reassigned, outcome):
        fit = TWFE(fixed_effects=effects).fit(reassigned, outcome, covariates=covariates)
        return float(fit.estimates["treated"])

    options = {"n_draws": 25, "seed": 2}
    ours = randomization_inference(sample, "y", covariates=covariates, fixed_effects=effects, **options)
    brute = randomization_inference(sample, "y", refit, **options)
    assert ours.estimate == pytest.approx(brute.estimate, abs=1e-11)
    np.testing.assert_allclose(ours.draws, brute.draws, rtol=0, atol=1e-10)
    assert ours.p_value == brute.p_value


@pytest.mark.parametrize(("covariates", "effects"), [([], None), (["x"], ["unit", "industry^time"])])
@pytest.mark.filterwarnings("ignore::aigreen.errors.AlwaysTreatedWarning")
def test_studentised_draws_are_the_t_statistics_of_refits(covariates, effects):
    sample = panel(make().sample(frac=0.8, random_state=1), weights="w")

    def t_of(reassigned, outcome):
        fit = TWFE(fixed_effects=effects).fit(reassigned, outcome, covariates=covariates)["treated"]
        return float(fit.estimates.iloc[0] / fit.std_errors.iloc[0])

    options = {"n_draws": 25, "seed": 2}
    ours = randomization_inference(
        sample, "y", covariates=covariates, fixed_effects=effects, studentized=True, **options
    )
    brute = randomization_inference(sample, "y", t_of, **options)
    factor = ours.statistic / brute.statistic
    assert 0.8 < factor < 1.2  # of small samples, the same in all draws
    np.testing.assert_allclose(ours.draws, factor * brute.draws, rtol=1e-8)
    assert ours.p_value == brute.p_value


def test_the_studentised_interval_inverts_the_test():
    df = make(20, seed=3)
    df["y"] += 2.0 * ((df["first"] > 0) & (df.time >= df["first"]))
    sample, options = panel(df), {"n_draws": 199, "seed": 1, "studentized": True}
    ours = randomization_inference(sample, "y", **options)
    assert ours.low < 2 < ours.high
    shifted = df.assign(y=df.y - 1.5 * ((df["first"] > 0) & (df.time >= df["first"])))
    null = randomization_inference(sample, "y", null=1.5, **options)
    by_hand = randomization_inference(panel(shifted), "y", **options)
    np.testing.assert_allclose(null.draws, by_hand.draws, rtol=1e-8)
    assert null.statistic == pytest.approx(by_hand.statistic) and null.p_value == by_hand.p_value


def test_only_t_statistics_keep_the_size_where_the_treated_are_noisier():
    """Effects on the treated differ and average to zero: 10 treated of 40 clusters, 200 draws of the data."""
    rng, rejected = np.random.default_rng(7), np.zeros(2)
    units, times = np.repeat(np.arange(40), 6), np.tile(np.arange(1, 7), 40)
    first = np.where(units < 10, 4, 0)
    for seed in range(200):
        effect = np.where((units < 10) & (times >= 4), rng.normal(0, 2, 40)[units], 0.0)
        df = pd.DataFrame({"unit": units, "time": times, "first": first, "y": rng.normal(size=240) + effect})
        sample = Panel(df, unit="unit", time="time", cohort="first")
        for j, studentized in enumerate((False, True)):
            found = randomization_inference(sample, "y", n_draws=99, seed=seed, studentized=studentized)
            rejected[j] += found.p_value <= 0.05
    plain, ours = rejected / 200
    assert plain > 0.15 and ours < 0.10


def test_full_enumeration_of_a_tiny_design():
    df = make(n_clusters=5, cohorts=(0, 3), seed=4)
    sample = panel(df)
    ours = randomization_inference(sample, "y")
    assert ours.enumerated and len(ours.draws) == math.comb(5, 2) == 10
    treated = df.groupby("city")["first"].first().to_numpy() > 0
    expected = []
    for chosen in itertools.combinations(range(5), int(treated.sum())):
        placebo = df.assign(first=np.where(df.city.isin(chosen), 3, 0))
        expected.append(float(TWFE().fit(panel(placebo), "y").estimates["treated"]))
    np.testing.assert_allclose(np.sort(ours.draws), np.sort(expected), atol=1e-12)
    assert ours.p_value == np.mean(np.abs(expected) >= abs(ours.estimate) - 1e-12)
    assert ours.p_value >= 1 / 10


def test_all_arrangements_are_distinct_and_respect_strata():
    cohort, stratum = np.array([0, 1, 1, 2, 0, 0]), np.array([0, 0, 0, 0, 1, 1])
    complete, blocks = arrangements(cohort, stratum, 100, 0)
    table = np.vstack(list(blocks))
    assert complete and len(table) == 12 == len(np.unique(table, axis=0))
    assert (np.sort(table[:, :4], axis=1) == [0, 1, 1, 2]).all() and (table[:, 4:] == 0).all()
    complete, blocks = arrangements(cohort, stratum, 11, 0)
    table = np.vstack(list(blocks))
    assert not complete and table.shape == (11, 6) and (table[:, 4:] == 0).all()


def test_strata_keep_the_number_of_treated_clusters():
    df = make(seed=1)
    plain = randomization_inference(panel(df), "y", n_draws=99)
    within = randomization_inference(panel(df), "y", strata="region", n_draws=99)
    assert not np.array_equal(plain.draws, within.draws)

    def treated_in_region_one(reassigned, _):
        return np.mean(np.isfinite(reassigned.cohort[reassigned.column("region") == 1]))

    counts = randomization_inference(panel(df), "y", treated_in_region_one, strata="region", n_draws=20).draws
    assert np.ptp(counts) < 1e-12
    assert np.ptp(randomization_inference(panel(df), "y", treated_in_region_one, n_draws=20).draws) > 0.1


def test_interval_inverts_the_sharp_null():
    df = make(20, seed=3)
    df["y"] += 2.0 * ((df["first"] > 0) & (df.time >= df["first"]))
    sample, options = panel(df), {"n_draws": 199, "seed": 1}
    ours = randomization_inference(sample, "y", **options)
    assert ours.low < 2 < ours.high and ours.p_value == 1 / 200
    width = ours.high - ours.low
    for bound, inward in ((ours.low, 1), (ours.high, -1)):
        inside = randomization_inference(sample, "y", null=bound + inward * 1e-6 * width, **options)
        outside = randomization_inference(sample, "y", null=bound - inward * 1e-6 * width, **options)
        assert inside.p_value > 0.05 >= outside.p_value
    shifted = df.assign(y=df.y - 1.5 * ((df["first"] > 0) & (df.time >= df["first"])))
    by_hand = randomization_inference(panel(shifted), "y", **options)
    null = randomization_inference(sample, "y", null=1.5, **options)
    np.testing.assert_allclose(null.draws, by_hand.draws, atol=1e-11)
    assert null.p_value == by_hand.p_value


@pytest.mark.filterwarnings("ignore::aigreen.errors.SmallCellWarning")
def test_any_estimator_can_be_the_statistic():
    def att(reassigned, outcome):
        return GroupTimeATT(method="reg").fit(reassigned, outcome).overall()

    ours = randomization_inference(panel(make()), "y", att, n_draws=10)
    assert ours.draws.shape == (10,) and np.isfinite(ours.draws).all() and np.isnan(ours.low)
    assert ours.estimate == pytest.approx(GroupTimeATT(method="reg").fit(panel(make()), "y").overall().values[0])


def test_by_reassigns_across_another_level():
    df = make()
    sample = Panel(df, unit="unit", time="time", cohort="first")
    assert randomization_inference(sample, "y", n_draws=9).n_assigned == 60
    ours = randomization_inference(sample, "y", by="city", n_draws=99)
    assert ours.n_assigned == 12
    np.testing.assert_array_equal(ours.draws, randomization_inference(panel(df), "y", n_draws=99).draws)


def test_row_order_does_not_matter_and_seeds_reproduce():
    df = make()
    first = randomization_inference(panel(df), "y", n_draws=99, seed=5)
    shuffled = randomization_inference(panel(df.sample(frac=1, random_state=0)), "y", n_draws=99, seed=5)
    np.testing.assert_array_equal(first.draws, shuffled.draws)
    assert not np.array_equal(first.draws, randomization_inference(panel(df), "y", n_draws=99, seed=6).draws)


def test_bad_input_is_named():
    df = make()
    sample = panel(df)
    with pytest.raises(ClusterVariesError, match=r"cohorts vary within 1 values of 'city'.*first: 0"):
        randomization_inference(panel(df.assign(first=df["first"].where(df.unit != 0, 4))), "y")
    with pytest.raises(ClusterVariesError, match="'industry' varies"):
        randomization_inference(sample, "y", strata="industry")
    with pytest.raises(ClusterVariesError, match="'city': 55 units move between clusters"):
        randomization_inference(panel(df.assign(city=df.city.where(df.time > 1, 0))), "y")
    with pytest.raises(NoTreatedError):
        randomization_inference(panel(df.assign(first=0)), "y")
    with pytest.raises(NoControlsError):
        randomization_inference(panel(df.assign(first=3)), "y", lambda *_: 0.0)
    with pytest.raises(OptionError, match="twfe"):
        randomization_inference(sample, "y", "ols")
    with pytest.raises(EffectsError, match="inside the function"):
        randomization_inference(sample, "y", lambda *_: 0.0, covariates=["x"])
    with pytest.raises(EffectsError, match="overall"):
        randomization_inference(sample, "y", lambda p, y: TWFE().fit(p, y, covariates=["x"]), n_draws=2)
    missing = df.assign(y=df.y.where(df.index != 4))
    with pytest.warns(MissingRowsWarning):
        assert randomization_inference(panel(missing), "y", n_draws=9).dropped["count"].tolist() == [1]


@pytest.mark.slow
def test_size():
    n = 2000
    rejected = [
        randomization_inference(panel(make(9, 3, seed=s)), "y", n_draws=99, seed=10**6 + s).p_value <= 0.05
        for s in range(n)
    ]
    assert np.mean(rejected) == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / n))
