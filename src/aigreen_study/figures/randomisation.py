"""The estimate among those of placebo assignments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aigreen.effects.plot import INK, MARK, PALE
from aigreen.errors import ReportError
from aigreen.inference.randomization import Randomization
from aigreen_study.figures.style import ABOVE, canvas, finish, style
from aigreen_study.tables.formats import decimal, p_equals

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def randomisation_figure(
    result: Randomization, *, xlabel: str = "Estimate under reassigned treatment", simulated: bool = False
) -> Figure:
    """Histogram of the estimates, or t statistics, under reassigned treatment, with the actual one.

    Bars beyond the actual one, on either side of zero, are dark.

    Raises
    ------
    ReportError
        Where no draw is finite.
    """
    draws = result.draws[np.isfinite(result.draws)]
    if not draws.size:
        raise ReportError("no placebo estimate is finite: nothing to draw")
    size = abs(result.statistic)
    reach = max(float(np.abs(draws).max()), size) * 1.05
    # An edge at the estimate, so that a bar is either as extreme or not.
    width = 2 * reach / np.clip(np.sqrt(draws.size), 12, 48)
    inner = size / max(1, round(size / width)) if size > 0 else width
    n = int(np.ceil(reach / inner))
    edges = inner * np.arange(-n, n + 1)
    with style():
        import seaborn as sns

        figure, ax = canvas(3.0)
        far = np.where(np.abs(draws) >= size * (1 - 1e-9), "As extreme", "Less extreme")
        look = {"edgecolor": "white", "linewidth": 0.5, "alpha": 1.0, "zorder": 2}
        for label, colour in (("Less extreme", PALE), ("As extreme", INK)):
            if (far == label).any():
                sns.histplot(draws[far == label], bins=list(edges), color=colour, label=label, ax=ax, **look)
        what = "t statistic" if result.studentized else "estimate"
        label = f"Actual {what} {decimal(result.statistic)}: {p_equals(result.p_value)}"
        ax.axvline(result.statistic, color=MARK, linewidth=1.8, label=label, zorder=3)
        kind = "assignments" if result.enumerated else "random assignments"
        ax.set_xlabel(xlabel)
        ax.set_ylabel(f"Number of {draws.size:,} {kind}")
        handles, labels = ax.get_legend_handles_labels()
        order = sorted(range(len(labels)), key=lambda i: not labels[i].startswith("Actual"))
        ax.legend([handles[i] for i in order], [labels[i] for i in order], ncols=3, **ABOVE)
        return finish(figure, simulated=simulated)
