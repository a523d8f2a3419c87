"""What all adapters share: finding the columns, the user's own column names, security codes, years and numbers."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from aigreen.data import canonical, facts
from aigreen.data.raw import values
from aigreen.data.raw.checks import Field, numbers, place, require_unique
from aigreen.data.raw.flow import Flow
from aigreen.data.raw.reading import RawTable, read, read_kinds
from aigreen.data.raw.wide import Keep
from aigreen.data.raw.yaml_file import read_yaml
from aigreen.errors import MappingError, SourceError, did_you_mean

Names = Mapping[str, str]
SHEET, ENCODING = "sheet", "encoding"


class Expected(NamedTuple):
    """Columns of a raw table.

    Parameters
    ----------
    table : str
        Name of the table, and of its files.
    required : tuple of str
        Columns that the adapter needs.
    optional : tuple of str
        Columns that it reads where they are.
    one_of : tuple of tuple of str
        Groups of optional columns, of each of which it needs one.
    """

    table: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    one_of: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Options:
    """How raw files are found and read; every adapter takes one.

    Parameters
    ----------
    root : path, optional
        Data folder that no file may lie outside of.
    mapping : mapping, optional
        By table, the user's column name for a column the adapter expects: ``{"FS_Combas": {"Stkcd": "stock_code"}}``.
        `SHEET` and `ENCODING` stand there, too, for one table.
    codes : mapping of str to str, optional
        New security code by old one, of firms whose code changed.
    sheet, encoding : str, optional
        See `aigreen.data.raw.reading.read`.
    """

    root: Path | str | None = None
    mapping: Mapping[str, Names] = field(default_factory=dict)
    codes: Mapping[str, str] = field(default_factory=dict)
    sheet: str | None = None
    encoding: str | None = None


DEFAULT = Options()


def load_mapping(path: Path | str) -> dict[str, dict[str, str]]:
    """Read a file of column names.

    YAML holds ``table: {expected: yours}``; csv has the columns ``table``, ``expected`` and ``yours``. In the place of
    an expected column, ``sheet`` names the sheet of a workbook and ``encoding`` that of delimited files.

    Raises
    ------
    MappingError
        No such file, another layout, or the same expected column twice.
    """
    path = Path(path)
    if not path.is_file():
        raise MappingError(f"no file of column names {path}")
    if path.suffix.lower() == ".csv":
        with path.open(encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.DictReader(lines))
        if not rows or set(rows[0]) != {"table", "expected", "yours"}:
            raise MappingError(f"{path.name}: expected the columns table, expected, yours")
        entries = [(row["table"], row["expected"], row["yours"]) for row in rows]
    else:
        content = read_yaml(path, MappingError)
        try:
            entries = [(table, *pair) for table, names in content.items() for pair in names.items()]
        except AttributeError as reason:
            raise MappingError(f"{path.name}: expected 'table: {{expected: yours}}'") from reason
    mapping: dict[str, dict[str, str]] = {}
    for table, expected, yours in entries:
        if expected in mapping.setdefault(str(table), {}):
            raise MappingError(f"{path.name}: {table}.{expected} stands twice")
        mapping[str(table)][str(expected)] = str(yours)
    return mapping


def raw_table(path: Path | str, expected: Expected, *, options: Options = DEFAULT) -> RawTable:
    """Read a raw table, of which `open_table` takes as often as needed."""
    keep, chosen = _reading(expected, options)
    return read(path, expected.table, root=options.root, keep=keep, **chosen)


def open_table(
    path: Path | str | RawTable,
    table: str,
    required: Sequence[str],
    optional: Sequence[str] = (),
    one_of: Sequence[Sequence[str]] = (),
    *,
    options: Options = DEFAULT,
    unit: str = "firm_id",
) -> tuple[pd.DataFrame, Flow, str]:
    """Read a raw table, or take one that was read, and pick its columns, under the names the adapter expects.

    Returns
    -------
    frame : DataFrame of str
        ``required``, and those of ``optional`` that are there.
    flow : Flow
        Begun with the rows read and the rows passed over.
    where : str
        Table and files, for messages.
    """
    expected = Expected(table, tuple(required), tuple(optional), tuple(map(tuple, one_of)))
    raw = path if isinstance(path, RawTable) else raw_table(path, expected, options=options)
    return _opened(raw, expected, options, unit)


def open_kinds(
    path: Path | str, expected: Expected, *, options: Options = DEFAULT, unit: str = "firm_id"
) -> list[tuple[pd.DataFrame, Flow, str]]:
    """Read a raw table that comes in files of different columns, as `open_table` does, each kind of file on its own."""
    keep, chosen = _reading(expected, options)
    kinds = read_kinds(path, expected.table, root=options.root, keep=keep, **chosen)
    return [_opened(raw, expected, options, unit) for raw in kinds]


def _reading(expected: Expected, options: Options) -> tuple[Keep, dict[str, str | None]]:
    """Columns of use to an adapter, and the sheet and encoding of its table."""
    names, settings = own_names(options.mapping, expected.table)
    columns = [*expected.required, *expected.optional]
    others = _headers().get(expected.table, {})
    headers = {values.fold(name) for column in columns for name in (column, *others.get(column, ()))}
    own = set(names.values())

    def keep(found: Sequence[str]) -> list[str]:
        return [name for name in found if name in own or values.fold(name) in headers]

    return keep, {SHEET: options.sheet, ENCODING: options.encoding} | settings


def own_names(mapping: Mapping[str, Names], table: str) -> tuple[dict[str, str], dict[str, str]]:
    """Give the user's column names for a table, and what the mapping says of its sheet and encoding."""
    given = mapping.get(table, {})
    settings = {key: given[key] for key in (SHEET, ENCODING) if key in given}
    return {mine: yours for mine, yours in given.items() if mine not in settings}, settings


