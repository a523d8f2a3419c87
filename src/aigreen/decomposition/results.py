"""Results of a decomposition: parts by cohort and period, with leads, and parts by horizon from one reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from aigreen.decomposition.channel_fit import fit_clean
from aigreen.decomposition.estimates import compute_factors, compute_parts, treated_slopes
from aigreen.decomposition.leads import Leads, all_leads, lead_parts, placebo_leads
from aigreen.decomposition.options import PartOptions
from aigreen.decomposition.parts import SPILLOVER, Parts, assumptions
from aigreen.decomposition.sample import Setup, prepare
from aigreen.effects.aggregation import Mass
from aigreen.effects.cluster_shares import ClusterShares
from aigreen.effects.effects import Effects
from aigreen.errors import NoPrePeriodError, OptionError
from aigreen.inference.channel_sensitivity import ChannelFit
from aigreen.panel.dropped import Dropped
from aigreen.panel.facts import ROUNDING, result_facts
from aigreen.panel.panel import Panel


def fit_parts(options: PartOptions, panel: Panel, outcome: str, covariates: str | Sequence[str] | None) -> Parts:
    """Estimate the parts by cohort and time, with leads if asked for; see `aigreen.Decomposition.fit`."""
    dropped = Dropped()
    setup = prepare(options, panel, outcome, covariates, dropped)
    gap = treated_slopes(options, setup)
    after = compute_parts(options, setup, gap)
    before = placebo_leads(options, setup, gap, dropped) if options.leads else None
    return _parts(options, setup, outcome, dropped, after, before)


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
    leads = all_leads(setup, options.anticipation)
    y, M = setup.raw()
    both = np.column_stack([setup.covariates, leads.dummies.Z])
    names, effects = list(options.channels), setup.fit.effects
    setup = replace(setup, fit=fit_clean(y, M, both, effects, setup.weights, names, ordered=options.ordered))
    gap = treated_slopes(options, setup)
    after = compute_parts(options, setup, gap)
    before = _between(lead_parts(options, setup, leads, gap), options.leads)
    result = _parts(options, setup, outcome, dropped, after, before).event_study()
    reference = f"reference of all horizons: {-1 - options.anticipation}"
    return replace(result, leads="path", conventions={**result.conventions, "leads": reference})


def fit_factors(options: PartOptions, panel: Panel, outcome: str, covariates: str | Sequence[str] | None) -> Effects:
    """Estimate slope and movement of each channel; see `aigreen.Decomposition.factors`."""
    if not options.channels:
        raise OptionError("channels", list(options.channels), ["one column at least"])
    dropped = Dropped()
    setup = prepare(options, panel, outcome, covariates, dropped)
    values, psi = compute_factors(options, setup)
    index = pd.MultiIndex.from_product([options.channels, ["slope", "moved"]], names=["channel", "factor"])
    y, M = setup.raw()
    within = np.sqrt(np.mean(setup.fit.channels[setup.fit.effects.rows] ** 2, axis=0))
    resolution = ROUNDING * np.column_stack([np.abs(y).max() / within, np.abs(M).max(axis=0)]).ravel()
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
    values, psi = compute_factors(options, setup)
    fit, rows = setup.fit, setup.fit.effects.rows
    found = ChannelFit(
        list(options.channels),
        values[:, 1],
        values[:, 0],
        psi[:, :, ::-1],
        fit.channels[rows],
        fit.rest[rows],
        fit.weights,
        setup.clean_clusters,
        len(rows) - fit.effects.rank - fit.covariates.shape[1] - len(options.channels),
    )
    return found.frame(rho, level)


def decomposition_facts(
    options: PartOptions, setup: Setup, outcome: str, dropped: Dropped, *, spread: float | np.ndarray = 1.0
) -> dict[str, Any]:
    """Sizes, conventions and left-out rows, as `Effects` takes them."""
    used = np.concatenate([setup.fit.effects.rows, setup.cells.rows, setup.exposed])
    facts = result_facts(setup.sample, used, outcome, dropped, t_intervals=True, spread=spread)
    return facts | {"conventions": _conventions(options, setup)}


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


def _parts(
    options: PartOptions,
    setup: Setup,
    outcome: str,
    dropped: Dropped,
    after: tuple[np.ndarray, np.ndarray, np.ndarray],
    before: Leads | None,
) -> Parts:
    """Lay out the parts of the cells after treatment, as `compute_parts` returns them, and of the leads."""
    values, psi, count = after
    cohort, time, post = setup.cells.cohort, setup.cells.time, np.ones(len(count), dtype=bool)
    if before is not None:
        cells, of = before.cells(setup, options.anticipation)
        cohort, time = np.append(cohort, cells.cohort), np.append(time, cells.time)
        order = np.lexsort((time, cohort))
        count = np.append(count, np.bincount(cells.cell, setup.weights_of(cells.rows), len(of)))
        post = np.append(post, np.zeros(len(of), dtype=bool))
        values, psi = np.hstack([values, before.values[:, of]]), np.concatenate([psi, before.psi[..., of]], axis=2)
        cohort, time, count, post = cohort[order], time[order], count[order], post[order]
        values, psi = values[:, order], psi[..., order]
    labels = options.layout.labels
    n_parts = len(labels)
    levels = [np.repeat(labels, len(count)), np.tile(cohort, n_parts), np.tile(time, n_parts)]
    return Parts(
        values=values.ravel(),
        index=pd.MultiIndex.from_arrays(levels, names=["part", "cohort", "time"]),
        psi=psi.reshape(len(psi), -1),
        method="Decomposition",
        mass=Mass(count, np.tile(np.arange(len(count)), n_parts)),
        post=np.tile(post, n_parts),
        leads="separate",
        anticipation=options.anticipation,
        cluster_shares=_shares(options, setup, cohort, time, count, post),
        **decomposition_facts(options, setup, outcome, dropped),
    )


def _shares(
    options: PartOptions, setup: Setup, cohort: np.ndarray, time: np.ndarray, count: np.ndarray, post: np.ndarray
) -> ClusterShares:
    """Shares of clusters behind each part of each cell: treated ones, of the spillover exposed ones."""
    sample = setup.sample
    facts = {"n_clusters": len(sample.clusters), "weights": setup.weights}
    leave_one_out = options.variance == "leave_one_out"
    common = np.where(post, -1, cohort - time), count
    treated = ClusterShares.by_cohort(
        sample.cluster_codes, sample.cohort, cohort, by_group=post, own_left_out=leave_one_out, common=common, **facts
    )
    parts = [treated] * len(options.layout.labels)
    if options.exposures:
        group = np.full(sample.n_rows, -1)
        group[setup.exposed] = 0
        parts[options.layout.labels.index(SPILLOVER)] = ClusterShares.count(
            sample.cluster_codes, group, np.ones((1, len(cohort))), own_left_out=leave_one_out, **facts
        )
    return ClusterShares.beside(parts)


def _conventions(options: PartOptions, setup: Setup) -> dict[str, str]:
    sample, basis = setup.sample, setup.basis
    rows = "treated rows centred by cohort x time" + (", exposed rows at s(S)" if options.exposures else "")
    told = {
        "identity": options.layout.identity,
        "clean rows": f"{setup.fit.effects.rows.size:,} untreated and unexposed rows",
        "variance": f"clusters: {sample.clusters.name}; {rows} ({options.variance})",
        "small-sample factor": "none",
        "fixed effects": ", ".join(sample.effect_names(options.fixed_effects)),
    }
    if basis is not None:
        told["response"] = f"{options.response} ({', '.join(basis.terms)}), {setup.exposed.size:,} exposed rows"
    if options.ordered:
        told["channels"] = "ordered: each beyond the earlier ones"
    if options.anticipation:
        told["anticipation"] = f"{options.anticipation} periods before treatment left out"
    if options.leads:
        told["leads"] = "separate regression on clean rows; reference: earlier periods, never treated or exposed"
    return told | assumptions(channels=bool(options.channels), exposure=basis is not None)
