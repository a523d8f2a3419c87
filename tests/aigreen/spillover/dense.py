"""Firms with two exposures, and the spillover estimator written out in dense form."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aigreen import Panel
from aigreen.exposure.basis import Basis

KEYS = {"unit": "firm", "time": "year", "cohort": "first"}
RINGS = ["near", "far"]


def firms(seed: int = 0, n: int = 150, periods: int = 8, missing: float = 0.1) -> pd.DataFrame:
    """An unbalanced panel with cohorts 4 and 6, two exposures that overlap, weights, clusters, counts."""
    rng = np.random.default_rng(seed)
    firm, year = np.repeat(np.arange(n), periods), np.tile(np.arange(1, periods + 1), n)
    first = rng.choice([0, 0, 4, 6], n)[firm]
    links = rng.choice([0, 0, 0, 1, 2], (n, 2))[firm]
    on = np.column_stack([year >= rng.choice([4, 5], n)[firm], year >= rng.choice([5, 6], n)[firm]])
    S = links * on * (1 + 0.5 * rng.random((n * periods, 2)).round(1))
    treated = (first > 0) & (year >= first)
    x = rng.standard_normal(n * periods)
    effect = treated * (0.5 + 0.1 * (year - first)) + 0.3 * S[:, 0] + 0.1 * (S[:, 1] > 0)
    level = 0.5 * rng.standard_normal(n)[firm]
    df = pd.DataFrame(
        {
            "firm": firm,
            "year": year,
            "first": first,
            "city": firm // 3,
            "industry": rng.integers(0, 2, n)[firm],
            "near": S[:, 0],
            "far": S[:, 1],
            "x": x,
            "w": (rng.random(n) + 0.5)[firm],
            "y": level + 0.1 * year + 0.4 * x + effect + rng.standard_normal(n * periods),
            "count": rng.poisson(np.exp(1.2 + level + 0.05 * year + 0.2 * x + 0.5 * effect)),
        }
    )
    return df[rng.random(len(df)) >= missing].reset_index(drop=True)


class Dense:
    """The estimator by dense matrices: linear weights of every part on all outcomes."""

    def __init__(
        self,
        panel: Panel,
        basis: Basis,
        columns: list[str],
        covariates: list[str],
        effects: list[str],
        *,
        leave_one_out: bool = False,
    ) -> None:
        df, self.leave_one_out = panel.frame, leave_one_out
        self.panel, self.S, self.y = panel, panel.matrix(columns), panel.column("y")
        self.w = np.ones(len(df)) if panel.weights is None else panel.weights
        parts = [pd.get_dummies(df[name].astype(str)).to_numpy(float) for name in effects]
        Z = np.hstack([*parts, df[covariates].to_numpy(float)])
        self.B = basis(self.S)
        exposed = (self.S > 0).any(axis=1)
        self.treated = panel.treated
        self.clean, self.E = ~self.treated & ~exposed, ~self.treated & exposed
        clean = self.clean
        inverse = np.linalg.pinv((Z[clean] * self.w[clean, None]).T @ Z[clean])
        self.project = Z @ inverse @ (Z[clean] * self.w[clean, None]).T  # n x clean
        self.tau = self.y - self.project @ self.y[clean]
        b, w = self.B[self.E], self.w[self.E]
        self.theta_rows = np.zeros((b.shape[1], len(df)))  # weights of theta on tau
        self.theta_rows[:, self.E] = np.linalg.solve((b * w[:, None]).T @ b, (b * w[:, None]).T)
        self.theta = self.theta_rows @ self.tau
        self.residual = self.tau - self.B @ self.theta
        if leave_one_out:
            self.without = np.array([self.theta_on(panel.cluster_codes != c) for c in range(len(panel.clusters))])
            around = np.einsum("ij,ij->i", self.B, self.without[panel.cluster_codes])
            self.residual[self.E] = (self.tau - around)[self.E]
        self.onset = [self.first(exposed), *(self.first(s > 0) for s in self.S.T)]

    def theta_on(self, kept: np.ndarray) -> np.ndarray:
        """Response from some of the exposed rows."""
        rows = self.E & kept
        root = np.sqrt(self.w[rows])
        return np.linalg.lstsq(self.B[rows] * root[:, None], self.tau[rows] * root, rcond=None)[0]

    def first(self, positive: np.ndarray) -> np.ndarray:
        df = self.panel.frame
        return df["firm"].map(df["year"][positive].groupby(df["firm"][positive]).min()).to_numpy()

    def clean_psi(self, rows: np.ndarray) -> np.ndarray:
        """Part of the influence that comes through clean rows, of weights on tau."""
        out = np.zeros(len(self.y))
        out[self.clean] = -(rows @ self.project) * self.tau[self.clean]
        return self.by_cluster(out)

    def own_psi(self, rows: np.ndarray) -> np.ndarray:
        """Deviations from the response, and for treated rows from the centre of the cohort-period, by cluster."""
        df = pd.DataFrame({"c": self.panel.cluster_codes, "v": rows, "vt": rows * self.residual})
        df["g"], df["t"] = self.panel.cohort, self.panel.time
        df = df[rows != 0]
        if not self.treated[rows != 0].any():
            return np.bincount(df.c, df.vt, len(self.panel.clusters))
        sums = df.groupby(["g", "t", "c"])[["v", "vt"]].sum()
        squares = pd.DataFrame({"top": sums.v * sums.vt, "bottom": sums.v**2})
        around = squares.groupby(["g", "t"]).transform("sum") - self.leave_one_out * squares
        centre = (around.top / around.bottom).reindex(pd.MultiIndex.from_frame(df[["g", "t", "c"]])).to_numpy()
        return np.bincount(df.c, df.vt - df.v * centre, len(self.panel.clusters))

    def by_cluster(self, values: np.ndarray) -> np.ndarray:
        return np.bincount(self.panel.cluster_codes, values, len(self.panel.clusters))

    def theta_psi(self) -> np.ndarray:
        clean = np.column_stack([self.clean_psi(rows) for rows in self.theta_rows])
        if self.leave_one_out:
            return clean + self.theta - self.without
        return clean + np.column_stack([self.by_cluster(rows * self.residual) for rows in self.theta_rows])

    def part(self, rows: np.ndarray, functions: list[int]) -> tuple[float, np.ndarray]:
        """Estimate and influence of a weighted mean of tau - B'theta over some basis functions."""
        a = np.where(rows, self.w, 0) / self.w[rows].sum()
        psi = self.own_psi(a) + self.clean_psi(a)
        psi -= self.theta_psi()[:, functions] @ (a @ self.B[:, functions])
        return a @ (self.tau - self.B[:, functions] @ self.theta[functions]), psi