def _opened(raw: RawTable, expected: Expected, options: Options, unit: str) -> tuple[pd.DataFrame, Flow, str]:
    table, first = expected.table, raw.files[0]
    where = table if first.stem.startswith(table) else f"{table} ({first.name})"
    names, _ = own_names(options.mapping, table)
    frame = pick(raw, *expected, names=names, where=where)
    flow = Flow(table, unit, expected.required[0])
    for step, count in raw.notes:
        flow.note(f"{step}, passed over" if "filled" not in step else step, frame, count)
    flow.note(f"read from {len(raw.files)} files", frame)
    return frame, flow, where


def pick(
    raw: RawTable,
    table: str,
    required: Sequence[str],
    optional: Sequence[str] = (),
    one_of: Sequence[Sequence[str]] = (),
    *,
    names: Names,
    where: str,
) -> pd.DataFrame:
    """Find the expected columns: by the user's names, their own, or those of other exports.

    Width, case and blanks do not matter; the headers of other exports are the fact table ``raw_headers``.

    Raises
    ------
    MappingError
        The mapping names a column that the adapter does not expect, or that the file does not have.
    SourceError
        Missing columns (all of them, each with the nearest name, and what was found), or two columns for one.
    """
    present = [str(column) for column in raw.frame.columns]
    expected = [*required, *optional]
    for mine, yours in names.items():
        if mine not in expected:
            raise MappingError(f"mapping of {table}: no column {mine!r} is expected{did_you_mean(mine, expected)}")
        if yours not in present:
            raise MappingError(f"mapping of {table}: {where} has no column {yours!r}{did_you_mean(yours, present)}")
    free = [column for column in present if column not in names.values()]
    chosen: dict[str, str] = dict(names)
    others = _headers().get(table, {})
    wanted = [(column, column) for column in expected]
    wanted += [(column, other) for column in expected for other in others.get(column, ())]
    for column, header in wanted:
        if column in chosen:
            continue
        open_ = [name for name in free if name not in chosen.values()]
        alike = [name for name in open_ if name == header] or [
            name for name in open_ if values.fold(name) == values.fold(header)
        ]
        if len(alike) > 1:
            raise SourceError(f"{where}: {len(alike)} columns read as {column}: {', '.join(alike)}")
        if alike:
            chosen[column] = alike[0]
    missing = [column + did_you_mean(column, free) for column in required if column not in chosen]
    missing += [" or ".join(group) for group in one_of if not set(group) & set(chosen)]
    if missing:
        listed = ", ".join(missing)
        found = ", ".join(present[:12]) + (", ..." if len(present) > 12 else "")
        raise SourceError(f"{where}: {len(missing)} missing columns: {listed}; found: {found}")
    return pd.DataFrame({column: raw.frame[chosen[column]] for column in expected if column in chosen})


