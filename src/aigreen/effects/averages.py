"""Which effects by cohort and time enter which average."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from aigreen.effects.aggregation import Aggregation, group_index, levels_kept
from aigreen.errors import EffectsError, OptionError


class Average(NamedTuple):
    """Groups of effects to be averaged.

    Attributes
    ----------
    chosen : ndarray of bool, shape (k,)
        Effects that enter an average.
    groups : ndarray of int, shape (chosen,)
        Average that each of them enters.
    labels : Index, length r
    post : ndarray of bool, shape (r,)
        Averages of effects after treatment only.
    """

    chosen: np.ndarray
    groups: np.ndarray
    labels: pd.Index
    post: np.ndarray


def averages_by(
    index: pd.Index,
    post: np.ndarray | None,
    how: Aggregation,
    balanced: int | None = None,
    bins: tuple[int, int] | None = None,
) -> Average:
    """Group effects by cohort and time as `Effects.aggregate` describes; `post` marks those after treatment."""
    keep = levels_kept(index, how)
    cohort = index.get_level_values("cohort")
    horizon = index.get_level_values("time") - cohort
    after = _after(index, post)
    chosen = np.ones(len(index), dtype=bool) if how == "event_study" else after
    if balanced is not None:
        if how != "event_study":
            raise EffectsError("balanced= goes with an event study")
        longest = pd.Series(horizon).groupby(cohort.to_numpy()).transform("max")
        chosen = ((longest >= balanced) & (horizon <= balanced)).to_numpy()
    if bins is not None:
        if how != "event_study":
            raise EffectsError("bins= goes with an event study")
        if not bins[0] < 0 <= bins[1]:
            raise OptionError("bins", bins, [(-5, 5), "(negative, zero or positive)"])
        horizon = pd.Index(np.clip(horizon, *bins))
    levels = {name: horizon if name == "horizon" else index.get_level_values(name) for name in keep}
    groups, labels = _grouped(levels, chosen)
    averaged_post = np.ones(len(labels), dtype=bool)
    np.logical_and.at(averaged_post, groups, after[chosen])
    return Average(chosen, groups, labels, averaged_post)


def overall_averages(index: pd.Index, post: np.ndarray | None) -> Average:
    """Group the effects after treatment by all levels but cohort, time, horizon and effect."""
    chosen = _after(index, post)
    others = [name for name in index.names if name not in {"cohort", "time", "horizon", "effect"}]
    groups, labels = _grouped({name: index.get_level_values(name) for name in others}, chosen)
    return Average(chosen, groups, labels, np.ones(len(labels), dtype=bool))


def _after(index: pd.Index, post: np.ndarray | None) -> np.ndarray:
    return np.ones(len(index), dtype=bool) if post is None else post


def _grouped(levels: dict[str, pd.Index], chosen: np.ndarray) -> tuple[np.ndarray, pd.Index]:
    if not chosen.any():
        raise EffectsError("no effect after treatment is left to average")
    return group_index({name: level[chosen] for name, level in levels.items()}, int(chosen.sum()))
