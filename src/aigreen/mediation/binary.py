r"""Channels of zeros and ones: a logit or probit on treatment, and the mean probabilities that it implies.

With link function :math:`G` and x the covariates and fixed effects of a row,

.. math:: P(M = 1 | D, x) = G(\alpha D + x'\beta), \qquad \bar p_d = \sum_i w_i\, G(\alpha d + x_i'\beta) / \sum_i w_i .

The panel's unit effect enters as the means over each unit of treatment and covariates, other fixed effects as dummies.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from aigreen.errors import ConvergenceError, DataError, EstimationError, SeparationError
from aigreen.linalg.arrays import compact, sum_by
from aigreen.linalg.cluster_products import dummies
from aigreen.linalg.collinearity import column_scale, independent_columns, symmetric_inverse
from aigreen.mediation.product import Response
from aigreen.regression.counts import LARGEST
from aigreen.regression.sample import Sample
from aigreen.regression.separation import separated_rows

Link = Literal["logit", "probit"]
SHORT = 20  # rows a level
_CERTAIN = 1e-9
_STEP = 1e-12
_DECREMENT = 1e-16


@dataclass(frozen=True, eq=False)
class BinaryModels:
    """What the logits and probits of a regression share.

    Attributes
    ----------
    sample : Sample
    design : ndarray, shape (n, p)
        Treatment, then intercept, dummies, unit means and covariates that are independent; all but dummies in units of
        their standard deviations.
    steps : tuple of float
        Treatment of zero and of one in the units of the design.
    told : str
        How the fixed effects enter.
    """

    sample: Sample
    design: np.ndarray
    steps: tuple[float, float]
    told: str

    @classmethod
    def of(cls, sample: Sample, X: np.ndarray, fixed_effects: Sequence[str]) -> BinaryModels:
        """Lay out the design; the first column of `X` is treatment, all are independent given the fixed effects.

        Raises
        ------
        EstimationError
            A fixed effect other than the unit's has too few rows a level.
        """
        n, panel = len(sample), sample.panel
        unit = "" if panel.repeated else panel.names["unit"]
        by_level = {name: code for name, code in zip(fixed_effects, sample.effects, strict=True) if name != unit}
        sizes = [int(code.max()) + 1 for code in by_level.values()]
        for name, size in zip(by_level, sizes, strict=True):
            if n < SHORT * size:
                raise EstimationError(
                    f"fixed effect {name!r} has {size:,} levels for {n:,} rows: with fewer than {SHORT} rows a level "
                    "its dummies make a logit or probit inconsistent (incidental parameters); leave it out, take a "
                    "coarser one, or the panel's unit, whose effect enters as means"
                )
        if sum(sizes) > LARGEST:
            raise EstimationError(f"{sum(sizes):,} dummies: a logit or probit takes {LARGEST:,}")
        mean, scale = X.mean(axis=0), column_scale(X)
        X = (X - mean) / scale
        blocks = [X[:, :1], np.ones((n, 1)), dummies(list(by_level.values()), sizes, np.arange(n)), X[:, 1:]]
        told = [f"{name} as dummies" for name in by_level]
        if unit in fixed_effects:
            code, n_units = compact(sample.take(panel.unit_codes))
            of_unit = sum_by(code, X, n_units) / np.bincount(code)[:, None]
            blocks.insert(3, of_unit[code])
            told.insert(0, f"{unit} as means of treatment and covariates")
        design = np.hstack(blocks)
        size = np.einsum("ij,ij->j", design, design)
        if unit in fixed_effects:
            size[-(2 * X.shape[1] - 1) :][: X.shape[1]] = np.einsum("ij,ij->j", X, X)
        keep = independent_columns(design.T @ design, size)
        steps = (-mean[0] / scale[0], (1 - mean[0]) / scale[0])
        return cls(sample, design[:, keep], steps, "; ".join(told) or "none (intercept)")

    def put(self, response: Response, names: Sequence[str], M: np.ndarray, links: Mapping[str, Link]) -> None:
        """Write into `response` what treatment does to the channels named in `links`; M has shape (n, K).

        Raises
        ------
        DataError, SeparationError, ConvergenceError
        """
        for name, link in links.items():
            k = list(names).index(name)
            mean, psi = self._probabilities(name, M[:, k], link, len(response.effect_psi))
            response.untreated[k], response.effect[k] = mean[0], mean[1] - mean[0]
            response.untreated_psi[:, k], response.effect_psi[:, k] = psi[:, 0], psi[:, 1] - psi[:, 0]

    def _probabilities(self, name: str, m: np.ndarray, link: Link, n_clusters: int) -> tuple[np.ndarray, np.ndarray]:
        r"""Mean probabilities at treatment zero and one, shape (2,), and their influence functions by cluster.

        With scores s and information A of the likelihood,

        .. math:: \psi_{d,c} = \sum_{i \in c} w_i \frac{G_{di} - \bar p_d}{\sum_j w_j}
                  + \Big(\sum_i w_i \frac{G'_{di} x_{di}}{\sum_j w_j}\Big)' A^{-1} \sum_{i \in c} s_i .
        """
        other = np.flatnonzero((m != 0) & (m != 1))
        if other.size:
            message = f"channel {name!r} has {other.size:,} values other than 0 and 1, which a {link} needs"
            raise DataError(message, column=name, count=other.size, first=self._labels(other))
        w = np.ones(len(m)) if self.sample.weights is None else self.sample.weights
        w = w / w.sum()
        params, influence = self._fit(name, m, link, w * len(m))
        mean, psi = np.zeros(2), np.zeros((n_clusters, 2))
        for j, step in enumerate(self.steps):
            at = self.design.copy()
            at[:, 0] = step
            p, slope = _probability(link, at @ params)
            mean[j] = w @ p
            row = w * (p - mean[j]) + influence @ ((w * slope) @ at)
            psi[:, j] = np.bincount(self.sample.clusters, row, n_clusters)
        return mean, psi

    def _fit(self, name: str, m: np.ndarray, link: Link, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients (p,) by statsmodels and their influence functions by row (n, p)."""
        from statsmodels.genmod import families
        from statsmodels.genmod.generalized_linear_model import GLM

        family = families.Binomial(families.links.Logit() if link == "logit" else families.links.Probit())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitted = GLM(m, self.design, family=family, var_weights=weights, hasconst=True)
            params = fitted.fit(tol=_STEP, tol_criterion="params").params
        index = self.design @ params
        self._require_maximum(name, m, link, _probability(link, index)[0])
        first, second = _derivatives(link, m, index)
        wZ = self.design * weights[:, None]
        scores = wZ * first[:, None]
        bread = symmetric_inverse((wZ * second[:, None]).T @ self.design)
        gradient = scores.sum(axis=0)
        if not gradient @ bread @ gradient < _DECREMENT * len(m):
            raise ConvergenceError(f"channel {name!r}: the {link} did not converge")
        return params, scores @ bread

    def _require_maximum(self, name: str, m: np.ndarray, link: Link, p: np.ndarray) -> None:
        """Refuse a channel that a combination of the design's columns tells apart, if only in some rows."""
        if (np.abs(m - p) > _CERTAIN).all():
            return
        signed = self.design * np.where(m == 1, 1.0, -1.0)[:, None]
        gone = np.flatnonzero(separated_rows(np.zeros(len(m)), signed, []))
        if gone.size:
            message = (
                f"channel {name!r}: {gone.size:,} rows are told apart without error by treatment, covariates and fixed "
                f"effects (separation), so its {link} has no maximum; leave these rows or the columns behind them out"
            )
            raise SeparationError(message, column=name, count=gone.size, first=self._labels(gone))

    def _labels(self, rows: np.ndarray) -> list[str]:
        return self.sample.panel.labels(self.sample.rows[rows[:5]])


def _probability(link: Link, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probability of a one and its derivative by the index."""
    if link == "logit":
        p = special.expit(index)
        return p, p * (1 - p)
    return special.ndtr(index), np.exp(-(index**2) / 2) / np.sqrt(2 * np.pi)


def _derivatives(link: Link, m: np.ndarray, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First derivative of each row's log likelihood by its index, and minus the second."""
    if link == "logit":
        p, slope = _probability(link, index)
        return m - p, slope
    sign = np.where(m == 1, 1.0, -1.0)
    ratio = sign * np.exp(-(index**2) / 2 - special.log_ndtr(sign * index)) / np.sqrt(2 * np.pi)
    return ratio, ratio * (ratio + index)
