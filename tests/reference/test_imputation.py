"""Imputation against R's didimputation 0.5.0 and did2s 1.2.1, in ../shared/oracles.

Their point estimates come from fixest with a demeaning tolerance of 1e-6, which leaves up to 1e-7 in the points; ours
are exact (tests/aigreen/did/test_imputation.py). Their weighted errors scale the rows of the design by w where least
squares has the square root of w: `test_weighted_errors` shows both. Their run with horizon 0 to 5 on df_het has the
points of the full event study with other errors, so only the full one is compared.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aigreen import Effects, Imputation, Panel
from aigreen.linalg.fixed_effects import FixedEffects

FILES = {
    "df_het": ("oracles/data/df_het.csv.gz", "dep_var", {"unit": "unit", "time": "year", "cohort": "g"}),
    "df_hom": ("oracles/data/df_hom.csv.gz", "dep_var", {"unit": "unit", "time": "year", "cohort": "g"}),
    "castle": (
        "oracles/data/castle_did2s.csv",
        "l_homicide",
        {"unit": "state", "time": "year", "cohort": "effyear"},
    ),
    "synth_bal": ("oracles/data/synth_balanced.csv", "y", {"unit": "id", "time": "t", "cohort": "g"}),
    "synth_unbal": ("oracles/data/synth_unbalanced.csv", "y", {"unit": "id", "time": "t", "cohort": "g"}),
    "mpdta": ("data/did_mpdta/mpdta.csv", "lemp", {"unit": "countyreal", "time": "year", "cohort": "first.treat"}),
}
POINT = {"mpdta": 1e-8, "castle": 1e-8}


def panel(shared: Path, name: str, **keys: str) -> tuple[Panel, str]:
    path, outcome, roles = FILES[name]
    return Panel(pd.read_csv(shared / path), **roles, **keys), outcome


def expected(shared: Path, file: str, run: str) -> Any:
    return json.loads((shared / "oracles" / file).read_text())["results"][run]


def compare(result: Effects, rows: list[dict], point: float, errors: bool = True) -> None:
    assert len(rows) > 0
    for row in rows:
        label = "ATT" if row["term"] == "treat" else int(row["term"])
        assert result.estimates[label] == pytest.approx(row["estimate"], abs=point)
        if errors:
            assert result.std_errors[label] == pytest.approx(row["std.error"], abs=1e-8)


@pytest.mark.parametrize(
    ("run", "cluster", "covariates"),
    [
        ("df_het_static", None, []),
        ("df_het_static_cl_state", "state", []),
        ("df_het_es", None, []),
        ("df_hom_static", None, []),
        ("castle_static", None, []),
        ("castle_es", None, []),
        ("mpdta_static", None, []),
        *((f"synth_{kind}_static", None, []) for kind in ("bal", "unbal")),
        *((f"synth_{kind}_static_cl40", "cluster", []) for kind in ("bal", "unbal")),
        *((f"synth_{kind}_static_xtv", None, ["xtv"]) for kind in ("bal", "unbal")),
    ],
)
@pytest.mark.filterwarnings("ignore::aigreen.errors.SmallCellWarning")
@pytest.mark.filterwarnings("ignore::aigreen.errors.AlwaysTreatedWarning")
def test_static_and_event_study(shared: Path, run: str, cluster: str | None, covariates: list[str]) -> None:
    name = next(name for name in FILES if run.startswith(name))
    data, outcome = panel(shared, name, cluster=cluster)
    result = Imputation(variance="conservative_rows").fit(data, outcome, covariates=covariates)
    result = result.aggregate("event_study" if "_es" in run else "simple")
    compare(result, expected(shared, "didimputation.json", run)["est"], POINT.get(name, 1e-7))


@pytest.mark.parametrize("run", ["df_het_es_pre", "synth_bal_es_pre", "synth_unbal_es_pre", "mpdta_es"])
@pytest.mark.filterwarnings("ignore::aigreen.errors.CollinearWarning")
@pytest.mark.filterwarnings("ignore::aigreen.errors.AlwaysTreatedWarning")
def test_leads(shared: Path, run: str) -> None:
    name = next(name for name in FILES if run.startswith(name))
    data, outcome = panel(shared, name)
    rows = expected(shared, "didimputation.json", run)["est"]
    leads = -min(int(row["term"]) for row in rows)
    study = Imputation(leads=leads).fit(data, outcome).event_study()
    compare(study, [row for row in rows if int(row["term"]) >= 0], POINT.get(name, 1e-7))
    # fixest multiplies the variance of the leads, which are a regression of their own, by G/(G-1) (n-1)/(n-K).
    clean = ~data.treated
    n, groups = int(clean.sum()), len(np.unique(data.unit_codes[clean]))
    before = [row for row in rows if int(row["term"]) < 0]
    used = len(before) + len(np.unique(data.time_codes[clean]))
    factor = np.sqrt(groups / (groups - 1) * (n - 1) / (n - used))
    for row in before:
        assert study.estimates[int(row["term"])] == pytest.approx(row["estimate"], abs=1e-10)
        assert study.std_errors[int(row["term"])] * factor == pytest.approx(row["std.error"], abs=1e-8)


@pytest.mark.parametrize(
    ("run", "weight"),
    [
        ("df_hom_weights", "weight"),
        ("castle_static_popwt", "popwt"),
        ("synth_bal_static_w", "w"),
        ("synth_unbal_static_w", "w"),
    ],
)
@pytest.mark.filterwarnings("ignore::aigreen.errors.SmallCellWarning")
@pytest.mark.filterwarnings("ignore::aigreen.errors.AlwaysTreatedWarning")
def test_weighted_errors(shared: Path, run: str, weight: str) -> None:
    name = next(name for name in FILES if run.startswith(name))
    data, outcome = panel(shared, name, weights=weight)
    row = expected(shared, "didimputation.json", run)["est"][0]
    result = Imputation().fit(data, outcome).overall()
    assert result.values[0] == pytest.approx(row["estimate"], abs=POINT.get(name, 1e-7))

    y, w, clean = data.column(outcome), data.weights, ~data.treated
    codes = [data.unit_codes, data.time_codes]
    gap = FixedEffects(codes, fitted=clean, weights=w).residualize(y)
    target = ~clean & ~np.isnan(gap)
    v = np.where(target, w, 0.0) / w[target].sum()
    cell = np.unique(data.cohort * 10_000 + data.time, return_inverse=True)[1]
    square = np.where(target, v**2, 0.0)
    with np.errstate(invalid="ignore"):
        centre = np.bincount(cell, np.where(target, square * gap, 0.0)) / np.bincount(cell, square)
    own = np.where(target, v * (gap - centre[cell]), 0.0)

    def error(projection: np.ndarray, target_weights: np.ndarray, left: np.ndarray) -> float:
        implied = FixedEffects(codes, fitted=clean, weights=projection).implied_weights(target_weights)
        terms = own.copy()
        terms[clean] = -implied * left[clean] * gap[clean]
        return float(np.linalg.norm(np.bincount(data.unit_codes, terms)))

    ones = np.ones(len(y))
    assert error(w, v, ones) == pytest.approx(result.std_errors.iloc[0], abs=1e-10)
    assert error(w**2, v * w, 1 / w) == pytest.approx(row["std.error"], abs=1e-8)


@pytest.mark.parametrize(
    "run", ["df_het_static", "synth_bal_static_id", "synth_unbal_static_cluster", "df_hom_static_w"]
)
@pytest.mark.filterwarnings("ignore::aigreen.errors.AlwaysTreatedWarning")
def test_two_stage_has_the_same_points(shared: Path, run: str) -> None:
    name = next(name for name in FILES if run.startswith(name))
    data, outcome = panel(shared, name, weights="weight" if run.endswith("_w") else None)
    result = Imputation().fit(data, outcome).overall()
    assert result.values[0] == pytest.approx(expected(shared, "did2s.json", run)["coef"][0], abs=1e-7)
