"""The look of all figures, and vector files with the same bytes on every run."""

from __future__ import annotations

import io
import json
import logging
import math
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from aigreen.disk import write_bytes
from aigreen.effects import plot
from aigreen.effects.fonts import FROM, registered_font
from aigreen.errors import ReportError, UnknownColumnError
from aigreen_study.run.stem import stem

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 6.3  # inches: the text width of the paper
HEIGHT = 3.3
TALLEST = 8.8  # what a page holds beside a caption
BESIDE_LABELS = 0.84  # of the width of a figure: its axes beside ticks and label
LONGEST_LABEL = 48  # letters of a line of a legend
SMALL = 9.2  # points: the smallest type in use, more than seven where figures are printed at 78 percent

# Of series, those of the library's own plots: the palette of Okabe and Ito but for one, ordered so that their lightness
# differs too; dashes and markers repeat the distinction in grey.
COLOURS, MARKERS, MARK = plot.COLOURS, plot.MARKERS, plot.MARK
BLACK, BLUE, _, GREEN, PINK, SKY, ORANGE = COLOURS
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (5, 1.2, 1.2, 1.2)), (0, (8, 2)), (0, (3, 3)), (0, (1, 2.5)))
BAR = "0.55"  # simultaneous intervals where pointwise ones are black
STRIPE = (0, 0, 0, 0.045)  # lets the mark of simulated data through
# The map: ground, borders and seats, areas near a zone from the inner ring outwards and their rim, zones by year.
LAND, BORDER, COAST, SEAT = "#f3f0e8", "#c9c3b4", "#8f8a7d", "#8a8577"
NEAR, RIM = ("#93bcd6", "#c8deeb", "#e6f0f6"), "#5d93b5"
ZONES = ("#08306b", MARK, "#f0c93a", GREEN, PINK)
RULE = {"color": "black", "linewidth": 0.6, "zorder": 1}  # the line at zero
ABOVE = {"loc": "lower left", "bbox_to_anchor": (0, 1)}  # a legend over the axes, flush left

# What differs from seaborn's theme for papers: type, thin axes, close legends, bytes that never change.
_STYLE: dict[str, Any] = {
    "mathtext.fontset": "stix",
    "axes.linewidth": 0.6,
    "axes.edgecolor": BLACK,
    "axes.labelcolor": BLACK,
    "text.color": BLACK,
    "xtick.color": BLACK,
    "ytick.color": BLACK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 3.5,
    "ytick.major.size": 3.5,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "legend.columnspacing": 1.1,
    "legend.handlelength": 1.8,
    "legend.handletextpad": 0.5,
    "legend.borderaxespad": 0.2,
    "hatch.linewidth": 0.5,
    "figure.figsize": (WIDTH, HEIGHT),
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "aigreen",
}
_SCALE = 11 / 9.6  # body type of 11 points, where seaborn's papers have 9.6


@contextmanager
def style() -> Iterator[None]:
    """Use the look of the paper inside the block, whatever the user's own settings."""
    import matplotlib as mpl
    import seaborn as sns

    families = ["STIXGeneral"]
    if family := registered_font():
        families.append(family)
        # It has one weight; matplotlib warns of that wherever a label is bold.
        logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    with mpl.rc_context():
        mpl.rcdefaults()
        sns.set_theme("paper", "ticks", list(COLOURS), font=families, font_scale=_SCALE, rc=_STYLE)
        yield


