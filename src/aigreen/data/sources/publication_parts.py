"""Publications of an export larger than memory: split over parts by application, each part finished on its own.

All publications of an application fall into the same part, so only the applications that are cited, which may be in any
part, are looked up at the end, by DuckDB.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from aigreen.data.raw.adapter import DEFAULT, Options
from aigreen.data.raw.files import open_parquet
from aigreen.data.raw.flow import Flow, Read, summed, together
from aigreen.data.sources.google_patents import PARTS, TABLE, Piece, files, finished, publications, unfolded
from aigreen.data.sources.patent_tables import PatentTables

if TYPE_CHECKING:
    import ibis

ROWS_A_PART, BATCH = 1_000_000, 100_000
BYTES_A_ROW = 1_000  # of JSON, packed or not
_ORDER = {
    "patents": ["patent_id"],
    "applicants": ["patent_id", "position"],
    "citations": ["patent_id", "cited_publication"],
}


def publications_in_parts(
    path: Path | str,
    spill: Path,
    connect: Callable[[], ibis.BaseBackend],
    options: Options = DEFAULT,
    *,
    office: str | None = None,
    progress: bool = False,
) -> PatentTables:
    """Read an export as `aigreen.data.sources.google_patents.publications` does, within the memory of one part.

    Parameters
    ----------
    path, options, office, progress
        See there.
    spill : Path
        Folder for the parts; emptied first, and to be removed when the tables have been copied.
    connect : callable
        Gives DuckDB, with the memory it may use; called where there is more than one part.

    Returns
    -------
    PatentTables
        With Parquet files below ``spill`` as tables; with tables in memory where one part holds all.
    """
    listed = files(path, options)
    count = -(-sum(map(_rows, listed)) // ROWS_A_PART)
    if count <= 1:
        return publications(path, options, office=office, progress=progress)
    shutil.rmtree(spill, ignore_errors=True)
    spill.mkdir(parents=True)
    begun, foreign = Flow(TABLE, "patent_id"), 0
    split = _Split(spill, count)
    for piece in unfolded(listed, begun, options, office=office, batch=BATCH, progress=progress):
        split.add(piece)
        foreign += piece.foreign
    split.close()
    flows: dict[str, list[pd.DataFrame]] = defaultdict(list)
    for part in tqdm(range(count), desc="applications", disable=not progress):
        rows, people, cited = (split.read(name, part) for name in PARTS)
        flow = Flow(TABLE, "patent_id")
        flow.note(f"read from {len(listed)} files", rows)
        flow.note(f"office other than {office}", rows, foreign if part == 0 else 0)
        for name, made in zip(_ORDER, finished(rows, people, cited, flow), strict=True):
            made.table.to_parquet(spill / f"{name}-{part:04d}.parquet", index=False)
            flows[name].append(made.flow)
        known = rows.dropna(subset="patent_id").drop_duplicates("publication")[["publication", "patent_id"]]
        known.to_parquet(spill / f"known-{part:04d}.parquet", index=False)
    ledgers = {name: summed(parts) for name, parts in flows.items()}
    ledgers["patents"] = together(summed([begun.to_frame()]), ledgers["patents"])
    backend = connect()
    return PatentTables(*(Read(_joined(backend, spill, name), ledgers[name]) for name in _ORDER))


class _Split:
    """Files of the parts, open for writing."""

    def __init__(self, folder: Path, count: int) -> None:
        self._folder, self._count = folder, count
        self._writers: dict[tuple[str, int], pq.ParquetWriter] = {}
        self._types: dict[str, pd.DataFrame] = {}

    def add(self, piece: Piece) -> None:
        """Send rows to the part of their application, and what stands on a publication with it."""
        part = pd.Series(_part(piece.rows["patent_id"], self._count))
        by = part.set_axis(piece.rows["publication"])
        by = by[~by.index.duplicated()]
        self._write("rows", piece.rows, part.to_numpy())
        for name in PARTS[1:]:
            frame = getattr(piece, name)
            self._write(name, frame, frame["publication"].map(by).to_numpy())

    def read(self, name: str, part: int) -> pd.DataFrame:
        """Give what was written for a part."""
        path = self._path(name, part)
        return pd.read_parquet(path) if path.is_file() else self._types[name]

    def close(self) -> None:
        """Finish all files."""
        for writer in self._writers.values():
            writer.close()

    def _write(self, name: str, frame: pd.DataFrame, part: np.ndarray) -> None:
        self._types.setdefault(name, frame.iloc[:0])
        for at in np.unique(part):
            table = pa.Table.from_pandas(frame[part == at], preserve_index=False)
            key = name, int(at)
            if key not in self._writers:
                self._writers[key] = pq.ParquetWriter(self._path(*key), table.schema, compression="zstd")
            self._writers[key].write_table(table.cast(self._writers[key].schema))

    def _path(self, name: str, part: int) -> Path:
        return self._folder / f"{name}-{part:04d}.parquet"


def _part(patent_id: pd.Series, count: int) -> np.ndarray:
    """Part of each application; the first for publications without one."""
    part = pd.util.hash_array(patent_id.fillna("").to_numpy(dtype=object)) % count
    return np.where(patent_id.isna(), 0, part).astype("int64")


def _rows(path: Path) -> int:
    size = path.stat().st_size
    return open_parquet(path).metadata.num_rows if size and path.suffix == ".parquet" else size // BYTES_A_ROW


def _joined(backend: ibis.BaseBackend, spill: Path, name: str) -> Path:
    """Put the parts of a table together, in the order of its key."""
    parts = backend.read_parquet(sorted(spill.glob(f"{name}-*.parquet")))
    if name == "citations":
        known = backend.read_parquet(sorted(spill.glob("known-*.parquet")))
        known = known.group_by(cited_publication="publication").agg(other=known.patent_id.min())
        joined = parts.left_join(known, "cited_publication")
        parts = joined.select("patent_id", "cited_publication", cited_id="other")
    target = spill / f"{name}.parquet"
    whole = parts.order_by(_ORDER[name])
    backend.raw_sql(f"COPY ({whole.compile()}) TO '{_quoted(target)}' (FORMAT parquet, COMPRESSION zstd)")
    return target


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
