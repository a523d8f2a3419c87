"""Wild cluster bootstrap against fwildclusterboot 0.14.3 (8 clusters, all 256 sign vectors)."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from aigreen import Panel
from aigreen.inference import wild_cluster_bootstrap

ALTERNATIVES = {"two-tailed": "symmetric", "equal-tailed": "equal_tailed", ">": "greater", "<": "less"}
MODELS = {
    "fe": {"covariates": ["xtv"]},
    "fw": {"covariates": ["xtv"]},
    "lmf": {"covariates": ["xtv", "x1", "x2", "t"], "fixed_effects": []},
}
CASE = re.compile(r"(lmf|fe|fw)_(rad|r[\d.]+)_null(TRUE|FALSE)_(.*)$")


@pytest.fixture(scope="module")
def oracle(shared):
    return json.loads((shared / "oracles/boottest.json").read_text())["results"]


@pytest.fixture(scope="module")
def data(shared):
    return pd.read_csv(shared / "oracles/data/synth_balanced.csv")


def panel(data, model, cluster="cl8"):
    return Panel(data, unit="id", time="t", cohort="g", cluster=cluster, weights="w" if model == "fw" else None)


@pytest.mark.parametrize("model", MODELS)
def test_every_draw_p_value_and_interval(oracle, data, model):
    sample, seen = panel(data, model), 0
    for name, expected in oracle.items():
        case = CASE.match(name)
        if not case or case[1] != model:
            continue
        seen += 1
        ours = wild_cluster_bootstrap(
            sample,
            "y",
            "treat",
            **MODELS[model],
            null=0.0 if case[2] == "rad" else float(case[2][1:]),
            restricted=case[3] == "TRUE",
            alternative=ALTERNATIVES[case[4]],
            count_ties=False,
        )
        assert ours.enumerated
        assert ours.estimate == pytest.approx(expected["point_estimate"], abs=1e-10)
        assert ours.t == pytest.approx(expected["t_stat"], rel=1e-9)
        np.testing.assert_allclose(np.sort(ours.t_draws), expected["sorted_t_boot"], rtol=0, atol=1e-9)
        assert ours.p_value == pytest.approx(expected["p_val"], abs=1e-12), name
        if expected["conf_int"][0] is not None:
            # boottest stops its root search after ten steps; ours is the exact jump of the p-value.
            np.testing.assert_allclose([ours.low, ours.high], expected["conf_int"], rtol=0, atol=3e-5)
    assert seen >= 40


def test_random_draws_within_monte_carlo_error(oracle, data):
    expected = oracle["fe_40clusters_B9999_r0.6"]
    p = [
        wild_cluster_bootstrap(
            panel(data, "fe", "cluster"), "y", "treat", covariates=["xtv"], null=0.6, count_ties=False, seed=seed
        ).p_value
        for seed in range(4)
    ]
    assert np.mean(p) == pytest.approx(expected["mean"], abs=4 * np.sqrt(0.068 * 0.932 / 9999))


def test_webb_interval_within_monte_carlo_error(oracle, data):
    ours = wild_cluster_bootstrap(panel(data, "lmf"), "y", "treat", **MODELS["lmf"], multipliers="webb")
    np.testing.assert_allclose([ours.low, ours.high], oracle["lmf_webb"]["conf_int"], atol=0.01)
