"""Raw means by cohort."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aigreen_study.figures.style import (
    ABOVE,
    COLOURS,
    DASHES,
    MARKERS,
    canvas,
    distinct,
    finish,
    require_columns,
    style,
)
from aigreen_study.run.periods import YEARS, Periods

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LONG = 18  # characters of a name of which four do not fit beside each other


def cohort_trends_figure(
    frame: pd.DataFrame,
    *,
    outcome: str,
    time: str,
    cohort: str,
    ylabel: str,
    log_scale: bool = False,
    simulated: bool = False,
    periods: Periods = YEARS,
) -> Figure:
    """Raw means of an outcome by treatment cohort and period; a dotted line marks each cohort's first treated period.

    Cohorts that are more than can be told apart are drawn together with their neighbours.

    Parameters
    ----------
    frame : DataFrame
        One row a unit and period.
    cohort : str
        First treated period; 0, infinite or missing for never treated.
    log_scale : bool
        Equal distances are equal proportions.
    periods : Periods
        What the numbers of `time` and `cohort` are called.

    Raises
    ------
    UnknownColumnError, ReportError
    """
    require_columns(frame, [outcome, time, cohort])
    first = frame[cohort].to_numpy(dtype=float, na_value=np.nan)
    first = np.where(np.isfinite(first) & (first > 0), first, np.inf)
    years = sorted(set(first), key=lambda year: (np.isfinite(year), year))
    if len(years) > len(COLOURS):
        first, called = _together(first, years, periods)
        years = list(called)
    else:
        called = {
            year: f"Treated from {periods.name(year)}" if np.isfinite(year) else "Never treated" for year in years
        }
    distinct(len(years), "cohorts")
    names = list(called.values())
    data = frame[[time, outcome]].assign(_cohort=[called[year] for year in first])
    look = {
        "palette": list(COLOURS[: len(names)]),
        "dashes": ["" if dash == "-" else dash[1] for dash in DASHES[: len(names)]],
        "markers": list(MARKERS[: len(names)]),
    }
    with style():
        import seaborn as sns

        figure, ax = canvas()
        shown = {"hue": "_cohort", "style": "_cohort", "hue_order": names, "style_order": names, "legend": False}
        sns.lineplot(data, x=time, y=outcome, errorbar=None, markersize=4, mew=0.4, ax=ax, **shown, **look)
        for line, name, year, colour in zip(ax.lines, names, years, COLOURS, strict=False):
            line.set_label(name)
            if np.isfinite(year):
                ax.axvline(year - 0.5, color=colour, linewidth=0.9, linestyle=":")
        ax.set_xlabel(periods.word.capitalize())
        ax.set_ylabel(ylabel)
        ticks = periods.ticks(int(frame[time].min()), int(frame[time].max()))
        if ticks is None:
            ax.xaxis.get_major_locator().set_params(integer=True)
        else:
            ax.set_xticks(ticks, [periods.name(step) for step in ticks])
        if log_scale:
            ax.set_yscale("log")
            ax.yaxis.set_major_formatter("{x:,g}")
        ax.legend(ncols=4 if max(map(len, names)) < _LONG else 3, **ABOVE)
        return finish(figure, simulated=simulated)


def _together(first: np.ndarray, years: Sequence[float], periods: Periods) -> tuple[np.ndarray, dict[float, str]]:
    """Join neighbouring cohorts: the first treated year of each row's group, and the names of the groups by it."""
    finite = [year for year in years if np.isfinite(year)]
    groups = np.array_split(finite, len(COLOURS) - (len(finite) < len(years)))
    ends = {group[0]: group[-1] for group in groups}
    begins = {year: group[0] for group in groups for year in group} | {np.inf: np.inf}
    called = {} if len(finite) == len(years) else {np.inf: "Never treated"}
    return np.array([begins[year] for year in first]), called | {
        low: f"Treated from {periods.name(low)}"
        if low == high
        else f"Treated {periods.name(low)} to {periods.name(high)}"
        for low, high in ends.items()
    }
