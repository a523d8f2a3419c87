"""Units at their coordinates, by when they are first treated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aigreen_study.figures.style import ABOVE, COLOURS, SEAT, canvas, finish, require_columns, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAINLAND = (-126.0, -65.0, 24.0, 50.0)  # degrees: the contiguous United States


def mainland_map(
    frame: pd.DataFrame,
    *,
    unit: str,
    time: str,
    cohort: str,
    longitude: str,
    latitude: str,
    extent: tuple[float, float, float, float] = MAINLAND,
    simulated: bool = False,
) -> Figure:
    """Scatter of units: never treated, treated before the last period, and first treated in it.

    Parameters
    ----------
    frame : DataFrame
        One row a unit and period; the last place of a unit counts.
    extent : tuple of float
        West, east, south and north in degrees; units outside are counted below the map.

    Raises
    ------
    UnknownColumnError
    """
    require_columns(frame, [unit, time, cohort, longitude, latitude])
    last = frame[time].max()
    units = frame.sort_values(time).drop_duplicates(unit, keep="last")
    first = units[cohort].to_numpy(dtype=float, na_value=np.nan)
    west, east, south, north = extent
    inside = units[longitude].between(west, east) & units[latitude].between(south, north)
    groups = {
        "Never treated": (np.isnan(first), {"color": SEAT, "s": 5, "alpha": 0.5, "marker": "o"}),
        f"First treated in {last}": (first == last, {"color": COLOURS[1], "s": 9, "alpha": 0.7, "marker": "s"}),
        f"First treated before {last}": (first < last, {"color": COLOURS[2], "s": 14, "alpha": 0.8, "marker": "^"}),
    }
    with style():
        figure, ax = canvas(3.9)
        for label, (mask, look) in groups.items():
            shown = units[mask & inside]
            ax.scatter(shown[longitude], shown[latitude], label=f"{label} ({mask.sum():,})", linewidths=0, **look)
        ax.set(xlim=(west, east), ylim=(south, north), xlabel="Longitude", ylabel="Latitude")
        ax.set_aspect(1 / np.cos(np.radians((south + north) / 2)))
        ax.xaxis.set_major_formatter(lambda value, _: f"{abs(value):.0f}° W")
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0f}° N")
        ax.set_title(f"{int((~inside).sum()):,} units lie outside the map", loc="right", fontsize="small", y=-0.22)
        ax.legend(ncols=3, markerscale=1.6, **ABOVE)
        return finish(figure, simulated=simulated)
