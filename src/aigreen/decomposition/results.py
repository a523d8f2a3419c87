"""Results of a decomposition: parts by cohort and period, with leads, and parts by horizon from one reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from aigreen.counterfactual.rows import Cells
from aigreen.decomposition.channel_fit import Loadings, fit_clean
from aigreen.decomposition.count_parts import (
    compute_count_factors,
    compute_count_parts,
    on_scale,
    treated_count_slopes,
)
from aigreen.decomposition.counts import CountFit, fit_counts
from aigreen.decomposition.estimates import CellParts, Slopes, compute_factors, compute_parts, treated_slopes
from aigreen.decomposition.leads import Leads, all_leads, lead_parts, placebo_leads
from aigreen.decomposition.options import PartOptions
from aigreen.decomposition.parts import Parts, assumptions
from aigreen.decomposition.sample import Setup, prepare
from aigreen.effects.aggregation import LogMeanMass, Mass
from aigreen.effects.cluster_shares import ClusterShares
from aigreen.effects.effects import Effects
from aigreen.effects.products import Products
from aigreen.errors import NoPrePeriodError, OptionError, SeparationWarning
from aigreen.exposure.basis import Basis
from aigreen.inference.channel_sensitivity import ChannelFit
from aigreen.panel.dropped import Dropped
from aigreen.panel.facts import CONVERGED, ROUNDING, counts_of, result_facts
from aigreen.panel.on_disk.sample import ScannedSample
from aigreen.panel.panel import Panel


def fit_parts(options: PartOptions, panel: Panel, outcome: str, covariates: str | Sequence[str] | None) -> Parts:
    """Estimate the parts by cohort and time, with leads if asked for; see `aigreen.Decomposition.fit`."""
    dropped = Dropped()
    setup = prepare(options, panel, outcome, covariates, dropped)
    gap, after = _after(options, setup)
    before = placebo_leads(options, setup, gap, dropped) if options.leads else None
    return lay_out(options, setup, outcome, dropped, after, before)


def fit_path(options: PartOptions, panel: Panel, outcome: str, covariates: str | Sequence[str] | None) -> Parts:
    """Estimate the parts by horizon, relative to the last period before treatment; see `aigreen.Decomposition.path`."""
    if options.leads < 2:
        raise OptionError("leads", options.leads, ["2, 3, ...: a path needs a period before its reference"])
    unit = panel.names["unit"]
    if unit not in (options.fixed_effects or [unit]):
        raise OptionError(
            "fixed_effects", options.fixed_effects, [f"a list with {unit!r}: a reference is within units"]
        )
    dropped = Dropped()
    setup = prepare(options, panel, outcome, covariates, dropped)
    leads, separated = all_leads(setup, options.anticipation)
    y, M = setup.raw()
    both = np.column_stack([setup.covariates, leads.dummies.Z])
    names, effects = list(options.channels), setup.fit.effects
    setup = replace(setup, fit=fit_clean(y, M, both, effects, setup.weights, names, ordered=options.ordered))
    if setup.counts is not None:
        clean = np.zeros(setup.sample.n_rows, dtype=bool)
        clean[effects.rows] = True
        lost = np.flatnonzero(clean & separated)
        reason = "in a period before treatment or exposure without a positive count (separated)"
        dropped.add(SeparationWarning, "clean rows", reason, lost.size, setup.sample.labels(lost[:5]))

        def counted(covariates: np.ndarray) -> CountFit:
            return fit_counts(
                options, setup.sample, y, covariates, M, list(effects.codes), clean & ~separated, Dropped()
            )

        if lost.size:
            leads = replace(leads, counts=counted(setup.covariates))
        setup = replace(setup, counts=counted(both))
    gap, after = _after(options, setup)
    before = _between(lead_parts(options, setup, leads, gap), options.leads)
    result = lay_out(options, setup, outcome, dropped, after, before).event_study()
    reference = f"reference of all horizons: {-1 - options.anticipation}"
    return replace(result, leads="path", conventions={**result.conventions, "leads": reference})


def fit_factors(options: PartOptions, panel: Panel, outcome: str, covariates: str | Sequence[str] | None) -> Effects:
    """Estimate slope and movement of each channel; see `aigreen.Decomposition.factors`."""
    if not options.channels:
        raise OptionError("channels", list(options.channels), ["one column at least"])
    dropped = Dropped()
    setup = prepare(options, panel, outcome, covariates, dropped)
    values, psi = _factors(options, setup)
    index = pd.MultiIndex.from_product([options.channels, ["slope", "moved"]], names=["channel", "factor"])
    y, M = setup.raw()
    within = np.sqrt(np.mean(setup.fit.channels[setup.fit.effects.rows] ** 2, axis=0))
    of_slope = (CONVERGED if options.counts else ROUNDING * np.abs(y).max()) / within
    resolution = np.column_stack([of_slope, ROUNDING * np.abs(M).max(axis=0)]).ravel()
    facts = decomposition_facts(options, setup, outcome, dropped) | {"resolution": resolution}
    psi = psi.reshape(len(psi), -1)
    return Effects(values=values.ravel(), index=index, psi=psi, method="Decomposition (factors)", **facts)


def fit_sensitivity(
    options: PartOptions,
    panel: Panel,
    outcome: str,
    covariates: str | Sequence[str] | None,
    rho: Sequence[float],
    level: float,
) -> pd.DataFrame:
    """Sensitivity of the channels; see `aigreen.Decomposition.sensitivity`."""
    if not options.channels:
        raise OptionError("channels", list(options.channels), ["one column at least"])
    if options.ordered:
        raise OptionError("ordered", options.ordered, [False])
    setup = prepare(options, panel, outcome, covariates, Dropped())
    values, psi = _factors(options, setup)
    n_channels = len(options.channels)
    if setup.counts is None:
        fit, rows = setup.fit, setup.fit.effects.rows
        channels, rest, weights, n_covariates = fit.channels[rows], fit.rest[rows], fit.weights, fit.covariates.shape[1]
    else:
        long = setup.counts.long
        fit, rows = long.model, long.model.effects.rows
        channels, weights = fit.covariates[rows, -n_channels:], long.w[rows] * fit.mean[rows]
        rest, n_covariates = (long.y / np.where(fit.mean > 0, fit.mean, 1.0) - 1)[rows], long.X.shape[1] - n_channels
    found = ChannelFit(
        list(options.channels),
        values[:, 1],
        values[:, 0],
        psi[:, :, ::-1],
        channels,
        rest,
        weights,
        setup.sample.cluster_codes[rows],
        len(rows) - fit.effects.rank - n_covariates - n_channels,
    )
    return found.frame(rho, level)


def _factors(options: PartOptions, setup: Setup) -> tuple[np.ndarray, np.ndarray]:
    return (compute_count_factors if options.counts else compute_factors)(options, setup)


def decomposition_facts(
    options: PartOptions, setup: Setup, outcome: str, dropped: Dropped, *, spread: float | np.ndarray = 1.0
) -> dict[str, Any]:
    """Sizes, conventions and left-out rows, as `Effects` takes them."""
    used = np.concatenate([setup.fit.effects.rows, setup.cells.rows, setup.exposed])
    counts = counts_of(options.family, "percent" if options.scale == "log" else "level")
    facts = result_facts(setup.sample, used, outcome, dropped, t_intervals=True, spread=spread, counts=counts)
    told = conventions(
        options,
        setup.sample,
        n_clean=setup.fit.effects.rows.size,
        basis=setup.basis,
        n_exposed=setup.exposed.size,
        outside=setup.outside,
        n_zero=0 if setup.counts is None else int(setup.counts.short.zero.sum()),
    )
    return facts | {"conventions": told}


def _between(leads: Leads, longest: int) -> Leads:
    """Leads up to the longest one, and the reference, at which every part is zero.

    Raises
    ------
    NoPrePeriodError
        No lead before the reference is identified in all parts.
    """
    kept = (leads.distance > 1) & (leads.distance <= longest)
    if not kept.any():
        raise NoPrePeriodError(f"no period from {longest} to 2 before treatment is identified in all parts", count=0)
    values, psi = leads.values[:, kept], leads.psi[..., kept]
    return Leads(
        np.append(leads.distance[kept], 1),
        np.hstack([values, np.zeros((len(values), 1))]),
        np.concatenate([psi, np.zeros((*psi.shape[:2], 1))], axis=2),
    )


def _after(options: PartOptions, setup: Setup) -> tuple[Slopes | None, CellParts]:
    """Parts of the cells after treatment, and how slopes of channels differ there."""
    if options.counts:
        gap = treated_count_slopes(options, setup)
        return gap, compute_count_parts(options, setup, gap)
    gap = treated_slopes(options, setup)
    return gap, compute_parts(options, setup, gap)


def _with_leads(
    options: PartOptions, setup: Setup, after: CellParts, before: Leads
) -> tuple[Cells, np.ndarray, CellParts]:
    """Cells after treatment and those of the leads, sorted; which of them are after treatment; the parts of all."""
    cells, of = before.cells(setup, options.anticipation)
    w, k = setup.weights_of(cells.rows), len(of)
    cohort = np.append(setup.cells.cohort, cells.cohort)
    time = np.append(setup.cells.time, cells.time)
    order = np.lexsort((time, cohort))
    post = order < len(setup.cells.cohort)
    values, psi = before.values[:, of], before.psi[..., of]
    mass = None
    if setup.counts is not None and after.mass is not None:
        counterfactual = np.bincount(cells.cell, w * setup.counts.short.model.mean[cells.rows], k)
        grown = counterfactual * np.exp(values[options.layout.total])
        mass = LogMeanMass(
            np.append(after.mass.outcome, grown)[order],
            np.append(after.mass.counterfactual, counterfactual)[order],
            np.tile(np.arange(len(order)), len(values)),
            np.hstack([after.mass.outcome_influence, grown * psi[:, options.layout.total]])[:, order],
            np.hstack([after.mass.counterfactual_influence, np.zeros((len(psi), k))])[:, order],
        )
    parts = CellParts(
        np.hstack([after.values, values])[:, order],
        np.concatenate([after.psi, psi], axis=2)[..., order],
        np.append(after.count, np.bincount(cells.cell, w, k))[order],
        mass,
    )
    return Cells(cohort[order], time[order], cells.rows, cells.cell), post, parts


def lay_out(
    options: PartOptions,
    setup: Setup,
    outcome: str,
    dropped: Dropped,
    parts: CellParts,
    before: Leads | None = None,
) -> Parts:
    """Lay out the parts of the cells after treatment, and of the leads, as effects."""
    cells, post = setup.cells, np.ones(len(parts.count), dtype=bool)
    if before is not None:
        cells, post, parts = _with_leads(options, setup, parts, before)
    parts = on_scale(options, parts)
    cohort, time, count = cells.cohort, cells.time, parts.count
    return effects_of_parts(
        options,
        parts,
        cohort,
        time,
        post,
        parts.mass or Mass(count, np.tile(np.arange(len(count)), len(options.layout.labels))),
        _shares(options, setup, cohort, time, count, post),
        products_of_parts(options, setup.loadings, len(count)),
        decomposition_facts(options, setup, outcome, dropped),
    )


def effects_of_parts(
    options: PartOptions,
    parts: CellParts,
    cohort: np.ndarray,
    time: np.ndarray,
    post: np.ndarray,
    mass: Mass | LogMeanMass,
    shares: ClusterShares,
    products: Products | None,
    facts: dict[str, Any],
) -> Parts:
    """Lay out parts by cohort and time as effects."""
    labels = options.layout.labels
    n_parts = len(labels)
    levels = [np.repeat(labels, len(cohort)), np.tile(cohort, n_parts), np.tile(time, n_parts)]
    return Parts(
        values=parts.values.ravel(),
        index=pd.MultiIndex.from_arrays(levels, names=["part", "cohort", "time"]),
        psi=parts.psi.reshape(len(parts.psi), -1),
        method="Decomposition" if not options.counts else f"Decomposition (poisson, {options.scale})",
        mass=mass,
        post=np.tile(post, n_parts),
        leads="separate",
        anticipation=options.anticipation,
        cluster_shares=shares,
        products=products,
        **facts,
    )


def _shares(
    options: PartOptions, setup: Setup, cohort: np.ndarray, time: np.ndarray, count: np.ndarray, post: np.ndarray
) -> ClusterShares:
    """Shares of clusters behind each part of each cell: treated ones, exposed ones of what others do.

    Rows of counts count by their counterfactual mean, as they do in sums of counts.
    """
    sample = setup.sample
    weights = setup.weights if setup.counts is None else setup.counts.short.row_masses
    facts = {"n_clusters": len(sample.clusters), "weights": weights}
    leave_one_out = options.leave_one_out
    common = np.where(post, -1, cohort - time), count
    treated = ClusterShares.by_cohort(
        sample.cluster_codes, sample.cohort, cohort, by_group=post, own_left_out=leave_one_out, common=common, **facts
    )
    return shares_of_parts(options, treated, exposed_rows(options, setup))


def products_of_parts(options: PartOptions, loadings: Loadings, n_cells: int) -> Products | None:
    """Say which parts are the slope of a channel times a movement: of counts, and of channels that are parallel."""
    layout = options.layout
    if not options.counts or options.ordered or not options.channels:
        return None
    slope = np.full(len(layout.labels), -1)
    for parts in (layout.channel, layout.own[1:], layout.others[1:]):
        slope[parts] = np.arange(len(parts))
    return Products(np.repeat(slope, n_cells), loadings.values.sum(axis=0), loadings.slopes_psi)


def exposed_rows(options: PartOptions, setup: Setup) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Cluster of each row, 0 for exposed rows and -1 for others, and weights, as `shares_of_parts` takes them."""
    group = np.full(setup.sample.n_rows, -1)
    group[setup.exposed] = 0
    weights = setup.weights if setup.counts is None else setup.counts.short.row_masses
    return setup.sample.cluster_codes, group, weights


