"""Firm-year counts of canonical tables by DuckDB, out of core within a memory limit, or by Spark or BigQuery."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from aigreen.data import facts
from aigreen.data.patents import counts, truncation
from aigreen.data.patents.flags import SCHEMES, ai_rule_bits, symbol_flags
from aigreen.data.patents.keywords import keyword_masks
from aigreen.data.patents.match import Matched, match_names
from aigreen.data.raw.flow import Flow, Read
from aigreen.errors import TableError

BATCH = 200_000
OWNERS = {"name": "string", "firm_id": "string", "year": "int64"}
FLAGS = {"symbol": "string", "mask": "int64", "mechanism": "int64"}
_WORDS = {"patent_id": "string", "mask": "int64"}


class Counted(NamedTuple):
    """What is made of patent records: counts, the share of each year's filings that is out, and the ledger of both."""

    counts: Read
    visible: Read


def connect(spill: Path, *, memory_limit: str = "4GB", threads: int = 2) -> ibis.BaseBackend:
    """Open DuckDB in memory; what does not fit goes to the folder ``spill``, which is emptied first."""
    shutil.rmtree(spill, ignore_errors=True)
    backend = ibis.duckdb.connect(
        memory_limit=memory_limit, threads=threads, temp_directory=str(spill), preserve_insertion_order=False
    )
    backend.raw_sql("set enable_progress_bar = false")
    return backend


def match_applicants(backend: ibis.BaseBackend, applicants: Path, registry: pd.DataFrame) -> tuple[Read, Matched]:
    """Match the distinct applicant names of a file.

    Returns
    -------
    Read
        ``name, firm_id, year`` (`aigreen.data.patents.match.Matched`), with the ways they were matched in the ledger.
    Matched
        All of it.
    """
    people = backend.read_parquet(applicants)
    listed = people.group_by("name").agg(n=people.count()).order_by("name")
    names = backend.to_pandas(listed)
    found = match_names(names["name"].astype("str"), registry)
    rows = found.matches.assign(n=names["n"].to_numpy())
    flow = Flow("applicants", "firm_id")
    way = rows["method"].fillna("").where(rows["status"] != "unmatched", "")
    for (status, method), part in rows.groupby([rows["status"], way], sort=True):
        step = f"{' by '.join(filter(None, [status, method]))}: {int(part['n'].sum()):,} applicants"
        flow.note(step, part, 0 if status in ("matched", "dated") else len(part), list(part.index[:3]))
    return Read(found.owners, flow.to_frame()), found


def count_files(
    backend: ibis.BaseBackend,
    patents: Path,
    applicants: Path,
    matches: pd.DataFrame,
    *,
    citations: Path | None = None,
    office: str = "CN",
    window: int = 5,
    keywords: bool = False,
) -> Counted:
    """Count the patents of firms by year of filing, from files.

    Parameters
    ----------
    backend : Backend
        From `connect`, or `aigreen.data.patents.spark.connect_spark`.
    patents, applicants, citations : Path
        Canonical tables in Parquet, of any size.
    matches, office, window
        See `count_tables`.
    keywords : bool
        AI also by keywords in titles and abstracts.
    """
    return count_tables(
        backend,
        backend.read_parquet(patents),
        backend.read_parquet(applicants),
        matches,
        citations=None if citations is None else backend.read_parquet(citations),
        keywords=keyword_flags(patents) if keywords else None,
        office=office,
        window=window,
    )


