"""Two-way fixed effects, linear and Poisson, and imputed totals with influence functions, by plain matrix algebra."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse import csgraph


class TwoWay:
    """Normal equations of unit and time dummies on some weighted rows; unit effects are eliminated.

    Units are compared within as many `parts` as given, as industries where times are those of industries.
    """

    def __init__(self, unit, time, rows, weight=None, parts=1):
        self.unit, self.time, self.rows = unit, time, rows
        self.weight = np.where(rows, 1.0 if weight is None else weight, 0.0)
        self.units, self.times = unit.max() + 1, time.max() + 1
        joint = np.bincount(unit * self.times + time, self.weight, self.units * self.times)
        self.joint = joint.reshape(self.units, self.times)
        self.of_unit, of_time = self.joint.sum(axis=1), self.joint.sum(axis=0)
        self.inverse = 1 / np.where(self.of_unit > 0, self.of_unit, np.inf)
        schur = np.diag(of_time) - self.joint.T @ (self.joint * self.inverse[:, None])
        rank = np.linalg.matrix_rank(schur, rtol=1e-10, hermitian=True)
        assert rank == (of_time > 0).sum() - parts, "units and years fall apart"
        self.schur = np.linalg.pinv(schur, rcond=1e-10, hermitian=True)
        self.reached = (self.of_unit > 0)[unit] & (of_time > 0)[time]

    def combine(self, values):
        """F(F0'WF0)^- F' values for all rows: with weighted values of the fitted rows, what is predicted."""
        by_unit = np.bincount(self.unit, values, self.units)
        by_time = np.bincount(self.time, values, self.times)
        of_time = self.schur @ (by_time - self.joint.T @ (by_unit * self.inverse))
        of_unit = (by_unit - self.joint @ of_time) * self.inverse
        return of_unit[self.unit] + of_time[self.time]

    def left(self, values):
        """What the fit on the rows leaves of a variable, for all rows that it reaches; else nan."""
        gap = values - self.combine(np.where(self.rows, self.weight * values, 0.0))
        return np.where(self.reached, gap, np.nan)


def poisson(y, x, unit, time, rows):
    """Fit counts on some rows with unit and time effects and regressors x: Newton, unit effects in closed form.

    Units and times without a positive outcome among the rows are left out, their means are zero.

    Returns
    -------
    beta of x, mean of all rows (nan where the fit does not reach), rows that the fit used
    """
    y = np.asarray(y, float)
    seen = [np.bincount(code, rows, code.max() + 1) > 0 for code in (unit, time)]
    while True:
        kept = [np.bincount(code, y * rows, code.max() + 1) > 0 for code in (unit, time)]
        fewer = rows & kept[0][unit] & kept[1][time]
        if fewer.sum() == rows.sum():
            break
        rows = fewer
    years = np.unique(time[rows])
    compared = np.setdiff1d(years, first_of_parts(unit[rows], time[rows]))
    design = np.column_stack([x, (time[:, None] == compared).astype(float)])
    inside, at, out = unit[rows], design[rows], y[rows]
    n_units = unit.max() + 1
    total = np.bincount(inside, out, n_units)

    def means(beta):
        bare = np.exp(design @ beta)
        level = total / np.where(total > 0, np.bincount(inside, bare[rows], n_units), 1.0)
        return level[unit] * bare

    beta = np.zeros(design.shape[1])
    for _ in range(100):
        mu = means(beta)[rows]
        centre = np.stack([np.bincount(inside, mu * column, n_units) for column in at.T], axis=1)
        within = at - (centre / np.where(total > 0, total, 1.0)[:, None])[inside]
        step = np.linalg.solve((within * mu[:, None]).T @ within, within.T @ (out - mu))
        beta = beta + step
        if np.abs(step).max() < 1e-12:
            break
    else:
        raise AssertionError("Newton's method has not converged")
    mean = means(beta)
    mean[~np.isin(time, years)] = 0.0
    return beta[: x.shape[1]], np.where(seen[0][unit] & seen[1][time], mean, np.nan), rows


def first_of_parts(unit, time):
    """First time of each part of the rows within which units and times hang together."""
    shape = unit.max() + 1, time.max() + 1
    seen = sparse.coo_array((np.ones(len(unit)), (unit, time)), shape).tocsr()
    part = csgraph.connected_components(seen.T @ seen, directed=False)[1]
    times = np.unique(time)
    return times[np.unique(part[times], return_index=True)[1]]


def poisson_errors(y, x, mean, rows, unit, time, cluster):
    """Influence functions of the first coefficient, by cluster, with the factor (N-1)/(N-K) G/(G-1).

    K leaves out the unit effects, which are nested in clusters.
    """
    fixed = TwoWay(unit, time, rows, mean, len(first_of_parts(unit[rows], time[rows])))
    within = np.column_stack([fixed.left(column) for column in x.T])[rows]
    gram = (within * mean[rows, None]).T @ within
    scores = np.linalg.solve(gram, (within * (y - mean)[rows, None]).T)[0]
    n, k, groups = rows.sum(), x.shape[1] + len(np.unique(time[rows])), len(np.unique(cluster[rows]))
    factor = (n - 1) / (n - k) * groups / (groups - 1)
    return np.sqrt(factor) * np.bincount(cluster[rows], scores, cluster.max() + 1)


@dataclass
class Imputed:
    """Total over treated rows: estimate, and influence functions by cluster."""

    value: float
    psi: np.ndarray
    mass: pd.Series  # by cohort, of the average
    clean: np.ndarray  # rows that the fixed effects are fitted on
    exposed: np.ndarray  # untreated rows that the response to exposure is read off
    treated: np.ndarray  # rows averaged


def total(frame, outcome, channels, exposure):
    """Total of the linear decomposition, equation psi-total of the paper; exposure acts as one bin, S > 0."""
    unit, time, cluster = frame["unit"].to_numpy(), frame["time"].to_numpy(), frame["cluster"].to_numpy()
    treated, exposed = frame["treated"].to_numpy() == 1, frame[exposure].to_numpy() > 0
    clean = ~treated & ~exposed
    fixed = TwoWay(unit, time, clean)
    gap = fixed.left(frame[outcome].to_numpy(float))
    moved = np.column_stack([fixed.left(frame[channel].to_numpy(float)) for channel in channels])
    slopes = np.linalg.lstsq(moved[clean], gap[clean])[0]
    response = np.nanmean((gap - moved @ slopes)[exposed & ~treated])
    rows = treated & fixed.reached
    omega = rows / rows.sum()
    noise = np.where(clean, -fixed.combine(omega) * gap, 0.0)
    psi = np.bincount(cluster, noise, cluster.max() + 1)
    cells = frame.loc[rows, ["cohort", "year", "cluster"]].assign(z=(gap - response * exposed)[rows], n=1.0)
    sums = cells.groupby(["cohort", "year", "cluster"])[["z", "n"]].sum()
    v, tau = sums["n"], sums["z"]
    centre = without_own(v * tau, v**2)
    np.add.at(psi, sums.index.get_level_values("cluster"), (tau - v * centre) / rows.sum())
    value = float(gap[rows].mean())
    mass = cells.groupby("cohort").size().astype(float)
    return Imputed(value, psi, mass, clean, exposed & ~treated & fixed.reached, rows)


def without_own(top, bottom):
    """Ratio of sums over the other clusters of the cohort and year; over those of all cells where there is no other."""
    cell, own = ["cohort", "year"], "cluster"
    alone = top.groupby(cell).transform("size") == 1
    above, below = (
        (s.groupby(cell).transform("sum") - s).where(~alone, s.sum() - s.groupby(own).transform("sum"))
        for s in (top, bottom)
    )
    return (above / below.where(below > 0)).fillna(0.0)
