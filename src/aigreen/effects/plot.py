"""One look for effects: points with confidence intervals, pointwise and simultaneous."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from aigreen.effects.as_statsmodels import labels
from aigreen.effects.fonts import lettered, set_letters
from aigreen.errors import WrongTypeError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK = "#1b3a57"
PALE = "#b9cbd8"
MARK = "#d55e00"  # what the eye shall find first
# Of results side by side: the palette of Okabe and Ito in order of lightness, markers repeat the distinction in grey.
COLOURS = ("#000000", "#0072b2", MARK, "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
POINTWISE, SIMULTANEOUS = 1.8, 0.7  # widths of lines: thick intervals are pointwise, thin ones simultaneous, everywhere
RULE: dict[str, Any] = {"color": "black", "linewidth": 0.6, "zorder": 1}  # the line at zero
ROW = 32  # letters in a line of the name of a row
STRIPE = (0, 0, 0, 0.045)
_FAR = 6
_TICKS = 16
CUT = "wide intervals are cut"
# Neighbours differ in lightness, so that a stack can be read in grey.
FILLS = ("#2f6690", "#f2c57c", "#5f9e7e", "#7b2d5b", "#cfd8dc", "#c9793b", "#3d3d3d")


def axes(ax: Axes | None = None, height: float = 3.3) -> Axes:
    """Return the axes given, or those of a new figure as wide as a page's text and `height` inches high."""
    import matplotlib.pyplot as plt
    from matplotlib.axes import Axes

    if ax is not None and not isinstance(ax, Axes):
        raise WrongTypeError("ax", ax, "axes of matplotlib or None")
    return plt.subplots(figsize=(6.3, height), layout="constrained")[1] if ax is None else ax


def legend_above(ax: Axes, handles: Sequence[Any], *, right: bool = False, grow: bool = False) -> None:
    """Put a legend above the axes, from their left or their right end, in as many columns as the figure is wide.

    Long names are broken into lines. With `grow` a figure with more than two lines of legend becomes higher.
    """
    figure: Any = ax.get_figure(root=True)
    where: dict[str, Any] = {"loc": "lower right" if right else "lower left", "bbox_to_anchor": (int(right), 1)}
    names = [wrapped(str(handle.get_label())) for handle in handles]
    room = figure.get_figwidth() * figure.dpi - (5 if right else ax.bbox.x0)
    for columns in (3, 2, 1):
        legend = ax.legend(handles, names, frameon=False, ncols=columns, **where)
        set_letters(legend.get_texts())
        if legend.get_window_extent().width <= room:
            break
    extra = legend.get_window_extent().height / figure.dpi - 0.5
    if grow and extra > 0:
        figure.set_figheight(figure.get_figheight() + extra)


def wrapped(name: str, width: int = 44) -> str:
    """Break a long name into lines."""
    return textwrap.fill(name, width) or name


def frame_intervals(
    ax: Axes,
    values: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    *,
    along: str = "y",
    at: np.ndarray | None = None,
    colour: Any = "black",
) -> None:
    """Set the limits so that no interval flattens all others: those `_FAR` times as long as the shorter ones are cut.

    Nothing is done where none does; where one is, a word stands beside the axes and, with `at`, arrows
    at the ends.

    Parameters
    ----------
    values, low, high : ndarray, shape (intervals,)
    along : {"y", "x"}
        Axis of the intervals.
    at : ndarray, shape (intervals,), optional
        Where they stand on the other axis.
    colour
        Of the arrows, one or one an interval.
    """
    reach = np.fmax(np.abs(low - values), np.abs(high - values))
    known = np.isfinite(reach) & (reach > 0)
    if not known.any():
        return
    far = _FAR * np.quantile(reach[known], 0.25)
    if reach[known].max() <= far:
        return
    bottom = min(np.nanmin(values), np.maximum(low, values - far)[known].min())
    top = max(np.nanmax(values), np.minimum(high, values + far)[known].max())
    room = 0.05 * (top - bottom)
    set_limits = ax.set_ylim if along == "y" else ax.set_xlim
    set_limits(bottom - room, top + room)
    if at is not None:
        mark_cut(ax, at, low, high, along=along, colour=colour)
    say_cut(ax)


def horizon_ticks(ax: Axes, horizons: Sequence[float] | np.ndarray) -> None:
    """Put a tick at each horizon, or at every second, third and so on where there are many, zero among them."""
    known = sorted({int(horizon) for horizon in horizons})
    step = (len(known) - 1) // _TICKS + 1
    ax.set_xticks([horizon for horizon in known if horizon % step == 0])


def since_treatment(step: str) -> str:
    """Name the axis of horizons that count a step of the calendar, or periods where it is empty."""
    return f"{(step or 'period').capitalize()}s since treatment"


