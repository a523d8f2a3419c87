"""Effects and causal responses of each cohort in each period."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from aigreen.did.dose_response.curve import Curve, share_lost
from aigreen.did.dose_response.regressions import Design, Regressions
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
    values, identified = np.zeros((n, q)), np.zeros((n, q), dtype=bool)
    psi, share, lost = (np.zeros((n_clusters, n, q)) for _ in range(3))
    clusters = found.wide.clusters
    for design in found.designs:
        terms, own, known = functionals(found, design)
        terms = terms * known
        identified[design.cells] = known
        gaps, a = found.gaps(design), design.weighted @ (design.inverse @ terms)
        beta = design.inverse @ (gaps.gap @ design.weighted).T
        controls = gaps.through_controls(a)
        share[:, design.cells] = sum_by(clusters[design.treated], np.abs(a), n_clusters)[:, None]
        lost[:, design.cells] = share_lost(design.losses(terms, clusters, n_clusters))[:, None]
        for j, cell in enumerate(design.cells):
            values[cell] = beta[:, j] @ terms
            psi1 = a * (gaps.gap[j] - design.B @ beta[:, j])[:, None]
            if own is not None:
                psi1 += design.share[:, None] * ((own @ beta[:, j])[:, None] - values[cell]) * known
            psi[:, cell] = sum_by(clusters[design.treated], psi1, n_clusters)
            psi[:, cell] += sum_by(clusters[design.controls], controls * gaps.residual[j][:, None], n_clusters)
    return Curve(values.ravel(), *(part.reshape(n_clusters, -1) for part in (psi, share, lost))), identified
