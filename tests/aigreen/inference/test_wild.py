import numpy as np
import pandas as pd
import pytest
from scipy import stats

from aigreen import Panel
from aigreen.errors import (
    CollinearError,
    CollinearWarning,
    EffectsError,
    MissingRowsWarning,
    OptionError,
    TooFewClustersError,
)
from aigreen.inference import wild_cluster_bootstrap
from aigreen.regression.twfe import TWFE

from .panels import clustered


def make(n_clusters=8, per=6, n_periods=6, seed=0, treated=None):
    rng = np.random.default_rng(seed)
    first = np.zeros(n_clusters)
    first[: treated or n_clusters // 2] = rng.integers(3, n_periods + 1, treated or n_clusters // 2)
    return clustered(rng, first, per, n_periods)


def panel(df, **options):
    return Panel(df, unit="unit", time="time", cohort="first", cluster="city", **options)


def brute_force(df, effects, covariates, v, null, restricted, weights):
    """Refit a bootstrap sample with explicit dummies."""
    d = ((df["first"] > 0) & (df["time"] >= df["first"])).to_numpy(float)
    dummies = [pd.get_dummies(df[e]).to_numpy(float) for e in effects] or [np.ones((len(df), 1))]
    z = np.column_stack([df[c] for c in covariates] + dummies)
    root = np.sqrt(weights)
    y = df["y"].to_numpy()
    free, others = np.column_stack([d, z]), z if restricted else np.column_stack([d, z])
    target = y - null * d if restricted else y
    fitted = others @ np.linalg.lstsq(others * root[:, None], target * root, rcond=None)[0]
    star = fitted + (null * d if restricted else 0) + v[df["city"]] * (target - fitted)
    beta = np.linalg.lstsq(free * root[:, None], star * root, rcond=None)[0]
    e = star - free @ beta
    within = d - z @ np.linalg.lstsq(z * root[:, None], d * root, rcond=None)[0]
    scores = np.bincount(df["city"], weights * within * e)
    n, g = len(df), len(v)
    k = 1 + len(covariates) + (not effects)
    error = np.sqrt(g / (g - 1) * (n - 1) / (n - k) * (scores @ scores)) / (weights @ within**2)
    original = np.linalg.lstsq(free * root[:, None], y * root, rcond=None)[0][0]
    return (beta[0] - (null if restricted else original)) / error


@pytest.mark.parametrize("restricted", [True, False])
@pytest.mark.parametrize(
    "effects", [None, ["unit", "time"], ["industry", "time"], ["city", "time"], ["unit", "industry^time"], []]
)
def test_draws_equal_refits_on_an_unbalanced_weighted_panel(restricted, effects):
    df = make().sample(frac=0.8, random_state=1)
    ours = wild_cluster_bootstrap(
        panel(df, weights="w"), "y", covariates=["x"], fixed_effects=effects, null=0.3, restricted=restricted
    )
    df = df.assign(cell=df.industry * 100 + df.time)
    columns = ["cell" if e == "industry^time" else e for e in (["unit", "time"] if effects is None else effects)]
    for draw in (0, 3, 77, 200, 255):
        v = 1.0 - 2.0 * ((draw >> np.arange(8)) & 1)
        expected = brute_force(df, columns, ["x"], v, 0.3, restricted, df.w.to_numpy())
        assert ours.t_draws[draw] == pytest.approx(expected, rel=1e-8)


def test_identity_draw_reproduces_the_data_and_ties_count():
    ours = wild_cluster_bootstrap(panel(make()), "y")
    assert ours.enumerated and len(ours.t_draws) == 256
    assert ours.t_draws[0] == pytest.approx(ours.t, rel=1e-10)
    assert ours.t_draws[-1] == pytest.approx(-ours.t, rel=1e-10)
    far = wild_cluster_bootstrap(panel(make()), "y", null=50.0)
    assert far.p_value == 2 / 256
    assert wild_cluster_bootstrap(panel(make()), "y", null=50.0, count_ties=False).p_value == 0


def test_estimate_is_that_of_the_regression():
    sample = panel(make(40))
    fit = TWFE().fit(sample, "y", covariates=["x"])
    ours = wild_cluster_bootstrap(sample, "y", covariates=["x"], n_draws=99)
    assert ours.estimate == pytest.approx(fit.estimates["treated"], abs=1e-12)


@pytest.mark.parametrize("alternative", ["symmetric", "equal_tailed"])
@pytest.mark.parametrize("restricted", [True, False])
def test_interval_inverts_the_test(alternative, restricted):
    sample, options = panel(make(20)), {"n_draws": 999, "alternative": alternative, "restricted": restricted}
    ours = wild_cluster_bootstrap(sample, "y", **options)
    width = ours.high - ours.low
    for bound, inward in ((ours.low, 1), (ours.high, -1)):
        inside = wild_cluster_bootstrap(sample, "y", null=bound + 1e-6 * inward * width, **options)
        outside = wild_cluster_bootstrap(sample, "y", null=bound - 1e-6 * inward * width, **options)
        assert inside.p_value > 0.05 >= outside.p_value


def test_unrestricted_symmetric_interval_is_the_quantile_of_the_draws():
    ours = wild_cluster_bootstrap(panel(make(20)), "y", restricted=False, n_draws=999)
    quantile = np.sort(np.abs(ours.t_draws))[-50]
    assert ours.high - ours.estimate == pytest.approx(quantile * ours.estimate / ours.t, rel=1e-6)
    assert ours.estimate - ours.low == pytest.approx(ours.high - ours.estimate, rel=1e-6)


def test_too_few_sign_vectors_give_an_infinite_interval():
    ours = wild_cluster_bootstrap(panel(make(4)), "y")
    assert len(ours.t_draws) == 16
    assert (ours.low, ours.high) == (-np.inf, np.inf)


def test_row_order_and_labels_do_not_matter_and_seeds_reproduce():
    df = make(20)
    first = wild_cluster_bootstrap(panel(df), "y", n_draws=499, seed=3, multipliers="webb")
    shuffled = wild_cluster_bootstrap(
        panel(df.sample(frac=1, random_state=2)), "y", n_draws=499, seed=3, multipliers="webb"
    )
    other = wild_cluster_bootstrap(panel(df), "y", n_draws=499, seed=4, multipliers="webb")
    np.testing.assert_array_equal(first.t_draws, shuffled.t_draws)
    assert (first.p_value, first.low, first.high) == (shuffled.p_value, shuffled.low, shuffled.high)
    assert not np.array_equal(first.t_draws, other.t_draws)


def test_cluster_column_overrides_the_panel():
    df = make(20)
    by_panel = wild_cluster_bootstrap(panel(df), "y", n_draws=99)
    by_option = wild_cluster_bootstrap(
        Panel(df, unit="unit", time="time", cohort="first"), "y", cluster="city", n_draws=99
    )
    assert by_panel.p_value == by_option.p_value and by_option.n_clusters == 20


def test_missing_rows_are_counted_and_bad_input_is_named():
    df = make()
    df.loc[3, "y"] = np.nan
    with pytest.warns(MissingRowsWarning, match="1 row "):
        ours = wild_cluster_bootstrap(panel(df), "y")
    assert ours.n_rows == len(df) - 1
    assert ours.dropped["count"].tolist() == [1]
    weighted = make().assign(w=lambda d: d.w.where(d.unit != 0, 0.0))
    with pytest.warns(MissingRowsWarning, match="6 rows left out: weight zero"):
        ours = wild_cluster_bootstrap(panel(weighted, weights="w"), "y")
    without = wild_cluster_bootstrap(panel(weighted[weighted.unit != 0], weights="w"), "y")
    assert (ours.estimate, ours.p_value) == (without.estimate, without.p_value)
    with pytest.warns(CollinearWarning, match=r"1 covariate left out.*industry"):
        assert wild_cluster_bootstrap(panel(make()), "y", covariates=["industry"]).dropped["count"].tolist() == [1]
    for value in (0.1, 1e5 / 3, 1e-7 / 3):
        with pytest.warns(CollinearWarning, match=r"1 covariate left out.*same"):
            wild_cluster_bootstrap(panel(make().assign(same=value)), "y", covariates=["same"])
    sample = panel(make())
    with pytest.raises(OptionError, match="symmetric"):
        wild_cluster_bootstrap(sample, "y", alternative="symetric")
    with pytest.raises(OptionError, match="webb"):
        wild_cluster_bootstrap(sample, "y", multipliers="web")
    with pytest.raises(EffectsError, match="level"):
        wild_cluster_bootstrap(sample, "y", level=95)
    with pytest.raises(CollinearError, match="industry"):
        wild_cluster_bootstrap(sample, "y", "industry")
    with pytest.raises(TooFewClustersError):
        wild_cluster_bootstrap(panel(make().assign(city=1)), "y")


@pytest.mark.slow
@pytest.mark.parametrize("treated", [4, 6])
def test_size_with_twelve_clusters(treated):
    n = 1000
    fits = [wild_cluster_bootstrap(panel(make(12, 4, treated=treated, seed=s)), "y", n_draws=4096) for s in range(n)]
    size = np.mean([fit.p_value <= 0.05 for fit in fits])
    asymptotic = np.mean([2 * stats.norm.sf(abs(fit.t)) <= 0.05 for fit in fits])
    print(f"{treated} of 12 clusters treated: size {size:.3f}, of the normal test {asymptotic:.3f}")
    assert 0.03 < size < 0.08
    assert asymptotic > size + 0.03
