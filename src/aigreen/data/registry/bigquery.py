"""Google's public patents table in BigQuery, downloaded as the files that `aigreen.data.sources.google_patents` reads.

BigQuery charges for the columns that a query scans, whatever rows it keeps, so the rows of a study are taken once. What
is counted from them, DuckDB counts here; the expressions of `aigreen.data.patents.counts` also run in BigQuery.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from aigreen.data.sources.google_patents import OPTIONAL, REQUIRED
from aigreen.disk import write_bytes
from aigreen.errors import SourceError

DATABASE, NAME = "patents-public-data.patents", "publications"
ROWS_A_FILE = 250_000


def connect(project: str) -> ibis.BaseBackend:
    """Open BigQuery with a project of one's own, which is charged; credentials are those of the machine.

    Raises
    ------
    SourceError
        The extra ``bigquery`` is not installed.
    """
    try:
        return ibis.bigquery.connect(project_id=project)
    except (AttributeError, ImportError) as reason:
        raise SourceError("BigQuery needs a client that is not installed: pip install 'aigreen[bigquery]'") from reason


def chosen(table: ir.Table, *, offices: Sequence[str] = ("CN",), years: tuple[int, int] | None = None) -> ir.Table:
    """Give the columns that the adapter reads, of the publications of some offices.

    Parameters
    ----------
    table : Table
        The publications.
    offices : sequence of str
        Offices of publication. Families at other offices are only seen where these are taken too.
    years : pair of int, optional
        First and last year of filing; publications without a day of filing are then left out.
    """
    rows = table.filter(table.country_code.isin(list(offices)))
    if years is not None:
        rows = rows.filter(rows.filing_date.between(years[0] * 10_000, years[1] * 10_000 + 9_999))
    return rows.select(*REQUIRED, *OPTIONAL)


def download(
    backend: ibis.BaseBackend,
    folder: Path | str,
    *,
    offices: Sequence[str] = ("CN",),
    years: tuple[int, int] | None = None,
    table: ir.Table | None = None,
    progress: bool = False,
) -> list[Path]:
    """Write the publications of some offices into a folder, in Parquet files of `ROWS_A_FILE` rows.

    Parameters
    ----------
    backend : Backend
        From `connect`, or any other that holds the table.
    folder : path
        Must be empty or absent, as two downloads would be counted together; it appears when the last file is whole.
    offices, years
        See `chosen`.
    table : Table, optional
        Another table of the same columns.
    progress : bool
        Show the rows written.

    Returns
    -------
    list of Path
        Files, ``publications-0000.parquet`` and on.

    Raises
    ------
    SourceError
        The folder holds files, or no publication was found.
    """
    folder = Path(folder)
    if folder.is_dir() and (there := sorted(folder.iterdir())):
        raise SourceError(f"{folder}: holds {there[0].name} already; empty it, or choose another folder")
    aside = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(aside, ignore_errors=True)
    rows = chosen(backend.table(NAME, database=DATABASE) if table is None else table, offices=offices, years=years)
    written, held = [], []
    with tqdm(desc=NAME, unit=" rows", disable=not progress) as bar:
        for batch in backend.to_pyarrow_batches(rows, chunk_size=ROWS_A_FILE):
            bar.update(batch.num_rows)
            held.append(batch)
            if sum(part.num_rows for part in held) >= ROWS_A_FILE:
                written.append(_write(aside, len(written), held))
                held = []
    if any(part.num_rows for part in held):
        written.append(_write(aside, len(written), held))
    if not written:
        filed = f" filed {years[0]} to {years[1]}" if years else ""
        raise SourceError(f"no publications of {', '.join(offices)}{filed}")
    folder.mkdir(parents=True, exist_ok=True)
    aside.replace(folder)
    return [folder / path.name for path in written]


def _write(folder: Path, number: int, batches: list[pa.RecordBatch]) -> Path:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_batches(batches), sink, compression="zstd", version="2.6")
    path = folder / f"{NAME}-{number:04d}.parquet"
    write_bytes(path, sink.getvalue().to_pybytes())
    return path
