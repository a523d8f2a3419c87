"""One effect under many specifications, and the choices that make each."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Unpack

import numpy as np
import pandas as pd

from aigreen.effects.effects import Effects
from aigreen.effects.multiplier import Band
from aigreen.effects.plot import INK, MARK, PALE
from aigreen.errors import ReportError
from aigreen.inference.specification_curve import SpecificationTests, specification_tests
from aigreen_study.figures.style import RULE, SMALL, STRIPE, blank, finish, style
from aigreen_study.tables.formats import p_equals, significant

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CURVE, _ROW = 2.6, 0.185  # inches
_LABEL = 36  # letters in a line beside the marks
_YLABEL = 24  # along the upper axes


def specification_curve(
    results: Mapping[str, Effects],
    choices: pd.DataFrame,
    *,
    preferred: str | None = None,
    ylabel: str = "Effect",
    level: float = 0.95,
    simulated: bool = False,
    **band: Unpack[Band],
) -> Figure:
    """Estimates of all specifications in ascending order, their intervals and joint band, over a panel of choices.

    Parameters
    ----------
    results : mapping of id to Effects
        One effect each, with influence functions by the same kind of cluster.
    choices : DataFrame
        Indexed by id; one column a kind of choice, one value (as it is to be printed) a specification. Values
        are listed in the order of the rows; a choice that all specifications share is not drawn.
    preferred : str, optional
        The specification to mark.
    band
        n_draws, multipliers and seed of the joint band and tests.

    Notes
    -----
    The line under the figure gives the joint tests of `aigreen.inference.specification_curve.specification_tests`.

    Raises
    ------
    ReportError
        Where specifications and choices do not have the same ids, or a choice is missing.
    """
    table = _checked(results, choices, preferred)
    tests = specification_tests(results, level=level, **band)
    order = tests.frame["estimate"].sort_values(kind="stable").index
    frame = tests.frame.loc[order]
    rows = sum(1 + sum(_wrapped(value).count("\n") + 1 for value in table[name].unique()) for name in table.columns)
    with style():
        figure = blank(_CURVE + _ROW * rows)
        ratios = {"height_ratios": [_CURVE - 0.45, max(_ROW * rows, 0.01)], "hspace": 0.02}
        top, bottom = figure.subplots(2, 1, sharex=True, gridspec_kw=ratios)
        _draw_curve(top, frame, level)
        _draw_choices(bottom, table, order)
        if preferred is not None:
            at = order.get_loc(preferred)
            point = {"linestyle": "none", "marker": "D", "markersize": 5.5, "color": MARK, "zorder": 6}
            top.plot(at, frame.loc[preferred, "estimate"], label="Preferred", **point)
            for ax in (top, bottom):
                ax.axvline(at, color=MARK, linewidth=0.7, zorder=1)
        top.set_ylabel(textwrap.fill(ylabel, _YLABEL))
        figure.legend(*top.get_legend_handles_labels(), loc="outside upper left", ncols=5)
        figure.supxlabel(_sentence(tests), fontsize=SMALL, x=0.01, ha="left")
        return finish(figure, simulated=simulated)


def _checked(results: Mapping[str, Effects], choices: pd.DataFrame, preferred: str | None) -> pd.DataFrame:
    """Choices of the specifications drawn, without those that do not vary."""
    absent = [label for label in results if label not in choices.index]
    idle = [label for label in choices.index if label not in results]
    if absent or idle or not choices.index.is_unique:
        raise ReportError(
            f"one row of choices a specification is needed: {len(absent)} specifications have none "
            f"({', '.join(map(str, absent[:5]))}), {len(idle)} rows have no result ({', '.join(map(str, idle[:5]))})"
        )
    if choices.isna().any(axis=None):
        column = choices.columns[choices.isna().any()][0]
        raise ReportError(f"choices: column {column!r} misses {int(choices[column].isna().sum())} values")
    if preferred is not None and preferred not in results:
        raise ReportError(f"the preferred specification {preferred!r} is not among the {len(results)} drawn")
    return choices.loc[:, choices.nunique() > 1]


def _draw_curve(ax: Axes, frame: pd.DataFrame, level: float) -> None:
    at = np.arange(len(frame))
    width = float(np.clip(220 / len(frame), 0.7, 5))
    ax.axhline(0, **RULE)
    look = {"color": PALE, "linewidth": width, "zorder": 2}
    ax.vlines(at, frame["joint_low"], frame["joint_high"], label=f"{level:.0%} joint", **look)
    ax.vlines(
        at, frame["low"], frame["high"], color=INK, linewidth=min(width, 1.0), label=f"{level:.0%} pointwise", zorder=3
    )
    apart = ((frame["low"] > 0) | (frame["high"] < 0)).to_numpy()
    known = np.isfinite(frame[["low", "high"]]).all(axis=1).to_numpy()
    kinds = (
        (apart, "o", INK, "Zero outside"),
        (known & ~apart, "o", "white", "Zero inside"),
        (~known, "x", MARK, "No interval"),
    )
    for shown, marker, fill, label in kinds:
        colour = INK if marker == "o" else fill
        point = {"linestyle": "none", "marker": marker, "markersize": min(0.8 + width, 4), "color": colour, "mfc": fill}
        if shown.any():
            ax.plot(at[shown], frame["estimate"].to_numpy()[shown], label=label, mew=0.7, zorder=4, **point)
    ax.tick_params(axis="x", length=0, labelbottom=False)
    ax.spines["bottom"].set_visible(False)
    ax.margins(x=0.02)


def _draw_choices(ax: Axes, table: pd.DataFrame, order: pd.Index) -> None:
    """One line a value, under the name of its kind of choice."""
    at, line, heads, values = np.arange(len(table)), 0, {}, {}
    size = float(np.clip(260 / len(table), 1.2, 4))
    for name in table.columns:
        heads[line] = str(name)
        line += 1
        for value in table[name].unique():
            text = _wrapped(value)
            deep = text.count("\n") + 1
            if len(values) % 2 == 0:
                ax.axhspan(line - 0.5, line + deep - 0.5, color=STRIPE, linewidth=0, zorder=-2)
            chosen = (table.loc[order, name] == value).to_numpy()
            middle = line + (deep - 1) / 2
            ax.plot(at, np.full(len(at), middle), linestyle="none", marker="o", ms=size * 0.35, color="0.8", zorder=2)
            ax.plot(
                at[chosen], np.full(chosen.sum(), middle), linestyle="none", marker="o", ms=size, color=INK, zorder=3
            )
            values[middle] = text
            line += deep
    ax.set_yticks([*heads, *values], [*heads.values(), *values.values()], fontsize=SMALL, linespacing=1.0)
    for label in ax.get_yticklabels()[: len(heads)]:
        label.set_fontweight("bold")
    ax.set_ylim(max(line, 1) - 0.4, -0.6)
    ax.tick_params(axis="both", length=0, labelbottom=False)
    for side in ax.spines.values():
        side.set_visible(False)
    ax.set_xlabel(f"{len(table):,} specifications, by estimate")


def _wrapped(value: object) -> str:
    return textwrap.fill(str(value), _LABEL)


def _sentence(tests: SpecificationTests) -> str:
    """State the joint tests in one line."""
    median, share = tests.tests.loc["median"], tests.tests.loc["share_significant"]
    sign = {1: " and positive", -1: " and negative", 0: ""}[tests.sign]
    refused, of = len(tests.without_interval), len(tests.frame)
    if refused == of:
        return "No specification has an interval, as each rests on too few clusters: nothing is tested"
    told = (
        f"Median {significant(median['value'])} ({p_equals(median['p_value'])}); {share['value']:.0%} significant at "
        f"{1 - tests.level:.0%}{sign} ({p_equals(share['p_value'])}); tests of no effect in any specification"
    )
    return told if not refused else f"{told}\nof the {of - refused} that have an interval; {refused} of {of} have none"
