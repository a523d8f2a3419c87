"""Raw means by cohort."""

from __future__ import annotations

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

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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

    Raises
    ------
    UnknownColumnError, ReportError
    """
    require_columns(frame, [outcome, time, cohort])
    first = frame[cohort].to_numpy(dtype=float, na_value=np.nan)
    first = np.where(np.isfinite(first) & (first > 0), first, np.inf)
    years = sorted(set(first), key=lambda year: (np.isfinite(year), year))
    distinct(len(years), "cohorts")
    names = [f"Treated from {year:.0f}" if np.isfinite(year) else "Never treated" for year in years]
    called = dict(zip(years, names, strict=True))
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
        ax.set_xlabel("Year")
        ax.set_ylabel(ylabel)
        ax.xaxis.get_major_locator().set_params(integer=True)
        if log_scale:
            ax.set_yscale("log")
            ax.yaxis.set_major_formatter("{x:,g}")
        ax.legend(ncols=4, **ABOVE)
        return finish(figure, simulated=simulated)
