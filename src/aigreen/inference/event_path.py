"""Effects before and after treatment as the arrays that tests of parallel trends work on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import pandas as pd
from scipy import special

from aigreen.effects.effects import Effects
from aigreen.errors import (
    EffectsError,
    NoInfluenceError,
    NoPrePeriodError,
    OptionError,
    SingularCovarianceError,
    counted,
)

_RANK_TOLERANCE = 1e-10

PostWeights: TypeAlias = Literal["first", "average"] | Mapping[int, float] | pd.Series


@dataclass(frozen=True, eq=False)
class EventPath:
    """An event study without its reference period, in the order of horizons.

    Attributes
    ----------
    effects : Effects
        The effects in this order, without the reference.
    horizons : ndarray of int, shape (k,)
    reference : int
        Horizon whose effect is zero by construction.
    values : ndarray, shape (k,)
    covariance : ndarray, shape (k, k)
    n_pre : int
        Number of horizons before the reference; the others come after it.
    """

    effects: Effects
    horizons: np.ndarray
    reference: int
    values: np.ndarray
    covariance: np.ndarray
    n_pre: int

    @classmethod
    def of(cls, effects: Effects) -> EventPath:
        """Sort the effects by horizon and take out the reference period.

        Raises
        ------
        EffectsError
            Where effects are not by horizon alone, there is not exactly one reference, or horizons have gaps.
        NoPrePeriodError
        NoInfluenceError
        """
        study = effects.event_study()
        horizons = study.index.get_level_values("horizon").to_numpy()
        if len(np.unique(horizons)) < len(horizons):
            others = [str(name) for name in study.index.names if name != "horizon"]
            raise EffectsError(
                f"horizons stand more than once; choose one of {', '.join(others)} first: effects[label]"
            )
        if horizons.min() >= -1:
            raise NoPrePeriodError(f"{study.method} reports no effects before the reference period")
        covariance = study.small_sample_vcov.to_numpy()
        if np.isnan(covariance).any():
            raise NoInfluenceError(f"{study.method} has no joint covariance of its effects by horizon")
        order = np.argsort(horizons)
        horizons, values, covariance = horizons[order], study.values[order], covariance[np.ix_(order, order)]
        fixed = (np.diag(covariance) == 0) & (values == 0)
        reference = _reference(horizons, fixed, guess=study.leads == "path" and not study.anticipation)
        kept = ~fixed
        full = np.sort(np.append(horizons[kept], reference))
        if (np.diff(full) != 1).any():
            raise EffectsError(
                f"horizons {', '.join(map(str, full))} are not consecutive; select a window without gaps"
            )
        n_pre = int((horizons[kept] < reference).sum())
        if not n_pre:
            raise NoPrePeriodError("no effect before the reference period")
        if n_pre == kept.sum():
            raise EffectsError("no effect after the reference period")
        covariance = covariance * _widening(study, order[kept])
        part = study.combine(np.eye(len(study))[:, order[kept]])
        return cls(part, horizons[kept], reference, values[kept], covariance[np.ix_(kept, kept)], n_pre)

    @property
    def n_post(self) -> int:
        """Number of horizons after the reference."""
        return len(self.values) - self.n_pre

    @property
    def distance(self) -> np.ndarray:
        """Periods since the reference, shape (k,); negative before."""
        return self.horizons - self.reference

    def post_weights(self, weights: PostWeights) -> np.ndarray:
        """Weights of the effect of interest over horizons after the reference, shape (n_post,)."""
        post = self.horizons[self.n_pre :]
        if isinstance(weights, str):
            if weights not in {"first", "average"}:
                raise OptionError("weights", weights, ["first", "average", "a mapping of horizon to weight"])
            treated = np.flatnonzero(post >= 0)
            if not treated.size:
                raise EffectsError("no effect at horizon 0 or later; give weights by horizon")
            chosen = treated[:1] if weights == "first" else treated
            return np.where(np.isin(np.arange(len(post)), chosen), 1 / len(chosen), 0.0)
        given = pd.Series(weights, dtype=float)
        unknown = given.index.difference(pd.Index(post))
        found = given.reindex(post).fillna(0.0).to_numpy()
        if len(unknown) or not np.isfinite(found).all() or not found.any():
            raise EffectsError(
                f"weights must be finite, not all zero, and by horizon among {', '.join(map(str, post))}"
            )
        return found

    def require_rank(self, combinations: np.ndarray, what: str) -> None:
        """Raise where `combinations`, shape (r, k), of the estimates have a singular covariance."""
        covariance = combinations @ self.covariance @ combinations.T
        scale = np.sqrt(np.maximum(np.diag(covariance), 0))
        if scale.all():
            smallest = np.linalg.eigvalsh(covariance / np.outer(scale, scale))[0]
        if not scale.all() or smallest < _RANK_TOLERANCE:
            clusters = self.effects.n_clusters
            raise SingularCovarianceError(
                f"the covariance of {what} ({len(combinations)} numbers, {clusters} clusters) is singular"
            )


def _widening(study: Effects, kept: np.ndarray) -> float:
    """Squared ratio of the t to the normal quantile with the degrees of freedom that the treated clusters leave."""
    df = study.effective_clusters()["df"].to_numpy()[kept]
    if np.isnan(df).any():
        raise EffectsError(
            f"{counted(np.isnan(df).sum(), 'effect rests', 'effects rest')} on one treated or comparison cluster, "
            "without an error of its own"
        )
    tail = 0.975
    return float((special.stdtrit(df.min(), tail) / special.ndtri(tail)) ** 2) if np.isfinite(df.min()) else 1.0


def _reference(horizons: np.ndarray, fixed: np.ndarray, *, guess: bool) -> int:
    """Horizon that is zero by construction: given as such, or (of a path) the one left out just before treatment."""
    if fixed.sum() > 1:
        raise EffectsError(
            f"{fixed.sum()} reference periods ({', '.join(map(str, horizons[fixed]))}); select all but one of them away"
        )
    if fixed.any():
        return int(horizons[fixed][0])
    missing = np.setdiff1d(np.arange(horizons[0], max(horizons[-1], -1) + 1), horizons)
    if guess and len(missing) == 1 and missing[0] < 0:
        return int(missing[0])
    raise EffectsError(
        "no reference period: effects before treatment must be relative to one period, as with "
        "GroupTimeATT(base_period='universal') and Decomposition(leads=...).path"
    )
