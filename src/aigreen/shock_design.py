"""Rows, shares and shocks of one shift-share fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aigreen.arrays import sum_by
from aigreen.did.regression import column_scale, independent, project
from aigreen.did.sample import Sample, draw_sample
from aigreen.did.sandwich import SMALL_SAMPLE, cluster_factor, compact, n_parameters
from aigreen.dropped import Dropped
from aigreen.effects import Effects
from aigreen.errors import CollinearError, CollinearWarning, DataError, MissingRowsWarning, TooFewClustersError
from aigreen.panel import Panel

if TYPE_CHECKING:
    from aigreen.shift_share import ShiftShare

INSTRUMENT = "shift-share"
NOTHING = 1e-10
INCOMPLETE = 1e-8


@dataclass(frozen=True, eq=False)
class Design:
    """Outcome, treatment and instrument less fixed effects and covariates, shape (n,), and what errors need."""

    options: ShiftShare
    sample: Sample
    y: np.ndarray
    x: np.ndarray
    z: np.ndarray
    w: np.ndarray
    S: np.ndarray
    period: np.ndarray
    h: np.ndarray
    n_covariates: int
    dropped: Dropped

    @classmethod
    def of(
        cls,
        options: ShiftShare,
        panel: Panel,
        outcome: str,
        treatment: str | None,
        covariates: Sequence[str] | None,
    ) -> Design:
        """Draw the sample, take out fixed effects and covariates, and find the shocks' weights `h`."""
        dropped, covariates = Dropped(), list(covariates or [])
        held = [options.shocks] if isinstance(options.shocks, str) else []
        panel = _with_shares(panel, options, dropped)
        panel = panel.complete([outcome, *([treatment] if treatment else []), *held, *covariates], dropped)
        if options.fixed_effects is None:
            names = [panel.names["unit"], panel.names["time"]]
        else:
            names = list(dict.fromkeys(options.fixed_effects))
        sample = draw_sample(panel, names, dropped, counts=None)
        S = options.shares.to_numpy(float)[options.positions(panel)[sample.rows]]
        period, shocks = options.shocks_by_row(panel)
        period = period[sample.rows]
        z = sample.matrix(held)[:, 0] if held else np.einsum("ik,ik->i", S, shocks[period])
        x = sample.matrix([treatment])[:, 0] if treatment else z
        sums = S.sum(axis=1)[:, None] * (period[:, None] == np.unique(period))
        X = sample.matrix(covariates)
        X = X if names else np.column_stack([X, np.ones(len(sample))])
        columns = np.column_stack([sample.matrix([outcome]), x, z, sums])
        within, n_covariates = _within(sample, columns, X, covariates, dropped)
        w = np.ones(len(sample)) if sample.weights is None else sample.weights
        if w @ within[:, 2] ** 2 <= NOTHING * (w @ (z - np.average(z, weights=w)) ** 2):
            raise CollinearError("the instrument is not identified: fixed effects and covariates determine it")
        h = np.zeros(shocks.shape)
        if options.errors == "akm":
            h = _on_shares(S, within[:, 2], w, period, h)
        elif options.errors == "bhj":
            _check_sums(S.sum(axis=1), within[:, 3:])
            size = _to_shocks(S, w, period, h)
            h = shocks - (size * shocks).sum(axis=1, keepdims=True) / size.sum(axis=1, keepdims=True)
        design = cls(options, sample, *within[:, :3].T, w, S, period, h, n_covariates, dropped)
        if abs(design.cross(design.x)) <= NOTHING * np.sqrt(design.cross(design.z) * (w @ design.x**2)):
            raise CollinearError("the instrument does not move the treatment apart from fixed effects and covariates")
        return design

    def cross(self, values: np.ndarray) -> float:
        """Weighted product of the instrument with `values`."""
        return float((self.w * self.z) @ values)

    def scores(self, values: np.ndarray) -> np.ndarray:
        """Return the sums over clusters that estimate the spread of `cross(values)`, shape (clusters,)."""
        if self.options.errors == "cluster":
            clusters, n_clusters = compact(self.sample.clusters)
            parameters = n_parameters(1 + self.n_covariates, self.sample.effects, [clusters])
            factor = cluster_factor(len(self.sample), parameters, n_clusters)
            rows = (self.w * self.z * values)[:, None]
            return np.sqrt(factor) * sum_by(self.sample.clusters, rows, len(self.sample.panel.clusters))[:, 0]
        by_shock = self.h * _to_shocks(self.S, self.w * values, self.period, self.h)
        codes, labels = self.clusters()
        return np.bincount(codes, by_shock.sum(axis=0), minlength=len(labels))

    def estimate(self, y: np.ndarray, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Coefficient of `x` and its influence function."""
        beta = self.cross(y) / self.cross(x)
        return beta, self.scores(y - beta * x) / self.cross(x)

    def effective_f(self) -> float:
        """Squared t statistic of the first stage."""
        beta, psi = self.estimate(self.x, self.z)
        return beta**2 / float(psi @ psi)

    def clusters(self) -> tuple[np.ndarray, pd.Index]:
        """Cluster of each sector, and labels of the clusters."""
        sectors, given = self.options.shares.columns, self.options.shock_clusters
        labels = sectors if given is None else pd.Index([given[sector] for sector in sectors])
        codes, seen = pd.factorize(labels, sort=True)
        return codes, pd.Index(seen, name="shock")

    def effects(self, beta: float, psi: np.ndarray, label: str, outcome: str, facts: Mapping[str, str]) -> Effects:
        """Wrap one coefficient; `facts` are added to its conventions."""
        sample, sums = self.sample, self.S.sum(axis=1)
        by_sector = _to_shocks(self.S, self.w, self.period, self.h)
        codes, labels = self.clusters()
        size = np.bincount(codes, by_sector.sum(axis=0))
        if self.options.errors == "cluster":
            labels, n_clusters = sample.panel.clusters, sample.n_clusters
            variance = f"clustered by {labels.name}, {SMALL_SAMPLE}"
        else:
            n_clusters = int((size > 0).sum())
            variance = f"exposure-robust ({self.options.errors}), by shock cluster, no small-sample factor"
            if n_clusters < 2:
                raise TooFewClustersError(f"{n_clusters} shock cluster: no variance can be computed", count=n_clusters)
        return Effects(
            values=np.array([beta]),
            index=pd.Index([label], name="term"),
            psi=psi[:, None],
            clusters=labels,
            n_rows=len(sample),
            n_units=sample.n_units,
            n_clusters=n_clusters,
            method="Shift-share " + ("OLS" if label == INSTRUMENT else "2SLS"),
            outcome=outcome,
            df=n_clusters - 1 if self.options.errors == "cluster" else None,
            conventions={
                "variance": variance,
                "sums of shares": f"{sums.min():.3g} to {sums.max():.3g}",
                "effective number of shock clusters": f"{size.sum() ** 2 / (size @ size):.1f}",
                "singletons": "left out, counted",
            }
            | facts,
            dropped=self.dropped.to_frame(),
        )


def _with_shares(panel: Panel, options: ShiftShare, dropped: Dropped) -> Panel:
    """Leave out and count rows without shares."""
    found = options.positions(panel) >= 0
    if not found.any():
        raise DataError(
            "no row of the panel has shares", column=panel.names["unit"], count=len(found), first=panel.units[:5]
        )
    lost = np.flatnonzero(~found)
    dropped.add(MissingRowsWarning, "rows", "no shares", lost.size, panel.labels(lost[:5]))
    return panel if found.all() else panel._view(found)


def _check_sums(sums: np.ndarray, left: np.ndarray) -> None:
    """Refuse sums of shares of which fixed effects and covariates leave something."""
    if (np.abs(left) > INCOMPLETE * max(sums.max(), 1.0)).any():
        raise DataError(
            f"shares sum to between {sums.min():.3g} and {sums.max():.3g}, and covariates and fixed effects do not "
            "hold these sums (by period, where shocks have periods), as errors='bhj' needs; add them as covariates"
        )


def _within(
    sample: Sample, columns: np.ndarray, X: np.ndarray, names: Sequence[str], dropped: Dropped
) -> tuple[np.ndarray, int]:
    """Take fixed effects and covariates out of columns, shape (n, k); also count the covariates that stay."""
    k, scaled = columns.shape[1], np.column_stack([columns, X / column_scale(X)])
    scale = column_scale(columns)
    scaled[:, :k] /= scale
    out = project(scaled, sample.effects, sample.weights)
    keep = independent(scaled[:, k:], out[:, k:], sample.weights)
    lost = [name for name, stays in zip(names, keep[: len(names)], strict=True) if not stays]
    dropped.add(CollinearWarning, "covariates", "determined by fixed effects and others", len(lost), lost)
    root = np.ones((len(out), 1)) if sample.weights is None else np.sqrt(sample.weights)[:, None]
    X = out[:, k:][:, keep]
    slopes = np.linalg.lstsq(X * root, out[:, :k] * root, rcond=None)[0]
    return (out[:, :k] - X @ slopes) * scale, int(keep.sum())


def _to_shocks(S: np.ndarray, values: np.ndarray, period: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Sum `values`, shape (n,), over rows by their shares, shape (periods, K)."""
    out = np.zeros(like.shape)
    for p in np.unique(period):
        rows = period == p
        out[p] = S[rows].T @ values[rows]
    return out


def _on_shares(S: np.ndarray, z: np.ndarray, w: np.ndarray, period: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Regress the instrument on shares, by period; zero for sectors without shares. Shape (periods, K)."""
    out = np.zeros(like.shape)
    for p in np.unique(period):
        rows = period == p
        root = np.sqrt(w[rows])
        used = S[rows].any(axis=0)
        shares = S[rows][:, used] * root[:, None]
        coefficients, _, rank, _ = np.linalg.lstsq(shares, z[rows] * root, rcond=None)
        if rank < used.sum():
            raise CollinearError(
                f"shares of {used.sum()} sectors in {rows.sum()} rows have rank {rank}: aggregate sectors whose shares "
                "others determine, or use errors='bhj'"
            )
        out[p, used] = coefficients
    return out
