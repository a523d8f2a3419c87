"""How far an assumption may fail: trends that are not parallel, errors of channel and outcome that correlate."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from aigreen.effects.plot import INK, MARK, PALE
from aigreen.errors import ReportError
from aigreen.inference.channel_sensitivity import RhoSensitivity
from aigreen.inference.honest import HonestDiD
from aigreen_study.figures.style import ABOVE, BAR, RULE, SMALL, blank, canvas, finish, style
from aigreen_study.tables.formats import decimal, significant

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_XLABELS = {
    "relative_magnitudes": r"$\bar M$: largest violation a period, as a multiple"
    "\nof the largest before treatment",
    "smoothness": "$M$: largest change of the slope\nof a violation a period",
    "relative_smoothness": r"$\bar M$: largest change of slope, as a multiple"
    "\nof the largest before treatment",
}
_TITLES = {
    "relative_magnitudes": "Relative magnitudes",
    "smoothness": "Smoothness",
    "relative_smoothness": "Relative smoothness",
}
_TITLE = 26  # letters in a line over a third of the page
_LINE = 80
_ASIDE = 0.2  # of the range of bounds: where the interval under parallel trends stands
_FAR = 0.015  # product of shares under which a contour would run along the axes


def honest_figure(*results: HonestDiD, ylabel: str = "Effect", simulated: bool = False) -> Figure:
    """Intervals of an effect under growing violations of parallel trends, one panel a restriction.

    Parameters
    ----------
    *results : HonestDiD
        One to three. The dark interval holds under parallel trends; a dotted line marks the breakdown value, the
        smallest violation under which the interval holds zero.

    Raises
    ------
    ReportError
        Without a result, or with more than three.
    """
    if not 1 <= len(results) <= 3:
        raise ReportError(f"{len(results)} sensitivity results: one to three fit in a figure")
    with style():
        figure = blank(3.2)
        axes = figure.subplots(1, len(results), squeeze=False)[0]
        for ax, result in zip(axes, results, strict=True):
            _draw_honest(ax, result)
        axes[0].set_ylabel(f"{ylabel}, {results[0].level:.0%} interval")
        return finish(figure, simulated=simulated)


def no_bounds_figure(why: str, *, simulated: bool = False) -> Figure:
    """Say in place of `honest_figure` why there are no bounds."""
    with style():
        figure = blank(1.2)
        text = textwrap.fill(f"No bounds: {why}.", _LINE)
        figure.text(0.5, 0.5, text, ha="center", va="center", fontsize=SMALL)
        return finish(figure, simulated=simulated)


def _draw_honest(ax: Axes, result: HonestDiD) -> None:
    from matplotlib.ticker import MaxNLocator

    bounds = result.frame["bound"].to_numpy()
    span = float(np.ptp(bounds)) or 1.0
    original = bounds[0] - _ASIDE * span
    ax.axhline(0, **RULE)
    robust = np.vstack([result.frame["low"], result.frame["high"]])
    holds = (robust[0] <= 0) & (robust[1] >= 0)
    for shown, colour in ((~holds, INK), (holds, BAR)):
        if shown.any():
            bars = np.abs(robust[:, shown] - robust[:, shown].mean(axis=0))
            ax.errorbar(bounds[shown], robust[:, shown].mean(axis=0), bars, **_whisker(colour))
    gaps = np.abs(np.array(result.original) - result.estimate)[:, None]
    ax.errorbar([original], [result.estimate], gaps, **_whisker("black", 3.0))
    ax.plot(original, result.estimate, marker="o", markersize=5, color="black", mfc="white", zorder=5)
    ax.axvline(original + _ASIDE / 2 * span, color="0.8", linewidth=0.6, zorder=1)
    left, right = original - _ASIDE / 2 * span, bounds[-1] + _ASIDE / 2 * span
    if 0 < result.breakdown <= right:
        # Parallel trends are a bound of zero, which stands nearer than to scale where the first bound is above it.
        near = result.breakdown < bounds[0]
        at = np.interp(result.breakdown, [0, bounds[0]], [original, bounds[0]]) if near else result.breakdown
        ax.axvline(at, color=MARK, linewidth=1.0, linestyle=":", zorder=2)
    ax.set_xlim(left, right)
    inside = bounds[0] - 1e-9 * span, bounds[-1] + 1e-9 * span
    ticks = [
        tick for tick in MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(*inside) if inside[0] <= tick <= inside[1]
    ] or [bounds[0]]
    ax.set_xticks([original, *ticks], ["parallel", *(f"{tick:g}" for tick in ticks)])
    ax.set_xlabel(_XLABELS[result.restriction], linespacing=1.1)
    ax.set_title(f"{_TITLES[result.restriction]}: {_breakdown(result.breakdown)}", fontsize=10.5, loc="left")


def _whisker(colour: str, width: float = 1.5) -> dict[str, object]:
    return {"fmt": "none", "ecolor": colour, "elinewidth": width, "capsize": 3, "capthick": 1.0, "zorder": 4}


def _breakdown(value: float) -> str:
    if value == 0:
        return "zero inside from the start"
    return "no breakdown found" if np.isinf(value) else f"breakdown at {value:.2g}"


def rho_figure(
    curves: Mapping[str, RhoSensitivity], *, ylabel: str = "Effect through the channel", simulated: bool = False
) -> Figure:
    """Effect through each channel by the correlation of the errors of channel and outcome, one panel a channel.

    Parameters
    ----------
    curves : mapping of channel to RhoSensitivity
        One to six. The dotted line marks the correlation at which nothing goes through the channel.

    Raises
    ------
    ReportError
    """
    if not 1 <= len(curves) <= 6:
        raise ReportError(f"{len(curves)} channels: one to six fit in a figure")
    columns = min(len(curves), 3)
    rows = -(-len(curves) // columns)
    level = next(iter(curves.values())).level
    with style():
        figure = blank(0.6 + 2.3 * rows)
        axes = figure.subplots(rows, columns, sharex=True, squeeze=False).ravel()
        for ax, (channel, curve) in zip(axes, curves.items(), strict=False):
            frame = curve.frame
            ax.fill_between(frame.index, frame["low"], frame["high"], color=PALE, linewidth=0, zorder=0)
            ax.axhline(0, **RULE)
            ax.axvline(0, color="0.8", linewidth=0.6, zorder=1)
            ax.axvline(curve.rho_at_zero, color=MARK, linewidth=1.0, linestyle=":", zorder=2)
            ax.plot(frame.index, frame["mediated"], color=INK, zorder=3)
            nothing = decimal(curve.rho_at_zero)
            title = f"{textwrap.fill(channel, 3 * _TITLE // columns)}\n" rf"zero at $\rho$ = {nothing}"
            ax.set_title(title, fontsize=SMALL, loc="left")
        for ax in axes[len(curves) :]:
            ax.set_visible(False)
        figure.supxlabel(r"Correlation $\rho$ of the errors of channel and outcome", fontsize=11)
        figure.supylabel(f"{ylabel}, {level:.0%} interval", fontsize=11)
        return finish(figure, simulated=simulated)


def sensitivity_contour(
    curve: RhoSensitivity, *, label: str = "Effect through the channel", simulated: bool = False
) -> Figure:
    r"""Effect through a channel by what an omitted variable explains of the channel and of the outcome.

    With :math:`R^2_M` and :math:`R^2_Y` the shares of the residual variances of channel and outcome that the variable
    explains, the errors have correlation :math:`\rho = \pm \sqrt{R^2_M R^2_Y}`; the sign drawn is the one that takes
    the effect to zero. The effect is linear in :math:`\rho / \sqrt{1 - \rho^2}`, so that the curve gives all of it.

    Notes
    -----
    Source: Imai, Keele and Yamamoto (2010, section 5).

    Raises
    ------
    ReportError
        Where the curve has fewer than two values of rho.
    """
    from matplotlib.ticker import MaxNLocator

    if len(curve.frame) < 2:
        raise ReportError("a contour needs the effect at two values of rho or more")
    rho = curve.frame.index.to_numpy(dtype=float)
    slope, effect = np.polyfit(rho / np.sqrt(1 - rho**2), curve.frame["mediated"].to_numpy(), 1)
    sign = 1.0 if curve.rho_at_zero >= 0 else -1.0
    share = np.linspace(0, 0.8, 161)
    correlation = sign * np.sqrt(np.outer(share, share))
    surface = effect + slope * correlation / np.sqrt(1 - correlation**2)
    with style():
        figure, ax = canvas(4.0)
        levels = MaxNLocator(9).tick_values(surface.min(), surface.max())
        ratio = ((levels - effect) / slope) ** 2
        levels = levels[(levels != 0) & (ratio / (1 + ratio) > _FAR)]
        lines = ax.contour(
            share,
            share,
            surface,
            levels=levels,
            colors=[INK],
            linewidths=0.8,
            negative_linestyles="dashed",
        )
        ax.clabel(lines, fontsize=SMALL, fmt=significant)
        zero = curve.rho_at_zero**2 / share[1:]
        inside = zero <= share[-1]
        ax.plot(share[1:][inside], zero[inside], color=MARK, linewidth=2.2, label=f"{label} is zero", zorder=4)
        ax.plot(0, 0, marker="o", markersize=6, color=INK, clip_on=False, zorder=5, linestyle="none",
                label=f"No omitted variable: {significant(effect)}")  # fmt: skip
        ax.set_xlim(0, share[-1])
        ax.set_ylim(0, share[-1])
        ax.set_xlabel("Share of the channel's residual variance explained, $R^2_M$")
        ax.set_ylabel("Share of the outcome's, $R^2_Y$")
        ax.legend(ncols=2, **ABOVE)
        return finish(figure, simulated=simulated)
