"""Map of the units of a panel: treated ones by cohort, untreated ones hollow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aigreen_study.figures.style import ABOVE, BORDER, COLOURS, LAND, MARKERS, SEAT, WIDTH, finish, style
from aigreen_study.run.periods import YEARS, Periods

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TALL, FLAT = 1.0, 0.35  # of the width
MARGIN = 0.06  # of the larger extent, around the outermost units


def unit_map(
    places: pd.DataFrame,
    cohorts: pd.Series,
    rings: Sequence[np.ndarray] = (),
    *,
    simulated: bool = False,
    periods: Periods = YEARS,
) -> Figure:
    """Draw units where they are, longitudes shortened by the cosine of the middle latitude.

    Parameters
    ----------
    places : DataFrame
        Latitude and longitude in degrees, in this order, by unit.
    cohorts : Series
        First treated period by unit; missing for never treated.
    rings : sequence of array, shape (points, 2)
        Borders, as longitude and latitude (`aigreen_study.figures.boundaries.read_boundaries`).
    periods : Periods
        What the numbers of `cohorts` are called.
    """
    from matplotlib.collections import PolyCollection

    latitude, longitude = (places.iloc[:, side].to_numpy(dtype=float) for side in (0, 1))
    middle = float(latitude.min() + latitude.max()) / 2
    squeeze = np.cos(np.radians(middle))
    first = cohorts.reindex(places.index).to_numpy(dtype=float, na_value=np.nan)
    spans = [np.ptp(longitude) * squeeze, np.ptp(latitude)]
    edge = MARGIN * max(*spans, 0.1)
    with style():
        from matplotlib.figure import Figure as Canvas

        shape = (spans[1] + 2 * edge) / (spans[0] + 2 * edge)
        figure = Canvas(figsize=(WIDTH, WIDTH * min(max(shape, FLAT), TALL)), layout="constrained")
        ax = figure.subplots()
        land = [np.column_stack([ring[:, 0] * squeeze, ring[:, 1]]) for ring in rings]
        ax.add_collection(PolyCollection(land, facecolors=LAND, edgecolors=BORDER, linewidths=0.4, zorder=1))
        never = np.isnan(first)
        drawn = {"s": 16, "linewidths": 0.7, "zorder": 3}
        ax.scatter(
            longitude[never] * squeeze,
            latitude[never],
            facecolors="none",
            edgecolors=SEAT,
            label="Not treated",
            **drawn,
        )
        known = np.unique(first[~never])
        names = [periods.name(start) for start in known]
        shown = {f"{names[0]} to {names[-1]}": ~never} if len(known) > len(COLOURS) - 1 else {
            name: first == start for name, start in zip(names, known, strict=True)
        }  # fmt: skip
        for (label, here), colour, marker in zip(shown.items(), COLOURS[1:], MARKERS[1:], strict=False):
            ax.scatter(
                longitude[here] * squeeze,
                latitude[here],
                color=colour,
                marker=marker,
                label=f"Treated from {label}",
                **drawn,
            )
        ax.set_xlim((longitude * squeeze).min() - edge, (longitude * squeeze).max() + edge)
        ax.set_ylim(latitude.min() - edge, latitude.max() + edge)
        ax.set_aspect("equal")
        ax.set_axis_off()
        ax.legend(ncols=4, **ABOVE)
        return finish(figure, simulated=simulated)