@cache
def _headers() -> dict[str, dict[str, list[str]]]:
    """Other headers of expected columns, by table, the first that a file has counting."""
    known = facts.table("raw_headers")
    return {
        str(table): rows.groupby("column", sort=False)["header"].agg(list).to_dict()
        for table, rows in known.groupby("table", sort=False)
    }


def a_shares(frame: pd.DataFrame, column: str, flow: Flow, where: str, options: Options) -> pd.DataFrame:
    """Replace the security code by ``firm_id``, the code of today, and leave out rows without a code and B shares."""
    codes, padded = values.stock_codes(frame[column], where)
    frame = frame.drop(columns=column)
    frame.insert(0, "firm_id", present_codes(codes, options))
    flow.note("codes given their leading zeros back", frame, int(padded.sum()), list(codes[padded].unique()[:5]))
    old = codes.notna() & (codes != frame["firm_id"])
    flow.note("codes that changed, put to the new one", frame, int(old.sum()), list(codes[old].unique()[:5]))
    frame = flow.keep(frame, frame["firm_id"].notna(), "no security code")
    return flow.keep(frame, ~values.is_b_share(frame["firm_id"]), "B share", show="firm_id")


def present_codes(codes: pd.Series, options: Options) -> pd.Series:
    """Give the security code of today for codes that changed, once or several times.

    Raises
    ------
    SourceError
        Changes that go in a circle.
    """
    return codes.replace({old: _last(old, options.codes) for old in options.codes})


def _last(code: str, changes: Mapping[str, str]) -> str:
    seen = [code]
    while seen[-1] in changes:
        seen.append(changes[seen[-1]])
        if len(set(seen)) < len(seen):
            raise SourceError(f"code changes: {' to '.join(seen)} goes in a circle")
    return seen[-1]


def year_ends(frame: pd.DataFrame, column: str, flow: Flow, where: str) -> pd.DataFrame:
    """Replace a day by ``year`` and keep 31 December only; a column of nothing but years is taken for year ends."""
    if values.clean(frame[column]).str.fullmatch(r"(?:19|20)\d{2}(?:\.0+)?").all():
        ended = years(frame, column, where)
        frame = frame.drop(columns=column)
        frame.insert(1, "year", ended)
        return flow.note("years without a day, taken for their ends", frame, len(frame))
    days = values.dates(frame[column], where)
    blank = days.isna()
    if blank.any():
        raise SourceError(f"{where}: column {column}: {int(blank.sum())} cells are empty")
    frame = frame.drop(columns=column)
    frame.insert(1, "year", days.dt.year.astype("int64"))
    return flow.keep(frame, (days.dt.month == 12) & (days.dt.day == 31), "not 31 December", show="year")


def years(frame: pd.DataFrame, column: str, where: str) -> pd.Series:
    """Whole years from 1985 to 2100; a day counts for its year."""
    text = values.clean(frame[column]).str.replace(r"^(\d{4})[-/.年].*$", r"\1", regex=True)
    rule = Field(column, "year", "calendar year", canonical.FIRST_YEAR, canonical.LAST_YEAR, whole=True)
    return numbers(text.to_frame(column), rule, where)


def measured(frame: pd.DataFrame, fields: Iterable[Field], where: str) -> pd.DataFrame:
    """Turn the columns of ``fields`` that are there into numbers under their own names; percent becomes a share."""
    done = {}
    for rule in fields:
        if rule.raw not in frame:
            continue
        cells = values.unformatted(frame[rule.raw]).to_frame(rule.raw)
        read_in = numbers(cells, rule._replace(whole=False, may_miss=True), where, frame)
        if rule.whole and (broken := read_in.dropna() % 1 > 0).any():
            first = broken[broken].index[0]
            raise SourceError(
                f"{where}: column {rule.raw}: {int(broken.sum())} cells are not whole numbers; "
                f"first: {cells[rule.raw][first]!r} {place(frame, frame.index.get_loc(first))}"
            )
        read_in = read_in / 100 if rule.unit == "percent" else read_in
        done[rule.name] = read_in.astype("Int64") if rule.whole else read_in.astype("float64")
    return pd.DataFrame(done, index=frame.index)


def one_row(frame: pd.DataFrame, unique: Sequence[str], flow: Flow, where: str) -> pd.DataFrame:
    """Leave out full repeats; what still repeats the key is an error."""
    frame = flow.without_repeats(frame)
    require_unique(frame, unique, where)
    return frame
