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
    means = frame.assign(_first=first).groupby(["_first", time], sort=True)[outcome].mean()
    cohorts = sorted(set(first), key=lambda year: (np.isfinite(year), year))
    distinct(len(cohorts), "cohorts")
    with style():
        figure, ax = canvas()
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
        ax.legend(ncols=4, **ABOVE)
        return finish(figure, simulated=simulated)
