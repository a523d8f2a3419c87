"""What a two-way fixed-effect estimate is made of."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aigreen.effects.plot import MARK
from aigreen.errors import ReportError
from aigreen_study.figures.style import ABOVE, BAR, BLUE, GREEN, RULE, SMALL, canvas, finish, require_columns, style
from aigreen_study.run.periods import YEARS, Periods
from aigreen_study.specification.bacon import by_kind, weighted_sum
from aigreen_study.tables.formats import decimal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Kind of comparison: what it is called, colour, marker.
_KINDS = {
    "treated_vs_never": ("Treated against never treated", BLUE, "o"),
    "earlier_vs_later": ("Earlier against later treated", GREEN, "s"),
    "later_vs_earlier": ("Later against already treated", MARK, "^"),
}
_DASHED = {"color": BAR, "linewidth": 1.0, "linestyle": (0, (5, 1.5))}
_NAMED = 0.05  # weight from which a comparison is labelled
_PLACES = ((6, 3), (-6, 3), (6, -3), (-6, -3), (6, 14), (-6, 14), (6, -14), (-6, -14))  # of names, in points


def bacon_figure(
    comparisons: pd.DataFrame, *, ylabel: str = "Estimate", simulated: bool = False, periods: Periods = YEARS
) -> Figure:
    """Weight and estimate of every two-group comparison inside a two-way fixed-effect estimate.

    Parameters
    ----------
    comparisons : DataFrame
        As `aigreen.did.diff_diff.bacon_weights` returns it: kind, treated, control, weight, estimate. The comparisons
        with a weight of five percent or more are named by their cohorts, where there is room.
    periods : Periods
        What the numbers of cohorts are called.

    Raises
    ------
    UnknownColumnError
    ReportError
        Where a kind of comparison is unknown, or weights do not sum to one.
    """
    require_columns(comparisons, ["kind", "treated", "control", "weight", "estimate"], "comparisons")
    unknown = sorted(set(comparisons["kind"]) - set(_KINDS))
    if unknown:
        raise ReportError(f"unknown kinds of comparison: {', '.join(unknown[:5])}; known are {', '.join(_KINDS)}")
    total = float(comparisons["weight"].sum())
    if not np.isclose(total, 1, atol=1e-6):
        raise ReportError(f"the weights of the comparisons sum to {total:.4g}, not to one")
    overall, means = weighted_sum(comparisons), by_kind(comparisons)
    with style():
        figure, ax = canvas(4.0)
        ax.axhline(0, **RULE)
        ax.axhline(overall, zorder=1, **_DASHED)
        for kind, (label, colour, marker) in _KINDS.items():
            if kind not in means.index:
                continue
            part, (weight, mean) = comparisons[comparisons["kind"] == kind], means.loc[kind]
            text = f"{label}: weight {weight:.0%}, mean {decimal(mean)}"
            look = {"s": 30, "color": colour, "marker": marker, "edgecolor": "white", "linewidth": 0.5, "zorder": 3}
            ax.scatter(part["weight"], part["estimate"], label=text, **look)
        ax.plot([], [], label=f"Weighted sum: {decimal(overall)}", **_DASHED)
        right = float(comparisons["weight"].max())
        ax.set_xlim(-0.02 * right, right * 1.06)
        ax.xaxis.set_major_formatter("{x:.0%}" if right > 0.05 else "{x:.1%}")
        ax.set_xlabel("Weight in the two-way fixed-effect estimate")
        ax.set_ylabel(ylabel)
        ax.legend(**ABOVE)
        finish(figure, simulated=simulated)
        _name(ax, comparisons[comparisons["weight"] >= _NAMED], overall, periods)
        return figure


def _name(ax: Axes, comparisons: pd.DataFrame, overall: float, periods: Periods) -> None:
    """Write cohorts beside their points, largest weight first, where no name, no point and, at best, no line is."""
    from matplotlib.transforms import Bbox

    ax.figure.draw_without_rendering()
    points = ax.transData.transform(comparisons[["weight", "estimate"]])
    taken = [Bbox.from_bounds(x - 4, y - 4, 8, 8) for x, y in points]
    heights = ax.transData.transform([(0, 0), (0, overall)])[:, 1]
    rules = [Bbox.from_bounds(ax.bbox.x0, y - 1, ax.bbox.width, 2) for y in heights]
    for line in comparisons.sort_values("weight", ascending=False, kind="stable").itertuples():
        control = periods.name(line.control) if np.isfinite(line.control) else "never"
        text, at = f"{periods.name(line.treated)} v {control}", (line.weight, line.estimate)
        for blocked, (x, y) in product((taken + rules, taken), _PLACES):
            align = {"ha": "left" if x > 0 else "right", "va": "bottom" if y > 0 else "top"}
            shown = ax.annotate(text, at, (x, y), textcoords="offset points", fontsize=SMALL, color="0.25", **align)
            box = shown.get_window_extent()
            if box.x1 <= ax.bbox.x1 and not any(box.overlaps(other) for other in blocked):
                taken.append(box)
                break
            shown.remove()
