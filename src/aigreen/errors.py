"""Every error and warning of aigreen, under one root each.

An error that concerns data names the column, the count and the first offenders, so that the user can go straight to
the rows. A warning that concerns dropped or doubtful rows carries the same three facts as attributes.
"""

from __future__ import annotations

import difflib
import re
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

SHOWN = 5
_ROWS_MAY_BE_NAMED = [True]
LONGEST = 60  # characters of a value in a message
_PASSED = {"aigreen", "aigreen_study", "functools"}  # cached properties stand between two frames of the package


@contextmanager
def rows_withheld() -> Iterator[None]:
    """Leave first offenders out of messages, and of what results keep of warnings: for data that may not be passed on.

    An error raised meanwhile still has them as its attribute.
    """
    before = _ROWS_MAY_BE_NAMED[0]
    _ROWS_MAY_BE_NAMED[0] = False
    try:
        yield
    finally:
        _ROWS_MAY_BE_NAMED[0] = before


class AigreenError(Exception):
    """Root of all errors raised by aigreen on purpose."""


class DataError(AigreenError):
    """Input data break a rule.

    Parameters
    ----------
    message : str
        What is wrong, without the offenders.
    column : str, optional
        Column at fault.
    count : int, optional
        Number of offending rows (or units).
    first : sequence, optional
        First offenders; at most five are shown.
    """

    def __init__(
        self, message: str, *, column: str | None = None, count: int | None = None, first: Iterable[object] = ()
    ) -> None:
        self.column = column
        self.count = count
        self.first = list(first)[:SHOWN]
        super().__init__(_with_offenders(message, self.first, count))


class NotAPanelError(DataError, TypeError):
    """An estimator was given a frame or a path instead of a Panel."""

    def __init__(self, given: object) -> None:
        if type(given).__name__ == "ScannedPanel":
            super().__init__(
                "a Panel in memory is needed, got a ScannedPanel: from disk there are GroupTimeATT, Imputation, TWFE, "
                "SunAbraham, StackedDiD and Decomposition.fit"
            )
            return
        super().__init__(
            f"a Panel is needed, got a {type(given).__name__}: make one, Panel(df, unit=..., time=..., cohort=...)"
        )


class EmptyDataError(DataError):
    """No rows."""


class UnknownColumnError(DataError):
    """A named column is not in the frame."""

    def __init__(self, name: object, available: Sequence[object], *, role: str = "", what: str = "column") -> None:
        known = [str(c) for c in available]
        prefix = f"{role}: " if role else ""
        if isinstance(name, str):
            hint = did_you_mean(name, known)
        else:
            hint = f"; there are {', '.join(known if len(known) < 8 else [*known[:3], '...', *known[-3:]])}"
        super().__init__(f"{prefix}no {what} {name!r}{hint}", column=str(name))


class MissingValueError(DataError):
    """A key column (unit, time, cluster, weights) has missing values."""


class DuplicateRowsError(DataError):
    """The same unit stands more than once in a period."""


class MixedTypeError(DataError):
    """An identifier column mixes types that cannot be ordered."""


class CohortVariesError(DataError):
    """A unit has more than one first treated period."""


class AmbiguousCohortError(DataError):
    """A cohort may be read as a period and as never treated."""


class ClusterVariesError(DataError):
    """A unit moves between clusters where the estimator needs nested clusters."""


class RepeatedCrossSectionsError(DataError):
    """An estimator that follows units over time was given repeated cross-sections."""


class DoseError(DataError):
    """Doses contradict the cohorts: none where treated, or one where untreated."""


class DoseVariesError(DataError):
    """Doses change after adoption where the estimator was told that they do not."""


class NonNumericError(DataError):
    """A column that must be numeric is not."""


class InfiniteValueError(DataError):
    """A numeric column holds infinite values."""


class WeightsError(DataError):
    """Weights are negative, all zero, or otherwise unusable."""


class TooFewPeriodsError(DataError):
    """Fewer than two periods."""


class TooFewClustersError(DataError):
    """Fewer than two clusters: no variance can be computed."""


