"""One look for effects: points with confidence intervals, pointwise and simultaneous."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from aigreen.effects import Effects

INK = "#1b4965"
PALE = "#9db4c0"


def effects_plot(effects: Effects, ax: Axes | None = None, *, level: float = 0.95, simultaneous: bool = False) -> Axes:
    """Draw estimates by horizon, or one row an effect; bars are pointwise and pale bars simultaneous intervals."""
    import matplotlib.pyplot as plt

    if ax is None:
        ax = plt.subplots(figsize=(6.2, 3.6), layout="constrained")[1]
    estimates, bounds = effects.values, effects.conf_int(level)
    band = effects.conf_int(level, simultaneous=True) if simultaneous else None
    by_horizon = "horizon" in effects.index.names
    positions = effects.index.get_level_values("horizon").to_numpy() if by_horizon else np.arange(len(effects))[::-1]
    draw, line = (ax.vlines, ax.axhline) if by_horizon else (ax.hlines, ax.axvline)
    line(0, color="black", linewidth=0.6)
    if band is not None:
        draw(positions, band["low"], band["high"], color=PALE, linewidth=4, label=f"{level:.0%} simultaneous")
    draw(positions, bounds["low"], bounds["high"], color=INK, linewidth=1.4, label=f"{level:.0%} pointwise")
    points = (positions, estimates) if by_horizon else (estimates, positions)
    ax.plot(*points, linestyle="none", marker="o", markersize=4, color=INK)
    if by_horizon:
        ax.axvline(-0.5, color="black", linewidth=0.6, linestyle=":")
        ax.set_xlabel("Periods since treatment")
        ax.set_ylabel("Effect")
        ax.xaxis.get_major_locator().set_params(integer=True)
    else:
        labels = [", ".join(map(str, key)) if isinstance(key, tuple) else str(key) for key in effects.index]
        ax.set_yticks(positions, labels)
        ax.set_xlabel("Effect")
    if band is not None:
        ax.legend(frameon=False)
    return ax
