"""Firms that adopt in staggered cohorts with doses of their own, and dose responses written out with loops."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
from scipy.interpolate import BSpline

from aigreen import DoseResponse, Effects, GroupTimeATT, Panel
from aigreen.errors import AigreenWarning

KEYS = {"unit": "firm", "time": "year", "cohort": "first"}


def firms(seed: int = 0, n: int = 160, periods: int = 6, cohorts=(0, 3, 5), missing: float = 0.0) -> pd.DataFrame:
    """Doses are higher in cohort 3, outcomes grow with a covariate; 40 cities, weights, rows missing at random."""
    rng = np.random.default_rng(seed)
    first = rng.permutation(np.resize(cohorts, n))
    own = np.where(first > 0, 0.5 + rng.gamma(2, 1, n) + (first == 3), 0.0)
    size, firm = rng.normal(size=n), np.repeat(np.arange(n), periods)
    year = np.tile(np.arange(1, periods + 1), n)
    frame = pd.DataFrame({"firm": firm, "year": year, "first": first[firm], "city": firm % 40, "size": size[firm]})
    on = (frame["first"] > 0) & (year >= frame["first"])
    frame["dose"] = np.where(on, own[firm], 0.0)
    frame["age"] = rng.normal(size=len(frame))
    frame["w"] = rng.uniform(0.5, 2, n)[firm]
    effect = on * (0.5 + np.log1p(own[firm]) + 0.1 * (year - frame["first"]))
    frame["y"] = size[firm] * year / 3 + rng.normal(size=n)[firm] + effect + rng.normal(size=len(frame))
    return frame[rng.random(len(frame)) >= missing].reset_index(drop=True)


def panel(frame: pd.DataFrame, **keys: str) -> Panel:
    return Panel(frame, **KEYS, **keys)


def quiet(call, *arguments, **keywords) -> Effects:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AigreenWarning)
        return call(*arguments, **keywords)


def fit(frame: pd.DataFrame, *, keys=None, how: str = "fit", covariates=None, at=None, **options) -> Effects:
    more = {} if at is None else {"at": at}
    estimator = getattr(DoseResponse(**options), how)
    return quiet(estimator, panel(frame, **(keys or {})), "y", dose="dose", covariates=covariates, **more)


def group_time(frame: pd.DataFrame, *, keys=None, covariates=None, **options) -> Effects:
    return quiet(GroupTimeATT(method="reg", **options).fit, panel(frame, **(keys or {})), "y", covariates=covariates)


def spline(doses: np.ndarray, low: float, high: float, knots, degree: int, derivative: int = 0) -> np.ndarray:
    """Basis functions one by one."""
    t = np.r_[[low] * (degree + 1), knots, [high] * (degree + 1)]
    out = np.empty((len(doses), len(t) - degree - 1))
    for j in range(out.shape[1]):
        one = BSpline(t, np.eye(out.shape[1])[j], degree)
        out[:, j] = (one.derivative() if derivative else one)(doses)
    return out


def dense(frame: pd.DataFrame, at, knots, degree: int, covariates=()) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Level and causal response at doses, and their overall averages, of a weighted panel with gaps; never treated.

    One stacked regression for the level, one regression a cell for the responses, whose weights are the fitted values
    of a regression of being in the cell on the same functions.
    """
    frame = frame.sort_values(["firm", "year"])
    wide = {name: frame.pivot(index="firm", columns="year", values=name) for name in ("y", "w", *covariates)}
    first, weight = frame.groupby("firm")["first"].first(), frame.groupby("firm")["w"].mean()
    dose = frame[frame["dose"] > 0].groupby("firm")["dose"].first().reindex(first.index)
    low, high = dose.min(), dose.max()
    rows = []
    for g in sorted(set(first) - {0}):
        base = g - 1
        for t in [year for year in wide["y"] if year >= g]:
            change = wide["y"][t] - wide["y"][base]
            x = np.column_stack([np.ones(len(first)), *(wide[name][base] for name in covariates)])
            w = wide["w"][base]
            never = ((first == 0) & change.notna()).to_numpy()
            root = np.sqrt(w[never])
            beta = np.linalg.lstsq(x[never] * root.to_numpy()[:, None], change[never] * root, rcond=None)[0]
            mine = ((first == g) & change.notna()).to_numpy()
            share = w[mine] / w[mine].sum() * weight[first == g].sum()
            rows.append(
                pd.DataFrame({"c": f"{g} {t}", "d": dose[mine], "r": change[mine] - x[mine] @ beta, "v": share})
            )
    stacked = pd.concat(rows)
    B = spline(stacked["d"].to_numpy(), low, high, knots, degree)
    root = np.sqrt(stacked["v"].to_numpy())[:, None]

    def regress(values: np.ndarray) -> np.ndarray:
        return np.linalg.lstsq(B * root, values * root.ravel(), rcond=None)[0]

    at = np.asarray(at, dtype=float)
    level = spline(at, low, high, knots, degree) @ regress(stacked["r"].to_numpy())
    response, overall = np.zeros(len(at)), 0.0
    for cell in stacked["c"].unique():
        mine = (stacked["c"] == cell).to_numpy()
        own = np.linalg.lstsq(B[mine] * root[mine], stacked["r"][mine] * root[mine].ravel(), rcond=None)[0]
        share = spline(at, low, high, knots, degree) @ regress(mine.astype(float))
        response += share * (spline(at, low, high, knots, degree, 1) @ own)
        slopes = spline(stacked["d"][mine].to_numpy(), low, high, knots, degree, 1) @ own
        overall += stacked["v"][mine] @ slopes / stacked["v"].sum()
    return level, response, np.average(stacked["r"], weights=stacked["v"]), overall
