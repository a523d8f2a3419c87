"""Google's public patents table in BigQuery, downloaded as the files that `aigreen.data.sources.google_patents` reads.

BigQuery charges for the columns that a query scans, whatever rows it keeps, so the rows of a study are taken once. What
is counted from them, DuckDB counts here; canonical tables in BigQuery are counted there, by the same expressions.
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

from aigreen.data.patents import counts, truncation
from aigreen.data.patents.count_files import FLAGS, OWNERS
from aigreen.data.patents.flags import SCHEMES
from aigreen.data.sources.google_patents import OPTIONAL, REQUIRED
from aigreen.disk import write_bytes
from aigreen.errors import OptionError, SourceError

DATABASE, NAME = "patents-public-data.patents", "publications"
ROWS_A_FILE = 250_000
DOLLARS_A_TIB = 6.25  # on demand, list price of the US and EU regions; the first TiB of a month is free
_TEXT = ("patent_id", "office", "patent_type", "family_id", "ipc", "cpc")
_PATENTS = dict.fromkeys(_TEXT, "string") | dict.fromkeys(("filing_date", *truncation.EVENTS), "timestamp")
TABLES = {
    "patents": _PATENTS,
    "patent_applicants": {"patent_id": "string", "position": "int64", "name": "string"},
    "applicant_names": OWNERS,
    "citations": {"patent_id": "string", "cited_id": "string"},
}
# One column more than is read: of a table of those alone ibis writes SELECT *, which BigQuery charges for every column.
_PUBLICATIONS = dict.fromkeys((*REQUIRED, *OPTIONAL, "spif_publication_number"), "string") | {"filing_date": "int64"}


def connect(project: str, dataset: str = "") -> ibis.BaseBackend:
    """Open BigQuery with a project of one's own, which is charged; credentials are those of the machine.

    Raises
    ------
    SourceError
        The extra ``bigquery`` is not installed.
    """
    try:
        return ibis.bigquery.connect(project_id=project, dataset_id=dataset)
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

    Raises
    ------
    OptionError
        The first year is after the last one.
    """
    if years is not None and years[0] > years[1]:
        raise OptionError("years", years, ["the first and the last year of filing, as 2010 2020"])
    rows = table.filter(table.country_code.isin(list(offices)))
    if years is not None:
        rows = rows.filter(rows.filing_date.between(years[0] * 10_000, years[1] * 10_000 + 9_999))
    return rows.select(*REQUIRED, *OPTIONAL)


def download_script(project: str, *, offices: Sequence[str] = ("CN",), years: tuple[int, int] | None = None) -> str:
    """Write the SQL of `download`, and what tells its cost before anything is charged; asks nothing of anyone."""
    catalog, _, database = DATABASE.partition(".")
    table = ibis.table(_PUBLICATIONS, name=NAME, catalog=catalog, database=database)
    return _script(project, DATABASE, [NAME], {NAME: chosen(table, offices=offices, years=years)})


def count_script(project: str, dataset: str, *, office: str = "CN", window: int = 5) -> str:
    """Write the SQL with which BigQuery counts, as `download_script` does.

    Parameters
    ----------
    project, dataset : str
        Where the canonical tables are: ``patents``, ``patent_applicants``, ``applicant_names``, ``citations``.
    office, window
        See `aigreen.data.patents.counts.firm_year_counts`. Families are counted.
    """
    return _script(project, f"{project}.{dataset}", list(TABLES), count_queries(project, dataset, office, window))


def count_queries(project: str, dataset: str, office: str = "CN", window: int = 5) -> dict[str, ir.Table]:
    """Give every query of `aigreen.data.patents.count_files.count_tables`; classes of symbols are ``ipc``, ``cpc``."""
    held = {name: ibis.table(schema, name=name, catalog=project, database=dataset) for name, schema in TABLES.items()}
    patents, classes = held["patents"], [ibis.table(FLAGS, name=scheme) for scheme in SCHEMES]
    owned = counts.owners(held["patent_applicants"], held["applicant_names"], patents)
    filed = counts.applications(patents, owned, office=office)
    options = {"window": window, "citations": held["citations"], "families": True}
    return {
        **{f"symbols_{scheme}": counts.distinct_symbols(filed, scheme) for scheme in SCHEMES},
        "counts": counts.firm_year_counts(patents, filed, *classes, **options).order_by("firm_id", "year"),
        **{f"lags_{event}": truncation.lag_counts(patents, event, office=office) for event in truncation.EVENTS},
        "coverage": counts.coverage(patents, filed, office=office),
    }


def _script(project: str, dataset: str, tables: Sequence[str], queries: dict[str, ir.Table]) -> str:
    listed = ", ".join(f"'{name}'" for name in tables)
    size = (
        "SELECT table_id, row_count, size_bytes, "
        f"{len(queries)} * size_bytes / POW(2, 40) * {DOLLARS_A_TIB} AS dollars_at_most\n"
        f"FROM `{dataset}.__TABLES__`\nWHERE table_id IN ({listed})"
    )
    texts = {name: str(ibis.to_sql(query, dialect="bigquery")) for name, query in queries.items()}
    notes = (
        f"-- Queries: {len(texts)}. BigQuery charges the bytes of the columns that each reads, once a query:\n"
        f"-- dollars = bytes / 2^40 * {DOLLARS_A_TIB} (list price on demand; the first TiB of a month is free).\n"
        "-- Bytes of a query, exact and free, from its text in query.sql:\n"
        f"--   bq query --project_id={project} --use_legacy_sql=false --dry_run < query.sql\n"
        "-- Bytes of the whole tables, which bound them:\n"
    )
    return notes + ";\n\n".join([size, *(f"-- {name}\n{text}" for name, text in texts.items())]) + ";"


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
