"""One look for effects: points with confidence intervals, pointwise and simultaneous."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from aigreen.errors import EffectsError, OptionError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from aigreen.effects import Effects

Decomposed = Literal["bars", "waterfall"]

INK = "#1b3a57"
PALE = "#b9cbd8"
# Neighbours differ in lightness, so that a stack can be read in grey.
FILLS = ("#2f6690", "#f2c57c", "#5f9e7e", "#7b2d5b", "#cfd8dc", "#c9793b", "#3d3d3d")


def effects_plot(
    effects: Effects, ax: Axes | None = None, *, level: float = 0.95, simultaneous: bool = False, **band: Any
) -> Axes:
    """Draw estimates by horizon, or one row an effect; bars are pointwise and wide pale bars simultaneous intervals.

    Further keywords (n_draws, multipliers, seed) go to the simultaneous intervals.
    """
    import matplotlib.pyplot as plt

    if ax is None:
        ax = plt.subplots(figsize=(6.3, 3.3), layout="constrained")[1]
    by_horizon = "horizon" in effects.index.names
    positions = effects.index.get_level_values("horizon").to_numpy() if by_horizon else np.arange(len(effects))[::-1]
    draw, line = (ax.vlines, ax.axhline) if by_horizon else (ax.hlines, ax.axvline)
    line(0, color="black", linewidth=0.6, zorder=1)
    if simultaneous:
        wide = effects.conf_int(level, simultaneous=True, **band)
        draw(positions, wide["low"], wide["high"], color=PALE, linewidth=7, label=f"{level:.0%} simultaneous", zorder=2)
    bounds = effects.conf_int(level)
    draw(positions, bounds["low"], bounds["high"], color=INK, linewidth=1.4, label=f"{level:.0%} pointwise", zorder=3)
    points = (positions, effects.values) if by_horizon else (effects.values, positions)
    ax.plot(*points, linestyle="none", marker="o", markersize=4.5, color=INK, zorder=4)
    if by_horizon:
        ax.axvline(-0.5, color="black", linewidth=0.6, linestyle=":", zorder=1)
        ax.set_xlabel("Periods since treatment")
        ax.set_ylabel("Effect")
        ax.xaxis.get_major_locator().set_params(integer=True)
    else:
        labels = [", ".join(map(str, key)) if isinstance(key, tuple) else str(key) for key in effects.index]
        ax.set_yticks(positions, labels)
        ax.set_xlabel("Effect")
    if simultaneous:
        ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return ax


def decomposition_plot(
    parts: Effects,
    ax: Axes | None = None,
    *,
    kind: Decomposed = "bars",
    level: float = 0.95,
    simultaneous: bool = True,
    **band: Any,
) -> Axes:
    """Draw the parts of a total: stacked bars with the total's band, or a waterfall with an interval for each part.

    Parameters
    ----------
    parts : Effects
        By part (the total first, pieces of parts left out), and by horizon or cohort for several bars.
    kind : {"bars", "waterfall"}
    level : float
    simultaneous : bool
        Whether intervals cover all that is drawn at once; further keywords (n_draws, multipliers, seed) go to them.
    """
    import matplotlib.pyplot as plt

    if kind not in get_args(Decomposed):
        raise OptionError("kind", kind, get_args(Decomposed))
    parts = parts.select(np.array([": " not in name for name in parts.index.get_level_values("part")]))
    names = parts.index.get_level_values("part").unique().tolist()
    values = parts.values.reshape(len(names), -1)
    places = parts.index[: values.shape[1]].droplevel(0) if parts.index.nlevels > 1 else [""]
    if kind == "waterfall" and len(places) > 1:
        raise EffectsError("a waterfall shows one total: take overall() first")
    if ax is None:
        ax = plt.subplots(figsize=(6.3, 3.3), layout="constrained")[1]
    ax.axhline(0, color="black", linewidth=0.6, zorder=1)
    shown = parts if kind == "waterfall" else parts.select(parts.index.get_level_values("part") == names[0])
    bounds = shown.conf_int(level, simultaneous=simultaneous, **(band if simultaneous else {})).to_numpy()
    whisker = {"fmt": "none", "ecolor": "black", "elinewidth": 1.2, "capsize": 3, "zorder": 4}
    if kind == "waterfall":
        order = [*range(1, len(names)), 0]
        parts_only = values[1:, 0]
        starts = np.append(np.concatenate([[0.0], np.cumsum(parts_only)[:-1]]), 0.0)
        heights = values[order, 0]
        colours = [*(FILLS[j % len(FILLS)] for j in range(len(parts_only))), INK]
        ax.bar(np.arange(len(names)), heights, bottom=starts, color=colours, width=0.6, zorder=2)
        for j in range(len(parts_only)):
            top = starts[j] + heights[j]
            ax.hlines(top, j + 0.3, j + 0.7, color="black", linewidth=0.6, linestyle=":", zorder=3)
        spread = np.abs(bounds - values[:, [0]])[order].T
        ax.errorbar(np.arange(len(names)), starts + heights, spread, **whisker)
        ax.set_xticks(np.arange(len(names)), [names[j] for j in order])
    else:
        at = np.arange(len(places))
        up, down = np.zeros(len(places)), np.zeros(len(places))
        for j, row in enumerate(values[1:]):
            base = np.where(row >= 0, up, down)
            ax.bar(at, row, bottom=base, color=FILLS[j % len(FILLS)], width=0.7, label=names[j + 1], zorder=2)
            up, down = up + np.maximum(row, 0), down + np.minimum(row, 0)
        ax.errorbar(at, values[0], np.abs(bounds.T - values[0]), **whisker)
        label = f"{names[0]}, {level:.0%} {'simultaneous' if simultaneous else 'pointwise'}"
        ax.plot(at, values[0], linestyle="none", marker="D", markersize=4.5, color="black", label=label, zorder=5)
        ax.set_xticks(at, [", ".join(map(str, p)) if isinstance(p, tuple) else str(p) for p in places])
        if "horizon" in parts.index.names:
            ax.set_xlabel("Periods since treatment")
        ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=5)
    ax.set_ylabel("Effect")
    return ax