def count_tables(
    backend: ibis.BaseBackend,
    table: ir.Table,
    people: ir.Table,
    matches: pd.DataFrame,
    *,
    citations: ir.Table | None = None,
    keywords: pd.DataFrame | None = None,
    office: str = "CN",
    window: int = 5,
) -> Counted:
    """Count the patents of firms by year of filing, from tables of a database.

    Parameters
    ----------
    backend : Backend
        Holds the tables.
    table, people, citations : Table
        Canonical ``patents``, ``patent_applicants``, ``citations``.
    matches : DataFrame
        ``name, firm_id, year`` (missing: whatever the year of filing).
    keywords : DataFrame, optional
        As `keyword_flags` gives it.
    office, window
        See `aigreen.data.patents.counts.firm_year_counts`.

    Raises
    ------
    TableError
        A name stands twice for a year, or both for one and for all.
    """
    _check_names(matches)
    # As objects: Spark takes text of pandas in one piece only.
    names = ibis.memtable(matches[list(OWNERS)].astype({"name": object, "firm_id": object}), schema=OWNERS)
    backend.execute(names.count())  # ibis gives Spark tables in memory with a query, but not with `cache`
    families = int(backend.execute(table.office.nunique())) > 1
    filed = counts.applications(table, counts.owners(people, names, table), office=office)
    filed = (filed if families else filed.drop("family_id")).cache()  # symbols of other applications need no class
    left = backend.to_pandas(counts.coverage(table, filed, office=office)).iloc[0]
    classes = {}
    for scheme in SCHEMES:
        symbols = backend.to_pandas(counts.distinct_symbols(filed, scheme))["symbol"]
        classes[scheme] = ibis.memtable(symbol_flags(symbols.astype("str"), scheme), schema=FLAGS)
    expression = counts.firm_year_counts(
        table,
        filed,
        classes["ipc"],
        classes["cpc"],
        keywords=None if keywords is None else ibis.memtable(keywords.astype({"patent_id": object}), schema=_WORDS),
        citations=citations,
        window=window,
        families=families,
    )
    counted = backend.to_pandas(expression.order_by("firm_id", "year")).astype({"firm_id": "str"})
    lags = [backend.to_pandas(truncation.lag_counts(table, event, office=office)) for event in truncation.EVENTS]
    flow = Flow("patent counts", "firm_id")
    whole = int(left["applications"])
    for step, lost in (
        (f"of {whole:,} applications: not of office {office}", whole - left["of_office"]),
        ("without a day of filing", left["of_office"] - left["dated"]),
        ("of no listed firm", left["dated"] - left["owned"]),
        ("without IPC symbols (kept, of no class)", left["dated"] - left["symbols"]),
    ):
        flow.note(step, counted, int(lost))
    return Counted(
        Read(counted, flow.to_frame()), Read(truncation.visible_shares(*lags).reset_index(), Flow("lags").to_frame())
    )


def _check_names(matches: pd.DataFrame) -> None:
    """Refuse names that stand twice for a year of filing: their patents would count twice."""
    dated = matches["year"].notna()
    both = matches["name"].isin(matches.loc[dated, "name"]) & ~dated
    twice = matches.duplicated(["name", "year"]) | both
    if twice.any():
        fault = "names that stand twice for a year (no year stands for all)"
        first = matches.loc[twice, "name"].head()
        raise TableError("applicant_names", fault, column="name", count=int(twice.sum()), first=first)


def keyword_flags(patents: Path) -> pd.DataFrame:
    """Search titles and abstracts of a canonical file for AI keywords, batch by batch.

    Returns
    -------
    DataFrame
        ``patent_id, mask`` (bits of `aigreen.data.patents.flags.flag_names`) of the patents with any.
    """
    rules = facts.table("ai_classification")
    bits = ai_rule_bits(rules)
    parts = [pd.DataFrame({"patent_id": pd.Series([], dtype="str"), "mask": pd.Series([], dtype="int64")})]
    for batch in pq.ParquetFile(patents).iter_batches(BATCH, columns=["patent_id", "title", "abstract"]):
        texts = [pc.fill_null(pc.cast(batch[name], pa.large_string()), "") for name in ("title", "abstract")]
        joined = pc.binary_join_element_wise(*texts, pa.scalar(" . ", pa.large_string()))
        found = pd.DataFrame(
            {"patent_id": batch["patent_id"].to_pandas(), "mask": keyword_masks(joined, rules, bits, None)}
        )
        parts.append(found[found["mask"] != 0].astype({"patent_id": "str"}))
    return pd.concat(parts, ignore_index=True)
