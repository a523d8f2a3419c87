"""One coefficient of a linear regression by Frisch-Waugh-Lovell, with the cluster sums that resampling needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from aigreen.errors import CollinearError, NoTreatedError, NoVariationError
from aigreen.linalg.arrays import compact
from aigreen.linalg.projection import Projection
from aigreen.panel.dropped import Dropped
from aigreen.panel.panel import Panel, require_panel, with_weight

_COLLINEAR = 1e-10
_EXACT = 1e-24  # squared residuals relative to the squared outcome


@dataclass(frozen=True)
class Design:
    """Rows with positive weight of a complete sample, and the projection off all regressors but the treatment."""

    sample: Panel
    outcome: np.ndarray
    projection: Projection
    n_slopes: int

    @classmethod
    def of(
        cls,
        panel: Panel,
        names: Sequence[str],
        covariates: Sequence[str],
        fixed_effects: Sequence[str] | None,
        dropped: Dropped,
    ) -> Design:
        """Read the outcome (first of `names`), covariates and fixed effects; `names` must not be missing either."""
        require_panel(panel)
        panel, covariates = panel.with_covariates(covariates, dropped)
        panel.check_roles(names[0], fixed_effects, treatment=names[1:], covariates=covariates)
        sample = with_weight(panel.complete([*names, *covariates], dropped), dropped)
        codes = [sample.effect_codes(name) for name in panel.effect_names(fixed_effects)]
        projection = Projection(codes, sample.n_rows, sample.weights, sample.matrix(covariates))
        dropped.collinear(covariates, projection.kept)
        return cls(sample, sample.column(names[0]), projection, int(projection.kept.sum()) + (not codes))


@dataclass(frozen=True)
class Products:
    """Cluster products :math:`(M 1_g d)' W 1_h x` as a diagonal minus a product of two low-rank factors."""

    diagonal: np.ndarray
    left: np.ndarray
    right: np.ndarray
    sparse_part: sparse.csr_array | None

    def scores(self, v: np.ndarray) -> np.ndarray:
        """Bootstrap scores by cluster, shape (draws, G), of multipliers `v`, shape (draws, G)."""
        scores = v * self.diagonal
        scores -= (v @ self.right) @ self.left.T
        if self.sparse_part is not None:
            scores -= (self.sparse_part @ v.T).T
        return scores


@dataclass(frozen=True)
class Regression:
    """Coefficient of `treatment` with clustered standard error.

    Attributes
    ----------
    sample : Panel
        The rows used.
    treatment, within_outcome, residual : ndarray, shape (n,)
        Treatment and outcome residualised on the other regressors; residual of the full regression.
    treated_rows : ndarray of int
        Rows at which a dummy of treatment is one; all rows where the treatment is no dummy.
    treatment_square : float
        Weighted sum of squares of `treatment`.
    """

    sample: Panel

    estimate: float
    std_error: float
    small_sample: float
    treatment: np.ndarray
    within_outcome: np.ndarray
    treatment_square: float
    residual: np.ndarray
    treated_rows: np.ndarray
    clusters: np.ndarray
    n_clusters: int
    projection: Projection

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.residual)

    @classmethod
    def of(
        cls,
        panel: Panel,
        outcome: str,
        treatment: str | None,
        covariates: Sequence[str],
        fixed_effects: Sequence[str] | None,
        cluster: str | None,
        dropped: Dropped,
    ) -> Regression:
        """Fit on the rows without missing values."""
        names = [outcome] if treatment is None else [outcome, treatment]
        design = Design.of(panel, names, covariates, fixed_effects, dropped)
        sample, projection = design.sample, design.projection
        codes = sample.cluster_codes if cluster is None else sample.codes(cluster)[0]
        clusters, n_clusters = compact(codes)
        raw = sample.treated.astype(float) if treatment is None else sample.column(treatment)
        if treatment is None and not raw.any():
            raise NoTreatedError(f"no unit is treated inside the sample{dropped.cause()}")
        d, y = projection.residuals(raw), projection.residuals(design.outcome)
        w = projection.weights
        spread = w @ (raw - np.average(raw, weights=w)) ** 2
        square = w @ d**2
        if square <= _COLLINEAR * spread:
            name = "treated" if treatment is None else treatment
            raise CollinearError(f"the fixed effects and covariates determine the treatment {name!r}")
        estimate = float(w @ (d * y) / square)
        residual = y - estimate * d
        n, k = len(y), design.n_slopes + 1
        small = n_clusters / max(n_clusters - 1, 1) * (n - 1) / max(n - k, 1)
        scores = np.bincount(clusters, w * d * residual)
        error = float(np.sqrt(small * (scores @ scores)) / square)
        return cls(
            sample=sample,
            estimate=estimate,
            std_error=error,
            small_sample=small,
            treatment=d,
            within_outcome=y,
            treatment_square=float(square),
            residual=residual,
            treated_rows=np.flatnonzero(raw if np.isin(raw, [0, 1]).all() else np.ones(n)),
            clusters=clusters,
            n_clusters=n_clusters,
            projection=projection,
        )

    def require_residuals(self, outcome: str) -> None:
        """Refuse a regression that fits exactly: nothing is left to draw from."""
        y = self.sample.column(outcome)
        if self.residual @ self.residual <= _EXACT * (y @ y):
            raise NoVariationError(outcome)

    def cluster_products(self, x: np.ndarray) -> Products:
        """Products of the cluster pieces of the treatment with those of `x`, off all regressors."""
        groups, n, w = self.clusters, self.n_clusters, self.projection.weights
        diagonal = np.bincount(groups, w * self.treatment * x, minlength=n)
        square = np.bincount(groups, w * self.treatment**2, minlength=n)
        own = self.projection.pieces(self.treatment, groups, n)
        other = own if x is self.treatment else self.projection.pieces(x, groups, n)
        left = np.column_stack([own.left, square / square.sum()])
        right = np.column_stack([other.right, diagonal])
        crossing = None if self.projection.nested_in(groups) else (own.first @ other.first.T).tocsr()
        return Products(diagonal, left, right, crossing)
