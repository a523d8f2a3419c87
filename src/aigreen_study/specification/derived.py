"""Columns that a specification makes of those of the panel: lagged doses, and outcomes and doses on another scale."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aigreen.errors import DataError

if TYPE_CHECKING:
    from aigreen_study.specification.specification import Specification

SCALES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "log1p": np.log1p,
    "ihs": np.arcsinh,
    "any": lambda values: np.where(np.isnan(values), np.nan, values > 0),
}
_WRITTEN = {"log1p": "ln(1 + {})", "ihs": "asinh({})", "any": "1{{{} > 0}}"}


def derive(specification: Specification, frame: pd.DataFrame, *, unit: str, time: str) -> pd.DataFrame:
    """Return the frame with outcome and dose as a specification wants them.

    The outcome keeps its name on another scale, so that results say of which column they are; its scale stands among
    the conventions (`written`). A lagged dose is called ``lag1_column``.

    Parameters
    ----------
    specification : Specification
        Options ``units`` and ``outcome_as`` change the outcome, ``dose_as`` and ``lag`` the dose.
    frame : DataFrame
    unit, time : str

    Raises
    ------
    DataError
        For a logarithm of negative values.
    """
    options, dose = specification.options, specification.dose
    made: dict[str, np.ndarray] = {}
    if "units" in options or "outcome_as" in options:
        values = float(options.get("units", "1")) * _numbers(frame, specification.outcome)
        made[specification.outcome] = rescaled(values, options.get("outcome_as", ""), specification.outcome)
    if "dose_as" in options:
        made[dose] = rescaled(_numbers(frame, dose), options["dose_as"], dose)
    frame = frame.assign(**made)
    lagged = specification.dose_column
    if lagged == dose:
        return frame
    return frame.assign(**{lagged: lag(frame, dose, int(options["lag"]), unit=unit, time=time)})


def written(specification: Specification) -> str:
    """Say what the outcome is, as ``ln(1 + 100 green_patents)``; empty where it is a column as it stands."""
    options = specification.options
    if "units" not in options and "outcome_as" not in options:
        return ""
    units = options.get("units", "1")
    body = specification.outcome if units == "1" else f"{units} {specification.outcome}"
    return _WRITTEN.get(options.get("outcome_as", ""), "{}").format(body)


def rescaled(values: np.ndarray, scale: str, name: str) -> np.ndarray:
    """Return values on one of `SCALES`, or as they are for an empty one."""
    negative = np.flatnonzero(values < 0)
    if scale == "log1p" and negative.size:
        raise DataError(f"column {name!r} has negative values: no ln(1 + x)", column=name, count=negative.size)
    return SCALES[scale](values) if scale else values


def lag(frame: pd.DataFrame, column: str, periods: int, *, unit: str, time: str) -> np.ndarray:
    """Values of a column so many periods earlier, missing where the unit has no row then."""
    earlier = frame[[unit, time, column]].assign(**{time: frame[time] + periods})
    keys = frame[[unit, time]]
    return keys.merge(earlier, on=[unit, time], how="left", validate="one_to_one")[column].to_numpy()


def _numbers(frame: pd.DataFrame, name: str) -> np.ndarray:
    return frame[name].to_numpy(dtype=float, na_value=np.nan)
