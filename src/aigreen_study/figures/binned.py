"""Binned scatter: an outcome at the quantile bins of another variable, other things equal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aigreen.effects.plot import MARK, PALE
from aigreen_study.figures.style import BAR, BLUE, blank, finish, style
from aigreen_study.specification.binned import BinnedMeans
from aigreen_study.tables.formats import decimal

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_SHOWN = 0.995  # of the rows lie left of the right end


def binned_scatter(
    binned: BinnedMeans, *, xlabel: str, ylabel: str, level: float = 0.95, simulated: bool = False
) -> Figure:
    """Draw the adjusted outcome by bin with its intervals, the line of the same regression, and where the rows are.

    Parameters
    ----------
    binned : BinnedMeans
        From `aigreen_study.specification.binned.binned_means`.
    """
    bounds = binned.means.conf_int(level)
    slope, error = float(binned.slope.values[0]), float(binned.slope.std_errors.iloc[0])
    with style():
        import seaborn as sns

        figure = blank(3.6)
        ratios = {"height_ratios": [1, 6], "hspace": 0.02}
        above, ax = figure.subplots(2, 1, sharex=True, gridspec_kw=ratios)
        sns.histplot(binned.x, bins=40, color=PALE, alpha=1.0, edgecolor="white", linewidth=0.4, ax=above)
        above.set(yticks=[], ylabel="")
        above.tick_params(axis="x", length=0, labelbottom=False)
        above.spines[["left", "bottom"]].set_visible(False)
        ends = np.array([binned.at[0], binned.at[-1]])
        text = f"Linear: slope {decimal(slope)} (std. error {decimal(error)})"
        ax.plot(ends, binned.centre[1] + slope * (ends - binned.centre[0]), color=MARK, label=text, zorder=2)
        ax.vlines(binned.at, bounds["low"], bounds["high"], color=BAR, linewidth=1.0, zorder=3)
        point = {"linestyle": "none", "marker": "o", "markersize": 4.5, "color": BLUE, "zorder": 4}
        label = f"{len(binned.at)} bins, {level:.0%} interval; rows above"
        ax.plot(binned.at, binned.means.values, label=label, **point)
        left = binned.x.min()
        right = max(binned.at[-1], np.quantile(binned.x, _SHOWN))
        ax.set_xlim(left - 0.03 * (right - left), right + 0.03 * (right - left))
        ax.set_xlabel(xlabel)
        ax.set_ylabel(ylabel)
        figure.legend(*ax.get_legend_handles_labels(), loc="outside upper left", ncols=2)
        return finish(figure, simulated=simulated)
