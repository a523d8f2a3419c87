"""ShiftShare against published numbers on the data of Autor, Dorn and Hanson (2013).

Coefficients: their Table 3, column 6 (-0.596), and -0.7742 for all employment. Intervals: Adao, Kolesar and Morales
(2019), replication package for Table 5 and ADHapplication.m, as held by the tests of their R package ShiftShareSE
(commit 67ded1e9). Errors clustered by state: Stata's, same place; its
two-stage least squares have no small-sample factor, its least squares have ours.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aigreen import Panel
from aigreen.regression.shift_share import ShiftShare

CONTROLS = ["l_shind_manuf_cbp", "l_sh_popedu_c", "l_sh_popfborn", "l_sh_empl_f", "l_sh_routine33", "l_task_outsource"]
MANUFACTURING, ALL = "d_sh_empl_mfg", "d_sh_empl"
FIRST, REDUCED = 0.631040938185757, -0.488568717122902


@pytest.fixture(scope="module")
def adh(shared: Path):
    folder = shared / "data/ssiv_adh"
    frame = pd.read_csv(folder / "ADH_reg.csv").astype({"t2": int})
    shares = pd.read_csv(folder / "ADH_W.csv").set_index(pd.MultiIndex.from_frame(frame[["czone", "t2"]]))
    industries = pd.read_csv(folder / "ADH_sic.csv")["x"].to_numpy() // 10
    panel = Panel(frame, unit="czone", time="t2", cluster="statefip", weights="weights")
    return panel, shares, dict(zip(shares.columns, industries, strict=True))


def model(adh, *, errors="akm", grouped=False) -> ShiftShare:
    _, shares, industries = adh
    clusters = industries if grouped else None
    return ShiftShare(
        shares=shares, shocks="IV", errors=errors, shock_clusters=clusters, fixed_effects=["t2", "division"]
    )


@pytest.mark.parametrize(
    ("outcome", "grouped", "akm", "akm0"),
    [
        (MANUFACTURING, False, (-0.810991466572728, -0.381728638531380), (-0.891427381124374, -0.391771441695858)),
        (ALL, True, (-1.245349169792894, -0.303104147760458), (-1.690324047107167, -0.389313219498141)),
    ],
)
def test_second_stage(adh, outcome, grouped, akm, akm0):
    iv = model(adh, grouped=grouped)
    result = iv.fit(adh[0], outcome, treatment="shock", covariates=CONTROLS)
    expected = {MANUFACTURING: -0.5963601, ALL: -0.774226658776735}[outcome]
    assert result.values[0] == pytest.approx(expected, abs=5e-8)
    np.testing.assert_allclose(result.conf_int().iloc[0], akm, rtol=0, atol=1e-9)
    (found,) = iv.confidence_set(adh[0], outcome, treatment="shock", covariates=CONTROLS).intervals
    np.testing.assert_allclose(found, akm0, rtol=0, atol=1e-9)
    assert result.n_clusters == (136 if grouped else 770)


@pytest.mark.parametrize(
    ("outcome", "grouped", "estimate", "akm", "akm0"),
    [
        ("shock", True, FIRST, (0.527240172127609, 0.734841704243901), (0.537570958010291, 0.838282656411893)),
        ("shock", False, FIRST, (0.495188795569771, 0.766893080801748), (0.522017706924849, 0.889797428206052)),
        (ALL, True, REDUCED, (-0.810383925354586, -0.166753508891236), (-1.236885319089530, -0.239754057137763)),
    ],
)
def test_first_stage_and_reduced_form(adh, outcome, grouped, estimate, akm, akm0):
    iv = model(adh, grouped=grouped)
    result = iv.fit(adh[0], outcome, covariates=CONTROLS)
    assert result.values[0] == pytest.approx(estimate, abs=1e-11)
    np.testing.assert_allclose(result.conf_int().iloc[0], akm, rtol=0, atol=1e-9)
    (found,) = iv.confidence_set(adh[0], outcome, covariates=CONTROLS).intervals
    np.testing.assert_allclose(found, akm0, rtol=0, atol=1e-9)


def test_errors_clustered_by_state(adh):
    iv = model(adh, errors="cluster")
    first = iv.first_stage(adh[0], MANUFACTURING, treatment="shock", covariates=CONTROLS)
    second = iv.fit(adh[0], MANUFACTURING, treatment="shock", covariates=CONTROLS)
    n, k, states = 1444, 17, 48
    factor = np.sqrt((n - 1) / (n - k) * states / (states - 1))
    assert first.std_errors.iloc[0] == pytest.approx(0.091423724, abs=5e-9)
    assert second.std_errors.iloc[0] / factor == pytest.approx(0.098773877, abs=5e-9)


def test_effective_f_is_the_squared_t_statistic_of_the_first_stage(adh):
    for errors in ("akm", "cluster"):
        iv = model(adh, errors=errors)
        first = iv.first_stage(adh[0], MANUFACTURING, treatment="shock", covariates=CONTROLS)
        second = iv.fit(adh[0], MANUFACTURING, treatment="shock", covariates=CONTROLS)
        statistic = first.to_frame()["statistic"].iloc[0] ** 2
        assert second.conventions["effective F"] == first.conventions["effective F"] == f"{statistic:.2f}"


@pytest.mark.parametrize(
    ("divisions", "outcome", "treatment", "weights", "level", "expected"),
    [
        ("division < 7", ALL, "shock", None, 0.95, 2),
        ("division < 6", ALL, "shock", None, 0.95, (-np.inf, np.inf)),
        ("division > 4", "shock", None, "weights", 0.955, (-14.0093, -0.564209)),
        ("division < 6", "shock", None, "weights", 0.95, (-np.inf, np.inf)),
    ],
)
def test_weak_instruments_leave_rays_or_the_line(adh, divisions, outcome, treatment, weights, level, expected):
    frame = adh[0].frame.query(divisions)
    panel = Panel(frame, unit="czone", time="t2", weights=weights)
    found = model(adh).confidence_set(panel, outcome, treatment=treatment, covariates=CONTROLS, level=level)
    if expected == (-np.inf, np.inf):
        assert found.intervals == (expected,)
        return
    assert len(found.intervals) == 2
    assert (found.intervals[0][0], found.intervals[1][1]) == (-np.inf, np.inf)
    if expected != 2:
        ends = (found.intervals[0][1], found.intervals[1][0])
        assert ends == pytest.approx(expected, rel=1e-5)
        assert -5.0 not in found and 0.75 in found