def blank(height: float = HEIGHT, *, layout: str = "constrained") -> Figure:
    """Make a figure of text width outside pyplot's list, so that nothing has to be closed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if height > TALLEST:
        raise ReportError(f"the figure would be {height:.1f} inches high; a page holds {TALLEST}: show fewer rows")
    figure = Figure(figsize=(WIDTH, height), layout=layout)
    FigureCanvasAgg(figure)
    return figure


def canvas(height: float = HEIGHT) -> tuple[Figure, Axes]:
    """Make a figure with one pair of axes."""
    figure = blank(height)
    return figure, figure.add_subplot()


def finish(figure: Figure, *, simulated: bool) -> Figure:
    """Break and align the labels and, where the data are simulated, say so behind everything drawn."""
    if simulated:
        for ax in figure.axes:
            ax.patch.set_visible(False)
        look = {"ha": "center", "va": "center", "rotation": 18, "fontsize": 30, "color": "0.88", "zorder": -1}
        figure.text(0.55, 0.5, "SIMULATED DATA", **look).set_in_layout(False)
    for ax in figure.axes:
        _break_ylabel(ax)
    # Axes without a label would set those of others apart by the room that their ticks take.
    figure.align_xlabels([ax for ax in figure.axes if ax.get_xlabel()])
    figure.align_ylabels([ax for ax in figure.axes if ax.get_ylabel()])
    return figure


def _break_ylabel(ax: Axes) -> None:
    """Break a label that is longer than its axes are high."""
    label, room = ax.yaxis.label, ax.get_window_extent().height
    text, lines = label.get_text(), label.get_window_extent().height / room
    if lines > 1:
        width = min(len(text) / lines, len(text) / math.ceil(lines) + 5)  # lines about as long as each other
        label.set_text(textwrap.fill(text, int(width), break_on_hyphens=False))


def legend_above(ax: Axes, most: int = 3) -> None:
    """Place the legend over the axes, row by row, in as many columns up to `most` as the figure has room for."""
    handles, labels = ax.get_legend_handles_labels()
    labels = [textwrap.fill(label, LONGEST_LABEL) for label in labels]
    for columns in range(min(most, len(labels)), 0, -1):
        by_row = [i for column in range(columns) for i in range(column, len(labels), columns)]
        made = ax.legend([handles[i] for i in by_row], [labels[i] for i in by_row], ncols=columns, **ABOVE)
        if made.get_window_extent().width <= BESIDE_LABELS * ax.figure.bbox.width:
            return


def note_points(ax: Axes, points: Iterable[tuple[float, float, str]]) -> None:
    """Keep what a page says of points of a figure, in the units of its axes: across, up, text."""
    ax.figure._aigreen_points = [*getattr(ax.figure, "_aigreen_points", []), *((ax, *point) for point in points)]


def note_chart(figure: Figure, chart: Mapping[str, Any]) -> None:
    """Keep the numbers that a page draws in place of a figure, as its readers choose among them."""
    figure._aigreen_chart = dict(chart)


def noted_points(figure: Figure) -> list[tuple[float, float, str]]:
    """Points of `note_points` as shares of the figure, from its left and top; none outside the axes."""
    figure.draw_without_rendering()
    found = []
    for ax, x, y, text in getattr(figure, "_aigreen_points", []):
        place = ax.transData.transform((x, y))
        if ax.get_window_extent().padded(1).contains(*place):
            across, up = figure.transFigure.inverted().transform(place)
            found.append((round(float(across), 4), round(1 - float(up), 4), text))
    return found


def distinct(count: int, what: str) -> None:
    """Refuse more series than one figure can tell apart, in colour and in grey."""
    if not count:
        raise ReportError(f"no {what} to draw")
    if count > len(COLOURS):
        raise ReportError(f"{count} {what}: at most {len(COLOURS)} can be told apart in one figure")


def require_columns(frame: pd.DataFrame, names: Sequence[str], role: str = "") -> None:
    """Refuse a frame without one of the columns."""
    for name in names:
        if name not in frame.columns:
            raise UnknownColumnError(name, list(frame.columns), role=role)


def save_figure(figure: Figure, files: str | Path | Sequence[str | Path]) -> None:
    """Write a figure as .pdf and .svg, without dates, each aside and moved; the .svg describes the points noted.

    It also says whether intervals are ``cut``, of which notes below a figure tell.

    Parameters
    ----------
    figure : Figure
    files : path, or sequence of path
        Path without ending, or the output of a rule.
    """
    from matplotlib import rcParams
    from matplotlib.text import Text

    base = stem(files)
    # Some packages turn on INFO messages of all others when imported; font subsetting has hundreds.
    logging.getLogger("fontTools").setLevel(logging.WARNING)
    metadata: dict[str, dict[str, Any]] = {
        "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
        "svg": {"Date": None, "Creator": None},
    }
    with style():
        # Outlines of Chinese fonts are PostScript; Type 42 calls them TrueType, and some readers then print nothing.
        if any(ord(letter) >= FROM for text in figure.findobj(Text) for letter in text.get_text()):
            rcParams["pdf.fonttype"] = 3
        cut = any(text.get_text() == plot.CUT for ax in figure.axes for text in ax.texts)
        told = {"points": noted_points(figure), "chart": getattr(figure, "_aigreen_chart", None), "cut": cut}
        if told := {name: value for name, value in told.items() if value}:
            metadata["svg"]["Description"] = json.dumps(told, ensure_ascii=False)
        for ending, facts in metadata.items():
            content = io.BytesIO()
            figure.savefig(content, format=ending, metadata=facts)
            write_bytes(base.with_name(f"{base.name}.{ending}"), content.getvalue())
