"""What a two-way fixed-effect estimate is made of, on a study's panel."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from aigreen.did.diff_diff import bacon_weights
from aigreen.panel.panel import Panel
from aigreen_study.specification.mask import seen_throughout


def balanced_weights(frame: pd.DataFrame, outcome: str, roles: Mapping[str, str]) -> tuple[pd.DataFrame, Panel]:
    """Decompose the estimate on the units that have an outcome in every period.

    Returns
    -------
    comparisons : DataFrame
        Of `aigreen.did.diff_diff.bacon_weights`.
    panel : Panel
        The rows used.
    """
    known = frame[outcome].notna().to_numpy()
    rows = known & seen_throughout(frame, known, [outcome], unit=roles["unit"], time=roles["time"])
    panel = Panel(frame[rows], **roles)
    return bacon_weights(panel, outcome), panel


def by_kind(comparisons: pd.DataFrame) -> pd.DataFrame:
    """Weight, and mean estimate at these weights, of each kind of comparison that has a weight."""
    product = (comparisons["weight"] * comparisons["estimate"]).groupby(comparisons["kind"]).sum()
    weight = comparisons.groupby("kind")["weight"].sum()
    return pd.DataFrame({"weight": weight, "mean": product / weight})[weight > 0]


def weighted_sum(comparisons: pd.DataFrame) -> float:
    """Return the estimate that the comparisons make up."""
    return float(comparisons["weight"] @ comparisons["estimate"])
