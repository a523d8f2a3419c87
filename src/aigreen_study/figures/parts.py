"""The parts of an effect: bars, a waterfall, and stacks by horizon."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Unpack

import numpy as np
import pandas as pd

from aigreen.decomposition.plot import decomposition_plot
from aigreen.effects.effects import Effects
from aigreen.effects.multiplier import Band
from aigreen.effects.plot import INK, PALE, frame_intervals
from aigreen.errors import ReportError
from aigreen_study.figures.style import ABOVE, BAR, RULE, SMALL, canvas, finish, legend_above, style
from aigreen_study.tables.formats import decimal, interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def parts_figure(
    overall: Effects,
    *,
    ylabel: str = "Effect",
    level: float = 0.95,
    simulated: bool = False,
    **band: Unpack[Band],
) -> Figure:
    """Bars of the total and of the parts that add up to it, each from zero, with pointwise and joint intervals.

    Parameters
    ----------
    overall : Effects
        By part, the total first, under the names to print.
    band
        n_draws, multipliers and seed of the simultaneous intervals.
    """
    _require_parts(overall)
    wide = overall.conf_int(level, simultaneous=True, **band)
    narrow = overall.conf_int(level)
    at = np.arange(len(overall))
    with style():
        figure, ax = canvas()
        ax.axhline(0, **RULE)
        fills = [INK, *[PALE] * (len(at) - 1)]
        ax.bar(at, overall.values, width=0.5, color=fills, edgecolor=INK, linewidth=0.8, zorder=2)
        ax.vlines(at, wide["low"], wide["high"], color=BAR, linewidth=1.0, label=f"{level:.0%} simultaneous", zorder=3)
        ends = {"linestyle": "none", "marker": "_", "markersize": 9, "color": BAR, "zorder": 3}
        ax.plot(np.tile(at, 2), np.concatenate([wide["low"], wide["high"]]), **ends)
        thick = {"color": "black", "linewidth": 2.6, "zorder": 4}
        ax.vlines(at, narrow["low"], narrow["high"], label=f"{level:.0%} pointwise", **thick)
        ax.plot(at, overall.values, linestyle="none", marker="o", markersize=5, color="black", mfc="white", zorder=5)
        ax.axvline(0.5, color="black", linewidth=0.6, linestyle=":", zorder=1)
        ax.set_xticks(at, [textwrap.fill(str(name), 16) for name in overall.index], linespacing=1.0)
        ax.tick_params(axis="x", length=0)
        ax.set_ylabel(ylabel)
        shown = pd.concat([narrow, wide])
        ends = (shown["low"].to_numpy(), shown["high"].to_numpy())
        frame_intervals(ax, np.tile(overall.values, 2), *ends, at=np.tile(at, 2))
        ax.legend(ncols=2, **ABOVE)
        return finish(figure, simulated=simulated)


def parts_waterfall_figure(
    overall: Effects,
    *,
    ylabel: str = "Effect",
    level: float = 0.95,
    simulated: bool = False,
    **band: Unpack[Band],
) -> Figure:
    """Parts one on top of the other up to the total; each part's simultaneous interval stands under its name.

    Only the total has its interval drawn: around the end of a part it would be read against the wrong zero.

    Parameters
    ----------
    overall : Effects
        By part, the total first, under the names to print.
    band
        n_draws, multipliers and seed of the simultaneous intervals.
    """
    _require_parts(overall)
    bounds = overall.conf_int(level, simultaneous=True, **band).to_numpy()
    order = [*range(1, len(overall)), 0]
    heights, at = overall.values[order], np.arange(len(order))
    ends = np.append(np.cumsum(heights[:-1]), heights[-1])
    names = [
        f"{textwrap.fill(str(overall.index[j]), 16)}\n{decimal(overall.values[j])}\n{interval(*bounds[j])}"
        for j in order
    ]
    with style():
        figure, ax = canvas(3.5)
        ax.axhline(0, **RULE)
        fills = [*(PALE if height >= 0 else "white" for height in heights[:-1]), INK]
        look = {"width": 0.6, "color": fills, "edgecolor": INK, "linewidth": 0.8, "zorder": 2}
        ax.bar(at, heights, bottom=ends - heights, **look)
        ax.hlines(ends[:-1], at[:-1] + 0.3, at[1:] + 0.3, color="black", linewidth=0.6, linestyle=":", zorder=3)
        gaps = np.abs(bounds[0] - overall.values[0])[:, None]
        ax.errorbar(at[-1:], ends[-1:], gaps, fmt="none", ecolor=BAR, elinewidth=1.4, capsize=4, zorder=4)
        ax.set_xticks(at, names, linespacing=1.05, fontsize=SMALL)
        ax.tick_params(axis="x", length=0)
        ax.set_ylabel(f"{ylabel}, cumulated")
        return finish(figure, simulated=simulated)


def parts_horizon_figure(
    study: Effects,
    *,
    ylabel: str = "Effect",
    level: float = 0.95,
    simulated: bool = False,
    period: str = "year",
    **band: Unpack[Band],
) -> Figure:
    """Stacked parts by horizon with the simultaneous band of the total.

    Parameters
    ----------
    study : Effects
        By part and horizon, the total first, under the names to print.
    period : str
        What a horizon counts.
    band
        n_draws, multipliers and seed of the band.
    """
    if study.index.names != ["part", "horizon"]:
        raise ReportError(f"parts by horizon are needed, not by {', '.join(map(str, study.index.names))}")
    with style():
        figure, ax = canvas()
        decomposition_plot(study, ax, level=level, **band)
        ax.set_xlabel(f"{period.capitalize()}s since treatment")
        ax.set_ylabel(ylabel)
        legend_above(ax)
        return finish(figure, simulated=simulated)


def _require_parts(overall: Effects) -> None:
    if overall.index.names != ["part"]:
        raise ReportError(f"bars of parts need one effect a part, not by {', '.join(map(str, overall.index.names))}")
