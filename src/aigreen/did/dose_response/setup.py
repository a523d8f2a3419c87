"""What dose responses are estimated from, and the layout of effects by cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from aigreen.did.dose_response.curve import Curve
from aigreen.did.dose_response.regressions import Regressions
from aigreen.did.group_time.comparisons import Computed
from aigreen.did.group_time.plan import Cells
from aigreen.did.group_time.report import SMALL
from aigreen.did.group_time.sample import cohort_shares, unit_weights
from aigreen.effects.aggregation import Mass
from aigreen.effects.cluster_shares import ClusterShares
from aigreen.errors import OverlapWarning, SmallCellWarning, warn
from aigreen.panel.dropped import Dropped
from aigreen.panel.panel import Panel

Label = tuple[str | float, ...]


@dataclass(frozen=True, eq=False)
class Block:
    """Effects of one kind: curve values with the position of their cell and a label each."""

    curve: Curve
    cells: np.ndarray
    labels: list[Label]


@dataclass(frozen=True, eq=False)
class Setup:
    """Sample, cells and regressions.

    Attributes
    ----------
    sample : Panel
        Rows without missing values.
    outcome : str
    cohort : ndarray of float, shape (N,)
        Of each unit; inf for never treated, nan for left out.
    cells : Cells
    good : ndarray of bool, shape (cells,)
        Those that can be computed and are not zero by construction.
    computed : Computed
        Average effects of all cells.
    found : Regressions
        Of the cells that are `good`.
    seen : ndarray
        Doses of treated units, or of treated rows where doses change.
    dropped : Dropped
    """

    sample: Panel
    outcome: str
    cohort: np.ndarray
    cells: Cells
    good: np.ndarray
    computed: Computed
    found: Regressions
    seen: np.ndarray
    dropped: Dropped

    @property
    def n_clusters(self) -> int:
        """Number of clusters of the influence functions."""
        return len(self.sample.clusters)

    @cached_property
    def mass(self) -> Mass:
        """Shares of the cohorts of the cells of `found`."""
        return cohort_shares(self.sample, self.cohort, self.found.cells.cohort)

    @cached_property
    def shares(self) -> ClusterShares:
        """Shares of clusters behind the average effect of every cell."""
        return ClusterShares.by_cohort(
            self.sample.unit_cluster,
            self.cohort,
            self.cells.cohort,
            n_clusters=self.n_clusters,
            weights=unit_weights(self.sample),
        )

    @property
    def control(self) -> np.ndarray:
        """Share of each cluster among never treated units, shape (clusters,)."""
        return self.shares.control

    @property
    def cohorts(self) -> Curve:
        """No effect, but the shares of clusters in the rows of every cohort."""
        share, none = self.shares.share, np.zeros((self.n_clusters, 0))
        rows = np.full_like(share, np.nan)
        return Curve(np.zeros(0), none, share, rows, np.zeros(0, dtype=np.intp), self.shares.labels)

    def whole(self, label: Label) -> Block:
        """Lay out the average effects of the cells, those of the base period as zeros."""
        left = np.flatnonzero(self._with_references(self.good))
        share, of = self.shares.share, self.shares.of[:, left].argmax(axis=0)
        lost = np.full_like(share, np.nan)  # their shares
        curve = Curve(self.computed.values[left], self.computed.psi[left].T, share, lost, of, self.shares.labels)
        return Block(curve, left, [label] * len(left))

    def laid_out(self, curve: Curve, identified: np.ndarray, labels: Sequence[Label]) -> Block:
        """Lay out functionals of the cells of `found`, shape (cells, q), each with a label, label by label.

        What is not identified is left out; functionals at the base period are zeros.
        """
        q, at = len(labels), np.flatnonzero(self.good)
        known = np.zeros((len(self.cells), q), dtype=bool)
        known[at] = identified
        known = np.column_stack([self._with_references(column) for column in known.T])
        which, cells = np.nonzero(known.T)
        computed = self.good[cells]
        column = np.where(computed, np.cumsum(self.good)[cells] - 1, 0) * q + which
        values, psi = curve.values[column] * computed, (curve.psi.T[column] * computed[:, None]).T
        chosen = Curve(values, psi, curve.share, curve.lost, curve.of[column], curve.cohort)
        return Block(chosen, cells, [labels[j] for j in which.tolist()])

    def report_identified(self) -> None:
        """Count the cells whose doses do not identify a curve, warn about those that hardly do."""
        size, names = self.found.basis.size, self.found.cells.labels(self.sample.times)
        cells: dict[bool, list[int]] = {False: [], True: []}
        few: list[int] = []
        for design in self.found.designs:
            cells[design.identified] += design.cells.tolist()
            if design.identified and len(design.treated) < size + SMALL:
                few += design.cells.tolist()
        lost = [names[cell] for cell in sorted(cells[False])]
        reason = f"their doses do not tell {size} functions of the dose apart"
        self.dropped.add(OverlapWarning, "causal responses by cohort and time", reason, len(lost), lost[:5])
        if few:
            message = (
                f"{len(few):,} causal responses by cohort and time rest on fewer than {size + SMALL} treated units for "
                f"{size} functions of the dose: their errors are too small"
            )
            warn(SmallCellWarning(message, count=len(few), first=[names[cell] for cell in sorted(few)[:5]]))

    def _with_references(self, known: np.ndarray) -> np.ndarray:
        """Mark also the base periods of the cohorts of marked cells."""
        return known | (self.cells.reference & np.isin(self.cells.cohort, self.cells.cohort[known]))
