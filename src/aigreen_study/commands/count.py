"""Count the patents of firms by year of filing, from canonical tables, with DuckDB, Spark or BigQuery."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from aigreen.errors import OptionError, SourceError, TableError

NEEDED = ("patents", "patent_applicants", "applicant_names")
KEYS = {"patents": ["patent_id"], "patent_applicants": ["patent_id", "position"]}
_MANY = 1_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the tables, the engine and what it may use."""
    parser.add_argument(
        "tables",
        help="folder of patents.parquet, patent_applicants.parquet, applicant_names.parquet and, where there are any, "
        "citations.parquet, as `aigreen build` makes them; for BigQuery PROJECT.DATASET with tables of these names",
    )
    parser.add_argument("--engine", choices=["duckdb", "spark", "bigquery"], default="duckdb")
    parser.add_argument("--out", type=Path, default=Path("counts.parquet"), help="file to write (default: %(default)s)")
    parser.add_argument("--office", default="CN", help="office whose applications are counted (default: %(default)s)")
    parser.add_argument("--window", type=int, default=5, help="years in which citations count (default: %(default)s)")
    parser.add_argument("--memory", default="4GB", help="of DuckDB, or of Java here (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="on this machine (default: %(default)s)")
    parser.add_argument("--master", help="of Spark: address of a cluster (default: this machine)")
    parser.add_argument("--dry-run", action="store_true", help="of BigQuery: print the SQL and what tells its cost")


def run(given: argparse.Namespace) -> int:
    """Write the counts and print what was left out."""
    from aigreen.data.patents.count_files import count_tables
    from aigreen.panel.on_disk.sorted_file import memory_bytes

    for option, least in (("window", 0), ("threads", 1)):
        if getattr(given, option) < least:
            raise OptionError(option, getattr(given, option), [least, least + 1, "..."])
    memory_bytes(given.memory)
    options = {"office": given.office, "window": given.window}
    if given.dry_run:
        from aigreen.data.registry.bigquery import count_script

        print(count_script(*_dataset(given.tables), **options))
        return 0
    with tempfile.TemporaryDirectory() as spill:
        backend, tables = _open(given, Path(spill) / "spill")
        names = backend.to_pandas(tables.pop("applicant_names"))
        counted = count_tables(backend, tables["patents"], tables["patent_applicants"], names,
                               citations=tables.get("citations"), **options).counts  # fmt: skip
    counted.table.to_parquet(given.out, index=False)
    print(counted.flow.to_string(index=False))
    return 0


def _open(given: argparse.Namespace, spill: Path):
    """Open the engine and its tables."""
    if given.engine == "bigquery":
        from aigreen.data.registry.bigquery import connect

        backend = connect(*_dataset(given.tables))
        return backend, {name: backend.table(name) for name in (*NEEDED, "citations")}
    files = {name: Path(given.tables) / f"{name}.parquet" for name in (*NEEDED, "citations")}
    present = {name: path for name, path in files.items() if path.is_file()}
    if absent := [name for name in NEEDED if name not in present]:
        raise SourceError(f"{given.tables}: no table {', '.join(absent)}; `aigreen build` makes them")
    for name, path in present.items():
        _check(name, path)
    limits = {"memory_limit": given.memory, "threads": given.threads}
    if given.engine == "spark":
        from aigreen.data.patents.spark import connect_spark

        backend = connect_spark(spill, master=given.master, **limits)
    else:
        from aigreen.data.patents.count_files import connect

        backend = connect(spill, **limits)
    tables = {name: _typed(name, backend.read_parquet(path)) for name, path in present.items()}
    for name, key in KEYS.items():
        rows = tables[name].group_by(key).agg(rows=lambda table: table.count())
        twice = backend.to_pandas(rows.filter(rows.rows > 1).order_by(key).limit(_MANY))
        if len(twice):
            many = "" if len(twice) < _MANY else " or more"
            first = twice[key].astype("str").agg(", ".join, axis=1).head()
            fault = f"rows with the same {' and '.join(key)} ({len(twice):,}{many} values stand twice)"
            raise TableError(name, fault, first=first)
    return backend, tables


def _typed(name: str, table):
    """Refuse columns of other types; a column of no type has no value."""
    from ibis import null

    from aigreen.data.registry.bigquery import TABLES

    for column, wanted in TABLES[name].items():
        found = table.schema()[column]
        fits = {
            "string": found.is_string(),
            "timestamp": found.is_timestamp() or found.is_date(),
            "int64": found.is_numeric(),
        }
        if found.is_null() or found.is_unknown():
            table = table.mutate(**{column: null(wanted)})
        elif not fits[wanted]:
            raise TableError(name, f"is of type {found}, not {wanted}", column=column)
    return table


def _check(name: str, path: Path) -> None:
    """Refuse a file that is no Parquet file, or lacks a column that is counted from."""
    import pyarrow.parquet as pq

    from aigreen.data.raw.files import whole
    from aigreen.data.registry.bigquery import TABLES

    with whole(str(path), "a Parquet file"):
        there = pq.read_schema(path).names
    if absent := [column for column in TABLES[name] if column not in there]:
        raise TableError(name, "the file has no such column", column=", ".join(absent))


def _dataset(name: str) -> tuple[str, str]:
    project, point, dataset = name.partition(".")
    if not point or "." in dataset:
        raise SourceError(f"{name}: BigQuery needs PROJECT.DATASET")
    return project, dataset
