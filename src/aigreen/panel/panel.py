"""Panel: a validated unit x time frame, checked once and coded once. The only way in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from aigreen.arguments import as_numbers, typed
from aigreen.errors import (
    ClusterVariesError,
    CollinearWarning,
    DataError,
    DuplicateRowsError,
    EmptyDataError,
    InfiniteValueError,
    MissingRowsWarning,
    NotAPanelError,
    OptionError,
    RepeatedCrossSectionsError,
    RoleTakenError,
    TooFewPeriodsError,
    UnknownColumnError,
    WeightsError,
    counted,
)
from aigreen.extras import require
from aigreen.linalg.arrays import distinct
from aigreen.options import as_columns
from aigreen.panel.calendar import Freq, read_times
from aigreen.panel.cohorts import NEVER, read_cohorts
from aigreen.panel.columns import check_size, code_integers, factorize, numeric, to_pandas
from aigreen.panel.dropped import Dropped
from aigreen.panel.formulas import formula_columns, is_formula
from aigreen.panel.on_disk.scanned import ScannedPanel
from aigreen.panel.on_disk.sorted_file import memory_bytes, sort_files

ROW = "row"
MOST_PARTS = 100  # of a split by values with fractions
_SLOPES = re.compile(r"(?P<effect>[^\[\]]+)\[(?P<alone>\[)?(?P<variables>[^\[\]]+)(?(alone)\])\]")


class Panel:
    """A unit x time panel, checked and coded once; every estimator starts from its arrays.

    Rows of all arrays are sorted by unit, then time, whatever the order of `df`. The frame is copied once, so that what
    is checked is what is fitted whatever happens to `df` later; `df` is never changed. Rows with missing outcomes are
    fine here: each estimator drops and counts what it cannot use.

    Parameters
    ----------
    df : DataFrame
        pandas, any eager frame that narwhals reads (polars, Arrow, Modin, ...), or a relation of DuckDB.
    unit, time : str
        Key columns; one row for each pair. `time` holds integers (years), dates or pandas periods; `unit` may be of any
        sortable type.
    repeated : bool
        Repeated cross-sections, without `unit`: each row is a unit of its own, labelled by its position in `df`, and
        one period is enough. By default fixed effects are then those of cohort and period instead of unit and period;
        estimators that follow units over time raise `RepeatedCrossSectionsError`.
    cohort : str, optional
        First treated period of the unit, written as `time` is; never treated is infinite or missing, or 0 where that is
        no period between the first and the last. Negative where periods are. Constant within units.
    cluster : str, optional
        Column of the clusters of the influence functions. Default: the unit (a row of repeated cross-sections).
    weights : str, optional
        Non-negative sampling weights.
    coordinates : (str, str), optional
        Columns of latitude and longitude in degrees.
    freq : "Y", "Q", "M", "W", "D", "observed" or int, optional
        Step in which periods, horizons and `anticipation` count. A step of the calendar: dates, or integers written
        YYYYQ, YYYYMM or YYYYMMDD, become whole steps since 1970 (yearly ones stay years). "observed": from one period
        that occurs to the next, numbered from 1 (of dates days, pandas periods as they are); after the last one that
        occurs a step is one unit of `time`, of dates the median distance between those that occur. An int: that many
        units of `time`, as 2 for biennial years, numbered ``time // freq``; 1 takes integers that look like coded dates
        as they stand. Default: integers as they stand; of dates the longest step at whose starts, or at whose ends, all
        of them stand. A cohort between two steps belongs to the later one, a date inside a period to that.

    Attributes
    ----------
    times : ndarray of int, shape (n_periods,)
        Periods that occur, in steps; `periods` are their labels.
    unit_codes, time_codes, cluster_codes : ndarray of int, shape (n_rows,)
        Positions in `units`, `times`, `clusters`.
    unit_cohort : ndarray of float, shape (n_units,)
        First treated period; inf for never treated.
    weights : ndarray of float, shape (n_rows,), or None
    repeated : bool
    clusters : Index
        Cluster labels. A view keeps those of the panel it was cut from, so influence functions stay aligned.

    Raises
    ------
    DataError
        A subclass that names the column, the count and the first offenders.

    Examples
    --------
    >>> import pandas as pd
    >>> df = pd.DataFrame({"firm": ["a", "a", "b", "b"], "year": [1, 2, 1, 2], "first": [2, 2, 0, 0]})
    >>> Panel(df, unit="firm", time="year", cohort="first")
    Panel: 4 rows, 2 units ('firm'), 2 periods (1-2), balanced; 1 ever treated in 1 cohort; 2 clusters

    Months, of which December and January are one step apart:

    >>> df = pd.DataFrame({"firm": "a", "month": [202011, 202012, 202101], "first": 202101})
    >>> panel = Panel(df, unit="firm", time="month", cohort="first", freq="M")
    >>> panel.times.tolist(), panel.cohorts.tolist(), panel.periods.astype(str).tolist()
    ([610, 611, 612], [612.0], ['2020-11', '2020-12', '2021-01'])
    """

    _lags: Mapping[str, int] = MappingProxyType({})  # of columns that hold earlier values

    @typed
    def __init__(
        self,
        df: Any,
        *,
        unit: str | None = None,
        time: str,
        cohort: str | None = None,
        cluster: str | None = None,
        weights: str | None = None,
        coordinates: tuple[str, str] | None = None,
        repeated: bool = False,
        freq: Freq | None = None,
    ) -> None:
        if repeated == (unit is not None):
            raise OptionError("unit", unit, ["a column", "None with repeated=True (each row is a unit of its own)"])
        frame = to_pandas(df)
        keys = {"unit": unit, "time": time, "cohort": cohort, "cluster": cluster, "weights": weights}
        roles = {role: name for role, name in keys.items() if name is not None}
        if coordinates is not None:
            roles |= {"latitude": coordinates[0], "longitude": coordinates[1]}
        if len(frame) == 0:
            raise EmptyDataError("the frame has no rows", count=0)
        for role, name in roles.items():
            if name not in frame.columns:
                raise UnknownColumnError(name, list(frame.columns), role=role)

        if repeated:
            unit_codes, units = np.arange(len(frame)), pd.RangeIndex(len(frame), name=ROW)
        else:
            unit_codes, units = factorize(frame[unit])
        numbers, self._calendar = read_times(frame[time], freq)
        time_codes, times = code_integers(numbers)
        key = unit_codes * len(times) + time_codes
        order = None if np.all(key[1:] >= key[:-1]) else np.argsort(key, kind="stable")

        self.frame = frame
        self._made_of: dict[str, list[str]] = {}  # by column of a formula its variables
        self.repeated = repeated
        self.names: Mapping[str, str] = {"unit": ROW, **roles}
        self._order = order
        self.units = units
        self.times = times
        self.unit_codes = self.in_panel_order(unit_codes)
        self.time_codes = self.in_panel_order(time_codes)
        self._check_unique(key[1:] == key[:-1] if order is None else np.diff(key[order]) == 0)
        if len(times) < 2 and not repeated:
            raise TooFewPeriodsError(f"column {time!r} has {len(times)} period; two are needed", column=time)
        self.unit_cohort = np.full(len(units), NEVER)
        if cohort:
            self.unit_cohort = read_cohorts(frame[cohort], self._calendar, times, unit_codes, units)
        if cluster is None or cluster == unit:
            self.cluster_codes, self.clusters = self.unit_codes, units
        else:
            codes, self.clusters = factorize(frame[cluster])
            self.cluster_codes = self.in_panel_order(codes)
        self.weights = self._read_weights() if weights else None

    @classmethod
    @typed
    def scan(
        cls,
        files: str | Path | Sequence[str | Path],
        *,
        unit: str,
        time: str,
        cohort: str | None = None,
        cluster: str | None = None,
        weights: str | None = None,
        freq: Freq | None = None,
        columns: str | Sequence[str] | None = None,
        memory: str = "4GB",
        cache: str | Path | None = None,
        progress: bool = False,
    ) -> ScannedPanel:
        """Open a panel larger than memory: Parquet files, sorted once by unit and read in blocks of whole units.

        The checks are those of a `Panel`. `GroupTimeATT`, `Imputation` and `TWFE` fit it as they fit a `Panel`, and
        give the same numbers; docs/larger-than-memory.md says with which options.

        Parameters
        ----------
        files : path, pattern or sequence of them
            Parquet files that together hold the rows, in any order; a folder stands for the files in it.
        unit, time, cohort, cluster, weights, freq
            As in `Panel`. A unit stays in one cluster.
        columns : str or sequence of str, optional
            Other columns to keep: outcomes, covariates, fixed effects. Default: all.
        memory : str
            For sorting, and for the sums of an estimator; what Python and DuckDB hold besides comes on top.
        cache : path, optional
            Folder that keeps the sorted file, so that the same files are not sorted again, also after an interrupted
            run. Default: a temporary folder, removed with the panel.
        progress : bool
            Show how far a pass through the rows is.

        Raises
        ------
        DataError
            A subclass that names the column, the count and the first offenders.
        SourceError
            No files, or none that can be read.
        MissingExtraError
            DuckDB is not installed.
        """
        require("data", "Panel.scan")
        keys = {"unit": unit, "time": time, "cohort": cohort, "cluster": cluster, "weights": weights}
        roles = {role: name for role, name in keys.items() if name is not None}
        folder = None if cache is None else Path(cache)
        kept = None if columns is None else as_columns(columns)
        store = sort_files(files, roles, kept, memory_bytes(memory), folder, progress=progress)
        return ScannedPanel(store, roles, freq, progress=progress)

    # -- sizes ---------------------------------------------------------------------------------------------------

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.unit_codes)

    @property
    def n_units(self) -> int:
        """Number of units."""
        return len(self.units)

    @property
    def n_periods(self) -> int:
        """Number of periods."""
        return len(self.times)

    @property
    def freq(self) -> Freq | None:
        """Step of `times`, as given or as found in dates; None for integers as they stand."""
        return self._calendar.freq

    @property
    def periods(self) -> pd.Index:
        """Labels of `times`: a PeriodIndex for steps of the calendar, else numbers as in the frame."""
        return self._calendar.labels(self.times)

    @property
    def balanced(self) -> bool:
        """Whether every unit is seen in every period."""
        return self.n_rows == self.n_units * self.n_periods

    @cached_property
    def n_clusters(self) -> int:
        """Number of clusters with at least one row here (a view may have fewer than `len(clusters)`)."""
        return distinct(self.cluster_codes)

    # -- treatment -----------------------------------------------------------------------------------------------

    @property
    def cohort(self) -> np.ndarray:
        """First treated period of each row's unit, shape (n_rows,); inf for never treated."""
        return self.unit_cohort[self.unit_codes]

    @property
    def time(self) -> np.ndarray:
        """Period of each row, shape (n_rows,)."""
        return self.times[self.time_codes]

    @property
    def treated(self) -> np.ndarray:
        """Whether the row is at or after its unit's first treated period, shape (n_rows,)."""
        return self.time >= self.cohort

    @property
    def cohorts(self) -> np.ndarray:
        """First treated periods that occur, ascending, without never."""
        return np.unique(self.unit_cohort[np.isfinite(self.unit_cohort)])

    def count_units(self, units: np.ndarray) -> int:
        """Count the units marked, shape (n_units,)."""
        return int(np.count_nonzero(units))

    def count_clusters(self, units: np.ndarray) -> int:
        """Count the clusters of the units marked, shape (n_units,)."""
        return distinct(self.unit_cluster[units])

    def first_units(self, units: np.ndarray) -> list[Any]:
        """First five of the units marked, shape (n_units,)."""
        return self.units[units][:5].tolist()

    @cached_property
    def cluster_nested(self) -> bool:
        """Whether no unit moves between clusters."""
        return bool(np.array_equal(self.cluster_codes, self.unit_cluster[self.unit_codes]))

    @cached_property
    def unit_first(self) -> np.ndarray:
        """Position of each unit's first row, shape (n_units,)."""
        return np.searchsorted(self.unit_codes, np.arange(self.n_units))

    @property
    def unit_cluster(self) -> np.ndarray:
        """Cluster code of each unit in its first row, shape (n_units,)."""
        return self.cluster_codes[self.unit_first]

    # -- columns -------------------------------------------------------------------------------------------------

    @typed
    def column(self, name: str) -> np.ndarray:
        """Return a column as float64 in panel order, missing as nan; the periods in steps.

        Raises
        ------
        UnknownColumnError, NonNumericError, InfiniteValueError
        DataError
            Numbers whose squares leave the range of floating point: beyond 1e75, or none of 1e-75.
        """
        if name == self.names["time"]:
            return self.time.astype(float)
        values = numeric(self._series(name))
        infinite = check_size(values, name)
        if infinite.size:
            raise InfiniteValueError(
                f"column {name!r}: {infinite.size:,} infinite values",
                column=name,
                count=infinite.size,
                first=self._labels_unsorted(infinite),
            )
        return self.in_panel_order(values)

    @typed
    def matrix(self, names: Sequence[str]) -> np.ndarray:
        """Return columns as a float64 array of shape (n_rows, len(names))."""
        out = np.empty((self.n_rows, len(names)), order="F")
        for j, name in enumerate(names):
            out[:, j] = self.column(name)
        return out

    @typed
    def codes(self, name: str) -> tuple[np.ndarray, pd.Index]:
        """Return integer codes in panel order and labels of a categorical column, for a fixed effect.

        Raises
        ------
        UnknownColumnError, MissingValueError, MixedTypeError
        """
        if self.repeated and name == self.names.get("cohort"):
            labels, codes = np.unique(self.cohort, return_inverse=True)  # never treated may be coded in several ways
            return codes, pd.Index(labels, name=name)
        if name == self.names["unit"] and not self.repeated:
            return self.unit_codes, self.units
        if name == self.names["time"]:
            return self.time_codes, pd.Index(self.times)
        codes, labels = factorize(self._series(name))
        return self.in_panel_order(codes), labels

    def effect_names(self, fixed_effects: str | Sequence[str] | None) -> list[str]:
        """Names of the fixed effects of an estimator: those given, without repetition; for None unit and time.

        Cohort and time for repeated cross-sections.

        Raises
        ------
        RepeatedCrossSectionsError
            None, for repeated cross-sections without cohorts.
        """
        if fixed_effects is None and self.repeated:
            if "cohort" not in self.names:
                text = "repeated cross-sections without cohort= have no fixed effects of their own; name fixed_effects="
                raise RepeatedCrossSectionsError(text)
            return [self.names["cohort"], self.names["time"]]
        if fixed_effects is None:
            return [self.names["unit"], self.names["time"]]
        return list(dict.fromkeys(as_columns(fixed_effects)))

    def varying_slopes(self, fixed_effects: str | Sequence[str] | None) -> tuple[list[str], list[tuple[str, str]]]:
        """Take varying slopes out of the names of fixed effects.

        Parameters
        ----------
        fixed_effects : str or sequence of str, optional
            As for `effect_names`; besides ``"a[x, z]"`` for effects of a with slopes of x and z that differ by a,
            ``"a[[x]]"`` for these slopes without effects.

        Returns
        -------
        names : list of str
            Fixed effects.
        slopes : list of (str, str)
            Fixed effect and variable of each slope.
        """
        names, slopes = [], []
        for name in self.effect_names(fixed_effects):
            found = None if name in self.frame.columns else _SLOPES.fullmatch(name)
            if found is None:
                names.append(name)
                continue
            effect, alone, variables = found["effect"].strip(), found["alone"], found["variables"]
            names += [] if alone else [effect]
            slopes += [(effect, variable.strip()) for variable in variables.split(",")]
        return list(dict.fromkeys(names)), list(dict.fromkeys(slopes))

    def check_roles(
        self, outcome: str, fixed_effects: str | Sequence[str] | None = (), **roles: str | Sequence[str] | None
    ) -> None:
        """Refuse the outcome in another role, named by its argument, and inside formulas and fixed effects.

        Raises
        ------
        RoleTakenError
        """
        names, slopes = self.varying_slopes(fixed_effects)
        behind = [column for name in names for column in self._effect_columns(name)]
        given = {"fixed_effects": [*behind, *(name for slope in slopes for name in slope)]}
        for role, columns in (given | {role: as_columns(value) for role, value in roles.items()}).items():
            if outcome in columns or any(outcome in self._made_of.get(column, ()) for column in columns):
                raise RoleTakenError(role, outcome, "the outcome")

    def slope_variable(self, name: str) -> np.ndarray:
        """Return the variable of a slope in panel order: a column, periods as steps of the calendar."""
        return self.time.astype(float) if name == self.names["time"] else self.column(name)

    def effect_codes(self, name: str) -> np.ndarray:
        """Return codes in panel order of a fixed effect: a column, or columns joined by ``^`` for their interaction."""
        if name not in self.frame.columns and _SLOPES.fullmatch(name):
            allowed = "varying slopes in TWFE and Imputation, family='gaussian', alone"
            raise OptionError("fixed_effects", name, [allowed])
        parts = self._effect_columns(name)
        codes = self.codes(parts[0])[0]
        for part in parts[1:]:
            more, labels = self.codes(part)
            codes = pd.factorize(codes.astype(np.int64) * len(labels) + more, sort=True)[0]
        return codes

    def labels(self, rows: Iterable[int]) -> list[str]:
        """Name the rows at these positions of the panel order, as ``(unit, time)``."""
        periods = self.periods
        return [f"({self.units[self.unit_codes[i]]}, {periods[self.time_codes[i]]})" for i in rows]

    # -- order of rows -------------------------------------------------------------------------------------------

    def in_panel_order(self, values: np.ndarray) -> np.ndarray:
        """Sort values, shape (n_rows, ...), from the row order of `frame` to that of the panel's arrays."""
        return values if self._order is None else values[self._order]

    def in_frame_order(self, values: np.ndarray) -> pd.Series:
        """Return values in panel order, shape (n_rows,), as a Series on the index of `frame`."""
        out = values
        if self._order is not None:
            out = np.empty_like(values)
            out[self._order] = values
        return pd.Series(out, index=self.frame.index)

    # -- views ---------------------------------------------------------------------------------------------------

    def __getitem__(self, mask: Any) -> Panel:
        """Return the view of the rows where `mask` is true.

        Parameters
        ----------
        mask : Series or array of bool, shape (n_rows,)
            A Series is aligned on the index of `frame`; an array follows the row order of `frame`.
        """
        if isinstance(mask, pd.Series):
            mask = mask.reindex(self.frame.index) if not mask.index.equals(self.frame.index) else mask
            mask = mask.to_numpy(dtype=bool, na_value=False)
        mask = np.asarray(mask)
        if mask.dtype != bool or mask.shape != (self.n_rows,):
            raise DataError(
                f"a mask is a boolean array of length {self.n_rows}, got {mask.dtype} of shape {mask.shape}"
            )
        return self.cut(self.in_panel_order(mask))

    def cut(self, keep: np.ndarray) -> Panel:
        """Return the view of the rows marked in panel order; nothing is checked again, clusters keep their labels.

        Parameters
        ----------
        keep : ndarray of bool, shape (n_rows,)
            As estimators have it; for a mask in the row order of `frame` take ``panel[mask]``.

        Raises
        ------
        EmptyDataError
            No row is marked.
        """
        if not keep.any():
            raise EmptyDataError("no rows are left in this view", count=0)
        view = object.__new__(Panel)
        positions = np.flatnonzero(keep) if self._order is None else self._order[keep]
        view.frame = self.frame.iloc[positions]
        view.names, view.repeated = self.names, self.repeated
        view._calendar = self._calendar
        view._made_of, view._lags = self._made_of, self._lags
        view._order = None
        present, view.unit_codes = np.unique(self.unit_codes[keep], return_inverse=True)
        view.units = self.units[present]
        view.unit_cohort = self.unit_cohort[present]
        periods, view.time_codes = np.unique(self.time_codes[keep], return_inverse=True)
        view.times = self.times[periods]
        view.cluster_codes, view.clusters = self.cluster_codes[keep], self.clusters
        view.weights = None if self.weights is None else self.weights[keep]
        return view

    @typed
    def split(self, name: str) -> dict[Any, Panel]:
        """Return one view for each value of a column, in their order (or that of its categories), without missing.

        Raises
        ------
        DataError
            More than `MOST_PARTS` values, fractions among them: a quantity, to be cut into intervals first.
        """
        series = self._series(name)
        seen = series.dropna()
        categorical = isinstance(series.dtype, pd.CategoricalDtype)
        values = seen.cat.remove_unused_categories().cat.categories if categorical else factorize(seen)[1]
        if len(values) > MOST_PARTS and pd.api.types.is_float_dtype(values) and (values % 1 != 0).any():
            raise DataError(
                f"column {name!r} has {len(values):,} values, fractions among them: a quantity; split a column of "
                "its intervals, as pd.qcut makes them",
                column=name,
                count=len(values),
                first=values[:5],
            )
        return {value: self[(series == value).to_numpy(dtype=bool, na_value=False)] for value in values}

    def require_units(self, what: str) -> None:
        """Refuse repeated cross-sections, for an estimator that follows units over time.

        Raises
        ------
        RepeatedCrossSectionsError
        """
        if self.repeated:
            raise RepeatedCrossSectionsError(
                f"{what} follows units over time, and in repeated cross-sections every row is a unit of its own; use "
                "GroupTimeATT, Imputation, SunAbraham or TWFE"
            )

    @typed
    def clean(self, exposure: str | Sequence[str]) -> Panel:
        """Return the view of the rows that are treated, or for certain exposed to none of the columns.

        An estimator that takes untreated rows as controls then has the controls of `Spillover` and `Decomposition`.
        """
        names = as_columns(exposure)
        return self.cut(self.treated | (self.matrix(names) == 0).all(axis=1))

    @typed
    def reassign(self, unit_cohort: np.ndarray) -> Panel:
        """Return a panel of the same rows with other first treated periods (placebos), shape (n_units,)."""
        other = self._copy()
        other.unit_cohort = as_numbers("unit_cohort", unit_cohort)
        if other.unit_cohort.shape != (self.n_units,) or np.isnan(other.unit_cohort).any():
            raise DataError(f"one first treated period (inf for never) for each of {self.n_units} units is needed")
        return other

    def with_frame(self, frame: pd.DataFrame) -> Panel:
        """Return a panel of the same rows, in the order of `frame`, with other columns; its roles are not read again.

        Raises
        ------
        DataError
            Another number of rows.
        """
        if len(frame) != self.n_rows:
            raise DataError(f"a frame of the same {self.n_rows:,} rows is needed, got {len(frame):,}", count=len(frame))
        other = self._copy()
        other.frame = frame
        return other

    def reweight(self, weights: np.ndarray) -> Panel:
        """Return a panel of the same rows with other weights (bootstrap draws), shape (n_rows,), in panel order."""
        other = self._copy()
        other.weights = weights
        return other

    def with_covariates(self, covariates: str | Sequence[str] | None, dropped: Dropped) -> tuple[Panel, list[str]]:
        """Turn formulas among covariates into named columns.

        Parameters
        ----------
        covariates : str or sequence of str, optional
            Columns, and formulas such as ``"size + C(industry) * age"`` (see `aigreen.panel.formulas`). What is the
            name of a column is this column, whatever characters it has.
        dropped : Dropped
            Takes the count of columns of a formula that are constant (levels that do not occur together).

        Returns
        -------
        panel : Panel
            The panel with the columns of the formulas, itself where there is none.
        names : list of str
            Numeric columns of `panel`, without repetition.

        Raises
        ------
        UnknownColumnError, EmptyDataError, DataError
        """
        names: dict[str, None] = {}
        made: dict[str, pd.Series] = {}
        made_of: dict[str, list[str]] = {}
        for covariate in as_columns(covariates):
            if not is_formula(covariate, self.frame.columns):
                names[covariate] = None
                continue
            columns, variables = formula_columns(self.frame, covariate)
            same = [name for name in columns if columns[name].nunique() < 2]
            dropped.add(CollinearWarning, "covariates", f"constant in formula {covariate!r}", len(same), same)
            for name in columns.columns.difference(same, sort=False):
                if name in self.frame.columns and name not in variables and name not in self._made_of:
                    raise DataError(
                        f"formula {covariate!r} makes a column {name!r}, and the frame has one of this name",
                        column=name,
                    )
                names[name] = None
                if name not in self.frame.columns:
                    made[name], made_of[name] = columns[name], variables
        if not made:
            return self, list(names)
        other = self._copy()
        other.frame = pd.concat([self.frame, pd.DataFrame(made)], axis=1)
        other._made_of = self._made_of | made_of
        return other, list(names)

    def lagged(self, names: Sequence[str], periods: int) -> Panel:
        """Return the panel with columns as they were so many periods before in the same unit, missing without a row."""
        if not periods or not len(names):
            return self
        self.require_units("lags")
        span = int(self.times[-1] - self.times[0]) + 1 + periods
        key = self.unit_codes.astype(np.int64) * span + (self.time - self.times[0])
        at = np.searchsorted(key, key - periods).clip(max=self.n_rows - 1)
        seen = key[at] == key - periods
        other = self._copy()
        earlier = {name: self.in_frame_order(np.where(seen, self.column(name)[at], np.nan)) for name in names}
        other.frame = self.frame.assign(**earlier)
        other._lags = dict(self._lags) | dict.fromkeys(names, periods)
        return other

    def complete(self, names: Sequence[str], dropped: Dropped) -> Panel:
        """Return the view of the rows without missing values in `names`, the rest counted in `dropped`."""
        missing = np.zeros(self.n_rows, dtype=bool)
        culprits = []
        for name in names:
            absent = np.isnan(self.column(name))
            if absent.any():
                behind = [of for of in self._made_of.get(name, [name]) if self.frame[of].isna().any()]
                behind = [f"{of} {self._lags[of]} periods before" if of in self._lags else of for of in behind]
                culprits += [column for column in behind if column not in culprits]
                missing |= absent
        if not culprits:
            return self
        if missing.all():
            raise EmptyDataError(f"every row has a missing value in {', '.join(culprits)}", count=self.n_rows)
        rows = np.flatnonzero(missing)
        reason = f"missing {', '.join(culprits)}"
        dropped.add(MissingRowsWarning, "rows", reason, rows.size, self.labels(rows[:5]))
        return self.cut(~missing)

    # -- checks --------------------------------------------------------------------------------------------------

    def _check_unique(self, repeated: np.ndarray) -> None:
        rows = np.flatnonzero(repeated) + 1
        if rows.size:
            unit, time = self.names["unit"], self.names["time"]
            raise DuplicateRowsError(
                f"columns {unit!r}, {time!r}: {rows.size:,} duplicate rows",
                column=unit,
                count=rows.size,
                first=self.labels(rows[:5]),
            )

    def _read_weights(self) -> np.ndarray:
        name = self.names["weights"]
        values = self.column(name)
        for bad, what in ((np.isnan(values), "missing"), (values < 0, "negative")):
            rows = np.flatnonzero(bad)
            if rows.size:
                first = self.labels(rows[:5])
                raise WeightsError(
                    f"column {name!r}: {rows.size:,} {what} weights", column=name, count=rows.size, first=first
                )
        if not values.any():
            raise WeightsError(f"column {name!r}: all weights are zero", column=name, count=self.n_rows)
        return values

    # -- helpers -------------------------------------------------------------------------------------------------

    def _copy(self) -> Panel:
        other = object.__new__(Panel)
        other.__dict__.update(self.__dict__)
        return other

    def _effect_columns(self, name: str) -> list[str]:
        """Columns whose interaction a fixed effect is."""
        return [name] if name in self.frame.columns else [part.strip() for part in name.split("^")]

    def _series(self, name: str) -> pd.Series:
        if name not in self.frame.columns:
            raise UnknownColumnError(name, list(self.frame.columns))
        return self.frame[name]

    def _labels_unsorted(self, rows: np.ndarray) -> list[str]:
        time = self.frame[self.names["time"]]
        if self.repeated:
            return [f"({self.units[i]}, {time.iloc[i]})" for i in rows[:5]]
        unit = self.frame[self.names["unit"]]
        return [f"({unit.iloc[i]}, {time.iloc[i]})" for i in rows[:5]]

    def __len__(self) -> int:
        return self.n_rows

    def __repr__(self) -> str:
        treated = int(np.isfinite(self.unit_cohort).sum())
        periods = self.periods
        span = (
            f"{periods[0]} to {periods[-1]}, {step}" if (step := self._calendar.name) else f"{periods[0]}-{periods[-1]}"
        )
        late = int((np.isfinite(self.unit_cohort) & (self.unit_cohort > self.times[-1])).sum())
        after = f", {late:,} of them after the last period" if late else ""
        shape = "balanced" if self.balanced else "unbalanced"
        if self.repeated:
            shape, units = "repeated cross-sections", "each its own unit"
        else:
            units = f"{self.n_units:,} units ({self.names['unit']!r})"
        return (
            f"Panel: {self.n_rows:,} rows, {units}, "
            f"{self.n_periods} periods ({span}), {shape}; "
            f"{treated:,} ever treated in {counted(len(self.cohorts), 'cohort')}{after}; {self.n_clusters:,} clusters"
        )


def require_panel(panel: object) -> None:
    """Refuse what is no Panel, saying how to make one."""
    if not isinstance(panel, Panel):
        raise NotAPanelError(panel)


def require_nested(panel: Panel, clusters: np.ndarray, name: str | None) -> None:
    """Refuse units whose rows, in panel order, stand in more than one cluster, where units are what is compared."""
    moves = np.unique(panel.unit_codes[clusters != clusters[panel.unit_first][panel.unit_codes]])
    if moves.size:
        raise ClusterVariesError(
            f"column {name!r}: {counted(moves.size, 'unit moves', 'units move')} between clusters; give each unit one "
            "cluster, as that of its first period, or take clusters inside which units stay",
            column=name,
            count=moves.size,
            first=panel.units[moves],
        )


def with_weight(sample: Panel, dropped: Dropped) -> Panel:
    """Leave out and count rows of weight zero."""
    if sample.weights is None or sample.weights.all():
        return sample
    zero = np.flatnonzero(sample.weights == 0)
    dropped.add(MissingRowsWarning, "rows", "weight zero", zero.size, sample.labels(zero[:5]))
    return sample.cut(sample.weights > 0)
