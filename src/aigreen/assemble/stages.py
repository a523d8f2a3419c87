"""Steps from files to tables that a killed run takes up again: each table is written whole, with a stamp of its inputs.

The stamp is the sha256 of the contents of the input files, of the stamps of the tables used, of the options, and of
the code and fact tables that make tables. A table whose stamp is the same is not made again. It stands in the Parquet
file itself, with the ledger of the step, so table, ledger and stamp appear together or not at all.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from aigreen import facts
from aigreen.sources.record import FLOW, Read

_STAMP, _FLOW = b"aigreen.stamp", b"aigreen.flow"
_MAKERS, _BELOW = ("sources", "assemble"), ("facts.py", "schemas.py", "tables.py")
CHUNK = 1 << 22
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
    if all(_stamp(table.path) == table.stamp for table in done.values()):
        return list(done.values())
    for table, result in zip(done.values(), maker(), strict=True):
        if isinstance(result.table, Path):
            _copy_aside(table.path, result.table, _notes(result, table.stamp))
        else:
            write_aside(table.path, _parquet(result, table.stamp))
    return list(done.values())


def write_aside(path: Path, content: bytes) -> None:
    """Write a file beside its place and move it there, so that no half-written file is ever taken for a whole one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with aside.open("wb") as part:
            part.write(content)
            part.flush()
            os.fsync(part.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def clear_parts(*folders: Path) -> None:
    """Remove what a killed run left beside its files."""
    for folder in folders:
        for part in folder.glob(".*.part"):
            part.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """Hash a file."""
    digest = hashlib.sha256()
    with path.open("rb") as content:
        while block := content.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()


@cache
def code_stamp() -> str:
    """Hash the modules that make tables, and the fact tables."""
    package = Path(__file__).parents[1]
    modules = [
        *(package / name for name in _BELOW),
        *(file for part in _MAKERS for file in (package / part).glob("*.py")),
    ]
    code = [(file.relative_to(package).as_posix(), sha256(file)) for file in sorted(modules)]
    return _digest(json.dumps([code, [facts.table(name).to_csv() for name in facts.names()]]).encode())


def _stamp(path: Path) -> str | None:
    try:
        return (pq.read_metadata(path).metadata or {}).get(_STAMP, b"").decode()
    except (OSError, pa.ArrowException):
        return None


def _parquet(result: Read, stamp: str) -> bytes:
    table = pa.Table.from_pandas(result.table, preserve_index=False)
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), **_notes(result, stamp)})
    content = io.BytesIO()
    pq.write_table(table, content, compression="zstd", version="2.6")
    return content.getvalue()


def _notes(result: Read, stamp: str) -> dict[bytes, bytes]:
    ledger = json.dumps(result.flow[FLOW].to_numpy().tolist(), ensure_ascii=False, default=int).encode()
    return {_STAMP: stamp.encode(), _FLOW: ledger}


def _copy_aside(path: Path, source: Path, notes: dict[bytes, bytes]) -> None:
    """Copy a Parquet file batch by batch, with notes, beside the place and move it there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with pq.ParquetFile(source) as stored:
            schema = stored.schema_arrow.with_metadata(notes)
            with aside.open("wb") as part, pq.ParquetWriter(part, schema, compression="zstd", version="2.6") as writer:
                for batch in stored.iter_batches(ROWS):
                    writer.write_batch(batch.cast(schema))
        with aside.open("rb") as part:
            os.fsync(part.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
