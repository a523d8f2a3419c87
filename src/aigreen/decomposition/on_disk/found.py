"""What a decomposition from disk finds, and what it warns of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aigreen.counterfactual.on_disk.clean_rows import CleanRows
from aigreen.counterfactual.on_disk.sums import Sums
from aigreen.counterfactual.rows import extrapolated_warning
from aigreen.decomposition.channel_fit import Loadings
from aigreen.decomposition.estimates import CellParts
from aigreen.decomposition.on_disk.cells import CellSums
from aigreen.decomposition.sample import MANY, outside_warning, unseen_terms, unsupported_error
from aigreen.errors import CollinearError, UnreachedWarning, warn
from aigreen.linalg.collinearity import independent_columns
from aigreen.panel.dropped import Dropped


@dataclass(frozen=True, eq=False)
class Found:
    """All parts, and what there is to say of their rows.

    Attributes
    ----------
    clean : CleanRows
        The linear fit of outcome and channels.
    sums : Sums
        Of it.
    cells : CellSums
    parts : CellParts
    loadings : Loadings
    outside : ndarray, shape (K,)
        Share of treated rows whose value of a channel lies outside those of the clean rows.
    row_masses : ndarray, shape (groups, periods)
        What rows count by: their weights, of counts times counterfactual means.
    exposed_weight : ndarray, shape (clusters,)
        The same of exposed rows.
    n_zero : int
        Rows whose counterfactual count is zero.
    """

    clean: CleanRows
    sums: Sums
    cells: CellSums
    parts: CellParts
    loadings: Loadings
    outside: np.ndarray
    row_masses: np.ndarray
    exposed_weight: np.ndarray
    n_zero: int = 0


def warn_of(clean: CleanRows, sums: Sums, dropped: Dropped) -> np.ndarray:
    """Warn of, or refuse, what lies outside clean and exposed rows; return the shares of channels that do, shape (K,).

    Raises
    ------
    NoControlsError, CollinearError
    """
    n_treated, support, basis = int(sums.counts.sum()), clean.support, clean.basis
    shares = np.array([found.count / n_treated for found in sums.outside[1:]])
    for name, share, found in zip(clean.design.outcomes[1:], shares, sums.outside[1:], strict=True):
        if share > MANY:
            warn(outside_warning(name, found.count, n_treated, found.first))
    if basis is None:
        return shares
    reason = "exposed untreated rows whose fixed effects no clean row reaches"
    dropped.add(UnreachedWarning, "rows", reason, sums.lost["exposed"].count, sums.lost["exposed"].first)
    hidden = support.seen == 0
    for j in np.flatnonzero(hidden).tolist():
        if sums.needed[j].count:
            raise unsupported_error(basis, j, sums.needed[j].count, sums.needed[j].first)
    unseen_terms([basis.terms[j] for j in np.flatnonzero(hidden)], dropped)
    if not hidden.all():
        bad = np.flatnonzero(~independent_columns(support.gram, np.diag(support.gram)) & ~hidden)
        if bad.size:
            name = basis.terms[bad[0]]
            raise CollinearError(
                f"exposure {name!r} is determined by the other exposures on the exposed untreated rows"
            )
        if sums.lost["beyond"].count:
            warn(extrapolated_warning(sums.lost["beyond"].count, sums.lost["beyond"].first))
    return shares
