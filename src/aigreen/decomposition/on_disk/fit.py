"""The decomposition of a panel on disk, from sums by cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from aigreen.counterfactual.on_disk.clean_rows import CleanRows
from aigreen.counterfactual.on_disk.design import Design
from aigreen.counterfactual.on_disk.sums import lost_rows
from aigreen.decomposition.channel_fit import require_variation
from aigreen.decomposition.count_parts import on_scale
from aigreen.decomposition.on_disk.cells import LinearSums
from aigreen.decomposition.on_disk.counts import fit_counts
from aigreen.decomposition.on_disk.found import Found, warn_of
from aigreen.decomposition.options import PartOptions
from aigreen.decomposition.parts import Parts
from aigreen.decomposition.results import conventions, effects_of_parts, products_of_parts, shares_of_parts
from aigreen.effects.aggregation import Mass
from aigreen.effects.cluster_shares import ClusterShares
from aigreen.errors import OptionError
from aigreen.options import as_columns
from aigreen.panel.dropped import Dropped
from aigreen.panel.facts import CONVERGED
from aigreen.panel.on_disk.offered import check_offered
from aigreen.panel.on_disk.scanned import ScannedPanel


def fit_scanned(
    options: PartOptions, panel: ScannedPanel, outcome: str, covariates: str | Sequence[str] | None
) -> Parts:
    """Estimate the parts by cohort and time; see `aigreen.Decomposition.fit`."""
    check_offered(
        "Decomposition",
        {
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
    clean = CleanRows(design, dropped, reach=not options.counts)
    k = slice(1, 1 + len(channels))
    require_variation(clean.outcomes_gram[k, k], clean.moments.spread[k], clean.moments.level[k], channels)
    found = (fit_counts if options.counts else _fit_linear)(options, clean, dropped)
    return _laid_out(options, found, outcome, dropped)


def _fit_linear(options: PartOptions, clean: CleanRows, dropped: Dropped) -> Found:
    clean.reach()
    sums = clean.sums()
    lost_rows(sums, dropped)
    outside = warn_of(clean, sums, dropped)
    cells, mass = LinearSums(options, clean, sums), clean.design.sample.mass
    return Found(clean, sums, cells, cells.parts(), cells.loadings, outside, mass, sums.exposed_weight)


def _laid_out(options: PartOptions, found: Found, outcome: str, dropped: Dropped) -> Parts:
    cells, sums, sample = found.cells, found.sums, found.clean.design.sample
    n_clusters, k = len(sample.clusters), len(found.cells.found)
    group, period = sample.cells()
    treated = ClusterShares.by_cohort(
        sample.unit_cluster[group],
        sample.panel.group_cohort[group],
        cells.cohort,
        n_clusters=n_clusters,
        weights=found.row_masses[group, period].astype(float),
        by_group=True,
        own_left_out=options.leave_one_out,
    )
    every = np.bincount(sample.unit_cluster, found.row_masses.sum(axis=1), n_clusters)
    exposed = (
        np.tile(np.arange(n_clusters), 2),
        np.repeat([0, -1], n_clusters),
        np.concatenate([found.exposed_weight, every - found.exposed_weight]),
    )
    facts: dict[str, Any] = sample.facts(outcome, dropped, t_intervals=True, **sums.sizes)
    if options.counts:
        facts["resolution"] = CONVERGED * (1.0 if options.scale == "log" else sums.level / sums.sizes["n_rows"])
    facts["conventions"] = conventions(
        options,
        sample,
        n_clean=sums.n_clean,
        basis=found.clean.basis,
        n_exposed=sums.n_exposed,
        outside=found.outside,
        n_zero=found.n_zero,
    )
    parts = on_scale(options, found.parts)
    return effects_of_parts(
        options,
        parts,
        cells.cohort,
        cells.time,
        np.ones(k, dtype=bool),
        parts.mass or Mass(parts.count, np.tile(np.arange(k), len(options.layout.labels))),
        shares_of_parts(options, treated, exposed),
        products_of_parts(options, found.loadings, k),
        facts,
    )
