"""The figures of a study: one helper a look, vector files with the same bytes on every run."""

from __future__ import annotations

import io
import logging
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from aigreen.effects import Effects
from aigreen.errors import ReportError, UnknownColumnError
from aigreen.plot import INK, PALE, decomposition_plot, effects_plot
from aigreen.storage import write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 6.3  # inches: the text width of the paper
HEIGHT = 3.3

# Okabe-Ito colours, ordered so that their lightness differs too; dashes and markers repeat the distinction in grey.
COLOURS = ("#000000", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (5, 1.2, 1.2, 1.2)), (0, (8, 2)), (0, (3, 3)), (0, (1, 2.5)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

_STYLE: dict[str, Any] = {
    "font.family": "STIXGeneral",
    "font.size": 10,
    "mathtext.fontset": "stix",
    "axes.labelsize": 10,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "legend.columnspacing": 1.4,
    "legend.handletextpad": 0.5,
    "legend.borderaxespad": 0.2,
    "lines.linewidth": 1.4,
    "figure.figsize": (WIDTH, HEIGHT),
    "figure.constrained_layout.use": True,
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "aigreen",
}


@contextmanager
def style() -> Iterator[None]:
    """Use the look of the paper inside the block, whatever the user's own settings."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


def event_study_figure(
    effects: Effects,
    *,
    ylabel: str = "Effect",
    level: float = 0.95,
    simultaneous: bool = True,
    n_draws: int = 999,
    multipliers: str = "rademacher",
    seed: int = 0,
    simulated: bool = False,
) -> Figure:
    """Effects by horizon: points, pointwise bars and a simultaneous band.

    Parameters
    ----------
    effects : Effects
        Indexed by horizon.
    ylabel : str
        What the effect is on, with its unit.
    simultaneous : bool
        Draw the band; needs influence functions.
    """
    if "horizon" not in effects.index.names:
        raise ReportError(f"an event-study figure needs effects by horizon, not by {', '.join(effects.index.names)}")
    with style():
        figure, ax = _canvas()
        options = {"n_draws": n_draws, "multipliers": multipliers, "seed": seed}
        effects_plot(effects, ax, level=level, simultaneous=simultaneous, **options)
        ax.set_xlabel("Years since treatment")
        ax.set_ylabel(ylabel)
        _finish(figure, ax, simulated)
    return figure


def cohort_trends_figure(
    frame: pd.DataFrame,
    *,
    outcome: str,
    time: str,
    cohort: str,
    ylabel: str,
    log_scale: bool = False,
    simulated: bool = False,
) -> Figure:
    """Raw yearly means of an outcome by treatment cohort; a dotted line marks each cohort's first treated year.

    Parameters
    ----------
    frame : DataFrame
        One row a unit and year.
    cohort : str
        First treated year; 0, infinite or missing for never treated.
    log_scale : bool
        Equal distances are equal proportions.
    """
    for name in (outcome, time, cohort):
        if name not in frame.columns:
            raise UnknownColumnError(name, list(frame.columns))
    first = frame[cohort].to_numpy(dtype=float, na_value=np.nan)
    first = np.where(np.isfinite(first) & (first > 0), first, np.inf)
    means = frame.assign(_first=first).groupby(["_first", time], sort=True)[outcome].mean()
    cohorts = sorted(set(first), key=lambda year: (np.isfinite(year), year))
    if len(cohorts) > len(COLOURS):
        raise ReportError(f"{len(cohorts)} cohorts: at most {len(COLOURS)} can be told apart in one figure")
    with style():
        figure, ax = _canvas()
        for i, year in enumerate(cohorts):
            line = means.loc[year]
            label = f"Treated from {year:.0f}" if np.isfinite(year) else "Never treated"
            look = {"color": COLOURS[i], "linestyle": DASHES[i], "marker": MARKERS[i], "markersize": 3.5}
            ax.plot(line.index.to_numpy(), line.to_numpy(), label=label, **look)
            if np.isfinite(year):
                ax.axvline(year - 0.5, color=COLOURS[i], linewidth=0.9, linestyle=":")
        ax.set_xlabel("Year")
        ax.set_ylabel(ylabel)
        ax.xaxis.get_major_locator().set_params(integer=True)
        if log_scale:
            ax.set_yscale("log")
            ax.yaxis.set_major_formatter("{x:,g}")
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4)
        _finish(figure, ax, simulated)
    return figure


def parts_figure(
    overall: Effects,
    *,
    ylabel: str = "Effect",
    level: float = 0.95,
    n_draws: int = 999,
    multipliers: str = "rademacher",
    seed: int = 0,
    simulated: bool = False,
) -> Figure:
    """Bars of the total and of the parts that add up to it, each from zero, with pointwise and joint intervals.

    Parameters
    ----------
    overall : Effects
        By part, the total first, under the names to print.
    """
    if overall.index.names != ["part"]:
        raise ReportError(f"bars of parts need one effect a part, not by {', '.join(map(str, overall.index.names))}")
    wide = overall.conf_int(level, simultaneous=True, n_draws=n_draws, multipliers=multipliers, seed=seed)
    narrow = overall.conf_int(level)
    names = [textwrap.fill(str(name), 16) for name in overall.index]
    at = np.arange(len(overall))
    with style():
        figure, ax = _canvas()
        ax.axhline(0, color="black", linewidth=0.6, zorder=1)
        ax.bar(
            at, overall.values, width=0.5, color=[INK, *[PALE] * (len(at) - 1)], edgecolor=INK, linewidth=0.8, zorder=2
        )
        ax.vlines(
            at, wide["low"], wide["high"], color="0.55", linewidth=1.0, label=f"{level:.0%} simultaneous", zorder=3
        )
        ends = {"linestyle": "none", "marker": "_", "markersize": 9, "color": "0.55", "zorder": 3}
        ax.plot(np.tile(at, 2), np.concatenate([wide["low"], wide["high"]]), **ends)
        ax.vlines(
            at, narrow["low"], narrow["high"], color="black", linewidth=2.6, label=f"{level:.0%} pointwise", zorder=4
        )
        ax.plot(at, overall.values, linestyle="none", marker="o", markersize=5, color="black", mfc="white", zorder=5)
        ax.axvline(0.5, color="black", linewidth=0.6, linestyle=":", zorder=1)
        ax.set_xticks(at, names, linespacing=1.0)
        ax.tick_params(axis="x", length=0)
        ax.set_ylabel(ylabel)
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
        _finish(figure, ax, simulated)
    return figure


def parts_horizon_figure(
    study: Effects,
    *,
    ylabel: str = "Effect",
    level: float = 0.95,
    n_draws: int = 999,
    multipliers: str = "rademacher",
    seed: int = 0,
    simulated: bool = False,
) -> Figure:
    """Stacked parts by horizon with the simultaneous band of the total.

    Parameters
    ----------
    study : Effects
        By part and horizon, the total first, under the names to print.
    """
    if study.index.names != ["part", "horizon"]:
        raise ReportError(f"parts by horizon are needed, not by {', '.join(map(str, study.index.names))}")
    with style():
        figure, ax = _canvas()
        decomposition_plot(study, ax, level=level, n_draws=n_draws, multipliers=multipliers, seed=seed)
        ax.set_xlabel("Years since treatment")
        ax.set_ylabel(ylabel)
        handles, labels = ax.get_legend_handles_labels()
        by_row = [i for column in range(3) for i in range(column, len(labels), 3)]
        place = {"loc": "lower left", "bbox_to_anchor": (0, 1), "ncols": 3}
        ax.legend([handles[i] for i in by_row], [labels[i] for i in by_row], **place)
        _finish(figure, ax, simulated)
    return figure


def save_figure(figure: Figure, stem: str | Path) -> None:
    """Write `stem`.pdf and `stem`.svg, without dates, each aside and moved."""
    stem = Path(stem)
    # Some packages turn on INFO messages of all others when imported; font subsetting has hundreds.
    logging.getLogger("fontTools").setLevel(logging.WARNING)
    metadata = {
        "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
        "svg": {"Date": None, "Creator": None},
    }
    with style():
        for ending, facts in metadata.items():
            content = io.BytesIO()
            figure.savefig(content, format=ending, metadata=facts)
            write_bytes(stem.with_name(f"{stem.name}.{ending}"), content.getvalue())


def _canvas() -> tuple[Figure, Axes]:
    """Make a figure outside pyplot's list, so that nothing has to be closed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _finish(figure: Figure, ax: Axes, simulated: bool) -> None:
    if simulated:
        ax.text(
            0.5,
            0.5,
            "SIMULATED DATA",
            transform=ax.transAxes,
            ha="center",
            va="center",
            rotation=18,
            fontsize=30,
            color="0.88",
            zorder=0,
        )
    figure.align_labels()
