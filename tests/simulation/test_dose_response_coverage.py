"""Bias of dose responses and coverage of their intervals, with many and with few treated clusters.

``python3 run.py test -m slow -n 0 -s tests/simulation/test_dose_response_coverage.py`` prints them; SAMPLES=1000 in the
environment makes it the table of docs/dose.md (default: 200 samples a design, with tolerances for that).
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from aigreen import DoseResponse, Panel
from aigreen.errors import AigreenWarning

pytestmark = pytest.mark.slow

SAMPLES = int(os.environ.get("SAMPLES", "200"))
YEARS = np.arange(1, 7)
AT = np.array([1.7, 2.0, 2.5, 3.0, 3.3])
LATER = 0.2  # what cohort 3 has on top, whatever its dose


@dataclass(frozen=True)
class Design:
    """Firms of equal clusters; doses from 1 to 4 by firm or by cluster, in cohort 3 higher where `tilt` is positive."""

    clusters: int
    treated: int
    size: int = 4
    degree: int = 3
    by_cluster: bool = False
    cohorts: tuple[int, ...] = (3, 5)
    tilt: float = 0.0


DESIGNS = {
    "400 firms": Design(400, 267, size=1),
    "60 cities, 30 treated": Design(60, 30),
    "60 cities, 12 treated": Design(60, 12, degree=2),
    "60 cities, 14 treated, one cohort": Design(60, 14, degree=2, cohorts=(3,)),
    "60 cities, 30 treated, a dose a city": Design(60, 30, degree=2, by_cluster=True),
    "400 firms, higher doses earlier": Design(400, 267, size=1, tilt=1.0),
}


def draw(rng: np.random.Generator, design: Design) -> pd.DataFrame:
    """Random walks of clusters, errors that are larger at higher doses; the effect is a parabola in the dose."""
    first = np.zeros(design.clusters, dtype=int)
    first[rng.permutation(design.clusters)[: design.treated]] = np.resize(design.cohorts, design.treated)
    city = np.repeat(np.arange(design.clusters), design.size)
    u = rng.uniform(size=len(city))
    if design.by_cluster:  # spread evenly, so that every draw reaches the doses looked at
        even = np.zeros(design.clusters)
        even[first > 0] = (rng.permutation(design.treated) + rng.uniform(size=design.treated)) / design.treated
        u = even[city]
    first = first[city]
    dose = np.where(first > 0, 1 + 3 * u ** (1 / (1 + design.tilt * (first == 3))), 0.0)
    shock = rng.normal(size=(design.clusters, len(YEARS))).cumsum(axis=1)[city] * 0.3 * (design.size > 1)
    on = (first[:, None] > 0) & (first[:, None] <= YEARS)
    effect = on * (effect_of(dose) + LATER * (first == 3))[:, None]
    noise = rng.normal(size=on.shape) * (1 + 0.3 * (dose > 2.5))[:, None]
    y = 2 * rng.normal(size=(len(city), 1)) + 0.2 * YEARS + shock + effect + noise
    columns = {"firm": np.arange(len(city)), "city": city, "first": first}
    frame = pd.DataFrame({name: np.repeat(column, len(YEARS)) for name, column in columns.items()})
    return frame.assign(year=np.tile(YEARS, len(city)), dose=(on * dose[:, None]).ravel(), y=y.ravel())


def effect_of(dose):
    return 0.5 + 0.6 * dose - 0.1 * dose**2


def truth(design: Design) -> np.ndarray:
    """Level and response at the doses, and their averages; nan where the level is not a polynomial."""
    uniform = 1 + 3 * (np.arange(100_000) + 0.5) / 100_000
    early = 1 + 3 * ((np.arange(100_000) + 0.5) / 100_000) ** (1 / (1 + design.tilt))
    share = 1.0 if len(design.cohorts) == 1 else 4 / 6
    level = effect_of(AT) + LATER * share if not design.tilt else np.full(len(AT), np.nan)
    overall = [share * f(early).mean() + (1 - share) * f(uniform).mean() for f in (effect_of, lambda d: 0.6 - 0.2 * d)]
    return np.concatenate([level, 0.6 - 0.2 * AT, np.add(overall, [LATER * share, 0.0])])


@pytest.mark.parametrize("name", DESIGNS)
def test_bias_and_coverage(name):
    design = DESIGNS[name]
    true, rng = truth(design), np.random.default_rng(list(DESIGNS).index(name))
    known = ~np.isnan(true)
    found, inside, plain, bands = [], [], [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AigreenWarning)
        for _ in range(SAMPLES):
            panel = Panel(draw(rng, design), unit="firm", time="year", cohort="first", cluster="city")
            estimator = DoseResponse(degree=design.degree)
            curve = estimator.fit(panel, "y", dose="dose", at=AT)
            overall = estimator.group_time(panel, "y", dose="dose").overall()
            found.append(np.concatenate([curve.values, overall.values]))
            for method, kept in (("auto", inside), ("asymptotic", plain)):
                low, high = pd.concat([part.conf_int(method=method) for part in (curve, overall)]).to_numpy().T
                kept.append((low <= true) & (true <= high))
            band = curve["acr"].conf_int(simultaneous=True)
            response = true[len(AT) : 2 * len(AT)]
            bands.append(((band["low"] <= response) & (response <= band["high"])).all())
    off = np.array(found) - true
    t = off.mean(axis=0) / (off.std(axis=0, ddof=1) / np.sqrt(SAMPLES))
    coverage, before = np.mean(inside, axis=0), np.mean(plain, axis=0)
    print(f"\n{name}, {SAMPLES} samples\nt of the bias {t.round(1)}\ncoverage {coverage.round(3)}")
    print(f"normal quantiles {before.round(3)}\nband of responses {np.mean(bands):.3f}")
    slack = 2.6 * np.sqrt(0.05 * 0.95 / SAMPLES) * (SAMPLES < 1000)
    assert np.abs(t[known]).max() < 3.5
    assert ((coverage[known] > 0.92 - slack) & (coverage[known] < 0.98 + slack)).all()
    assert np.mean(bands) > 0.93 - slack
