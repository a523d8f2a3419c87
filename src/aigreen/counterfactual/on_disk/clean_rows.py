r"""Least squares on clean rows of a panel on disk, and what it leaves of treated and exposed rows, summed by cluster.

One pass through blocks of whole units builds the normal equations of all columns, V = (outcomes, covariates), in which
the effects of units are eliminated, and the sums of target rows, :math:`T = F'w`, of each cohort-period and each
function of exposure. Solved, they give the deviations :math:`\dot V = V - F'\hat\gamma` of any row. A last pass sums by
cluster what influence functions are made of: :math:`\dot V` of target rows, and of clean rows
:math:`\sum w\dot V F_i'(F'WF)^-T`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from aigreen.counterfactual.leave_out import turn_apart
from aigreen.counterfactual.on_disk.design import Design, Rows
from aigreen.counterfactual.on_disk.sums import Sums, Support
from aigreen.errors import (
    AlwaysTreatedWarning,
    NoControlsError,
    NoPrePeriodError,
)
from aigreen.exposure.basis import Basis
from aigreen.linalg.arrays import cross_products, sum_by, sum_by_two
from aigreen.linalg.collinearity import independent_columns, symmetric_inverse
from aigreen.linalg.eliminated import Eliminated, Moments, Units
from aigreen.panel.dropped import Dropped
from aigreen.panel.on_disk.blocks import Block, Counted

_LEFT, _OF_LEVEL = 1e-12, 1e-6  # share of the sum of squares within units, and of the norm, of a dependent covariate


class CleanRows:
    """The fit on clean rows, in passes: made of the first, `reach` and `sums` are the others.

    Attributes
    ----------
    design : Design
    equations : Eliminated
    moments : Moments
        Of outcomes, covariates and leads on clean rows.
    gram : ndarray, shape (k, k)
        Their cross-products, less fixed effects.
    kept : ndarray of int
        Covariates that fixed effects and earlier ones do not determine, positions in the columns.
    basis : Basis, or None
    """

    def __init__(self, design: Design, dropped: Dropped | None, *, reach: bool = True) -> None:
        silent = dropped is None
        dropped = dropped or Dropped()
        self.design = design
        sample, k = design.sample, len(design.outcomes) + len(design.covariates) + len(design.leads)
        self.equations = Eliminated([sample.panel.n_levels(name) for name in design.effects], k)
        self.moments = Moments(k)
        self.basis = None if _by_quantiles(design) else _choose(design, np.zeros((0, len(design.exposures))))
        self.start_targets()
        n_treated, never_clean = 0, Counted()
        for rows in self._passed("fit"):
            block, at = rows.block, rows.clean
            unit, w = block.unit[at], rows.w[at]
            units = self.equations.add(unit, block.n_units, rows.levels_of(at), w, rows.values[at])
            self.moments.add(rows.values[at], w)
            with_treated = np.bincount(block.unit, rows.treated, block.n_units) > 0
            always = with_treated & (np.bincount(block.unit, rows.untreated, block.n_units) == 0)
            n_treated += int(with_treated.sum())
            never_clean.add_units(block, always)
            if reach:
                self.target(rows, units, units.inverse[block.unit] > 0)
        if never_clean.count == n_treated:
            message = f"no treated unit is seen untreated{dropped.cause()}"
            raise NoPrePeriodError(message, count=never_clean.count, first=never_clean.first)
        if not silent:
            reason = "treated in all their periods"
            dropped.add(AlwaysTreatedWarning, "units", reason, never_clean.count, never_clean.first)
        if not self.moments.weight:
            names = ", ".join(design.exposures)
            message = f"no row is both untreated and unexposed ({names})"
            raise NoControlsError(message, column=design.exposures[0], count=0)
        self._gamma = self.equations.solve(self.equations.right)
        self.gram = self.equations.gram - self.equations.right.T @ self._gamma
        self.kept, self._gone = self._independent(len(design.outcomes), len(design.covariates))
        if not silent:
            keep = np.isin(len(design.outcomes) + np.arange(len(design.covariates)), self.kept)
            dropped.collinear(design.covariates, keep)
        self._both, self._beta, self._drop = self.kept, np.zeros(0), False

    def rows(self, block: Block) -> Rows:
        """Split the rows of a block."""
        return Rows.of(self.design, block, self.equations.offsets)

    def units(self, rows: Rows) -> Units:
        """Sum the clean rows of each unit."""
        return rows.units(self.equations.n_levels)

    def _passed(self, what: str) -> Iterator[Rows]:
        return map(self.rows, self.design.sample.blocks(what))

    def _independent(
        self, start: int, n: int, given: Sequence[int] | np.ndarray = ()
    ) -> tuple[np.ndarray, list[tuple[int, Any]]]:
        """Find n columns that fixed effects, those given and earlier ones do not determine; and the others' sums."""
        every = [*given, *range(start, start + n)]
        size = np.maximum(self.equations.gram.diagonal(), _OF_LEVEL * self.moments.level)[every]
        keep = independent_columns(self.gram[np.ix_(every, every)], size, _LEFT)
        kept = np.array(every, dtype=np.intp)[keep]
        gone = []
        for j in np.array(every, dtype=np.intp)[~keep]:
            before = kept[kept < j]
            gone.append((int(j), np.linalg.pinv(self.gram[np.ix_(before, before)]) @ self.gram[before, j]))
        return kept[kept >= start], gone

    @property
    def bread(self) -> np.ndarray:
        """Inverse of the cross-products of the covariates that are kept, less fixed effects."""
        if not self.kept.size:
            return np.zeros((0, 0))
        return symmetric_inverse(self.gram[np.ix_(self.kept, self.kept)])

    @property
    def turn_of_slopes(self) -> np.ndarray:
        """Makes the covariates that are kept orthogonal, less fixed effects; as `turn_apart`."""
        return turn_apart(self.gram[np.ix_(self.kept, self.kept)])

    @property
    def slopes(self) -> np.ndarray:
        """Coefficients of the outcomes on the covariates that are kept, shape (p, V)."""
        return self.bread @ self.gram[self.kept, : len(self.design.outcomes)]

    @property
    def outcomes_gram(self) -> np.ndarray:
        """Cross-products of the outcomes, less fixed effects and covariates, shape (V, V)."""
        n = len(self.design.outcomes)
        return self.gram[:n, :n] - self.gram[:n, self.kept] @ self.slopes

    def leads(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Dummies of leads that are independent, positions; coefficients of the first outcome on covariates and them.

        Their cross-products' inverse, shape (p + z, p + z), comes third.
        """
        start = len(self.design.outcomes) + len(self.design.covariates)
        kept = self._independent(start, len(self.design.leads), self.kept)[0]
        both = np.append(self.kept, kept)
        bread = symmetric_inverse(self.gram[np.ix_(both, both)])
        return kept - start, bread @ self.gram[both, 0], bread

    # -- targets -------------------------------------------------------------------------------------------------

    def start_targets(self, m: int = 1) -> None:
        """Start sums over targets, m of them by cell."""
        q = 0 if self.basis is None else len(self.basis.of)
        self._targets = np.zeros((self.equations.n_levels, m * self.design.n_cells + q))
        self.support = Support.nothing(len(self.design.exposures), q, self.design.n_cells)

    def reach(self) -> None:
        """Sum the targets again where not all are reached, or where exposures choose the bins.

        Raises
        ------
        OptionError
            An exposure takes too few values for a spline.
        """
        if self.basis is None:
            self.choose_basis((rows, self.reached(rows, self.units(rows))) for rows in self._passed("exposures"))
        elif self.equations.whole and not self._gone:
            return
        self.start_targets()
        for rows in self._passed("reach"):
            units = self.units(rows)
            self.target(rows, units, self.reached(rows, units))

    def choose_basis(self, passed: Iterable[tuple[Rows, np.ndarray]]) -> None:
        """Choose bins or knots from the exposures of rows that are reached, given by block."""
        found = [np.zeros((0, len(self.design.exposures)))]
        n = 0
        for rows, reached in passed:
            hit = rows.exposed & reached
            found.append(rows.exposure[hit])
            n += int(hit.sum())
            self.design.sample.panel.check_room("exposures of exposed rows", "write the edges: bins=[...]", n)
        self.basis = _choose(self.design, np.concatenate(found))

    def reached(self, rows: Rows, units: Units) -> np.ndarray:
        """Mark the rows whose counterfactual clean rows identify, or which is zero."""
        if self.equations.whole and not self._gone:
            return (units.inverse[rows.block.unit] > 0) | rows.zero
        reached = self.equations.reaches(units, rows.block.unit, rows.levels)
        if self._gone:
            within = self._deviations(rows, units)
            for j, solution in self._gone:
                size = np.sqrt(self.moments.level[j]) or 1.0
                gap = within[:, j] - within[:, self.kept[self.kept < j]] @ solution
                largest = np.abs(within[reached, j]).max(initial=0.0)
                reached &= ~(np.abs(gap) > 1e-6 * max(size, float(largest)))
        return reached | rows.zero

    def _deviations(self, rows: Rows, units: Units) -> np.ndarray:
        """Columns less fixed effects, shape (n, k); without meaning where rows are not reached."""
        left, clean, unit = rows.values.copy(), rows.clean, rows.block.unit
        for level in rows.levels:
            left -= self._gamma[level]
        return left - units.mean(unit[clean], rows.w[clean], left[clean])[unit]

    def target(self, rows: Rows, units: Units, reached: np.ndarray) -> None:
        """Add the target rows of a block to the sums by level."""
        block, hit, k = rows.block, np.flatnonzero(rows.treated & reached), self.design.n_cells
        cell, found, m = rows.cell[hit], self.support, rows.target.shape[1]
        found.positive += np.bincount(cell[~rows.zero[hit]], minlength=k)
        at, weight = np.tile(hit, m), rows.target[hit].T.ravel()
        column = (k * np.arange(m)[:, None] + cell).ravel()
        if self.basis is not None:
            exposed = np.flatnonzero(rows.exposed & reached)
            w = rows.target[exposed, 0]
            B = self.basis(rows.exposure[exposed])
            some, of = np.nonzero(B)
            at = np.concatenate([at, exposed[some]])
            weight = np.concatenate([weight, w[some] * B[some, of]])
            column = np.concatenate([column, m * k + of])
            seen = rows.exposure[exposed]
            found.low = np.minimum(found.low, np.where(seen > 0, seen, np.inf).min(axis=0, initial=np.inf))
            found.high = np.maximum(found.high, seen.max(axis=0, initial=-np.inf))
            found.gram += cross_products(B, B * w[:, None])
            found.seen += (B != 0).sum(axis=0)
        self._targets += self.equations.target_sums(
            units, block.unit[at], rows.levels_of(at), weight, column, self._targets.shape[1]
        )  # fmt: skip

    # -- sums ----------------------------------------------------------------------------------------------------

    def sums(self, *, drop: bool = False) -> Sums:
        """Sum by cluster, in a last pass; with `drop` without treated rows of counterfactual zero."""
        out = self.start_sums(drop=drop)
        for rows in self._passed("sums"):
            units = self.units(rows)
            reached = self.reached(rows, units)
            self.add_mass(out, rows, reached)
            self.add(out, rows, units, reached)
        self.add_slopes(out)
        return out

    def start_sums(self, *, drop: bool = False, slopes: bool = False) -> Sums:
        """Start sums by cluster; with `slopes` those of the covariates' cross-products."""
        self._drop = drop
        design, q = self.design, self.support.gram.shape[0]
        n_clusters, V, k = len(design.sample.clusters), len(design.outcomes), design.n_cells
        self._adjoint = self.equations.solve(self._targets)
        n_targets = self._targets.shape[1]
        if design.leads:
            of_leads, self._beta, _ = self.leads()
            self._both = np.append(self.kept, V + len(design.covariates) + of_leads)
        p = len(self.kept)
        return Sums(
            np.zeros((n_clusters, k)),
            np.zeros((V, n_clusters, k)),
            np.zeros((q, n_clusters, k)),
            turn_apart(self.support.gram),
            np.zeros((n_clusters, q, q)),
            np.zeros((n_clusters, q, V)),
            np.zeros(n_clusters),
            np.zeros((V, n_clusters, n_targets)),
            np.zeros((p, n_targets)),
            np.zeros((V, n_clusters, p)),
            np.zeros((n_clusters, p, p)) if slopes else None,
            np.zeros((n_clusters, V, V)),
            np.zeros((n_clusters, len(self._both))),
            np.zeros(k),
            np.zeros(k),
            np.zeros(k),
            np.zeros(k),
            np.zeros(n_clusters, dtype=bool),
            np.zeros(n_clusters, dtype=bool),
            np.zeros(design.sample.rows.shape),
            np.zeros(k, dtype=np.int64),
            [Counted() for _ in range(V)],
            [Counted() for _ in range(q)],
        )

    def deviations(self, rows: Rows, units: Units) -> tuple[np.ndarray, np.ndarray]:
        """Columns less fixed effects, (n, k), and outcomes less covariates, too, (n, V); of rows that are reached."""
        within = self._deviations(rows, units)
        dots = within[:, : len(self.design.outcomes)]
        return within, dots - within[:, self.kept] @ self.slopes if len(self.kept) else dots

    def add(self, out: Sums, rows: Rows, units: Units, reached: np.ndarray) -> None:
        """Add the rows of a block to sums."""
        within, dots = self.deviations(rows, units)
        clusters, of = np.unique(self.design.sample.unit_cluster[rows.block.group], return_inverse=True)
        at = clusters, of[rows.block.unit]
        hit, exposed = self._count(out, rows, reached, clusters[of])
        self._treated(out, rows, hit, dots, at)
        x, k = within[:, self.kept], self.design.n_cells
        for j, w in enumerate(rows.target.T if len(self.kept) else ()):
            out.through[:, j * k : (j + 1) * k] += sum_by(rows.cell[hit], x[hit] * w[hit, None], k).T
        self._exposed(out, rows, exposed, dots, x, at)
        self._clean(out, rows, within, dots, at)

    def add_slopes(self, out: Sums) -> None:
        """Add the influence of the covariates' slopes on sums over targets."""
        if len(self.kept):
            out.error += out.scores @ self.bread @ out.through

    def add_mass(self, out: Sums, rows: Rows, reached: np.ndarray) -> None:
        """Add the weights of rows of counts that are reached."""
        if self.design.means is not None:
            known = reached & ~rows.zero
            groups, of = np.unique(rows.block.group, return_inverse=True)
            at = of[rows.block.unit[known]], rows.block.time[known], rows.w[known], len(groups), out.mass.shape[1]
            out.mass[groups] += sum_by_two(*at)

    def _count(self, out: Sums, rows: Rows, reached: np.ndarray, of_unit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Count rows; return treated and exposed rows that are reached."""
        block, periods = rows.block, self.design.sample.periods
        past = (np.bincount(block.unit, rows.untreated, block.n_units) > 0)[block.unit]
        zero = rows.treated & rows.zero & reached
        zero[zero] = self._drop | (self.support.positive == 0)[rows.cell[zero]]
        treated = rows.treated & ~zero
        hit, exposed = np.flatnonzero(treated & reached), np.flatnonzero(rows.exposed & reached)
        lost = {"treated": treated & past & ~reached, "exposed": rows.exposed & ~reached, "zero": zero}
        out.n_zero += int(rows.zero[hit].sum())
        if out.crosses.shape[1]:
            met, support = rows.exposure[hit], self.support
            beyond = np.zeros(len(block), dtype=bool)
            beyond[hit] = ((met > support.high) | ((met > 0) & (met < support.low))).any(axis=1)
            lost["beyond"] = beyond
        for what, mask in lost.items():
            out.lost[what].add(block, np.flatnonzero(mask), periods)
        n = len(out.moved)
        outside = (rows.values[hit, :n] < self.moments.low[:n]) | (rows.values[hit, :n] > self.moments.high[:n])
        for column, found in zip(outside.T, out.outside, strict=True):
            found.add(block, hit[column], periods)
        used = rows.clean.copy()
        used[hit] = used[exposed] = True
        out.n_clean += int(rows.clean.sum())
        out.n_exposed += exposed.size
        out.counts += np.bincount(rows.cell[hit], minlength=len(out.counts))
        with_row = np.bincount(block.unit, used, block.n_units) > 0
        out.n_units += int(with_row.sum())
        out.present[of_unit[with_row]] = True
        size = np.abs(rows.outcome[used])
        out.largest, out.level = max(out.largest, float(size.max(initial=0.0))), out.level + float(size.sum())
        return hit, exposed

    def _treated(
        self, out: Sums, rows: Rows, hit: np.ndarray, dots: np.ndarray, at: tuple[np.ndarray, np.ndarray]
    ) -> None:
        clusters, cluster = at
        k, w, cell = len(out.counts), rows.target[hit, 0], rows.cell[hit]
        columns = [w, *self._weighted(rows, hit, dots).T]
        out.plain += np.bincount(cell, rows.block.w[hit], k)
        out.outcome += np.bincount(cell, rows.outcome[hit], k)
        out.with_treated[clusters[cluster[hit]]] = True
        if self.basis is not None:
            B = self.basis(rows.exposure[hit])
            columns += list((B * w[:, None]).T)
            for needed, some in zip(out.needed, (B != 0).T, strict=True):
                needed.add(rows.block, hit[some], self.design.sample.periods)
        places = [out.weight, *out.moved, *out.dose]
        for place, values in zip(places, columns, strict=True):
            place[clusters] += sum_by_two(cluster[hit], cell, values, len(clusters), k)
        out.squares += np.bincount(cell, w**2, k)
        out.square_effects += np.bincount(cell, w**2 * dots[hit, 0], k)

    def _exposed(
        self,
        out: Sums,
        rows: Rows,
        exposed: np.ndarray,
        dots: np.ndarray,
        x: np.ndarray,
        at: tuple[np.ndarray, np.ndarray],
    ) -> None:
        clusters, cluster = at
        w, of = rows.target[exposed, 0], cluster[exposed]
        out.exposed_weight[clusters] += np.bincount(of, w, len(clusters))
        if self.basis is None:
            return
        B, weighted = self.basis(rows.exposure[exposed]), self._weighted(rows, exposed, dots)
        turned = B @ out.turn
        for j, column in enumerate(turned.T[:, :, None]):
            out.grams[clusters, j] += sum_by(of, turned * column * w[:, None], len(clusters))
            out.crosses[clusters, j] += sum_by(of, weighted * column, len(clusters))
        out.through[:, -B.shape[1] :] += cross_products(x[exposed], B * w[:, None])

    def _weighted(self, rows: Rows, at: np.ndarray, dots: np.ndarray) -> np.ndarray:
        """Weighted deviations of target rows; of counts whose counterfactual is zero the counts."""
        weighted = dots[at] * rows.target[at, :1]
        if self.design.means is not None:
            weighted[:, 0] += (rows.zero * rows.block.w * rows.outcome)[at]
        return weighted

    def _clean(
        self,
        out: Sums,
        rows: Rows,
        within: np.ndarray,
        dots: np.ndarray,
        at: tuple[np.ndarray, np.ndarray],
    ) -> None:
        clusters, cluster = at
        clean = np.flatnonzero(rows.clean)
        of, m, w = cluster[clean], len(clusters), rows.w[clean]
        d, x, levels = dots[clean], within[np.ix_(clean, self.kept)], rows.levels_of(clean)
        for j in range(d.shape[1]):
            weighted = w * d[:, j]
            by_level = np.zeros((m, self.equations.n_levels))
            for level in levels:
                by_level += sum_by_two(of, level, weighted, m, self.equations.n_levels)
            out.error[j, clusters] += by_level @ self._adjoint
            out.products[clusters, j] += sum_by(of, d * weighted[:, None], m)
            out.scores[j, clusters] += sum_by(of, x * weighted[:, None], m)
        if out.grams_of_slopes is not None:
            turned = x @ self.turn_of_slopes
            for j, column in enumerate(turned.T[:, :, None]):
                out.grams_of_slopes[clusters, j] += sum_by(of, turned * column * w[:, None], m)
        if self.design.leads:
            z = within[np.ix_(clean, self._both)]
            out.leads[clusters] += sum_by(of, z * (w * (within[clean, 0] - z @ self._beta))[:, None], m)


def _by_quantiles(design: Design) -> bool:
    """Whether bins or knots are chosen from exposures."""
    cuts = design.cuts
    if not design.exposures or not (cuts is None or isinstance(cuts, int | np.integer)):
        return False
    return design.response == "spline" or (design.response == "bins" and cuts not in (None, 1))


def _choose(design: Design, exposure: np.ndarray) -> Basis | None:
    if not design.exposures:
        return None
    return Basis.choose(design.exposures, design.response, design.cuts, exposure)
