"""Regressions of outcome changes on functions of the dose, cell by cell, and what the comparison units add to them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from aigreen.did.dose_response.basis import DoseBasis
from aigreen.did.group_time.comparisons import compared, differences
from aigreen.did.group_time.layout import Wide
from aigreen.did.group_time.plan import Cells
from aigreen.linalg.arrays import sum_by
from aigreen.linalg.collinearity import independent_columns, symmetric_inverse

_ESTIMABLE = 1e-8


@dataclass(frozen=True, eq=False)
class Design:
    """Treated side of the cells with the same units.

    Attributes
    ----------
    cells : ndarray of int, shape (m,)
    treated, controls : ndarray of int, shapes (n1,), (n0,)
        Positions of units.
    doses, share : ndarray, shape (n1,)
        Doses and weights, which sum to one, of the treated units.
    B : ndarray, shape (n1, K)
        Functions of the doses.
    """

    cells: np.ndarray
    treated: np.ndarray
    controls: np.ndarray
    doses: np.ndarray
    share: np.ndarray
    B: np.ndarray

    @cached_property
    def weighted(self) -> np.ndarray:
        """Functions of the doses times the weights, shape (n1, K)."""
        return self.share[:, None] * self.B

    @cached_property
    def mean(self) -> np.ndarray:
        """Mean of each function, shape (K,)."""
        return self.share @ self.B

    @cached_property
    def gram(self) -> np.ndarray:
        """Mean of the cross products, shape (K, K)."""
        return self.weighted.T @ self.B

    @cached_property
    def identified(self) -> bool:
        """Whether the doses tell all functions apart."""
        return bool(independent_columns(self.gram, np.diag(self.gram)).all())

    @cached_property
    def inverse(self) -> np.ndarray:
        """Inverse of `gram`; where the functions are not told apart, the generalised one."""
        return symmetric_inverse(self.gram) if self.identified else np.linalg.pinv(self.gram, hermitian=True)

    def losses(self, functional: np.ndarray, clusters: np.ndarray, n_clusters: int) -> np.ndarray:
        """Return `losses` of this regression alone, by cluster; `clusters` are those of all units, shape (N,)."""
        present, own = np.unique(clusters[self.treated], return_inverse=True)
        out = np.zeros((2, n_clusters, functional.shape[1]))
        out[:, present] = losses(self._grams(own, len(present)), self.inverse, functional)
        return out

    def grams(self, clusters: np.ndarray, n_clusters: int) -> np.ndarray:
        """Add up the cross products of each cluster, shape (clusters, K, K)."""
        return self._grams(clusters[self.treated], n_clusters)

    def _grams(self, clusters: np.ndarray, n_clusters: int) -> np.ndarray:
        size = self.B.shape[1]
        products = (self.weighted[:, :, None] * self.B[:, None, :]).reshape(-1, size * size)
        return sum_by(clusters, products, n_clusters).reshape(-1, size, size)

    def estimable(self, functional: np.ndarray) -> np.ndarray:
        """Mark linear functionals of the coefficients, shape (K, q), that the doses identify."""
        left = functional - self.gram @ (self.inverse @ functional)
        return np.abs(left).max(axis=0, initial=0.0) < _ESTIMABLE


def losses(grams: np.ndarray, inverse: np.ndarray, functional: np.ndarray) -> np.ndarray:
    r"""Variance of linear functionals of a regression that clusters add, and how much less of it residuals show.

    With :math:`G_c` the cross products of cluster c, :math:`G = \sum_c G_c` and independent errors, cluster c adds
    :math:`\omega_c = l'G^{-1}G_cG^{-1}l`; its residuals show
    :math:`\omega_c - l'G^{-1}G_cG^{-1}G_cG^{-1}l`.

    Parameters
    ----------
    grams : shape (clusters, K, K);  inverse : shape (K, K);  functional : shape (K, q)

    Returns
    -------
    ndarray, shape (2, clusters, q)
        :math:`\omega_c`, and by how much less.
    """
    g = inverse @ functional
    moved = grams @ g
    return np.stack([(moved * g).sum(axis=1), (moved * (inverse @ moved)).sum(axis=1)])


@dataclass(frozen=True, eq=False)
class Gaps:
    r"""Outcome changes of treated units less what comparison units predict for them.

    A sum :math:`\sum_i a_i (\Delta Y_i - x_i'\hat\beta_0)` over treated units is moved by comparison unit j by

    .. math:: -w_j (\Delta Y_j - x_j'\hat\beta_0)\, x_j'(X_0'WX_0)^{-1} \sum_i x_i a_i .

    Attributes
    ----------
    gap : ndarray, shape (m, n1)
    residual : ndarray, shape (m, n0)
        Residuals of the comparison units times their weights.
    lever : ndarray, shape (n0, p)
        :math:`(X_0'WX_0)^{-1}x_j`.
    x : ndarray, shape (p, n1)
        Intercept and covariates of the treated units.
    """

    gap: np.ndarray
    residual: np.ndarray
    lever: np.ndarray
    x: np.ndarray

    def through_controls(self, a: np.ndarray) -> np.ndarray:
        """Return what comparison units add to sums with weights a, shape (n1, q), for one unit of their residuals."""
        return -self.lever @ (self.x @ a)


@dataclass(frozen=True, eq=False)
class Regressions:
    """All cells of a design with doses.

    Attributes
    ----------
    cells : Cells
        Those that can be computed.
    cohort : ndarray, shape (N,)
        Of each unit; inf for never treated, nan for left out.
    wide : Wide
    doses : ndarray, shape (T or 1, N)
    basis : DoseBasis
    """

    cells: Cells
    cohort: np.ndarray
    wide: Wide
    doses: np.ndarray
    basis: DoseBasis

    @cached_property
    def designs(self) -> list[Design]:
        """The treated side of all cells."""
        return list(self._designs())

    def _designs(self) -> Iterator[Design]:
        for cells, treated, controls in compared(self.cells, self.cohort, self.wide, alone=len(self.doses) > 1):
            doses = self.doses[self.cells.time[cells[0]] if len(self.doses) > 1 else 0, treated]
            w = self.wide.w[self.cells.earlier[cells[0]] if len(self.wide.w) > 1 else 0, treated]
            yield Design(cells, treated, controls, doses, w / w.sum(), self.basis(doses))

    def gaps(self, design: Design) -> Gaps:
        """Compare the units of some cells with their comparison units."""
        (dy1, x1, _), (dy0, x0, w0) = (
            differences(self.wide, self.cells, design.cells, side)[0] for side in (design.treated, design.controls)
        )
        if x1 is None or x0 is None:
            x1, x0 = np.ones((1, dy1.shape[1])), np.ones((1, dy0.shape[1]))
        weighted = x0 * w0
        gram = weighted @ x0.T
        beta = np.linalg.solve(gram, weighted @ dy0.T)
        residual = (dy0 - beta.T @ x0) * w0
        return Gaps(dy1 - beta.T @ x1, residual, np.linalg.solve(gram, x0).T, x1)
