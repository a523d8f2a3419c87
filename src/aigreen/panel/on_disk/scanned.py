"""ScannedPanel: a unit x time panel in Parquet files, checked as `Panel` is and never held in memory."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from functools import cached_property
from typing import Any, NoReturn

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.parquet import read_schema

from aigreen.errors import (
    ClusterVariesError,
    CohortVariesError,
    DataError,
    DuplicateRowsError,
    EmptyDataError,
    EstimationError,
    InfiniteValueError,
    MissingValueError,
    NonNumericError,
    OptionError,
    RoleTakenError,
    TooFewPeriodsError,
    UnknownColumnError,
    WeightsError,
    counted,
)
from aigreen.options import MOST_GIGABYTES
from aigreen.panel.calendar import Calendar, Freq, read_times
from aigreen.panel.cohorts import NEVER, read_cohorts
from aigreen.panel.columns import check_size, factorize
from aigreen.panel.formulas import is_formula
from aigreen.panel.on_disk.blocks import ROWS, Block, unit_tables
from aigreen.panel.on_disk.coding import Coder
from aigreen.panel.on_disk.sorted_file import Store, in_words, quoted

_VIEWS = ["views of a Panel in memory", "Panel.scan of files with the rows wanted"]


class ScannedPanel:
    """A panel in a file sorted by unit and time, read in blocks of whole units; see `Panel.scan`.

    Attributes
    ----------
    times : ndarray of int, shape (n_periods,)
        Periods that occur, in steps; `periods` are their labels.
    clusters : Index
        Labels of clusters; the units where none are named.
    by_unit : bool
        Whether units are the clusters, and groups of their own.
    by_cohort : bool
        Whether a group holds all units of a cohort, whatever their cluster; `in_cohorts` makes it so.
    n_rows, n_units : int
    block_rows : int
        Rows of a block, about.
    """

    def __init__(self, store: Store, roles: Mapping[str, str], freq: Freq | None, *, progress: bool) -> None:
        self.store, self.names, self.progress = store, dict(roles), progress
        self.schema, self.block_rows = read_schema(store.path), ROWS
        self.n_rows = store.number("select count(*) from {file}")
        if not self.n_rows:
            raise EmptyDataError("the files have no rows", count=0)
        self._sizes: dict[str, float] = {}
        self._levels: dict[str, tuple[Coder, int]] = {}
        for role in ("unit", "time", "cluster"):
            self._refuse_missing(role)
        distinct = self._distinct(self.names["time"])
        steps, self._calendar = _read_times(distinct, freq)
        self.times = np.unique(steps)
        self._coders = {"time": Coder(pd.Index(distinct), np.searchsorted(self.times, steps))}
        if len(self.times) < 2:
            time = self.names["time"]
            raise TooFewPeriodsError(f"column {time!r} has {len(self.times)} period; two are needed", column=time)
        self._cohorts = np.array([NEVER])
        if "cohort" in self.names:
            self._read_cohorts()
        self.by_unit, self.by_cohort = self.names.get("cluster", self.names["unit"]) == self.names["unit"], False
        if not self.by_unit:
            self.clusters = factorize(self._distinct(self.names["cluster"]))[1]
            self._coders["cluster"] = Coder(self.clusters, np.arange(len(self.clusters)))
        if "weights" in self.names:
            self.check_number(self.names["weights"])
        self._check_rows()

    # -- what it is ----------------------------------------------------------------------------------------------

    @property
    def periods(self) -> pd.Index:
        """Labels of `times`."""
        return self._calendar.labels(self.times)

    @property
    def calendar(self) -> Calendar:
        """How periods are counted."""
        return self._calendar

    @property
    def columns(self) -> list[str]:
        """Names of all columns that are kept."""
        return list(self.schema.names)

    @property
    def n_periods(self) -> int:
        """Number of periods."""
        return len(self.times)

    @property
    def balanced(self) -> bool:
        """Whether every unit is seen in every period."""
        return self.n_rows == self.n_units * self.n_periods

    @property
    def cohorts(self) -> np.ndarray:
        """First treated periods that occur, ascending, without never."""
        return self._cohorts[np.isfinite(self._cohorts)]

    @cached_property
    def group_cohort(self) -> np.ndarray:
        """First treated period of each group: units of one cohort and one cluster. inf for never treated."""
        return self._cohorts[self._unit_cohort if self.by_unit else self._group_codes // len(self.clusters)]

    @cached_property
    def group_cluster(self) -> np.ndarray:
        """Position of its cluster."""
        return np.arange(self.n_units) if self.by_unit else self._group_codes % len(self.clusters)

    @cached_property
    def group_units(self) -> np.ndarray:
        """Number of its units."""
        return np.ones(self.n_units, dtype=np.int64)

    @cached_property
    def clusters(self) -> pd.Index:
        """Labels of clusters."""
        unit = self.names["unit"]
        found = self.store.frame(f"select distinct {quoted(unit)} from {{file}} order by 1")[unit]
        return pd.Index(found, name=unit)

    def __len__(self) -> int:
        return self.n_rows

    def split(self, name: str) -> NoReturn:
        """Refuse: views are for a Panel in memory.

        Raises
        ------
        OptionError
        """
        raise OptionError("split", name, _VIEWS)

    def __getitem__(self, mask: object) -> NoReturn:
        raise OptionError("mask", type(mask).__name__, _VIEWS)

    def __repr__(self) -> str:
        shape = "balanced" if self.balanced else "unbalanced"
        treated = int(self.group_units[np.isfinite(self.group_cohort)].sum())
        return (
            f"ScannedPanel: {self.n_rows:,} rows on disk, {self.n_units:,} units ({self.names['unit']!r}), "
            f"{self.n_periods} periods ({self.periods[0]}-{self.periods[-1]}), {shape}; {treated:,} ever treated in "
            f"{counted(len(self.cohorts), 'cohort')}; {len(np.unique(self.group_cluster)):,} clusters"
        )

    # -- reading -------------------------------------------------------------------------------------------------

    def blocks(self, columns: Sequence[str] = (), effects: Sequence[str] = (), what: str = "rows") -> Iterator[Block]:
        """Yield blocks of whole units with these numeric columns and codes of fixed effects."""
        levels = {name: self.levels(name) for name in effects}
        parts = [part for name in effects for part in self.effect_columns(name)]
        roles = list(self.names.values())
        wanted = list(dict.fromkeys([*roles, *columns, *parts]))
        texts = [name for name in wanted if _is_text(self.schema.field(name).type)]
        first = 0
        with self._bar(what) as bar:
            for table, starts in unit_tables(
                self.store.path, wanted, self.names["unit"], dictionary=texts, rows=self.block_rows
            ):
                block = self._block(table, starts, first, columns, levels)
                first += block.n_units
                yield block
                bar.update(len(block))

    def levels(self, name: str) -> tuple[list[tuple[str, Coder]], list[int]]:
        """Coders of the columns of a fixed effect, and their numbers of levels.

        Raises
        ------
        UnknownColumnError, MissingValueError
        """
        found = []
        for part in self.effect_columns(name):
            if part not in self._levels:
                if part == self.names["time"]:
                    self._levels[part] = (self._coders["time"], len(self.times))
                else:
                    labels = factorize(self._distinct(part))[1]
                    self._levels[part] = (Coder(labels, np.arange(len(labels))), len(labels))
            found.append((part, *self._levels[part]))
        return [(part, coder) for part, coder, _ in found], [size for _, _, size in found]

    def n_levels(self, name: str) -> int:
        """Count the levels of a fixed effect; of an interaction all combinations."""
        return math.prod(self.levels(name)[1])

    def effect_columns(self, name: str) -> list[str]:
        """Columns whose interaction a fixed effect is.

        Raises
        ------
        UnknownColumnError, OptionError
        """
        parts = [name] if name in self.schema.names else [part.strip() for part in name.split("^")]
        for part in parts:
            if part not in self.schema.names and "[" in part:
                raise OptionError("fixed_effects", name, ["effects without slopes, from disk"])
            if part not in self.schema.names:
                raise self._unknown(part)
            if part == self.names["unit"] and len(parts) > 1:
                raise OptionError("fixed_effects", name, ["interactions without the unit, from disk"])
        return parts

    def effect_names(self, fixed_effects: Sequence[str] | None) -> list[str]:
        """Names of the fixed effects, those of unit and time by default."""
        if fixed_effects is None:
            return [self.names["unit"], self.names["time"]]
        return list(dict.fromkeys(fixed_effects))

    def effects_beside_unit(self, fixed_effects: Sequence[str] | None) -> list[str]:
        """Names of the fixed effects but that of the unit, which must be among them.

        Raises
        ------
        OptionError
        """
        unit, names = self.names["unit"], self.effect_names(fixed_effects)
        for name in names:
            self.effect_columns(name)
        if unit not in names:
            raise OptionError("fixed_effects", fixed_effects, [[unit, self.names["time"]], f"others with {unit!r}"])
        return [name for name in names if name != unit]

    # -- checks --------------------------------------------------------------------------------------------------

    def check_number(self, name: str) -> None:
        """Refuse a column that is no number, holds infinite values, or such as cannot be squared.

        Raises
        ------
        UnknownColumnError, NonNumericError, InfiniteValueError, DataError
        """
        if name not in self.schema.names:
            if is_formula(name, self.columns):
                raise OptionError("covariates", name, ["columns: formulas are for a Panel in memory"])
            raise self._unknown(name)
        if name in self._sizes:
            return
        kind, column = self.schema.field(name).type, quoted(name)
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or _is_exact(kind)):
            bad = f"{column} is not null and try_cast({column} as double) is null"
            if not (_is_text(kind) and (count := self._count(bad))):
                bad = f"{column} is not null"
                count = self._count(bad)
            raise NonNumericError(
                f"column {name!r} has type {kind}, a number is needed; {count:,} values cannot be used",
                column=name,
                count=count,
                first=self.store.frame(f"select {column} as v from {{file}} where {bad} limit 5")["v"].map(repr),
            )
        number = f"{column}::double"
        largest = self.store.number(f"select max(abs({number})) filter (not isnan({number})) from {{file}}")
        largest = 0.0 if largest is None else largest
        if largest == np.inf:
            count = self._count(f"isinf({number})")
            raise InfiniteValueError(
                f"column {name!r}: {count:,} infinite values",
                column=name,
                count=count,
                first=self._first_rows(f"isinf({number})"),
            )
        try:
            check_size(np.array([largest]), name)
        except DataError:
            from aigreen.panel.columns import LARGEST

            far = f"abs({number}) > {LARGEST!r} and not isnan({number})"
            check_size(self.store.frame(f"select {number} as v from {{file}} where {far}")["v"].to_numpy(), name)
            raise
        self._sizes[name] = largest  # a column that was refused is looked at again

    def check_roles(self, outcome: str, **roles: Sequence[str]) -> None:
        """Refuse the outcome in another role.

        Raises
        ------
        RoleTakenError
        """
        for role, names in roles.items():
            parts = [part for name in names for part in self.effect_columns(name)] if role == "fixed_effects" else names
            if outcome in parts:
                raise RoleTakenError(role, outcome, "the outcome")

    def in_cohorts(self) -> ScannedPanel:
        """Return the panel, whose clusters are its units, with all units of a cohort in one group."""
        other = copy(self)
        other.by_cohort, other.clusters = True, pd.Index([], name=self.names["unit"])
        other.group_cohort, other.group_cluster = self._cohorts, np.zeros(len(self._cohorts), dtype=np.intp)
        other.group_units = np.bincount(self._unit_cohort, minlength=len(self._cohorts))
        return other

    def has_room(self, *sizes: int) -> bool:
        """Whether arrays of these numbers of entries together fit into the memory of the panel."""
        return 8 * sum(sizes) <= min(self.store.bytes, MOST_GIGABYTES * 1e9)

    def check_room(self, what: str, remedy: str, *sizes: int) -> None:
        """Refuse arrays that together take more than the memory of the panel.

        Raises
        ------
        EstimationError
        """
        needed = 8 * sum(sizes)
        if not self.has_room(*sizes):
            allowed = f"memory={in_words(self.store.bytes)}"
            room = f"at least memory={in_words(needed)}, or " if needed <= MOST_GIGABYTES * 1e9 else ""
            raise EstimationError(f"{what} would take {in_words(needed)}, more than {allowed}: {room}{remedy}")

    # -- set-up --------------------------------------------------------------------------------------------------

    def _read_cohorts(self) -> None:
        """Read first treated periods from the distinct values; what is odd about them is told in numbers of units."""
        unit, name = self.names["unit"], self.names["cohort"]
        distinct = self._distinct(name)
        everyone, labels = np.arange(len(distinct)), pd.Index(distinct)
        odd = False
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                cohort = read_cohorts(distinct, self._calendar, self.times, everyone, labels)
            except DataError:
                odd = True
        if odd or told:
            pairs = self.store.frame(f"select distinct {quoted(unit)}, {quoted(name)} from {{file}} order by 1")
            codes, units = factorize(pairs[unit])
            read_cohorts(pairs[name], self._calendar, self.times, codes, units)
        self._cohorts, of = np.unique(cohort, return_inverse=True)
        self._coders["cohort"] = Coder(labels, of)

    def _check_rows(self) -> None:
        """Go through all rows once: duplicates, roles that vary within units, weights; and find the groups."""
        repeated, varies, moves = _Offenders(), _Offenders(), _Offenders()
        missing, negative, positive = _Offenders(), _Offenders(), False
        found: list[np.ndarray] = []
        self.n_units = 0
        names = self.names
        texts = [name for name in names.values() if _is_text(self.schema.field(name).type)]
        with self._bar("check") as bar:
            for table, starts in unit_tables(
                self.store.path,
                list(dict.fromkeys(names.values())),
                names["unit"],
                dictionary=texts,
                rows=self.block_rows,
            ):
                n, n_units = len(table), len(starts)
                unit = np.repeat(np.arange(n_units), np.diff([*starts, n]))
                time, cohort = self._codes("time", table), self._codes("cohort", table)
                labels = table.column(names["unit"]).take(starts)
                same = np.flatnonzero((unit[1:] == unit[:-1]) & (time[1:] == time[:-1])) + 1
                repeated.rows(same, labels, unit, self.periods, time)
                varies.units(np.unique(unit[cohort != cohort[starts][unit]]), labels)
                if self.by_unit:
                    found.append(cohort[starts].astype(np.min_scalar_type(len(self._cohorts))))
                else:
                    cluster = self._codes("cluster", table)
                    moves.units(np.unique(unit[cluster != cluster[starts][unit]]), labels)
                    codes, counts = np.unique(cohort[starts] * len(self.clusters) + cluster[starts], return_counts=True)
                    found.append(np.stack([codes, counts]))
                if "weights" in names:
                    w = _numbers(table.column(names["weights"]))
                    missing.rows(np.flatnonzero(np.isnan(w)), labels, unit, self.periods, time)
                    negative.rows(np.flatnonzero(w < 0), labels, unit, self.periods, time)
                    positive |= bool((w > 0).any())
                self.n_units += n_units
                bar.update(n)
        unit_name, time_name, weights = names["unit"], names["time"], names.get("weights")
        repeated.refuse(DuplicateRowsError, f"columns {unit_name!r}, {time_name!r}: {{}} duplicate rows", unit_name)
        varies.refuse(
            CohortVariesError, f"column {names.get('cohort')!r} varies within {{}} units", names.get("cohort")
        )
        moves.refuse(
            ClusterVariesError,
            f"column {names.get('cluster')!r}: {{}} units move between clusters; from disk units stay in one: give "
            "each the cluster of its first period",
            names.get("cluster"),
        )
        missing.refuse(WeightsError, f"column {weights!r}: {{}} missing weights", weights)
        negative.refuse(WeightsError, f"column {weights!r}: {{}} negative weights", weights)
        if weights is not None and not positive:
            raise WeightsError(f"column {weights!r}: all weights are zero", column=weights, count=self.n_rows)
        if self.by_unit:
            self._unit_cohort = np.concatenate(found)
        else:
            codes, counts = np.concatenate(found, axis=1)
            self._group_codes, of = np.unique(codes, return_inverse=True)
            self.group_units = np.bincount(of, counts).astype(np.int64)

    def _block(
        self,
        table: pa.Table,
        starts: np.ndarray,
        first: int,
        columns: Sequence[str],
        levels: Mapping[str, tuple[list[tuple[str, Coder]], list[int]]],
    ) -> Block:
        n, names = len(table), self.names
        unit = np.repeat(np.arange(len(starts)), np.diff([*starts, n]))
        time = self._codes("time", table)
        if self.by_cohort:
            group = self._unit_cohort[first : first + len(starts)].astype(np.intp)
        elif self.by_unit:
            group = first + np.arange(len(starts))
        else:
            heads = table.select([name for role, name in names.items() if role in ("cohort", "cluster")]).take(starts)
            code = self._codes("cohort", heads) * len(self.clusters) + self._codes("cluster", heads)
            group = np.searchsorted(self._group_codes, code)
        codes = {}
        for name, (parts, sizes) in levels.items():
            code = np.zeros(n, dtype=np.intp)
            for (part, coder), size in zip(parts, sizes, strict=True):
                code = code * size + (time if part == names["time"] else coder(table.column(part).combine_chunks()))
            codes[name] = code
        return Block(
            pd.Index(table.column(names["unit"]).take(starts).to_pandas()),
            first,
            unit,
            time,
            group,
            _numbers(table.column(names["weights"])) if "weights" in names else None,
            {
                name: self.times[time].astype(float) if name == names["time"] else _numbers(table.column(name))
                for name in columns
            },
            codes,
        )

    def _codes(self, role: str, table: pa.Table) -> np.ndarray:
        """Code the column of a role, zero where there is none."""
        if role not in self.names:
            return np.zeros(len(table), dtype=np.intp)
        return self._coders[role](table.column(self.names[role]).combine_chunks())

    def _distinct(self, name: str) -> pd.Series:
        """Distinct values of a column, without missing ones except in the column of cohorts."""
        if name not in self.schema.names:
            raise self._unknown(name)
        if name != self.names.get("cohort") and name not in self.names.values():
            self._refuse_missing(name)
        found = self.store.frame(f"select distinct {quoted(name)} from {{file}} order by 1")[name]
        return found.drop_duplicates(ignore_index=True)

    def _unknown(self, name: str) -> UnknownColumnError:
        """Say that a column is not among those kept, and where they are named if some of the files were left out."""
        role = "" if self.store.whole else "Panel.scan keeps the columns of its columns= only"
        return UnknownColumnError(name, self.columns, role=role)

    def _refuse_missing(self, role: str) -> None:
        name = self.names.get(role, role)
        if name not in self.schema.names:
            return
        absent = f"{quoted(name)} is null"
        if pa.types.is_floating(self.schema.field(name).type):
            absent += f" or isnan({quoted(name)})"
        count = self._count(absent)
        if count:
            raise MissingValueError(
                f"column {name!r}: {count:,} missing values",
                column=name,
                count=count,
                first=self._first_rows(absent),
            )

    def _count(self, condition: str) -> int:
        return self.store.number(f"select count(*) from {{file}} where {condition}")

    def _first_rows(self, condition: str) -> list[str]:
        unit, time = quoted(self.names["unit"]), quoted(self.names["time"])
        rows = self.store.table(f"select {unit}, {time} from {{file}} where {condition} order by 1, 2 limit 5")
        return [
            f"({unit}, {time})" for unit, time in zip(*(column.to_pylist() for column in rows.columns), strict=True)
        ]

    def _bar(self, what: str) -> Any:
        from tqdm import tqdm

        return tqdm(total=self.n_rows, desc=what, unit=" rows", unit_scale=True, disable=not self.progress)


def _read_times(distinct: pd.Series, freq: Freq | None) -> tuple[np.ndarray, Calendar]:
    """Read the distinct periods; errors name values, as rows of theirs are none of the files."""
    try:
        return read_times(distinct, freq)
    except DataError as error:
        first = [distinct[int(str(one)[4:])] if str(one).startswith("row ") else one for one in error.first]
        text = str(error).split("; first: ")[0]
        raise type(error)(text, column=error.column, count=error.count, first=first) from None


class _Offenders:
    """Count of what breaks a rule, and the first five."""

    def __init__(self) -> None:
        self.count, self.first = 0, list[str]()

    def rows(
        self, at: np.ndarray, labels: pa.ChunkedArray, unit: np.ndarray, periods: pd.Index, time: np.ndarray
    ) -> None:
        """Add rows by position."""
        self.count += len(at)
        self.first += [f"({labels[int(unit[i])].as_py()}, {periods[time[i]]})" for i in at[: 5 - len(self.first)]]

    def units(self, at: np.ndarray, labels: pa.ChunkedArray) -> None:
        """Add units by position."""
        self.count += len(at)
        self.first += [labels[int(i)].as_py() for i in at[: 5 - len(self.first)]]

    def refuse(self, error: type[DataError], message: str, column: str | None) -> None:
        """Raise where there is any."""
        if self.count:
            raise error(message.format(f"{self.count:,}"), column=column, count=self.count, first=self.first)


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _is_exact(kind: pa.DataType) -> bool:
    return pa.types.is_boolean(kind) or pa.types.is_decimal(kind)


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    """Read a column as float64, missing as nan."""
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    return pc.cast(column, pa.float64(), safe=False).to_numpy()