def shares_of_parts(
    options: PartOptions, treated: ClusterShares, rows: tuple[np.ndarray, np.ndarray, np.ndarray | None]
) -> ClusterShares:
    """Put together the shares behind every part: `treated`, and those of exposed rows for what others do.

    `rows` are clusters, groups (0 of exposed rows, -1 of others) and weights, by row or summed.
    """
    layout = options.layout
    parts = [treated] * len(layout.labels)
    if options.exposures:
        clusters, group, weights = rows
        exposed = ClusterShares.count(
            clusters,
            group,
            np.ones((1, treated.of.shape[1])),
            n_clusters=len(treated.share),
            weights=weights,
            own_left_out=options.leave_one_out,
        )
        for at in (layout.spillover, *layout.by_exposure, *layout.others):
            parts[at] = exposed
    return ClusterShares.beside(parts)


def conventions(
    options: PartOptions,
    sample: Panel | ScannedSample,
    *,
    n_clean: int,
    basis: Basis | None,
    n_exposed: int,
    outside: np.ndarray,
    n_zero: int = 0,
) -> dict[str, str]:
    """Say how the parts were computed, and what they rest on; `n_zero` rows have a counterfactual of zero."""
    rows = "treated rows centred by cohort x time" + (", exposed rows at s(S)" if options.exposures else "")
    told = {
        "identity": options.layout.identity,
        "clean rows": f"{n_clean:,} untreated and unexposed rows",
        "variance": f"clusters: {sample.clusters.name}; {rows} ({options.variance})",
        "small-sample factor": "none",
        "fixed effects": ", ".join(sample.effect_names(options.fixed_effects)),
    }
    if basis is not None:
        told["response"] = f"{options.response} ({', '.join(basis.terms)}), {n_exposed:,} exposed rows"
    if options.counts:
        told |= _of_counts(options, n_zero)
    if options.ordered:
        told["channels"] = "ordered: each beyond the earlier ones"
    if options.lags:
        told["channels"] = "; ".join(filter(None, [told.get("channels"), f"lagged by {options.lags} periods"]))
    if options.channels:
        shares = (f"{name} {share:.1%}" for name, share in zip(options.channels, outside, strict=True))
        told["overlap"] = f"treated rows with a channel outside the range of clean rows: {', '.join(shares)}"
    if options.anticipation:
        told["anticipation"] = f"{options.anticipation} periods before treatment left out"
    if options.leads:
        told["leads"] = "separate regression on clean rows; reference: earlier periods, never treated or exposed"
    return told | assumptions(channels=bool(options.channels), exposure=basis is not None, counts=options.counts)


def _of_counts(options: PartOptions, n_zero: int) -> dict[str, str]:
    weighted = {"counterfactual": "what is predicted for them at channels of zero", "rows": "panel weights"}
    told = {
        "scale": {
            "log": "log of the mean: total = ln(sum of Y / sum of counterfactuals); averages by logarithmic means",
            "count": "counts for each treated row: parts on the log scale times logarithmic means of the sums",
        }[str(options.scale)],
        "channels moved": f"means over treated rows weighted by {weighted[options.movement]}",
    }
    if n_zero:
        told["separated"] = f"{n_zero:,} rows with an all-zero clean past have a counterfactual of zero, and stay"
    return told
