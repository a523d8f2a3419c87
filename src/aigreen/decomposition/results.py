"""Results of a decomposition: parts by cohort and period, with leads, and parts by horizon from one reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from aigreen.counterfactual.rows import Cells, distinct
from aigreen.decomposition.channel_fit import fit_clean
from aigreen.decomposition.estimates import compute_factors, compute_parts, treated_slopes
from aigreen.decomposition.leads import Leads, all_leads, lead_parts, placebo_leads
from aigreen.decomposition.options import PartOptions
from aigreen.decomposition.parts import DIRECT, SPILLOVER, TOTAL, Parts, assumptions
from aigreen.decomposition.sample import Setup, prepare
from aigreen.effects.aggregation import Mass
from aigreen.effects.effects import Effects
from aigreen.errors import NoPrePeriodError, OptionError
from aigreen.panel.dropped import Dropped
from aigreen.panel.panel import Panel


def fit_parts(options: PartOptions, panel: Panel, outcome: str, covariates: Sequence[str] | None) -> Parts:
    """Estimate the parts by cohort and time, with leads if asked for; see `aigreen.Decomposition.fit`."""
    dropped = Dropped()
    setup = prepare(options, panel, outcome, covariates, dropped)
    labels, values, psi, count = compute_parts(options, setup)
    cells, post = setup.cells, np.ones(len(count), dtype=bool)
    cohort, time = cells.cohort, cells.time
    if options.leads:
        leads = placebo_leads(options, setup, labels, _gap(options, setup), dropped)
        before, of = leads.cells(setup, options.anticipation)
        values, psi = np.hstack([values, leads.values[:, of]]), np.concatenate([psi, leads.psi[..., of]], axis=2)
        cohort, time = np.append(cohort, before.cohort), np.append(time, before.time)
        count = np.append(count, _size(setup, before))
        post = np.append(post, np.zeros(len(of), dtype=bool))
        order = np.lexsort((time, cohort))
        values, psi, count, post = values[:, order], psi[..., order], count[order], post[order]
        cohort, time = cohort[order], time[order]
    return _parts(options, setup, outcome, dropped, labels, (cohort, time, count, post), values, psi)


def fit_path(options: PartOptions, panel: Panel, outcome: str, covariates: Sequence[str] | None) -> Parts:
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
    labels, values, psi, count = compute_parts(options, setup)
    before = _between(lead_parts(options, setup, leads, labels, _gap(options, setup)), options.leads)
    cells, cell_of = before.cells(setup, options.anticipation)
    values = np.hstack([values, before.values[:, cell_of]])
    psi = np.concatenate([psi, before.psi[..., cell_of]], axis=2)
    at = (
        np.append(setup.cells.cohort, cells.cohort),
        np.append(setup.cells.time, cells.time),
        np.append(count, _size(setup, cells)),
        np.append(np.ones(len(count), dtype=bool), np.zeros(len(cell_of), dtype=bool)),
    )
    result = _parts(options, setup, outcome, dropped, labels, at, values, psi).event_study()
    reference = f"reference of all horizons: {-1 - options.anticipation}"
    return replace(result, conventions={**result.conventions, "leads": reference})


def fit_factors(options: PartOptions, panel: Panel, outcome: str, covariates: Sequence[str] | None) -> Effects:
    """Estimate slope and movement of each channel; see `aigreen.Decomposition.factors`."""
    if not options.channels:
        raise OptionError("channels", list(options.channels), ["one column at least"])
    dropped = Dropped()
    setup = prepare(options, panel, outcome, covariates, dropped)
    values, psi = compute_factors(options, setup)
    index = pd.MultiIndex.from_product([options.channels, ["slope", "moved"]], names=["channel", "factor"])
    facts = result_facts(options, setup, outcome, dropped)
    return Effects(values=values, index=index, psi=psi, method="Decomposition (factors)", **facts)


def result_facts(options: PartOptions, setup: Setup, outcome: str, dropped: Dropped) -> dict[str, Any]:
    """Sizes, conventions and left-out rows, as `Effects` takes them."""
    sample = setup.sample
    used = np.concatenate([setup.fit.effects.rows, setup.cells.rows, setup.exposed])
    n_clusters = distinct(sample.cluster_codes[used])
    return {
        "clusters": sample.clusters,
        "n_rows": used.size,
        "n_units": distinct(sample.unit_codes[used]),
        "n_clusters": n_clusters,
        "df": n_clusters - 1,
        "outcome": outcome,
        "conventions": _conventions(options, setup),
        "dropped": dropped.to_frame(),
    }


def _gap(options: PartOptions, setup: Setup) -> tuple[np.ndarray, np.ndarray] | None:
    """Slopes under treatment less those without, where they may differ."""
    if not options.interaction:
        return None
    clusters = setup.sample.cluster_codes[setup.fit.effects.rows]
    slopes_psi = setup.fit.loadings_influence(clusters, len(setup.sample.clusters)).sum(axis=1)
    return treated_slopes(options, setup, setup.fit.slopes, slopes_psi)


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


def _size(setup: Setup, cells: Cells) -> np.ndarray:
    """(Weighted) number of rows of each cell."""
    w = None if setup.weights is None else setup.weights[cells.rows]
    return np.bincount(cells.cell, w, len(cells.cohort)).astype(float)


def _parts(
    options: PartOptions,
    setup: Setup,
    outcome: str,
    dropped: Dropped,
    labels: list[str],
    at: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    values: np.ndarray,
    psi: np.ndarray,
) -> Parts:
    """Lay out parts, shape (P, cells), with cohort, time, mass and post of each cell."""
    cohort, time, count, post = at
    n_parts = len(labels)
    levels = [np.repeat(labels, len(count)), np.tile(cohort, n_parts), np.tile(time, n_parts)]
    return Parts(
        values=values.ravel(),
        index=pd.MultiIndex.from_arrays(levels, names=["part", "cohort", "time"]),
        psi=psi.reshape(len(psi), -1),
        method="Decomposition",
        mass=Mass(count, np.tile(np.arange(len(count)), n_parts)),
        post=np.tile(post, n_parts),
        **result_facts(options, setup, outcome, dropped),
    )


def _conventions(options: PartOptions, setup: Setup) -> dict[str, str]:
    sample, basis = setup.sample, setup.basis
    additive = [DIRECT, *options.channels, *([SPILLOVER] if options.exposures else [])]
    rows = "treated rows centred by cohort x time" + (", exposed rows at s(S)" if options.exposures else "")
    told = {
        "identity": f"{TOTAL} = {' + '.join(additive)}",
        "clean rows": f"{setup.fit.effects.rows.size:,} untreated and unexposed rows",
        "variance": f"clusters: {sample.clusters.name}; {rows} ({options.variance})",
        "small-sample factor": "none",
        "fixed effects": ", ".join(options.fixed_effects or (sample.names["unit"], sample.names["time"])),
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
