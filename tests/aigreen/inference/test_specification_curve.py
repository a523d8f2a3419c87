from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from aigreen import GroupTimeATT, Imputation, Panel
from aigreen.effects.effects import Effects
from aigreen.effects.multiplier import draws
from aigreen.errors import EffectsError, IncompatibleEffectsError, NoInfluenceError
from aigreen.inference.specification_curve import specification_tests


def effect(value, psi, clusters=None, name="city"):
    psi = np.asarray(psi, dtype=float)
    labels = pd.RangeIndex(len(psi)) if clusters is None else pd.Index(clusters)
    facts = {"psi": psi[:, None], "n_rows": 9, "n_units": 9, "n_clusters": len(psi), "method": "m", "outcome": "y"}
    index = pd.Index(["treated"], name="term")
    return Effects(values=np.array([float(value)]), index=index, clusters=labels.rename(name), **facts)


@pytest.fixture
def results():
    rng = np.random.default_rng(0)
    common = rng.standard_normal(50)
    return {f"s{j}": effect(0.1 * (j - 1), (common + rng.standard_normal(50)) / 50) for j in range(7)}


def test_statistics_against_the_definition(results):
    found = specification_tests(results, n_draws=499, seed=3)
    values = np.array([e.values[0] for e in results.values()])
    psi = np.column_stack([e.psi[:, 0] for e in results.values()])
    errors = np.sqrt((psi**2).sum(axis=0))
    starred = np.vstack(list(draws(psi, 499, "rademacher", 3)))
    medians = np.array([sorted(row)[3] for row in starred])
    assert found.tests.loc["median", "value"] == pytest.approx(0.2)
    assert found.tests.loc["median", "p_value"] == pytest.approx((1 + (np.abs(medians) >= 0.2).sum()) / 500)
    up, down = (values / errors > 1.959964).mean(), (values / errors < -1.959964).mean()
    share = [max((row / errors > 1.959964).sum(), (row / errors < -1.959964).sum()) for row in starred]
    assert found.tests.loc["share_significant", "value"] == pytest.approx(max(up, down))
    expected = (1 + (np.array(share) >= round(7 * max(up, down))).sum()) / 500
    assert found.tests.loc["share_significant", "p_value"] == pytest.approx(expected)
    mean_z = np.abs((starred / errors).mean(axis=1))
    assert found.tests.loc["mean_z", "p_value"] == pytest.approx(
        (1 + (mean_z >= abs((values / errors).mean())).sum()) / 500
    )
    assert found.sign == 1
    assert specification_tests({k: -e for k, e in results.items()}, n_draws=99).sign == -1


def test_intervals_are_pointwise_and_joint(results):
    frame = specification_tests(results, level=0.9, n_draws=499).frame
    assert frame.index.tolist() == list(results)
    assert_allclose(frame[["low", "high"]], np.vstack([e.conf_int(0.9) for e in results.values()]))
    ratio = (frame["joint_high"] - frame["estimate"]) / (frame["high"] - frame["estimate"])
    assert_allclose(ratio, ratio.iloc[0])
    assert 1 < ratio.iloc[0] < 2


def test_the_same_specification_many_times_is_one_test(results):
    one = specification_tests({"a": results["s4"]}, n_draws=999)
    many = specification_tests({str(i): results["s4"] for i in range(20)}, n_draws=999)
    assert_allclose(many.tests["p_value"], one.tests["p_value"])
    assert_allclose(many.frame["joint_low"], one.frame["joint_low"].iloc[0])


def test_samples_with_other_clusters_are_aligned_by_label():
    rng = np.random.default_rng(1)
    psi = rng.standard_normal(20) / 20
    inside = np.arange(20) % 2 == 0
    cut = np.where(inside, psi, 0.0)
    found = specification_tests({"all": effect(0.3, psi), "some": effect(0.2, psi[inside], np.arange(20)[inside])})
    expected = specification_tests({"all": effect(0.3, psi), "some": effect(0.2, cut)})
    assert_allclose(found.frame, expected.frame)
    assert_allclose(found.tests, expected.tests)
    assert found.n_clusters == 20


def test_what_cannot_be_tested_jointly(results):
    psi = results["s0"].psi[:, 0]
    with pytest.raises(IncompatibleEffectsError, match="clustered by 'city', 'firm'"):
        specification_tests({"a": results["s0"], "b": effect(0.1, psi, name="firm")})
    with pytest.raises(NoInfluenceError, match="'b'"):
        specification_tests({"a": results["s0"], "b": replace(results["s0"], psi=None, covariance=np.eye(1))})
    two = Effects(
        values=np.zeros(2), index=pd.Index(["x", "z"]), psi=np.ones((3, 2)), clusters=pd.RangeIndex(3), n_rows=3,
        n_units=3, n_clusters=3, method="m", outcome="y",
    )  # fmt: skip
    with pytest.raises(EffectsError, match="1 have none or several; first: b"):
        specification_tests({"a": results["s0"], "b": two})
    with pytest.raises(EffectsError, match="1 specifications without variance; first: b"):
        specification_tests({"a": results["s0"], "b": effect(0.1, np.zeros(50))})
    with pytest.raises(EffectsError, match="no specification"):
        specification_tests({})
    with pytest.raises(EffectsError, match="n_draws=0"):
        specification_tests(results, n_draws=0)


