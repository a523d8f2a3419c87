"""Poisson regressions: against pyfixest, and the same bytes in every process."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from aigreen import TWFE, Decomposition, Imputation, Panel

KEYS = {"unit": "firm", "time": "year", "cohort": "first"}
EFFECTS = {
    "unit and period": ["firm", "year"],
    "unit": ["firm"],
    "unit and cells of industry and year": ["firm", "industry^year"],
    "unit and many cells": ["firm", "city^year"],  # more levels than a factor is made of
    "three": ["firm", "city^year", "industry^year"],
}
# What a process prints depends on sums of many rows, on all kinds of solvers and on several columns.
PROCESS = """
import hashlib, sys
sys.path.insert(0, {folder!r})
import numpy as np
from test_poisson import EFFECTS, fits
for result in fits():
    print(hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in result)).hexdigest())
"""


def make(n_units: int, n_periods: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    firm, year = np.repeat(np.arange(n_units), n_periods), np.tile(np.arange(2001, 2001 + n_periods), n_units)
    n, first = len(firm), rng.choice([0, 2003, 2005], n_units)[firm]
    treated = (first > 0) & (year >= first)
    x, z = rng.normal(size=n) + 0.1 * (year - 2000), rng.normal(size=n)
    index = rng.normal(size=n_units)[firm] + 0.3 * treated + 0.2 * x - 0.1 * z + 0.1 * (year - 2000)
    frame = pd.DataFrame({"firm": firm, "year": year, "first": first, "treated": treated.astype(float), "x": x, "z": z})
    return frame.assign(
        city=firm % 29,
        industry=np.where(rng.random(n) < 0.1, rng.integers(0, 9, n), firm % 9),
        w=rng.random(n_units)[firm] + 0.5,
        log_size=0.1 * rng.normal(size=n),
        near=(firm % 3 == 0) & (year >= 2004),
        count=rng.poisson(np.exp(index + 1)),
    )


@pytest.mark.parametrize("weights", [None, "w"])
@pytest.mark.parametrize("offset", [None, "log_size"])
@pytest.mark.parametrize("effects", EFFECTS)
def test_coefficients_and_errors_equal_pyfixest(effects, offset, weights):
    import pyfixest

    frame = make(300, 8)
    panel = Panel(frame, **KEYS, weights=weights)
    names = EFFECTS[effects]
    ours = TWFE(family="poisson", fixed_effects=names).fit(panel, "count", covariates=["x", "z"], offset=offset)
    theirs = pyfixest.fepois(
        "count ~ treated + x + z | " + " + ".join(names),
        frame,
        vcov={"CRV1": "firm"},
        weights=weights,
        offset=offset,
        iwls_tol=1e-12,
        demeaner=pyfixest.MapDemeaner(fixef_tol=1e-12, fixef_maxiter=100_000),
    )
    np.testing.assert_allclose(ours.values, theirs.coef(), rtol=0, atol=1e-8)
    np.testing.assert_allclose(ours.std_errors, theirs.se(), rtol=1e-6)


@pytest.mark.parametrize("treatment", [None, "treated"])
@pytest.mark.parametrize("weights", [None, "w"])
def test_treated_rows_count_by_their_means(treatment, weights):
    from statsmodels.api import GLM, families

    frame = make(60, 8)
    fit = TWFE(family="poisson").fit(
        Panel(frame, **KEYS, cluster="city", weights=weights), "count", treatment=treatment, covariates=["x"]
    )
    dummies = [pd.get_dummies(frame[name], dtype=float, drop_first=name == "year") for name in ("firm", "year")]
    design = pd.concat([frame[["treated", "x"]], *dummies], axis=1).to_numpy(float)
    w = np.ones(len(frame)) if weights is None else frame["w"].to_numpy()
    mean = w * GLM(frame["count"], design, families.Poisson(), freq_weights=w).fit(tol=1e-12).fittedvalues
    if treatment:
        behind = (frame.groupby("firm")["treated"].transform("max") > 0).to_numpy()
        expected = mean[behind].groupby(frame["city"]).sum()
        expected /= expected.sum()
    else:
        cohort = [mean[frame["first"] == g].groupby(frame["city"]).sum() for g in sorted({*frame["first"]} - {0})]
        after = [mean[(frame["first"] == g) & (frame["treated"] > 0)].sum() for g in sorted({*frame["first"]} - {0})]
        expected = sum(
            (own / own.sum()).mul(m / sum(after)).reindex(range(29), fill_value=0.0)
            for own, m in zip(cohort, after, strict=True)
        )
    np.testing.assert_allclose(
        fit.cluster_shares.treated(0), expected.reindex(range(29), fill_value=0.0), rtol=0, atol=1e-7
    )


def fits():
    panel = Panel(make(1_200, 14), **KEYS, cluster="city")
    for names in EFFECTS.values():
        fit = TWFE(family="poisson", fixed_effects=names).fit(panel, "count", covariates=["x", "z"])
        yield fit.values, fit.psi
    fit = TWFE(family="poisson", event_study=True).fit(panel, "count")
    yield fit.values, fit.psi
    fit = Imputation(family="poisson").fit(panel, "count", covariates=["x", "z"])
    yield fit.values, fit.psi
    split = Decomposition(channels=["x", "z"], exposure="near", family="poisson", ordered=True)
    fit = split.fit(panel, "count", covariates="log_size")
    yield fit.values, fit.psi


def test_neither_hash_seed_nor_number_of_threads_changes_a_byte():
    told = set()
    for seed, threads in (("0", "1"), ("12345", "1"), ("0", "2")):
        environment = os.environ | {"PYTHONHASHSEED": seed, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
        command = [sys.executable, "-W", "ignore", "-c", PROCESS.format(folder=os.path.dirname(__file__))]
        told.add(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    assert len(told) == 1
    assert len(told.pop().split()) == len(EFFECTS) + 3