def mark_cut(
    ax: Axes, at: np.ndarray, low: np.ndarray, high: np.ndarray, *, along: str = "y", colour: Any = "black"
) -> None:
    """Draw an arrow at each end of an interval that lies outside the limits; parameters as of `frame_intervals`."""
    limits = sorted(ax.get_ylim() if along == "y" else ax.get_xlim())
    markers = ("v", "^") if along == "y" else ("<", ">")
    for outside, limit, marker in zip((low < limits[0], high > limits[1]), limits, markers, strict=True):
        here = np.asarray(at, dtype=float)[outside]
        edge = np.full(len(here), limit)
        colours = np.asarray(colour, dtype=object)[outside].tolist() if np.ndim(colour) else colour
        x, y = (here, edge) if along == "y" else (edge, here)
        ax.scatter(x, y, s=22, c=colours, marker=marker, linewidths=0, clip_on=False, zorder=6)


def say_cut(ax: Axes) -> None:
    """Say right of the axes, where nothing is drawn, that intervals are cut."""
    at: Any = {"xycoords": "axes fraction", "textcoords": "offset points", "ha": "left", "va": "top"}
    ax.annotate(CUT, (1, 1), (5, 0), fontsize="small", rotation=270, **at)


def effects_plot(
    estimates: pd.Series,
    bounds: pd.DataFrame,
    wide: pd.DataFrame | None = None,
    ax: Axes | None = None,
    *,
    level: float = 0.95,
    step: str = "",
) -> Axes:
    """Draw estimates by horizon, as curves over the dose, or one row an effect.

    Thick bars (dark shades around curves) are pointwise intervals, columns low and high of `bounds`; thin bars (pale
    shades) simultaneous ones, of `wide`. A reference period is a hollow point without a bar.
    """
    index = estimates.index
    ax = axes(ax, 3.3 if {"dose", "horizon"} & set(index.names) else max(3.3, 0.8 + 0.22 * len(index)))
    if "dose" in index.names and not {"cohort", "time", "horizon"} & set(index.names):
        return _curves(estimates, bounds, wide, ax, level=level)
    by_horizon = "horizon" in index.names
    positions = index.get_level_values("horizon").to_numpy() if by_horizon else np.arange(len(index))[::-1]
    draw, line = (ax.vlines, ax.axhline) if by_horizon else (ax.hlines, ax.axvline)
    line(0, **RULE)
    names = [f"{level:.0%} {kind}" for kind in ("pointwise", "simultaneous")]
    draw(positions, bounds["low"], bounds["high"], color=INK, linewidth=POINTWISE, label=names[0], zorder=3)
    if wide is not None:
        draw(positions, wide["low"], wide["high"], color=INK, linewidth=SIMULTANEOUS, label=names[1], zorder=2)
    reference = ((estimates == 0) & (bounds["low"] == bounds["high"])).to_numpy()
    for fill, mine in ((INK, ~reference), ("white", reference)):
        points = positions[mine], estimates.to_numpy()[mine]
        ax.plot(
            *(points if by_horizon else points[::-1]), linestyle="none", marker="o", ms=4.5, c=INK, mfc=fill, zorder=4
        )
    if by_horizon:
        ax.axvline(-0.5, color="black", linewidth=0.6, linestyle=":", zorder=1)
        ax.set_xlabel(since_treatment(step))
        ax.set_ylabel("Effect")
        horizon_ticks(ax, positions)
    else:
        ax.set_yticks(positions, [wrapped(name, ROW) for name in labels(index)])
        ax.set_xlabel("Effect")
    drawn = [bounds] if wide is None else [bounds, wide]
    values, places = np.tile(estimates, len(drawn)), np.tile(positions, len(drawn))
    ends = (pd.concat(drawn)[end].to_numpy() for end in ("low", "high"))
    frame_intervals(ax, values, *ends, along="y" if by_horizon else "x", at=places, colour=INK)
    if wide is not None:
        ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return lettered(ax)


def _curves(estimates: pd.Series, bounds: pd.DataFrame, wide: pd.DataFrame | None, ax: Axes, *, level: float) -> Axes:
    """Draw one curve for each set of the other labels."""
    index = estimates.index
    others = [name for name in index.names if name != "dose"]
    names = index.droplevel("dose") if others else pd.Index(["_"] * len(index))
    dose = index.get_level_values("dose").to_numpy(dtype=float)
    ax.axhline(0, color="black", linewidth=0.6, zorder=1)
    for j, name in enumerate(names.unique()):
        mine = np.flatnonzero(names == name)
        mine = mine[np.argsort(dose[mine])]
        colour = INK if j == 0 else FILLS[j % len(FILLS)]
        for band, shade, kind in ((wide, 0.15, "simultaneous"), (bounds, 0.3, "pointwise")):
            if band is not None:
                low, high = (band[side].to_numpy()[mine] for side in ("low", "high"))
                shown = f"{level:.0%} {kind}" if wide is not None and not others else None
                ax.fill_between(dose[mine], low, high, color=colour, alpha=shade, linewidth=0, label=shown, zorder=2)
        label = ", ".join(map(str, name)) if isinstance(name, tuple) else str(name)
        ax.plot(dose[mine], estimates.to_numpy()[mine], color=colour, marker="o", markersize=3, label=label, zorder=4)
    ax.set_xlabel("Dose")
    ax.set_ylabel("Effect")
    if others or wide is not None:
        legend_above(ax, ax.get_legend_handles_labels()[0])
    return lettered(ax)