def refused(value, name="city"):
    """An effect of one treated cluster: it has an influence function, and no interval."""
    frame = pd.DataFrame({"unit": np.repeat(range(12), 4), "year": [1, 2, 3, 4] * 12})
    frame["first"] = np.where(frame["unit"] == 0, 3, 0)
    frame["y"] = np.random.default_rng(0).standard_normal(len(frame)) + value * (
        (frame["unit"] == 0) & (frame["year"] > 2)
    )
    found = Imputation().fit(Panel(frame, unit="unit", time="year", cohort="first"), "y").overall()
    return replace(found, clusters=found.clusters.rename(name))


@pytest.mark.filterwarnings("ignore::aigreen.errors.SmallCellWarning", "ignore::aigreen.errors.FewClustersWarning")
def test_specifications_without_an_interval_are_counted_apart(results):
    alone = refused(9.0)
    assert alone.conf_int().isna().all(axis=None)
    found, expected = specification_tests({**results, "alone": alone}), specification_tests(results)
    assert (found.without_interval, expected.without_interval) == (("alone",), ())
    assert_allclose(found.tests, expected.tests)  # 3 of 7, not of 8, are significant
    assert_allclose(found.frame.loc[list(results)], expected.frame)
    assert found.frame.loc["alone"].notna().to_dict() == {
        "estimate": True, "std_error": True, "p_value": False, "low": False, "high": False, "joint_low": False,
        "joint_high": False,
    }  # fmt: skip
    none = specification_tests({"alone": alone})
    assert none.tests.isna().all(axis=None)
    assert (none.sign, none.n_clusters, none.without_interval) == (0, 0, ("alone",))


def with_few_treated(seed, treated=4, effect=0.0):
    """24 units, of which some are treated in three cohorts; every unit is a cluster."""
    rng = np.random.default_rng(seed)
    first = np.zeros(24, dtype=int)
    first[rng.permutation(24)[:treated]] = np.resize([6, 6, 8, 9], treated)
    frame = pd.DataFrame(
        {"unit": np.repeat(range(24), 14), "year": np.tile(range(1, 15), 24), "first": np.repeat(first, 14)}
    )
    after = (frame["first"] > 0) & (frame["year"] >= frame["first"])
    frame["y"] = rng.standard_normal((24, 14)).cumsum(axis=1).ravel() + effect * after
    return Panel(frame.assign(x=rng.standard_normal(len(frame))), unit="unit", time="year", cohort="first")


def specifications(panel):
    return {
        "imputation": Imputation(variance="leave_one_out").fit(panel, "y").overall(),
        "with x": Imputation(variance="leave_one_out").fit(panel, "y", covariates=["x"]).overall(),
        "group-time": GroupTimeATT().fit(panel, "y").overall(),
        "not yet treated": GroupTimeATT(control_group="not_yet_treated").fit(panel, "y").overall(),
    }


FEW = pytest.mark.filterwarnings("ignore::aigreen.errors.SmallCellWarning", "ignore::aigreen.errors.FewClustersWarning")


@FEW
@pytest.mark.parametrize("effect", [0.0, 3.0, 6.0])
def test_one_specification_has_its_own_p_value_and_interval_with_few_treated_clusters(effect):
    one = specifications(with_few_treated(2, effect=effect))["imputation"]
    alone = one.to_frame().iloc[0]
    assert one.effective_clusters()["df"].iloc[0] < 5
    found = specification_tests({"one": one}, n_draws=39_999)
    error = 4 * np.sqrt(alone["p_value"] * (1 - alone["p_value"]) / 40_000)
    assert_allclose(found.tests.loc[["median", "mean_z"], "p_value"], alone["p_value"], atol=error)
    band = found.frame.iloc[0]
    assert band["joint_high"] - band["joint_low"] == pytest.approx(alone["conf_high"] - alone["conf_low"], rel=0.03)


@FEW
@pytest.mark.slow
@pytest.mark.parametrize("treated", [4, 10])
def test_true_nulls_are_rejected_as_often_as_said(treated):
    p = np.array(
        [specification_tests(specifications(with_few_treated(seed, treated)), n_draws=499, seed=seed).tests["p_value"]
         for seed in range(400)]
    )  # fmt: skip
    assert ((p <= 0.05).mean(axis=0) < 0.085).all() and ((p <= 0.01).mean(axis=0) < 0.03).all()
    assert (p[:, [0, 2]] <= 0.2).mean() > 0.1  # the tests are tests
