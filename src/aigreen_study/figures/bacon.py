"""What a two-way fixed-effect estimate is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aigreen.errors import ReportError
from aigreen_study.figures.style import ABOVE, BAR, RULE, SMALL, canvas, finish, number, require_columns, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Kind of comparison: what it is called, colour, marker.
_KINDS = {
    "treated_vs_never": ("Treated against never treated", "#0072b2", "o"),
    "earlier_vs_later": ("Earlier against later treated", "#009e73", "s"),
    "later_vs_earlier": ("Later against already treated", "#d55e00", "^"),
}
_NAMED = 0.05  # weight from which a comparison is labelled


def bacon_figure(comparisons: pd.DataFrame, *, ylabel: str = "Estimate", simulated: bool = False) -> Figure:
    """Weight and estimate of every two-group comparison inside a two-way fixed-effect estimate.

    Parameters
    ----------
    comparisons : DataFrame
        As `aigreen.did.diff_diff.bacon_weights` returns it: kind, treated, control, weight, estimate. The comparisons
        with a weight of five percent or more are named by their cohorts.

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
    overall = float(comparisons["weight"] @ comparisons["estimate"])
    with style():
        figure, ax = canvas(4.0)
        ax.axhline(0, **RULE)
        ax.axhline(overall, color=BAR, linewidth=1.0, linestyle=(0, (5, 1.5)), zorder=1)
        for kind, (label, colour, marker) in _KINDS.items():
            part = comparisons[comparisons["kind"] == kind]
            if part.empty:
                continue
            weight = float(part["weight"].sum())
            mean = float(part["weight"] @ part["estimate"]) / weight if weight > 0 else np.nan
            text = f"{label}: weight {weight:.0%}, mean {number(mean, '.3f')}"
            look = {"s": 30, "color": colour, "marker": marker, "edgecolor": "white", "linewidth": 0.5, "zorder": 3}
            ax.scatter(part["weight"], part["estimate"], label=text, **look)
        right = float(comparisons["weight"].max())
        for line in comparisons[comparisons["weight"] >= _NAMED].itertuples():
            control = f"{line.control:.0f}" if np.isfinite(line.control) else "never"
            near_edge = line.weight > 0.8 * right
            place = {"xytext": (-6 if near_edge else 6, 3), "ha": "right" if near_edge else "left"}
            ax.annotate(
                f"{line.treated:.0f} v {control}",
                (line.weight, line.estimate),
                textcoords="offset points",
                fontsize=SMALL,
                color="0.25",
                **place,
            )
        ax.plot(
            [], [], color=BAR, linewidth=1.0, linestyle=(0, (5, 1.5)), label=f"Weighted sum: {number(overall, '.3f')}"
        )
        ax.set_xlim(-0.02 * right, right * 1.06)
        ax.xaxis.set_major_formatter("{x:.0%}" if right > 0.05 else "{x:.1%}")
        ax.set_xlabel("Weight in the two-way fixed-effect estimate")
        ax.set_ylabel(ylabel)
        ax.legend(**ABOVE)
        return finish(figure, simulated=simulated)
