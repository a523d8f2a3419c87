"""What a benchmark is: one question put to several packages, whose numbers are compared before their speed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

Numbers = dict[str, pd.Series]
"""Kind of number ("estimate", "std_error", "p_value", ...) to a series of them by label."""

UNIT, TIME, COHORT, CLUSTER = "firm", "year", "first", "city"


@dataclass(frozen=True)
class Call:
    """One package's answer, from the data frame of a user to numbers.

    Attributes
    ----------
    package : str
        Distribution whose version is reported; the first call of a job is ours.
    run : callable
        Takes what `prepare` returns, returns numbers.
    prepare : callable
        Takes the data frame; measured with `run` and also told apart from it ("fit only").
    name : str
        Shown in tables; default the package.
    differs : mapping of str to (str, float)
        Kinds of number that follow another convention: the explanation, and the largest difference that it covers.
    """

    package: str
    run: Callable[[Any], Numbers]
    prepare: Callable[[pd.DataFrame], Any] | None = None
    name: str = ""
    differs: Mapping[str, tuple[str, float]] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Name in tables."""
        return self.name or self.package


@dataclass(frozen=True)
class Job:
    """One line of the speed table.

    Attributes
    ----------
    title : str
    goal : float or None
        Times faster than the best other package.
    calls : tuple of Call
        Ours first.
    columns : tuple of str
        What a user would have in the frame.
    tolerance : mapping of str to float
        Largest difference by kind, relative to the largest of our numbers of that kind in size. Kinds that start with
        "p_" or "critical" are simulated: absolute.
    largest : int
        Rows up to which the job is part of the full run.
    note : str
    """

    title: str
    goal: float | None
    calls: tuple[Call, ...]
    columns: tuple[str, ...]
    tolerance: Mapping[str, float]
    largest: int = 750_000
    note: str = ""


def by_horizon(horizons: Any, values: Any) -> pd.Series:
    """Series labelled by integer horizon."""
    return pd.Series(list(values), index=[f"horizon {int(h)}" for h in horizons], dtype=float)


def static(value: float) -> pd.Series:
    """One number."""
    return pd.Series({"overall": float(value)})


def panel(frame: pd.DataFrame) -> Any:
    """Our way in."""
    from aigreen import Panel

    return Panel(frame, unit=UNIT, time=TIME, cohort=COHORT, cluster=CLUSTER)


def ours(run: Callable[[Any], Numbers]) -> Call:
    """Our call, from data frame to numbers."""
    return Call("aigreen", run, panel)
