"""Numbers that the web edition draws as its readers choose (site/assets/charts.js)."""

from __future__ import annotations

import math

import pandas as pd


def chart_points(frame: pd.DataFrame) -> list[list[float | None]]:
    """Write the rows of a frame (place, value, low, high) to six digits, None where a number is not finite."""
    rows = frame.astype(float).itertuples(index=False)
    return [[float(f"{value:.6g}") if math.isfinite(value) else None for value in row] for row in rows]
