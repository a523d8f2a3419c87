"""Steps from files to tables that a killed run takes up again: each table is written whole, with a stamp of its inputs.

The stamp is the sha256 of the contents of the input files, of the stamps of the tables used, of the options, and of
the code and fact tables that make tables. A table whose stamp is the same is not made again, unless its pages are not
those that were written. It stands in the Parquet file itself, with the ledger of the step, so table, ledger and stamp
appear together or not at all.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from aigreen.data import facts
from aigreen.data.raw.flow import FLOW, Read
from aigreen.disk import beside, sha256, write_bytes

_STAMP, _FLOW = b"aigreen.stamp", b"aigreen.flow"
_FORMAT: dict[str, Any] = {"compression": "zstd", "version": "2.6", "write_page_checksum": True}
ROWS = 1 << 18


class Made(NamedTuple):
    """A table on disk.

    Parameters
    ----------
    path : Path
        Parquet file.
    stamp : str
        Stamp of what it was made from.
    """

    path: Path
    stamp: str

    def table(self) -> pd.DataFrame:
        """Read the table."""
        return pd.read_parquet(self.path)

    def flow(self) -> pd.DataFrame:
        """Read the ledger of the step."""
        return pd.DataFrame(json.loads(pq.read_metadata(self.path).metadata[_FLOW]), columns=FLOW)


def make(
    folder: Path,
    names: Iterable[str],
    maker: Callable[[], Iterable[Read]],
    *,
    files: Iterable[Path] = (),
    root: Path | None = None,
    made: Iterable[Made] = (),
    options: Mapping[str, Any] | None = None,
) -> list[Made]:
    """Make tables, unless they are there with the same stamp.

    Parameters
    ----------
    folder : Path
        Where the tables are kept.
    names : iterable of str
        Tables that ``maker`` gives, in order.
    maker : callable
        Called without arguments when a table is absent or old.
    files : iterable of Path
        Files that it reads.
    root : Path, optional
        Folder of the files: their names below it are part of the stamp, so that it may move.
    made : iterable of Made
        Tables that it uses.
    options : mapping, optional
        What else decides the result; written as JSON into the stamp.
    """
    names = list(names)
    contents = sorted((str(file.relative_to(root) if root else file.name), sha256(file)) for file in files)
    facts_of = [code_stamp(), contents, [table.stamp for table in made], dict(options or {})]
    stamps = {name: _digest(json.dumps([name, *facts_of], sort_keys=True).encode()) for name in names}
    done = {name: Made(folder / f"{name}.parquet", stamp) for name, stamp in stamps.items()}
    if all(_stamp(table.path) == table.stamp and _intact(table.path) for table in done.values()):
        return list(done.values())
    for table, result in zip(done.values(), maker(), strict=True):
        if isinstance(result.table, Path):
            _copy_aside(table.path, result.table, _notes(result, table.stamp))
        else:
            write_bytes(table.path, _parquet(result, table.stamp))
    return list(done.values())


@cache
def code_stamp() -> str:
    """Hash the modules of `aigreen.data`, which make the tables, and the fact tables."""
    package = Path(__file__).parents[1]
    code = [(file.relative_to(package).as_posix(), sha256(file)) for file in sorted(package.rglob("*.py"))]
    return _digest(json.dumps([code, facts.sums()]).encode())


def _stamp(path: Path) -> str | None:
    try:
        return (pq.read_metadata(path).metadata or {}).get(_STAMP, b"").decode()
    except (OSError, pa.ArrowException):
        return None


def _intact(path: Path) -> bool:
    """Whether the pages of a file have the checksums that stand beside them."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as stored:
            stored.scan_contents()
    except (OSError, pa.ArrowException):
        return False
    return True


def _parquet(result: Read, stamp: str) -> bytes:
    table = pa.Table.from_pandas(result.table, preserve_index=False)
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), **_notes(result, stamp)})
    content = io.BytesIO()
    pq.write_table(table, content, **_FORMAT)
    return content.getvalue()


def _notes(result: Read, stamp: str) -> dict[bytes, bytes]:
    ledger = json.dumps(result.flow[FLOW].to_numpy().tolist(), ensure_ascii=False, default=int).encode()
    return {_STAMP: stamp.encode(), _FLOW: ledger}


def _copy_aside(path: Path, source: Path, notes: dict[bytes, bytes]) -> None:
    """Copy a Parquet file batch by batch, with notes, beside the place and move it there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = beside(path)
    try:
        with pq.ParquetFile(source) as stored:
            schema = stored.schema_arrow.with_metadata(notes)
            with pq.ParquetWriter(aside, schema, **_FORMAT) as writer:
                for batch in stored.iter_batches(ROWS):
                    writer.write_batch(batch.cast(schema))
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
