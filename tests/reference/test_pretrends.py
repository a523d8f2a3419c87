"""Power of pre-tests against pretrends 0.1.0 (He and Wang's event study), whose probabilities are simulated to 1e-4."""

import json

import numpy as np
import pandas as pd
import pytest

from aigreen.effects.effects import Effects
from aigreen.inference import pretrend_power, slope_for_power


@pytest.fixture(scope="module")
def oracle(shared):
    return json.loads((shared / "oracles/pretrends.json").read_text())["results"]


@pytest.fixture(scope="module")
def effects(oracle):
    horizons = np.array(oracle["tVec"])
    return Effects(
        values=np.array(oracle["betahat"]),
        index=pd.Index(horizons, name="horizon"),
        psi=None,
        covariance=np.array(oracle["sigma"]["values"]),
        clusters=pd.RangeIndex(0),
        n_rows=1,
        n_units=1,
        n_clusters=100,
        method="reported",
        outcome="y",
        post=horizons >= 0,
    )


@pytest.mark.parametrize("power", [0.5, 0.8])
def test_slope_found_with_a_given_probability(oracle, effects, power):
    assert slope_for_power(effects, power) == pytest.approx(oracle[f"slope_for_power_{power}"], abs=2e-5)


@pytest.mark.parametrize("case", ["power_slope50", "power_quadratic_0.024"])
def test_power_and_bias_after_passing(oracle, effects, case):
    expected, figures = oracle[case]["df_power"][0], pd.DataFrame(oracle[case]["df_eventplot"]).set_index("t")
    violation = {"slope": oracle["slope_for_power_0.5"]}
    if "quadratic" in case:
        violation = {"violation": {t: 0.024 * (t + 1) ** 2 for t in oracle["tVec"]}}
    ours = pretrend_power(effects, **violation)
    assert ours.power == pytest.approx(expected["Power"], abs=1e-4)
    assert ours.bayes_factor == pytest.approx(expected["Bayes.Factor"], abs=2e-4)
    assert ours.likelihood_ratio == pytest.approx(expected["Likelihood.Ratio"], rel=1e-10)
    np.testing.assert_array_equal(ours.frame.index, figures.index)
    np.testing.assert_allclose(ours.frame["violation"], figures["deltatrue"], atol=1e-14)
    np.testing.assert_allclose(ours.frame["after_passing"], figures["meanAfterPretesting"], atol=2e-4)
