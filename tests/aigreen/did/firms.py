"""Firms in staggered cohorts, and imputation written out in dense form."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aigreen import Panel

KEYS = {"unit": "firm", "time": "year", "cohort": "first"}


def firms(seed: int = 0, n: int = 60, periods: int = 8, missing: float = 0.15) -> pd.DataFrame:
    """An unbalanced panel with cohorts 4 and 6 (0 never), industries, clusters, weights, a covariate and counts."""
    rng = np.random.default_rng(seed)
    firm, year = np.repeat(np.arange(n), periods), np.tile(np.arange(1, periods + 1), n)
    first = rng.permutation(np.resize([0, 4, 6], n))[firm]
    industry = rng.integers(0, 3, n)[firm]
    x = rng.standard_normal(n * periods)
    effect = np.where((first > 0) & (year >= first), 0.3 + 0.1 * (year - first), 0.0)
    level = 0.5 * rng.standard_normal(n)[firm]
    df = pd.DataFrame(
        {
            "firm": firm,
            "year": year,
            "first": first,
            "industry": industry,
            "city": (firm // 4),
            "mover": rng.integers(0, 9, n * periods),
            "w": (rng.random(n) + 0.5)[firm],
            "x": x,
            "y": level + 0.1 * year * (1 + industry) + 0.4 * x + effect + rng.standard_normal(n * periods),
            "count": rng.poisson(np.exp(1 + level + 0.05 * year + 0.2 * x + effect)),
        }
    )
    return df[rng.random(n * periods) >= missing].reset_index(drop=True)


def dense_design(panel: Panel, covariates: list[str], effects: list[str] | None = None) -> np.ndarray:
    df = panel.frame
    parts = [pd.get_dummies(df[name].astype(str)).to_numpy(float) for name in effects or ["firm", "year"]]
    return np.hstack([*parts, df[covariates].to_numpy(float)])


def dense_influence(
    panel: Panel, Z: np.ndarray, y: np.ndarray, target: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights of the average over `target` (the paper's v), residuals and imputed effects, by dense algebra."""
    w = np.ones(len(y)) if panel.weights is None else panel.weights
    clean = ~panel.treated
    inverse = np.linalg.pinv((Z[clean] * w[clean, None]).T @ Z[clean])
    gap = y - Z @ (inverse @ (Z[clean] * w[clean, None]).T @ y[clean])
    v = np.where(target, w, 0.0) / w[target].sum()
    v[clean] = -w[clean] * (Z[clean] @ (inverse @ (Z[target].T @ v[target])))
    return v, gap, clean


def paper_centre(panel: Panel, v: np.ndarray, gap: np.ndarray, target: np.ndarray, *, without: int = -1) -> np.ndarray:
    """Centre of each target row, sum_c v_c (v tau)_c / sum_c v_c^2 inside its cohort-period, without one cluster."""
    df = pd.DataFrame({"c": panel.cluster_codes, "g": panel.cohort, "t": panel.time, "v": v, "vt": v * gap})[target]
    sums = df[df.c != without].groupby(["g", "t", "c"])[["v", "vt"]].sum()
    parts = pd.DataFrame({"top": sums.v * sums.vt, "bottom": sums.v**2}).groupby(["g", "t"]).sum()
    ratio = parts.top / parts.bottom
    out = np.zeros(len(v))
    out[target] = [ratio.get((g, t), 0.0) for g, t in zip(df.g, df.t, strict=True)]
    return out


def by_cluster(panel: Panel, terms: np.ndarray) -> np.ndarray:
    return np.bincount(panel.cluster_codes, terms, len(panel.clusters))
