"""What any projection on absorbed effects gives, fixed ones or with slopes: fit on some rows, predict on all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from scipy import sparse

from aigreen.errors import EstimationError


class Absorption(ABC):
    """A least-squares projection fitted on some rows and defined on all.

    Attributes
    ----------
    codes : tuple of ndarray of int, shape (n,)
        Level of each row in each fixed effect.
    rows : ndarray of int, shape (n_fitted,)
        Positions of the fitted rows.
    rank : int
        Degrees of freedom that it uses.
    reached : ndarray of bool, shape (n,)
        Rows whose prediction the fitted rows identify.
    """

    codes: tuple[np.ndarray, ...]
    rows: np.ndarray
    rank: int

    @property
    @abstractmethod
    def reached(self) -> np.ndarray:
        """Rows whose prediction the fitted rows identify, shape (n,)."""

    @abstractmethod
    def coefficients(self, y: np.ndarray) -> list[np.ndarray]:
        """Estimate the coefficients, of values of all rows, shape (n,) or (n, k)."""

    @abstractmethod
    def predict(self, coefficients: Sequence[np.ndarray]) -> np.ndarray:
        """Predict every row, shape (n,) or (n, k); without meaning where not `reached`."""

    @abstractmethod
    def implied_weights(self, targets: np.ndarray | sparse.sparray) -> np.ndarray:
        """Weights on fitted rows that predictions for target rows give."""

    @abstractmethod
    def cluster_sums(
        self, scores: np.ndarray, targets: np.ndarray | sparse.sparray, clusters: np.ndarray, n_clusters: int
    ) -> np.ndarray:
        """Influence functions of weighted sums of predictions by cluster, shape (n_clusters, k)."""

    @abstractmethod
    def leverage(self) -> np.ndarray:
        """Diagonal of the projection of the fitted rows, shape (n_fitted,)."""

    def residualize(self, y: np.ndarray) -> np.ndarray:
        """Values of all rows less their prediction, shape of `y`; nan where not `reached`."""
        residuals = self.predict(self.coefficients(y))
        np.subtract(y, residuals, out=residuals)
        if not self.reached.all():
            residuals[~self.reached] = np.nan
        return residuals

    def require_reached(self, rows: np.ndarray) -> None:
        """Refuse rows, by position, whose prediction is not identified."""
        if not self.reached[rows].all():
            raise EstimationError("target weights stand on rows whose fixed effects are not identified")
