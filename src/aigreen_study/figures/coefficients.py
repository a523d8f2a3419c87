"""Estimates by group, one line each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from aigreen.effects.effects import Effects
from aigreen.effects.plot import INK, MARK, frame_intervals
from aigreen.errors import ReportError
from aigreen_study.figures.style import ABOVE, BAR, SMALL, STRIPE, blank, finish, style
from aigreen_study.tables.formats import decimal, interval, p_equals

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LINE = 0.2  # inches


def coefficient_figure(
    groups: Mapping[str, Effects],
    *,
    whole: Effects | None = None,
    p_values: Mapping[str, float] | None = None,
    xlabel: str = "Effect",
    level: float = 0.95,
    simulated: bool = False,
) -> Figure:
    """Estimates and intervals of the members of each group, with the test that they do not differ.

    Points are hollow where the interval holds zero, and crosses where there is none.

    Parameters
    ----------
    groups : mapping of heading to Effects
        One effect a member, labelled by the member's name.
    whole : Effects, optional
        One effect for all members together, drawn as a line through all groups.
    p_values : mapping of heading to float, optional
        Of the test that the members of a group have the same effect; printed beside the heading.

    Raises
    ------
    ReportError
        Without groups, with `p_values` of other groups, or a `whole` of several effects.
    """
    if not groups:
        raise ReportError("no group of estimates to draw")
    if whole is not None and len(whole) != 1:
        raise ReportError(f"the effect of all together is one effect, not {len(whole)}")
    p_values = p_values or {}
    if idle := [heading for heading in p_values if heading not in groups]:
        raise ReportError(f"p-values of {len(idle)} groups that are not drawn: {', '.join(idle[:5])}")
    n_lines = sum(len(effects) + 1 for effects in groups.values())
    look = {"ha": "right", "va": "center", "fontsize": SMALL}
    with style():
        figure = blank(0.85 + _LINE * n_lines)
        ax, side = figure.subplots(1, 2, sharey=True, gridspec_kw={"width_ratios": [1, 0.55], "wspace": 0})
        ax.axvline(0, color="black", linewidth=0.6, zorder=1)
        ticks, at, drawn = {}, 0, []
        for heading, effects in groups.items():
            for axes in (ax, side):
                axes.axhspan(at - 0.5, at + 0.5, color=STRIPE, linewidth=0, zorder=-2)
            ticks[at] = heading
            if heading in p_values:
                side.text(1, at, f"no difference: {p_equals(p_values[heading])}", **look)
            bounds = effects.conf_int(level).to_numpy()
            for name, value, (low, high) in zip(_names(effects), effects.values, bounds, strict=True):
                at += 1
                ticks[at] = name
                ax.hlines(at, low, high, color=INK, linewidth=1.4, zorder=3)
                drawn.append((at, value, low, high))
                fill = INK if low > 0 or high < 0 else "white"
                point = {"marker": "o", "mfc": fill, "color": INK} if low <= high else {"marker": "x", "color": MARK}
                ax.plot(value, at, markersize=4.8, mew=1.0, zorder=4, **point)
                text = f"{decimal(value)} {interval(low, high)}"
                side.text(1, at, text, **look)
            at += 1
        rows, values, lows, highs = np.array(drawn, dtype=float).T
        frame_intervals(ax, values, lows, highs, along="x", at=rows, colour=INK)
        if whole is not None:
            low, high = whole.conf_int(level).to_numpy()[0]
            ax.axvspan(low, high, color=(0, 0, 0, 0.09), linewidth=0, zorder=-1)
            label = f"All: {decimal(whole.values[0])}, {level:.0%} interval"
            ax.axvline(whole.values[0], color=BAR, linewidth=1.2, linestyle=(0, (5, 1.5)), label=label, zorder=1)
            ax.legend(**ABOVE)
        ax.set_yticks([*ticks], [*ticks.values()])
        for label in ax.get_yticklabels():
            label.set_fontweight("bold" if label.get_text() in groups else "normal")
        ax.set_ylim(at - 0.4, -0.6)
        ax.tick_params(axis="y", length=0)
        ax.set_xlabel(f"{xlabel}, {level:.0%} interval")
        side.set_xlim(0, 1)
        side.axis("off")
        return finish(figure, simulated=simulated)


def _names(effects: Effects) -> list[str]:
    return [", ".join(map(str, key)) if isinstance(key, tuple) else str(key) for key in effects.index]
