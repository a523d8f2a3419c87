"""Averages of effects by cohort and time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aigreen.aggregation import Aggregation, Mass, covariance_of_sums, group_index, levels_kept, weighted_mean
from aigreen.errors import EffectsError

if TYPE_CHECKING:
    from aigreen.effects import Effects


def aggregated(effects: Effects, how: Aggregation, balanced: int | None = None) -> Effects:
    """Average as `Effects.aggregate` describes."""
    keep = levels_kept(effects.index, how)
    if effects.mass is None or not {"cohort", "time"} <= set(effects.index.names):
        levels = ", ".join(map(str, effects.index.names))
        raise EffectsError(f"{effects.method} effects by {levels} cannot be aggregated by cohort and time")
    cohort = effects.index.get_level_values("cohort")
    horizon = effects.index.get_level_values("time") - cohort
    chosen = np.ones(len(effects), dtype=bool) if how == "event_study" else _after(effects)
    if balanced is not None:
        if how != "event_study":
            raise EffectsError("balanced= goes with an event study")
        longest = pd.Series(horizon).groupby(cohort.to_numpy()).transform("max")
        chosen = ((longest >= balanced) & (horizon <= balanced)).to_numpy()
    part = _selected(effects, chosen)
    levels = {name: horizon if name == "horizon" else effects.index.get_level_values(name) for name in keep}
    groups, labels = group_index({name: level[chosen] for name, level in levels.items()}, len(part))
    post = None
    if how == "event_study":
        post = np.ones(len(labels), dtype=bool)
        np.logical_and.at(post, groups, _after(part))
    mass = part.mass.average(groups, len(labels)) if how == "group" else None
    return _averaged(part, groups, labels, mass, post)


def overall_average(effects: Effects) -> Effects:
    """Average as `Effects.overall` describes."""
    if effects.mass is None:
        if len(effects) == 1:
            return effects
        raise EffectsError(f"{effects.method} effects have no weights for an overall average; use combine(weights)")
    part = _selected(effects, _after(effects))
    others = [name for name in effects.index.names if name not in {"cohort", "time", "horizon", "effect"}]
    return _averaged(part, *group_index({name: part.index.get_level_values(name) for name in others}, len(part)))


def _after(effects: Effects) -> np.ndarray:
    return np.ones(len(effects), dtype=bool) if effects.post is None else effects.post


def _selected(effects: Effects, chosen: np.ndarray) -> Effects:
    if not chosen.any():
        raise EffectsError("no effect after treatment is left to average")
    return effects.select(chosen)


def _averaged(
    effects: Effects, groups: np.ndarray, labels: pd.Index, mass: Mass | None = None, post: np.ndarray | None = None
) -> Effects:
    """Average the effects of each group by their mass; the averages count equally unless `mass` says otherwise."""
    n = len(labels)
    values, psi, weights = weighted_mean(effects.values, effects.psi, effects.mass, groups, n)
    source = pd.DataFrame(np.eye(len(effects)), index=effects.index) if effects.weights is None else effects.weights
    return replace(
        effects,
        values=values,
        index=labels,
        psi=psi,
        covariance=covariance_of_sums(effects.covariance, weights, effects.method),
        mass=Mass(np.ones(n), np.arange(n)) if mass is None else mass,
        post=np.ones(n, dtype=bool) if post is None else post,
        weights=pd.DataFrame(source.to_numpy() @ weights, index=source.index, columns=labels),
    )
