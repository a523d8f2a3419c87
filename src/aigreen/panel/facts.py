"""What a result says of its sample."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from aigreen.linalg.arrays import distinct
from aigreen.panel.calendar import step_of
from aigreen.panel.dropped import Dropped
from aigreen.panel.panel import Panel

Counts = Literal["level", "relative"]
ROUNDING = 1e-13  # of the outcome
CONVERGED = 1e-8  # of the mean of counts, by iteration


def counts_of(family: str, scale: str) -> Counts | None:
    """Say what effects of a model of this family and scale are in, as `result_facts` takes it."""
    return None if family == "gaussian" else "relative" if scale == "percent" else "level"


def result_facts(
    panel: Panel,
    rows: np.ndarray,
    outcome: str,
    dropped: Dropped,
    *,
    t_intervals: bool = False,
    spread: float | np.ndarray = 1.0,
    counts: Counts | None = None,
) -> dict[str, Any]:
    """Clusters, sizes, outcome and left-out rows, as `Effects` takes them.

    Parameters
    ----------
    panel : Panel
        Whose clusters are the rows of the influence functions.
    rows : ndarray of int
        Positions of the rows used, in panel order; one for each time a row is used.
    t_intervals : bool
        Whether intervals are those of t with as many degrees of freedom as clusters less one, else normal.
    spread : float or ndarray, shape (k,)
        Standard deviation of what the effects are slopes on.
    counts : "level" or "relative", optional
        Effects of a count model, on the mean, or on its logarithm or in percent.
    """
    n_clusters = distinct(panel.cluster_codes[rows])
    size = 1.0 if counts == "relative" else np.abs(panel.column(outcome)[rows])
    resolution = CONVERGED * np.mean(size) if counts else ROUNDING * np.max(size)
    return {
        "clusters": panel.clusters,
        "n_rows": len(rows),
        "n_units": distinct(panel.unit_codes[rows]),
        "n_clusters": n_clusters,
        "df": n_clusters - 1 if t_intervals else None,
        "step": step_of(panel.freq),
        "outcome": outcome,
        "dropped": dropped.to_frame(),
        "resolution": resolution / spread,
    }
