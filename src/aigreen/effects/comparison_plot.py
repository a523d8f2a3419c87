"""Several results in one plot: beside each other by horizon, or row by row."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from aigreen.effects.fonts import lettered
from aigreen.effects.plot import (
    COLOURS,
    MARKERS,
    POINTWISE,
    ROW,
    RULE,
    SIMULTANEOUS,
    STRIPE,
    axes,
    frame_intervals,
    horizon_ticks,
    legend_above,
    since_treatment,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from aigreen.effects.effects import Effects

_SPREAD = 0.6  # of the distance between neighbours, taken by the results at one of them
_BAR = "0.55"


def overlay_plot(
    results: Mapping[str, Effects],
    rows: Sequence[Hashable],
    keys: Mapping[str, Sequence[Hashable]],
    ax: Axes | None = None,
    *,
    level: float = 0.95,
    simultaneous: bool = False,
    by_horizon: bool = False,
    **band: Any,
) -> Axes:
    """Draw results beside each other at each of `rows`, thick bars pointwise and thin ones simultaneous.

    Parameters
    ----------
    results : mapping of label to Effects
    rows : sequence
        Horizons in order, or names of rows from top to bottom.
    keys : mapping of label to sequence
        For each result, the row of each of its effects.
    by_horizon : bool
        Rows are horizons and stand along the x axis. A reference horizon is a hollow point without a bar.
    """
    new = ax is None
    ax = axes(ax, 3.3 if by_horizon else max(3.3, 0.8 + len(rows) * (0.1 + 0.12 * len(results))))
    places = np.array(rows, dtype=float) if by_horizon else np.arange(len(rows), dtype=float)[::-1]
    at = pd.Series(places, index=pd.Index(rows, dtype=object))
    draw, rule, stripe = (ax.vlines, ax.axhline, ax.axvspan) if by_horizon else (ax.hlines, ax.axvline, ax.axhspan)
    for place in places[::2] if len(places) > 1 else ():
        stripe(place - 0.5, place + 0.5, color=STRIPE, linewidth=0, zorder=-2)
    rule(0, **RULE)
    slots = (len(rows) * len(results)) * (1 if by_horizon else 0)
    size = float(np.clip(320 / max(slots, 1), 2, 4.5))  # of markers, so that many do not hide each other
    offsets = np.linspace(-0.5, 0.5, len(results)) * _SPREAD if len(results) > 1 else np.zeros(1)
    handles: list[Any] = []
    drawn = []
    for i, (label, result) in enumerate(results.items()):
        positions = at[list(keys[label])].to_numpy() + (offsets[i] if by_horizon else -offsets[i])
        colour, marker = COLOURS[i % len(COLOURS)], MARKERS[(i + i // len(COLOURS)) % len(MARKERS)]
        bounds = [result.conf_int(level)]
        draw(positions, bounds[0]["low"], bounds[0]["high"], color=colour, linewidth=POINTWISE, zorder=3)
        if simultaneous and result.psi is not None:
            bounds.append(result.conf_int(level, simultaneous=True, **band))
            draw(positions, bounds[1]["low"], bounds[1]["high"], color=colour, linewidth=SIMULTANEOUS, zorder=2)
        drawn += [one.assign(value=result.values, at=positions, colour=colour) for one in bounds]
        reference = (result.std_errors == 0).to_numpy() & (result.values == 0)
        name = f"{label} (pointwise only)" if simultaneous and result.psi is None else label
        look: dict[str, Any] = {"linestyle": "none", "marker": marker, "markersize": size, "color": colour, "zorder": 4}
        for fill, mine in ((colour, ~reference), ("white", reference)):
            points = positions[mine], result.values[mine]
            ax.plot(*(points if by_horizon else points[::-1]), mfc=fill, **look)
        handles += ax.plot([], [], label=name, **look)
    handles += [ax.vlines([], [], [], color=_BAR, linewidth=POINTWISE, label=f"{level:.0%} pointwise")]
    if simultaneous:
        handles += [ax.vlines([], [], [], color=_BAR, linewidth=SIMULTANEOUS, label=f"{level:.0%} simultaneous")]
    ends = pd.concat(drawn)
    if by_horizon:
        ax.axvline(-0.5, color="black", linewidth=0.6, linestyle=":", zorder=1)
        ax.set_xlim(places[0] - 0.5, places[-1] + 0.5)
        steps = {result.step for result in results.values()}
        ax.set_xlabel(since_treatment(steps.pop() if len(steps) == 1 else ""))
        ax.set_ylabel("Effect")
        horizon_ticks(ax, places)
    else:
        ax.set_yticks(places, [wrapped(str(row), ROW) for row in rows])
        ax.set_ylim(-0.5, len(rows) - 0.5)
        ax.set_xlabel("Effect")
    values, low, high = (ends[name].to_numpy() for name in ("value", "low", "high"))
    marks = {"at": ends["at"].to_numpy(), "colour": ends["colour"].to_numpy()}
    frame_intervals(ax, values, low, high, along="y" if by_horizon else "x", **marks)
    legend_above(ax, handles, right=not by_horizon, grow=new)
    return lettered(ax)
