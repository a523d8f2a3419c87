"""The record of what an estimator left out, kept on its result."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from aigreen.errors import AigreenWarning, CollinearWarning, number_of, warn


class Dropped:
    """Counted record of left-out rows and units; every entry also warns.

    Estimators make one per fit, call `add` for everything they leave out, and hand `to_frame()` to `Effects`.
    """

    def __init__(self) -> None:
        self._rows: list[tuple[str, str, int, str]] = []

    def add(
        self,
        category: type[AigreenWarning],
        what: str,
        reason: str,
        count: int,
        first: Iterable[object] = (),
    ) -> None:
        """Record and warn that `count` `what` ("rows", "units", ...) were left out for `reason`; nothing if zero."""
        if count == 0:
            return
        warning = category(f"{number_of(count, what)} left out: {reason}", count=count, first=first)
        self._rows.append((what, reason, count, ", ".join(str(x) for x in warning.first)))
        warn(warning)

    def cause(self) -> str:
        """Say what was left out so far, to end the message of an error that may come of it; empty if nothing was."""
        told = "; ".join(f"{number_of(count, what)}: {reason}" for what, reason, count, _ in self._rows)
        return f"; left out before: {told}" if told else ""

    def collinear(
        self,
        names: Iterable[object],
        keep: Iterable[bool],
        what: str = "covariates",
        by: str = "fixed effects and others",
    ) -> None:
        """Record the columns not marked in `keep`, which `by` determine; a covariate of them changes no estimate."""
        gone = [name for name, kept in zip(names, keep, strict=True) if not kept]
        self.add(CollinearWarning, what, f"determined by {by}", len(gone), gone)

    def to_frame(self) -> pd.DataFrame:
        """Columns what, reason, count, first; one row an entry."""
        return pd.DataFrame(self._rows, columns=["what", "reason", "count", "first"])
