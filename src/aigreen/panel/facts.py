"""What a result says of its sample."""

from __future__ import annotations

from typing import Any

import numpy as np

from aigreen.linalg.arrays import distinct
from aigreen.panel.dropped import Dropped
from aigreen.panel.panel import Panel


def result_facts(
    panel: Panel, rows: np.ndarray, outcome: str, dropped: Dropped, *, t_intervals: bool = False
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
    """
    n_clusters = distinct(panel.cluster_codes[rows])
    return {
        "clusters": panel.clusters,
        "n_rows": len(rows),
        "n_units": distinct(panel.unit_codes[rows]),
        "n_clusters": n_clusters,
        "df": n_clusters - 1 if t_intervals else None,
        "outcome": outcome,
        "dropped": dropped.to_frame(),
    }