class NoTreatedError(DataError):
    """No unit is ever treated inside the sample."""


class NoControlsError(DataError):
    """No untreated unit or row is left to compare with."""


class NoPrePeriodError(DataError):
    """No treated unit is seen before its treatment."""


class SeparationError(DataError):
    """A model of zeros and ones fits rows without error, so that its likelihood has no maximum."""


class OptionError(AigreenError, ValueError):
    """An option has a value outside its list."""

    def __init__(self, option: str, value: object, allowed: Sequence[object]) -> None:
        listed = ", ".join(repr(a) for a in allowed)
        super().__init__(
            f"{option}={value!r}: use one of {listed}{did_you_mean(str(value), [str(a) for a in allowed])}"
        )


class RoleTakenError(OptionError):
    """A column is named in a second role."""

    def __init__(self, option: str, column: str, role: str) -> None:
        Exception.__init__(self, f"{option}={column!r}: this column is {role} already; name one without another role")


class NotFromDiskError(OptionError):
    """An option is for a `Panel` in memory, not for one on disk."""

    def __init__(self, option: str, value: object, what: str, offered: Sequence[str]) -> None:
        Exception.__init__(
            self,
            f"{option}={value!r}: from disk (Panel.scan) {what} takes {', '.join(offered)}, and all its other options; "
            f"change {option}=, or fit a Panel of the rows in memory",
        )


class WrongTypeError(OptionError, TypeError):
    """An argument is of another type than the function takes."""

    def __init__(self, name: str, value: object, expected: str) -> None:
        text = " ".join(repr(value).split())
        shown = text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
        kind = type(value).__name__
        article = "an" if kind[0] in "aeioAEIO" else "a"
        Exception.__init__(self, f"{name}={shown}: {expected} is expected, got {article} {kind}")


class MissingExtraError(AigreenError, ImportError):
    """A part of aigreen needs packages of an extra that is not installed."""

    def __init__(self, what: str, extra: str, absent: Sequence[str]) -> None:
        verb = "is" if len(absent) == 1 else "are"
        missing = f"{', '.join(absent)}, which {verb} not installed"
        super().__init__(f"{what} needs {missing}: pip install 'aigreen[{extra}]'")


class EstimationError(AigreenError):
    """The model cannot be computed on these data."""


class NoVariationError(EstimationError):
    """An outcome that is fitted exactly, as a constant is."""

    def __init__(self, outcome: str) -> None:
        super().__init__(
            f"column {outcome!r} is fitted exactly, as a constant outcome is: without residuals there is no sampling "
            "error to estimate or to resample"
        )


class CollinearError(EstimationError):
    """The coefficient asked for is not identified."""


class ConvergenceError(EstimationError):
    """An iterative fit did not converge."""


class SeparatedError(ConvergenceError):
    """A count model fits zero outcomes perfectly, so that its likelihood has no maximum.

    Parameters
    ----------
    rows : ndarray of bool, shape (n,)
        Which of the rows of the fit.
    """

    def __init__(self, rows: np.ndarray) -> None:
        self.rows = rows
        super().__init__(f"covariates or effects separate {int(rows.sum()):,} zero outcomes")


class EffectsError(AigreenError):
    """Results cannot be combined or tested as asked."""


class NoInfluenceError(EffectsError):
    """The result has no influence function, so it has no covariance with other results."""


class IncompatibleEffectsError(EffectsError):
    """Two results do not stand on the same panel and clusters, or do not have the same index."""


class SingularCovarianceError(EffectsError):
    """The covariance of the estimates that a method needs is singular."""


class FewClustersError(EffectsError):
    """A joint test with more restrictions than the clusters behind them can bear."""


class ConfigError(AigreenError):
    """A configuration file breaks its schema."""


class SourceError(AigreenError):
    """A raw source is absent, damaged or not what the registry says."""


class ChecksumError(SourceError):
    """A file's sha256 is not the registered one."""


