"""One look for effects: points with confidence intervals, pointwise and simultaneous."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from aigreen.effects import Effects

INK = "#1b3a57"
PALE = "#b9cbd8"


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
