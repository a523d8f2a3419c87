"""What describes a column: its size, mean, spread and order statistics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from aigreen.errors import ReportError, UnknownColumnError


@dataclass(frozen=True)
class Description:
    """Finite values of a column.

    Attributes
    ----------
    n : int
    mean, std_dev, low, median, high : float
        The standard deviation has n - 1 in its denominator; with one value it is zero.
    whole : bool
        Values and median are whole numbers.
    """

    n: int
    mean: float
    std_dev: float
    low: float
    median: float
    high: float
    whole: bool


def describe(frame: pd.DataFrame, name: str) -> Description:
    """Describe a column of a frame.

    Raises
    ------
    UnknownColumnError
    ReportError
        For a column without a finite value.
    """
    if name not in frame.columns:
        raise UnknownColumnError(name, list(frame.columns), role="variables")
    values = frame[name].to_numpy(dtype=float, na_value=np.nan)
    values = values[np.isfinite(values)]
    if values.size == 0:
        raise ReportError(f"column {name!r} has no values to describe")
    median = float(np.median(values))
    return Description(
        n=values.size,
        mean=float(values.mean()),
        std_dev=float(values.std(ddof=min(1, values.size - 1))),
        low=float(values.min()),
        median=median,
        high=float(values.max()),
        whole=bool((values == np.round(values)).all()) and median.is_integer(),
    )