class TableError(DataError):
    """Rows do not fit the schema of a canonical table."""

    def __init__(
        self,
        table: str,
        fault: str,
        *,
        column: str | None = None,
        count: int | None = None,
        first: Iterable[object] = (),
    ) -> None:
        self.table = table
        counted = "" if count is None else f" ({count:,})"
        place = table if column is None else f"{table}.{column}"
        super().__init__(f"table {place}: {fault}{counted}", column=column, count=count, first=first)


class UnreadableFileError(SourceError):
    """A raw file is empty, truncated, damaged, wrongly encoded or not a table."""


class OutsideFolderError(SourceError):
    """A path leads out of the data folder."""


class TooLargeError(SourceError):
    """A raw file would unfold to more than the stated limits."""


class MappingError(SourceError):
    """A file of column names names tables or columns that do not exist."""


class ReportError(AigreenError):
    """An exhibit, a number or the paper cannot be written as asked."""


class AigreenWarning(UserWarning):
    """Root of all warnings given by aigreen.

    Attributes
    ----------
    count : int
        Number of rows, units or cells concerned.
    first : list
        First of them.
    """

    def __init__(self, message: str, *, count: int = 0, first: Iterable[object] = ()) -> None:
        self.count = count
        self.first = list(first)[:SHOWN] if _ROWS_MAY_BE_NAMED[0] else []
        super().__init__(_with_offenders(message, self.first, count))


class MissingRowsWarning(AigreenWarning):
    """Rows with a missing outcome or covariate were left out."""


class AlwaysTreatedWarning(AigreenWarning):
    """Units treated in their first period, without a period before treatment, were left out or serve as comparison."""


class CohortWarning(AigreenWarning):
    """First treated periods look like something else: a code for never treated, or a dummy of treatment."""


class SingletonWarning(AigreenWarning):
    """Rows that are alone in a fixed effect were left out."""


class SeparationWarning(AigreenWarning):
    """Rows that a count model fits perfectly (all-zero groups) were left out."""


class UnbalancedWarning(AigreenWarning):
    """Units without all periods were left out, as asked."""


class UnreachedWarning(AigreenWarning):
    """Treated rows whose fixed effects no untreated row reaches were left out."""


class OverlapWarning(AigreenWarning):
    """Propensity scores near one, or a group-time cell without enough comparison units."""


class SmallCellWarning(AigreenWarning):
    """An effect rests on very few units or clusters."""


class FewClustersWarning(AigreenWarning):
    """A test or an error that rests on few clusters."""


class SwitcherWarning(AigreenWarning):
    """Units, or rows of units, whose treatment changes were left out of the comparison."""


class CollinearWarning(AigreenWarning):
    """A covariate was left out because the others determine it."""


class CovarianceWarning(AigreenWarning):
    """A covariance estimate had negative eigenvalues, which were set to zero."""


class RefitWarning(AigreenWarning):
    """A bootstrap fits every draw anew, which takes long."""


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """Return `` (did you mean 'x'?)`` for the nearest known name, or an empty string."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _with_offenders(message: str, first: Sequence[object], count: int | None) -> str:
    if not first or not _ROWS_MAY_BE_NAMED[0]:
        return message
    shown = ", ".join(str(x) for x in first)
    more = ", ..." if count is not None and count > len(first) else ""
    return f"{message}; first: {shown}{more}"


def counted(number: float, noun: str, plural: str = "") -> str:
    """Write a number of things, as ``1 cohort`` or ``1,204 cohorts``; the plural adds an s where none is given."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def their(number: float) -> str:
    """Pronoun of what `counted` writes."""
    return "its" if number == 1 else "their"


def number_of(count: int, what: str) -> str:
    """Write a number of things given in the plural, whose first word in s is that of the thing."""
    return counted(count, re.sub(r"s\b", "", what, count=1), what)


def warn(warning: AigreenWarning) -> None:
    """Issue a warning that points to the first line outside the package, the one that its reader wrote."""
    level = 2
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _PASSED:
        level, frame = level + 1, frame.f_back
    warnings.warn(warning, stacklevel=level)
