"""Resampled clusters, and the draws of parts that a bootstrap gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd

from aigreen.arguments import typed
from aigreen.effects.effects import Effects
from aigreen.errors import OptionError, RefitWarning, UnknownColumnError, warn
from aigreen.options import check_draws, check_level

Resampling = Literal["clusters", "exponential"]


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """Draws of the parts of a decomposition.

    Attributes
    ----------
    draws : DataFrame, shape (n_draws, parts)
        nan where a draw does not identify the part.
    effects : Effects
        The estimates on the whole sample.
    """

    draws: pd.DataFrame
    effects: Effects

    @property
    def std_errors(self) -> pd.Series:
        """Standard deviation of the draws."""
        return self.draws.std().rename("std_error")

    @typed
    def conf_int(self, level: float = 0.95) -> pd.DataFrame:
        """Percentile intervals."""
        check_level(level)
        tails = [(1 - level) / 2, (1 + level) / 2]
        return self.draws.quantile(tails).T.set_axis(["low", "high"], axis=1)

    @typed
    def share(self, part: str, whole: str = "total") -> pd.Series:
        """Draws of a share, for overall parts."""
        for name in (part, whole):
            if name not in self.draws.columns:
                raise UnknownColumnError(name, list(self.draws.columns), role="draws", what="part")
        return self.draws[part] / self.draws[whole]


def warn_of_refits(n_draws: int) -> None:
    """Warn that draws are not matrix products."""
    why = (
        "the outcome is a count, no fixed effect is nested in clusters, or there are too many clusters and fixed "
        "effects for one product"
    )
    warn(RefitWarning(f"each of {n_draws:,} draws is fitted anew: {why}", count=n_draws))


def cluster_weights(codes: np.ndarray, n_clusters: int, n_draws: int, seed: int, resampling: Resampling) -> np.ndarray:
    """Draw weights of all clusters, zero for those without rows, shape (n_draws, n_clusters)."""
    if resampling not in get_args(Resampling):
        raise OptionError("resampling", resampling, get_args(Resampling))
    check_draws(n_draws, seed, fewest=2)
    rng = np.random.default_rng(seed)
    present = np.flatnonzero(np.bincount(codes, minlength=n_clusters))
    omega = np.zeros((n_draws, n_clusters))
    n = len(present)
    if resampling == "clusters":
        omega[:, present] = rng.multinomial(n, np.full(n, 1 / n), size=n_draws)
    else:
        omega[:, present] = rng.exponential(size=(n_draws, n))
    return omega
