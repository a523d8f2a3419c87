import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from aigreen import Imputation, Panel, concat
from aigreen.effects.effects import Effects
from aigreen.effects.multiplier import draws
from aigreen.errors import EffectsError, NoInfluenceError
from aigreen.inference import multiple_testing
from aigreen.inference.multiple import step_down


def effects(values, psi, **options):
    n, k = psi.shape
    return Effects(
        values=np.asarray(values, float),
        index=pd.Index([f"e{j}" for j in range(k)], name="effect"),
        psi=psi,
        clusters=pd.RangeIndex(n, name="unit"),
        n_rows=n,
        n_units=n,
        n_clusters=n,
        method="m",
        outcome="y",
        **options,
    )


def brute_force(t, z):
    """Romano and Wolf (2016), algorithm 4.2, word by word."""
    order = sorted(range(len(t)), key=lambda j: -t[j])
    p, previous = [0.0] * len(t), 0.0
    for step, j in enumerate(order):
        remaining = order[step:]
        count = sum(max(abs(row[k]) for k in remaining) >= t[j] for row in z)
        previous = max(previous, (1 + count) / (1 + len(z)))
        p[j] = previous
    return p


def test_romano_wolf_equals_the_algorithm_step_by_step():
    rng = np.random.default_rng(0)
    psi = rng.normal(size=(200, 6)) @ rng.normal(size=(6, 6)) / 14
    errors = np.sqrt((psi**2).sum(axis=0))
    result = effects(rng.normal(size=6) * 2 * errors, psi)
    ours = multiple_testing(result, n_draws=499, seed=3)
    z = np.vstack(list(draws(psi / errors, 499, "rademacher", 3)))
    expected = brute_force(np.abs(result.values) / errors, z)
    np.testing.assert_array_equal(ours["romano_wolf"], expected)
    np.testing.assert_allclose(ours["p_value"], result.to_frame()["p_value"])


def test_holm_equals_statsmodels():
    rng = np.random.default_rng(1)
    ours = multiple_testing(effects([3.0, 0.5, 2.2, 2.0], rng.normal(size=(300, 4)) / np.sqrt(300)))
    np.testing.assert_allclose(ours["holm"], multipletests(ours["p_value"], method="holm")[1], rtol=1e-14)
    assert (ours["holm"] >= ours["p_value"]).all()
    assert np.abs(ours["romano_wolf"] - ours["holm"]).max() < 0.05


def test_identical_effects_are_one_test_for_romano_wolf_but_not_for_holm():
    column = np.random.default_rng(2).normal(size=(400, 1)) / 20
    error = np.sqrt((column**2).sum())
    ours = multiple_testing(effects([2 * error] * 5, np.repeat(column, 5, axis=1)), n_draws=19999)
    assert ours["romano_wolf"].max() == pytest.approx(0.0455, abs=0.006)
    assert ours["holm"].min() == pytest.approx(5 * 0.0455, abs=0.001)


def test_reference_periods_are_left_out_and_seeds_reproduce():
    psi = np.random.default_rng(3).normal(size=(50, 3)) / 7
    psi[:, 1] = 0
    result = effects([2.0, 0.0, 1.0], psi)
    ours = multiple_testing(result, n_draws=99, seed=1)
    assert ours.loc["e1", ["p_value", "holm", "romano_wolf"]].isna().all()
    two = multiple_testing(result.select(np.array([True, False, True])), n_draws=99, seed=1)
    pd.testing.assert_frame_equal(ours.drop("e1"), two)
    pd.testing.assert_frame_equal(ours, multiple_testing(result, n_draws=99, seed=1))


def test_covariance_alone_is_enough_if_it_is_joint():
    psi = np.random.default_rng(4).normal(size=(500, 3)) / 22
    full = effects([2.5, 2.0, 0.1], psi)
    spatial = effects([2.5, 2.0, 0.1], psi)
    object.__setattr__(spatial, "covariance", psi.T @ psi)
    object.__setattr__(spatial, "psi", None)
    gap = multiple_testing(full)["romano_wolf"] - multiple_testing(spatial)["romano_wolf"]
    assert gap.abs().max() < 0.02
    object.__setattr__(spatial, "covariance", np.where(np.eye(3), psi.T @ psi, np.nan))
    with pytest.raises(NoInfluenceError, match="joint covariance"):
        multiple_testing(spatial)


def test_nothing_to_test():
    with pytest.raises(EffectsError, match="no effect has a variance"):
        multiple_testing(effects([0.0], np.zeros((5, 1))))
    with pytest.raises(EffectsError, match="n_draws"):
        multiple_testing(effects([1.0], np.ones((5, 1))), n_draws=0)


def test_step_down_is_monotone_in_the_statistics():
    rng = np.random.default_rng(5)
    t = np.array([0.5, 3.0, 1.0, 2.0])
    p = step_down(t, iter([rng.normal(size=(999, 4))]))
    assert (np.diff(p[np.argsort(t)]) <= 0).all()


@pytest.mark.slow
def test_family_wise_error_rate():
    rng, n = np.random.default_rng(6), 2000
    root = np.linalg.cholesky(0.6 * np.ones((8, 8)) + 0.4 * np.eye(8))
    false = {"romano_wolf": 0, "holm": 0, "p_value": 0}
    for s in range(n):
        x = rng.normal(size=(300, 8)) @ root.T
        result = effects(x.mean(axis=0), (x - x.mean(axis=0)) / 300)
        ours = multiple_testing(result, n_draws=499, seed=s)
        for name in false:
            false[name] += (ours[name] <= 0.05).any()
    print({name: count / n for name, count in false.items()})
    assert false["romano_wolf"] / n == pytest.approx(0.05, abs=0.02)
    assert false["holm"] < false["romano_wolf"] < false["p_value"]


def test_no_adjusted_p_value_is_below_that_of_the_effect_alone():
    rng = np.random.default_rng(3)
    for _ in range(20):
        psi = np.zeros((60, 2))
        psi[:3] = rng.standard_normal((3, 2))  # three clusters: their signs have light tails
        table = multiple_testing(effects(rng.standard_normal(2) * 12, psi, df=2), seed=1)
        assert (table["romano_wolf"] >= table["p_value"]).all()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::aigreen.errors.SmallCellWarning")
def test_family_wise_error_rate_with_four_treated_clusters():
    """Twelve outcomes without effect, 4 of 24 units treated in three cohorts: with draws of signs .077."""
    false = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        first = np.zeros(24, dtype=int)
        first[rng.permutation(24)[:4]] = [6, 6, 8, 9]
        frame = pd.DataFrame({"unit": np.repeat(range(24), 14), "year": np.tile(range(1, 15), 24)})
        names = [f"y{j}" for j in range(12)]
        frame[names] = rng.standard_normal((24, 14, 12)).cumsum(axis=1).reshape(-1, 12)
        panel = Panel(frame.assign(first=np.repeat(first, 14)), unit="unit", time="year", cohort="first")
        found = {name: Imputation(variance="leave_one_out").fit(panel, name).overall() for name in names}
        false += (multiple_testing(concat(found), n_draws=999, seed=seed)["romano_wolf"] <= 0.05).any()
    assert 0.005 < false / 300 < 0.05
