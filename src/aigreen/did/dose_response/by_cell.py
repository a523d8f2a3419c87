"""Effects and causal responses of each cohort in each period."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from aigreen.did.dose_response.curve import Curve, share_lost
from aigreen.did.dose_response.regressions import Design, Regressions
from aigreen.did.group_time.comparisons import Computed
from aigreen.linalg.arrays import sum_by

# Functionals of the coefficients of some cells, shape (K, q); for each a treated unit's share in them, shape (n1, q),
# where they are averages over the treated units themselves; and which of them are identified, shape (q,).
Functionals = tuple[np.ndarray, np.ndarray | None, np.ndarray]


def mean_response(found: Regressions, design: Design) -> Functionals:
    """Average the derivative over the doses of the treated units."""
    slope = found.basis.slope(design.doses)
    return (design.share @ slope)[:, None], slope, np.array([design.identified])


def at_doses(at: np.ndarray, *, slope: bool) -> Callable[[Regressions, Design], Functionals]:
    """Evaluate curve or derivative at doses, shape (q,), inside those of the treated units."""

    def functionals(found: Regressions, design: Design) -> Functionals:
        terms = (found.basis.slope(at) if slope else found.basis(at)).T
        inside = (at >= design.doses.min()) & (at <= design.doses.max()) | (found.basis.degree == 0)
        return terms, None, inside & design.estimable(terms)

    return functionals


def by_cell(
    found: Regressions, functionals: Callable[[Regressions, Design], Functionals], q: int, n_clusters: int
) -> tuple[Curve, np.ndarray]:
    """Compute q functionals of the coefficients of every cell.

    Returns
    -------
    curve : Curve
        Of cells x q effects, the functionals of a cell side by side.
    identified : ndarray of bool, shape (cells, q)
        The other effects are zero.
    """
    n = len(found.cells)
    result, identified = Computed.nothing(n * q, n_clusters), np.zeros((n, q), dtype=bool)
    clusters, of = found.wide.clusters, np.zeros((n, q), dtype=np.intp)
    distinct = len(np.unique(clusters)) == len(clusters)
    share, lost = [], []
    for i, design in enumerate(found.designs):
        terms, own, known = functionals(found, design)
        terms = terms * known
        identified[design.cells] = known
        of[design.cells] = i * q + np.arange(q)
        gaps, a = found.gaps(design), design.weighted @ (design.inverse @ terms)
        beta = design.inverse @ (gaps.gap @ design.weighted).T
        controls = gaps.through_controls(a).T
        share.append(sum_by(clusters[design.treated], np.abs(a), n_clusters))
        lost.append(share_lost(design.losses(terms, clusters, n_clusters)))
        for j, cell in enumerate(design.cells):
            at, values = cell * q + np.arange(q), beta[:, j] @ terms
            result.values[at] = values
            psi = a.T * (gaps.gap[j] - design.B @ beta[:, j])
            if own is not None:
                psi += design.share * (own @ beta[:, j] - values[:, None]) * known[:, None]
            result.add_influence(at, clusters[design.treated], psi, distinct=distinct)
            result.add_influence(at, clusters[design.controls], controls * gaps.residual[j], distinct=distinct)
    cohort = np.repeat([found.cells.cohort[design.cells[0]] for design in found.designs], q)
    return Curve(result.values, result.psi.T, np.hstack(share), np.hstack(lost), of.ravel(), cohort), identified
