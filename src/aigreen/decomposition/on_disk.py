"""The linear decomposition of a panel on disk, from sums by cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from aigreen.counterfactual.centring import centred, check_lone_cells
from aigreen.counterfactual.leave_out import check_lone_terms, without_each_of_products
from aigreen.counterfactual.on_disk.clean_rows import CleanRows
from aigreen.counterfactual.on_disk.design import Design
from aigreen.counterfactual.on_disk.sums import Sums, lost_rows
from aigreen.counterfactual.rows import Cells, extrapolated_warning
from aigreen.decomposition.channel_fit import Loadings, carried_influence, channel_loadings, require_variation
from aigreen.decomposition.estimates import CellParts, ResponseFit, fill_channels, fill_others, fill_spillover
from aigreen.decomposition.options import PartOptions
from aigreen.decomposition.parts import Parts
from aigreen.decomposition.results import conventions, effects_of_parts, shares_of_parts
from aigreen.decomposition.sample import MANY, outside_warning, unsupported_error
from aigreen.effects.aggregation import Mass
from aigreen.effects.cluster_shares import ClusterShares
from aigreen.errors import CollinearError, OptionError, UnreachedWarning, warn
from aigreen.linalg.collinearity import independent_columns, symmetric_inverse
from aigreen.options import as_columns
from aigreen.panel.dropped import Dropped
from aigreen.panel.on_disk.offered import check_offered
from aigreen.panel.on_disk.scanned import ScannedPanel


def fit_scanned(
    options: PartOptions, panel: ScannedPanel, outcome: str, covariates: str | Sequence[str] | None
) -> Parts:
    """Estimate the parts by cohort and time; see `aigreen.Decomposition.fit`."""
    check_offered(
        "Decomposition",
        {
            "family": (options.family, ("gaussian",)),
            "leads": (options.leads, (0,)),
            "interaction": (options.interaction, (False,)),
            "lags": (options.lags, (0,)),
        },
    )
    dropped, names, channels = Dropped(), list(dict.fromkeys(as_columns(covariates))), list(options.channels)
    effects = panel.effects_beside_unit(options.fixed_effects)
    panel.check_roles(
        outcome, fixed_effects=effects, channels=channels, exposure=options.exposures, covariates=names
    )  # fmt: skip
    repeated = sorted({*channels, *options.exposures} & {*names})
    if repeated:
        raise OptionError("covariates", repeated[0], ["columns that are no channel and no exposure"])
    design = Design.of(
        panel,
        [outcome, *channels],
        names,
        effects,
        options.anticipation,
        dropped,
        options.exposures,
        response=options.response,
        cuts=options.bins,
    )
    n_parts = len(options.layout.labels)
    n_clusters = len(panel.clusters)
    panel.check_room(
        f"influence functions of {n_parts} parts by {n_clusters:,} clusters and {design.n_cells:,} cohort-periods",
        "take fewer channels, or name cluster= with fewer clusters",
        (2 * n_parts + 4) * n_clusters * design.n_cells,
    )
    clean = CleanRows(design, dropped)
    k = slice(1, 1 + len(channels))
    require_variation(clean.outcomes_gram[k, k], clean.moments.spread[k], clean.moments.level[k], channels)
    clean.reach()
    sums = clean.sums()
    lost_rows(sums, dropped)
    outside = _warn(design, clean, sums, channels, dropped)
    found = np.flatnonzero(sums.counts)
    parts = _Computed(options, design, clean, sums, found).parts()
    return _laid_out(options, design, clean, sums, found, parts, outside, outcome, dropped)


def _warn(design: Design, clean: CleanRows, sums: Sums, channels: Sequence[str], dropped: Dropped) -> np.ndarray:
    """Warn of, or refuse, what lies outside clean and exposed rows; return the shares of channels that do, shape (K,).

    Raises
    ------
    NoControlsError, CollinearError
    """
    n_treated, support, basis = int(sums.counts.sum()), clean.support, clean.basis
    shares = np.array([found.count / n_treated for found in sums.outside[1:]])
    for name, share, found in zip(channels, shares, sums.outside[1:], strict=True):
        if share > MANY:
            warn(outside_warning(name, found.count, n_treated, found.first))
    if basis is None:
        return shares
    reason = "exposed untreated rows whose fixed effects no clean row reaches"
    dropped.add(UnreachedWarning, "rows", reason, sums.lost["exposed"].count, sums.lost["exposed"].first)
    hidden = support.seen == 0
    for j in np.flatnonzero(hidden).tolist():
        if support.needed[j].count:
            raise unsupported_error(basis, j, support.needed[j].count, support.needed[j].first)
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


class _Computed:
    """Parts of all cells from sums; the counterparts of `aigreen.decomposition.estimates`."""

    def __init__(self, options: PartOptions, design: Design, clean: CleanRows, sums: Sums, found: np.ndarray) -> None:
        self.options, self.products = options, sums.products
        self.shown = clean.support.seen > 0
        self.of = np.zeros(0, dtype=np.intp) if clean.basis is None else clean.basis.of[self.shown]
        self.terms = [] if clean.basis is None else list(np.array(clean.basis.terms, dtype=object)[self.shown])
        self.turn = sums.turn[np.ix_(self.shown, self.shown)]
        self.grams, self.crosses = sums.grams[:, self.shown][:, :, self.shown], sums.crosses[:, self.shown]
        self.count = sums.weight[:, found].sum(axis=0)
        self.weight = sums.weight[:, found] / self.count
        self.moved = sums.moved[:, :, found] / self.count
        self.dose = sums.dose[self.shown][:, :, found] / self.count
        self.through = -sums.error[:, :, found] / self.count
        self.through_exposed = -sums.error[:, :, len(sums.counts) + np.flatnonzero(self.shown)]
        cells = Cells(
            design.cohorts[found // design.sample.n_periods],
            design.sample.times[found % design.sample.n_periods],
            found[:0],
            found[:0],
        )
        alone, clusters = np.count_nonzero(self.weight, axis=0) == 1, np.flatnonzero(self.weight.any(axis=1))
        check_lone_cells(alone, cells, clusters, leave_one_out=options.leave_one_out)
        values = channel_loadings(self.products.sum(axis=0), ordered=options.ordered)
        self.slopes = values.sum(axis=0)
        self.loadings = Loadings(
            values,
            self._slopes_influence(len(values)),
            lambda moved: carried_influence(values, self._slopes_influence, moved),
        )

    def parts(self) -> CellParts:
        """Compute all parts of all cells."""
        layout = self.options.layout
        moved = self.moved[1:].sum(axis=1)
        values = np.zeros((len(layout.labels), len(self.count)))
        psi = np.zeros((len(self.weight), *values.shape))

        def moved_influence(i: int) -> np.ndarray:
            return self._own(self.moved[1 + i]) + self.through[1 + i]

        fill_channels(layout, self.loadings, moved, moved_influence, None, values, psi)
        direct, net = layout.direct, self._rest(self.moved)
        psi[:, direct] = self._rest(self.through) - self.loadings.slopes_psi @ moved
        if self.options.exposures:
            response, dose = self._response(), self.dose.sum(axis=1)
            net = net - np.tensordot(response.theta, self.dose, 1)
            fill_spillover(layout, response, dose, self.of, values, psi)
            fill_others(layout, self.loadings, response, dose, values, psi)
            psi[:, direct] -= psi[:, layout.spillover]
        values[direct] = net.sum(axis=0)
        psi[:, direct] += self._own(net)
        layout.add_up(values, psi)
        return CellParts(values, psi, self.count)

    def _rest(self, sums: np.ndarray) -> np.ndarray:
        """Subtract what channels carry from the sums of the outcome."""
        return sums[0] - np.tensordot(self.slopes, sums[1:], 1)

    def _own(self, values: np.ndarray) -> np.ndarray:
        return centred(values.copy(), self.weight, leave_one_out=self.options.leave_one_out)

    def _slopes_influence(self, k: int) -> np.ndarray:
        """Influence functions of the slopes of the first k channels without the others, shape (clusters, k)."""
        own = self.products[:, 1 : 1 + k, 1 : 1 + k]
        gram, right = own.sum(axis=0), self.products[:, 1 : 1 + k, 0]
        bread = symmetric_inverse(gram)
        return (right - own @ (bread @ right.sum(axis=0))) @ bread

    def _response(self) -> ResponseFit:
        crosses = np.moveaxis(self.crosses, 2, 0)
        through = self.through_exposed @ self.turn
        error = self._rest(through) - self.loadings.slopes_psi @ crosses[1:].sum(axis=1)
        theta, psi = self._on_exposure(self._rest(crosses), error)
        k = len(self.slopes) if self.options.origins else 0
        found = [self._on_exposure(crosses[1 + j], through[1 + j]) for j in range(k)]
        q = len(self.of)
        return ResponseFit(
            theta,
            psi,
            np.reshape([one for one, _ in found], (k, q)),
            np.reshape([one for _, one in found], (k, len(psi), q)),
        )

    def _on_exposure(self, cross: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Regress on functions of exposure, from cross-products with them, `turn`ed, by cluster, shape (clusters, q).

        Parameters
        ----------
        error : ndarray, shape (clusters, q)
            Influence of clean rows on the sums of `cross`.
        """
        if not len(self.of):
            return np.zeros(0), np.zeros((len(self.weight), 0))
        bread = symmetric_inverse(self.grams.sum(axis=0))
        coefficients = bread @ cross.sum(axis=0)
        scores = cross - self.grams @ coefficients
        moved, alone = without_each_of_products(self.grams, scores, self.turn)
        check_lone_terms(alone, self.terms, refused=self.options.leave_one_out)
        own = moved if self.options.leave_one_out else scores @ bread @ self.turn.T
        return self.turn @ coefficients, own + error @ bread @ self.turn.T


