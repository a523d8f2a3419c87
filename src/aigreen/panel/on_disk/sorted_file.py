"""One Parquet file sorted by unit and time, made by DuckDB from any number of files under a memory limit."""

from __future__ import annotations

import hashlib
import json
import math
import re
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from aigreen.disk import beside, remove_unfinished
from aigreen.errors import OptionError, SourceError, UnknownColumnError

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_UNITS = {"KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}
_ROW_GROUP = 131_072
_MAGIC, _TEXTS = b"PAR1", (".csv", ".tsv", ".txt")
_LAYOUT = 1  # of the sorted file; other layouts are not taken from a cache


@dataclass(frozen=True)
class Store:
    """Where the sorted file stands and what memory queries on it may use.

    Attributes
    ----------
    path : Path
    bytes : int
        Memory for DuckDB, and for the sums of an estimator.
    whole : bool
        Whether all columns of the files were kept.
    """

    path: Path
    bytes: int
    whole: bool = True

    def table(self, select: str) -> pa.Table:
        """Run a query in which ``{file}`` stands for the sorted file."""
        with _connected(self.path.parent, self.bytes) as base:
            return base.sql(select.replace("{file}", f"read_parquet({_text(self.path)})")).to_arrow_table()

    def frame(self, select: str) -> pd.DataFrame:
        """Run a query and return columns of the types that pandas reads from Parquet."""
        return self.table(select).to_pandas()

    def number(self, select: str) -> Any:
        """Run a query for one number."""
        return self.table(select).column(0)[0].as_py()


def memory_bytes(memory: str) -> int:
    """Read an amount of memory such as ``"4GB"``.

    Raises
    ------
    OptionError
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]B)\s*", memory, re.IGNORECASE)
    if found is None or not float(found[1]):
        raise OptionError("memory", memory, ["4GB", "500MB", "..."])
    return int(float(found[1]) * _UNITS[found[2].upper()])


def in_words(size: int) -> str:
    """Write bytes as `memory_bytes` reads them, in the largest unit, rounded up to a tenth of it."""
    unit = max((unit for unit, factor in _UNITS.items() if factor <= size), key=_UNITS.__getitem__, default="KB")
    return f"{math.ceil(10 * size / _UNITS[unit]) / 10:g}{unit}"


def quoted(name: str) -> str:
    """Write a column name for SQL."""
    return '"' + name.replace('"', '""') + '"'


def sort_files(
    files: str | Path | Sequence[str | Path],
    roles: dict[str, str],
    columns: Sequence[str] | None,
    memory: int,
    cache: Path | None,
    *,
    progress: bool,
) -> Store:
    """Sort rows by unit and time into one file, once: a file of the same rows in `cache` is taken as it is.

    Parameters
    ----------
    files : path, pattern or sequence of them
        Of Parquet; a folder stands for the files in it.
    roles : dict of str to str
        Columns by their role, with `unit` and `time`.
    columns : sequence of str, optional
        Others to keep; by default all.
    cache : Path, optional
        Folder for the sorted file; by default a temporary one that is removed with the store.

    Raises
    ------
    SourceError, UnknownColumnError
    """
    found = _listed(files)
    sources = f"read_parquet([{', '.join(map(_text, found))}], union_by_name=true)"
    folder = Path(tempfile.mkdtemp(prefix="aigreen-")) if cache is None else cache
    folder.mkdir(parents=True, exist_ok=True)
    with _connected(folder, memory // 2, progress=progress) as base:
        present = [row[0] for row in _run(base, f"describe select * from {sources}").fetchall()]
        for role, name in [*roles.items(), *(("columns", name) for name in columns or ())]:
            if name not in present:
                raise UnknownColumnError(name, present, role=role)
        _check_dates(found, [name for role, name in roles.items() if role in ("time", "cohort")])
        kept = list(dict.fromkeys([*roles.values(), *(present if columns is None else columns)]))
        state = [[str(path), path.stat().st_size, path.stat().st_mtime_ns] for path in found]
        key = hashlib.sha256(json.dumps([_LAYOUT, state, kept, roles["unit"], roles["time"]]).encode()).hexdigest()
        target = folder / f"sorted-{key[:16]}.parquet"
        store = Store(target, memory, whole=set(present) == set(kept))
        if cache is None:
            weakref.finalize(store, _remove, folder)
        elif target.exists():
            return store
        remove_unfinished(folder)
        aside = beside(target)
        order = ", ".join(quoted(roles[role]) for role in ("unit", "time"))
        try:
            _run(
                base,
                f"copy (select {', '.join(map(quoted, kept))} from {sources} order by {order}) to {_text(aside)} "
                f"(format parquet, compression zstd, row_group_size {_ROW_GROUP})",
            )
            aside.replace(target)
        finally:
            aside.unlink(missing_ok=True)
    return store


def _listed(files: str | Path | Sequence[str | Path]) -> list[Path]:
    """Files behind paths, folders and patterns."""
    found: list[Path] = []
    for one in [files] if isinstance(files, str | Path) else files:
        path = Path(one)
        some = sorted(path.glob("*.parquet")) if path.is_dir() else sorted(map(Path, glob(str(one), recursive=True)))
        if not some:
            raise SourceError(f"no Parquet file at {str(one)!r}")
        found += [file.resolve() for file in some]
    for file in found:
        with file.open("rb") as content:
            if content.read(len(_MAGIC)) != _MAGIC:
                way = f"; duckdb.sql(\"copy '{file.name}' to '{file.stem}.parquet'\") makes one of a csv file in UTF-8"
                raise SourceError(f"{file} is no Parquet file{way if file.suffix.lower() in _TEXTS else ''}")
    return found


def _check_dates(files: Sequence[Path], names: Sequence[str]) -> None:
    """Refuse dates that DuckDB reads as others: with a zone as of Greenwich, periods of pandas as numbers."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for file in files:
        schema = pq.read_schema(file)
        for name in set(names) & set(schema.names):
            kind = schema.field(name).type
            if isinstance(kind, pa.BaseExtensionType) or (pa.types.is_timestamp(kind) and kind.tz):
                raise SourceError(
                    f"{file}: column {name!r} is of type {kind}, whose dates would be read as others from disk: write "
                    "whole years, or dates without a zone"
                )


@contextmanager
def _connected(folder: Path, memory: int, *, progress: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    import duckdb

    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{max(memory, 100_000_000) // 1_000_000}MB",
        "temp_directory": str(beside(folder / "spill")),
    }
    base = duckdb.connect(config=config)
    try:
        base.execute(f"set enable_progress_bar = {str(progress).lower()}")
        yield base
    finally:
        base.close()


def _run(base: duckdb.DuckDBPyConnection, query: str) -> duckdb.DuckDBPyConnection:
    import duckdb

    try:
        return base.execute(query)
    except duckdb.Error as error:
        raise SourceError(f"the Parquet files cannot be read and sorted: {str(error).splitlines()[0]}") from error


def _text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
