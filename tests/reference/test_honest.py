"""Honest intervals against HonestDiD 0.2.6, whose sets are on grids and whose critical values are simulated."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aigreen import GroupTimeATT, Panel
from aigreen.decomposition.parts import Parts
from aigreen.effects.effects import Effects
from aigreen.inference import honest_did
from aigreen.inference.honest_tests import hull, step_bounds

CASES = {
    "RM_CLF": {"restriction": "relative_magnitudes"},
    "SDRM_CLF": {"restriction": "relative_smoothness"},
    "smoothness_FLCI": {"restriction": "smoothness"},
    "smoothness_CLF": {"restriction": "smoothness", "method": "c_lf"},
    "smooth_monotone_inc": {"restriction": "smoothness", "monotone": "increasing"},
    "smooth_bias_pos": {"restriction": "smoothness", "sign": "positive"},
}


def by_horizon(values, covariance, horizons):
    return Effects(
        values=np.array(values),
        index=pd.Index(horizons, name="horizon"),
        psi=None,
        covariance=np.array(covariance),
        clusters=pd.RangeIndex(0),
        n_rows=1,
        n_units=1,
        n_clusters=500,
        method="reported",
        outcome="y",
        post=np.array(horizons) >= 0,
    )


@pytest.fixture(scope="module")
def mpdta():
    return json.loads((Path(__file__).parent / "honest.json").read_text())


@pytest.fixture(scope="module")
def lovenheim_willen(shared):
    return json.loads((shared / "oracles/honestdid_LWdata.json").read_text())["results"]


def lovenheim_willen_effects(case):
    n_pre = case["numPrePeriods"]
    horizons = [*range(-n_pre - 1, -1), *range(case["numPostPeriods"])]
    return by_horizon(case["betahat"], case["sigma"]["values"], horizons)


@pytest.mark.parametrize("case", CASES)
def test_mpdta_sets(mpdta, case):
    expected = pd.DataFrame(mpdta[case])
    effects = by_horizon(mpdta["betahat"], mpdta["sigma"], mpdta["horizons"])
    ours = honest_did(effects, bounds=expected["bound"], **CASES[case])
    np.testing.assert_allclose(ours.frame[["low", "high"]], expected[["lb", "ub"]], atol=7e-4)
    np.testing.assert_allclose(ours.original, [mpdta["original"]["lb"], mpdta["original"]["ub"]], atol=1e-10)


@pytest.mark.parametrize("case", CASES)
def test_each_part_of_a_path_has_the_set_of_its_own_estimates(mpdta, case):
    """A total of which 60 % are direct: sets of the parts are the reference's, scaled."""
    expected = pd.DataFrame(mpdta[case])
    study = by_horizon([*mpdta["betahat"], 0.0], np.pad(mpdta["sigma"], (0, 1)), [*mpdta["horizons"], -1])
    share = {"total": 1.0, "direct": 0.6, "m": 0.4}
    weights = np.array(list(share.values()))
    path = Parts(
        values=np.kron(weights, study.values),
        index=pd.MultiIndex.from_product([share, study.index], names=["part", "horizon"]),
        psi=None,
        covariance=np.kron(np.outer(weights, weights), study.covariance),
        clusters=study.clusters,
        n_rows=1,
        n_units=1,
        n_clusters=500,
        method="reported",
        outcome="y",
        post=np.tile(study.post, 3),
    )
    for part, scale in share.items():
        bounds = expected["bound"] * (scale if CASES[case]["restriction"] == "smoothness" else 1.0)
        ours = honest_did(path[part], bounds=bounds, **CASES[case])
        assert ours.reference == -1
        np.testing.assert_allclose(ours.frame[["low", "high"]], scale * expected[["lb", "ub"]], atol=7e-4)


def test_conditional_test_without_first_stage(shared, mpdta):
    oracle = json.loads((shared / "oracles/honestdid_mpdta_nox.json").read_text())["results"]["RM_Cond"]["table"]
    for row in oracle:
        pieces = step_bounds(3, np.array([1.0, 0, 0, 0]), 1, relative=row["Mbar"])
        ours = hull(pieces, np.array(mpdta["betahat"]), np.array(mpdta["sigma"]), 0.05, kappa=1e-9)
        np.testing.assert_allclose(ours, [row["lb"], row["ub"]], atol=6e-4)


def test_the_event_study_of_mpdta_is_the_published_input(shared, mpdta):
    data = pd.read_csv(shared / "data/did_mpdta/mpdta.csv")
    panel = Panel(data, unit="countyreal", time="year", cohort="first.treat")
    study = GroupTimeATT(control_group="not_yet_treated", base_period="universal").fit(panel, "lemp").event_study()
    live = study.std_errors.to_numpy() > 0
    np.testing.assert_allclose(study.values[live], mpdta["betahat"], atol=1e-9)
    np.testing.assert_allclose(study.vcov.to_numpy()[np.ix_(live, live)], mpdta["sigma"], rtol=3e-3, atol=1e-8)
    expected = pd.DataFrame(mpdta["RM_CLF"])
    # R takes the covariance as it is; ours is widened by what the clusters leave where they are known
    ours = honest_did(replace(study, cluster_shares=None), bounds=expected["bound"])
    np.testing.assert_allclose(ours.frame[["low", "high"]], expected[["lb", "ub"]], atol=1e-3)
    wider = honest_did(study, bounds=expected["bound"]).frame
    assert (wider["low"] < ours.frame["low"]).all() and (wider["high"] > ours.frame["high"]).all()


@pytest.mark.parametrize(("case", "step"), [("RM_CLF", 0.0796), ("smoothness_CLF", 0.0796)])
def test_lovenheim_willen_sets_within_a_step_of_the_reference_grid(lovenheim_willen, case, step):
    """Nine effects before, 23 after; the reference grid has 200 points over 40 standard errors."""
    expected = pd.DataFrame(lovenheim_willen[case]["table"]).rename(columns={"M": "bound", "Mbar": "bound"})
    ours = honest_did(lovenheim_willen_effects(lovenheim_willen), bounds=expected["bound"], **CASES[case])
    np.testing.assert_allclose(ours.frame[["low", "high"]], expected[["lb", "ub"]], atol=step)


def test_lovenheim_willen_fixed_length_intervals(lovenheim_willen):
    """Lengths agree; the centre is free within a flat optimum (0.06 along it changes the length by 1e-4 of itself)."""
    expected = pd.DataFrame(lovenheim_willen["smoothness_FLCI"]["table"])
    effects = lovenheim_willen_effects(lovenheim_willen)
    ours = honest_did(effects, bounds=expected["M"], restriction="smoothness").frame
    np.testing.assert_allclose(ours["high"] - ours["low"], expected["ub"] - expected["lb"], rtol=2e-3)
    np.testing.assert_allclose(ours[["low", "high"]].iloc[[0, 3]], expected[["lb", "ub"]].iloc[[0, 3]], atol=1.2e-3)
    np.testing.assert_allclose(ours[["low", "high"]], expected[["lb", "ub"]], atol=0.09)