def _laid_out(
    options: PartOptions,
    design: Design,
    clean: CleanRows,
    sums: Sums,
    found: np.ndarray,
    parts: CellParts,
    outside: np.ndarray,
    outcome: str,
    dropped: Dropped,
) -> Parts:
    sample, n_clusters = design.sample, len(design.sample.clusters)
    cohort = design.cohorts[found // sample.n_periods].astype(np.int64)
    time = sample.times[found % sample.n_periods]
    group, period = sample.cells()
    treated = ClusterShares.by_cohort(
        sample.unit_cluster[group],
        sample.panel.group_cohort[group],
        cohort,
        n_clusters=n_clusters,
        weights=sample.mass[group, period].astype(float),
        by_group=True,
        own_left_out=options.leave_one_out,
    )
    every = np.bincount(sample.unit_cluster, sample.mass.sum(axis=1), n_clusters)
    exposed = (
        np.tile(np.arange(n_clusters), 2),
        np.repeat([0, -1], n_clusters),
        np.concatenate([sums.exposed_weight, every - sums.exposed_weight]),
    )
    facts: dict[str, Any] = sample.facts(outcome, dropped, t_intervals=True, **sums.sizes)
    facts["conventions"] = conventions(
        options,
        sample,
        n_clean=sums.n_clean,
        basis=clean.basis,
        n_exposed=sums.n_exposed,
        outside=outside,
    )
    return effects_of_parts(
        options,
        parts,
        cohort,
        time,
        np.ones(len(cohort), dtype=bool),
        Mass(parts.count, np.tile(np.arange(len(cohort)), len(options.layout.labels))),
        shares_of_parts(options, treated, exposed),
        None,
        facts,
    )
