"""The parts of a total as stacked bars or as a waterfall."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, Literal, Unpack, get_args

import numpy as np

from aigreen.effects.effects import Effects
from aigreen.effects.fonts import lettered
from aigreen.effects.multiplier import Band
from aigreen.effects.plot import FILLS, PALE, POINTWISE, SIMULTANEOUS, axes, mark_cut, say_cut, since_treatment
from aigreen.errors import EffectsError, OptionError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Decomposed = Literal["bars", "waterfall"]

_LINE = 22
_WIDEST = 4.0  # of the shorter intervals, and of the highest stack: what is longer is cut, so that bars can be read
_WHISKER: dict[str, Any] = {"linestyle": "none", "ecolor": "black", "capsize": 3, "zorder": 4}


def decomposition_plot(
    parts: Effects,
    ax: Axes | None = None,
    *,
    kind: Decomposed = "bars",
    level: float = 0.95,
    simultaneous: bool = True,
    **band: Unpack[Band],
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
    if kind not in get_args(Decomposed):
        raise OptionError("kind", kind, get_args(Decomposed))
    parts = parts.select(np.array([": " not in name for name in parts.index.get_level_values("part")]))
    names = parts.index.get_level_values("part").unique().tolist()
    values = parts.values.reshape(len(names), -1)
    places = parts.index[: values.shape[1]].droplevel(0) if parts.index.nlevels > 1 else [""]
    if kind == "waterfall" and len(places) > 1:
        raise EffectsError("a waterfall shows one total: take overall() first")
    ax = axes(ax)
    shown = parts if kind == "waterfall" else parts.select(parts.index.get_level_values("part") == names[0])
    bounds = shown.conf_int(level, simultaneous=simultaneous, **(band if simultaneous else {})).to_numpy()
    width = SIMULTANEOUS if simultaneous else POINTWISE
    interval = f"{level:.0%} {'simultaneous' if simultaneous else 'pointwise'}"
    if kind == "waterfall":
        _waterfall(ax, names, values[:, 0], bounds, width)
        ax.set_xlabel(f"Effect, {interval} intervals")
        return lettered(ax)
    _stack(ax, names, values, bounds, width, f"{names[0]}, {interval}")
    ax.set_xticks(np.arange(len(places)), [", ".join(map(str, p)) if isinstance(p, tuple) else str(p) for p in places])
    if len(places) == 1:
        ax.set_xlim(-1, 1)
    if "horizon" in parts.index.names:
        ax.set_xlabel(since_treatment(parts.step))
    ax.set_ylabel("Effect")
    return lettered(ax)


def _stack(ax: Axes, names: list[str], values: np.ndarray, bounds: np.ndarray, width: float, label: str) -> None:
    """Stack the parts of each place, shape (parts, places), and mark the total, the first, with its interval."""
    at = np.arange(values.shape[1])
    up, down = np.zeros(len(at)), np.zeros(len(at))
    for j, row in enumerate(values[1:]):
        base = np.where(row >= 0, up, down)
        ax.bar(at, row, bottom=base, color=FILLS[j % len(FILLS)], width=0.7, label=names[j + 1], zorder=2)
        up, down = up + np.maximum(row, 0), down + np.minimum(row, 0)
    ax.errorbar(at, values[0], np.abs(bounds.T - values[0]), elinewidth=width, **_WHISKER)
    ax.plot(at, values[0], linestyle="none", marker="D", markersize=4.5, color="black", label=label, zorder=5)
    ax.axhline(0, color="black", linewidth=0.6, zorder=3)
    _cut_wide(ax, values[0], *bounds.T)
    handles, labels = ax.get_legend_handles_labels()
    labels = [_wrapped(name) for name in labels]
    ax.legend(handles, labels, frameon=False, loc="center left", bbox_to_anchor=(1.03, 0.5), reverse=True)


def _cut_wide(ax: Axes, values: np.ndarray, low: np.ndarray, high: np.ndarray) -> None:
    """Cut intervals at `_WIDEST` times the shorter ones or the highest stack, whichever is less."""
    reach = np.fmax(np.abs(low - values), np.abs(high - values))
    known = np.isfinite(reach) & (reach > 0)
    if not known.any():
        return
    drawn: Any = ax.patches
    bars = np.array([[bar.get_y(), bar.get_y() + bar.get_height()] for bar in drawn])
    far = _WIDEST * min(np.quantile(reach[known], 0.25), np.abs(bars).max() or np.inf)
    if not (reach[known] > far).any():
        return
    bottom = min(bars.min(), np.maximum(low, values - far)[known].min())
    top = max(bars.max(), np.minimum(high, values + far)[known].max())
    room = 0.05 * (top - bottom)
    ax.set_ylim(bottom - room, top + room)
    mark_cut(ax, np.arange(len(values)), low, high)
    say_cut(ax)


def _waterfall(ax: Axes, names: list[str], values: np.ndarray, bounds: np.ndarray, width: float) -> None:
    """Draw each part from where the last one ended, from top to bottom, and the total, the first, from zero."""
    order = [*range(1, len(names)), 0]
    ends = np.cumsum(values[1:])
    starts = np.array([0.0, *ends[:-1], 0.0])
    heights, rows = values[order], np.arange(len(names))
    colours = [*(FILLS[j % len(FILLS)] for j in range(len(ends))), PALE]
    ax.barh(rows, heights, left=starts, color=colours, height=0.45, zorder=2)
    for row, end in enumerate(ends):
        ax.vlines(end, row, row + 1, color="black", linewidth=0.6, linestyle=":", zorder=3)
    spread = np.abs(bounds - values[:, None])[order].T
    ax.errorbar(
        starts + heights,
        rows + 0.36,
        xerr=spread,
        marker="D",
        markersize=3,
        color="black",
        elinewidth=width,
        **_WHISKER,
    )
    for row, value in enumerate(heights):
        ax.annotate(f"{value:.3g}", (1.0, row), (4, 0), ("axes fraction", "data"), "offset points", va="center")
    ax.axvline(0, color="black", linewidth=0.6, zorder=1)
    ax.set_yticks(rows, [_wrapped(names[j]) for j in order])
    ax.set_ylim(len(names) - 0.4, -0.5)


def _wrapped(name: str) -> str:
    """Break the name of a column over lines."""
    return textwrap.fill(name.replace("_", " "), _LINE)
