"""Patent records to firm-year counts, as one Ibis expression that DuckDB, Spark and BigQuery can run.

Counted are applications by year of filing. A firm counts an application once (full count), however many of its names
stand on it; the fractional count gives each applicant the same part. Nothing is read into Python but the distinct
symbols (`distinct_symbols`), which `aigreen.data.patents.flags` classifies, and the result.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from aigreen.data.patents.flags import bit
from aigreen.data.patents.measures import PARTS, Measure, measures
from aigreen.data.schemas import SEPARATOR


@ibis.udf.agg.builtin
def bit_or(mask: int) -> int:
    """Union of bit masks."""


def distinct_symbols(patents: ir.Table, scheme: str) -> ir.Table:
    """Give the distinct symbols of a column of lists (``ipc`` or ``cpc``), sorted."""
    return _symbols(patents, scheme).select("symbol").distinct().order_by("symbol")


def owners(applicants: ir.Table, matches: ir.Table, patents: ir.Table) -> ir.Table:
    """Find the firms that own each application.

    Parameters
    ----------
    applicants : Table
        Canonical ``patent_applicants``.
    matches : Table
        ``name, firm_id, year``: each matched name and year of filing once; a missing year stands for all.
    patents : Table
        Canonical ``patents``, for the year of filing.

    Returns
    -------
    Table
        ``patent_id, firm_id, part, joint``: the firm's part of the applicants in `PARTS` of one, and whether an
        applicant outside the firm stands on the application.
    """
    known = matches.filter(matches.year.isnull())
    mine = applicants.inner_join(known, "name").select("patent_id", "position", "firm_id")
    filed = patents.select("patent_id", filed=patents.filing_date.year().cast("int64"))
    dated = matches.filter(matches.year.notnull())
    held = applicants.semi_join(dated, "name").inner_join(filed, "patent_id")
    # Distinct as it is: without it DuckDB may join matches to all applications by year alone, before names.
    held = held.select("patent_id", "position", "name", year=held.filed).distinct()
    mine = ibis.union(mine, held.inner_join(dated, ["name", "year"]).select("patent_id", "position", "firm_id"))
    # Each applicant of the firm beside each of all: positions tell them apart, so one join gives both counts.
    pairs = mine.inner_join(applicants.select("patent_id", beside="position"), "patent_id")
    both = pairs.group_by("patent_id", "firm_id").agg(
        own=pairs.count(where=pairs.position == pairs.beside), pairs=pairs.count()
    )
    # Integer division leaves less than 1 in 700,000 of a patent where there are more than 16 applicants.
    return both.select(
        "patent_id",
        "firm_id",
        part=((both.own * both.own * PARTS) // both.pairs).cast("int64"),
        joint=both.own * both.own < both.pairs,
    )


def applications(patents: ir.Table, owned: ir.Table, *, office: str = "CN") -> ir.Table:
    """Give the applications of firms at an office, those with a day of filing: one row a firm and application.

    Parameters
    ----------
    patents : Table
        Canonical ``patents``, of all offices.
    owned : Table
        As `owners` gives it.
    office : str
        Office whose applications are counted, so that a family counts once.

    Returns
    -------
    Table
        Columns of ``owned``; ``patent_type, family_id, ipc, cpc``; ``year`` of filing; ``granted``.
    """
    dated = patents.filter((patents.office == office) & patents.filing_date.notnull())
    here = dated.select(
        "patent_id",
        "patent_type",
        "family_id",
        "ipc",
        "cpc",
        year=dated.filing_date.year().cast("int64"),
        granted=dated.grant_date.notnull(),
    )
    return here.inner_join(owned, "patent_id")


def classes(patents: ir.Table, ipc: ir.Table, cpc: ir.Table) -> ir.Table:
    """Classify applications by their symbols: ``patent_id, mask, mechanism``; those of no class are left out.

    Parameters
    ----------
    patents : Table
        Canonical ``patents``, or `applications`.
    ipc, cpc : Table
        As `aigreen.data.patents.flags.symbol_flags` gives them for the distinct symbols of each column.
    """
    hits = ibis.union(
        _symbols(patents, "ipc").inner_join(ipc, "symbol").select("patent_id", "mask", "mechanism"),
        _symbols(patents, "cpc").inner_join(cpc, "symbol").select("patent_id", "mask", "mechanism"),
    )
    return hits.group_by("patent_id").agg(mask=bit_or(hits.mask), mechanism=hits.mechanism.min())


def firm_year_counts(
    patents: ir.Table,
    filed: ir.Table,
    ipc: ir.Table,
    cpc: ir.Table,
    *,
    keywords: ir.Table | None = None,
    citations: ir.Table | None = None,
    window: int = 5,
    families: bool = False,
) -> ir.Table:
    """Count the applications of firms by year of filing.

    Parameters
    ----------
    patents : Table
        Canonical ``patents``, of all offices.
    filed : Table
        As `applications` gives it; read several times, so best stored.
    ipc, cpc : Table
        Classes of the distinct symbols (`aigreen.data.patents.flags.symbol_flags`).
    keywords : Table, optional
        ``patent_id, mask``: bits from titles and abstracts, added to those of the symbols.
    citations : Table, optional
        Canonical ``citations``; citing applications count where they were filed at most ``window`` calendar years
        after the cited one.
    window : int
        Years.
    families : bool
        Count applications whose simple family holds one at another office.

    Returns
    -------
    Table
        ``firm_id, year`` and `measures`; firm-years without an application are absent.
    """
    found = classes(filed, ipc, cpc)
    if keywords is not None:
        both = ibis.union(found, keywords.semi_join(filed, "patent_id").mutate(mechanism=ibis.null("int64")))
        found = both.group_by("patent_id").agg(mask=bit_or(both.mask), mechanism=both.mechanism.min())
    rows = filed.drop("ipc", "cpc").left_join(found, "patent_id")
    rows = rows.drop("patent_id_right").mutate(mask=rows.mask.fill_null(0))
    if citations is not None:
        cited = _cited(citations, patents, filed, window)
        rows = rows.left_join(cited, rows.patent_id == cited.cited_id).drop("cited_id")
        rows = rows.mutate(cited=rows.cited.fill_null(0))
    if families:
        abroad = _several_offices(patents)
        rows = rows.left_join(abroad, "family_id").drop("family_id_right")
        rows = rows.mutate(international=rows.international.fill_null(False))
    rows = rows.mutate(**_conditions(rows))
    sums = {m.name: _sum(m, rows) for m in measures(citations=citations is not None, families=families)}
    return rows.group_by("firm_id", "year").agg(**sums)


def coverage(patents: ir.Table, filed: ir.Table, *, office: str = "CN") -> ir.Table:
    """Count applications that `applications` leaves out, by reason, in one row."""
    here = patents.office == office
    dated = here & patents.filing_date.notnull()
    whole = patents.agg(
        applications=patents.count(),
        of_office=patents.count(where=here),
        dated=patents.count(where=dated),
        symbols=patents.count(where=dated & patents.ipc.notnull()),
    )
    # An application of one firm alone is one row.
    mine = filed.agg(alone=filed.count(where=~filed.joint), shared=filed.patent_id.nunique(where=filed.joint))
    return whole.cross_join(mine.select(owned=mine.alone + mine.shared))


def _symbols(patents: ir.Table, column: str) -> ir.Table:
    listed = patents.filter(patents[column].notnull())
    return listed.select("patent_id", symbol=listed[column].split(SEPARATOR).unnest())


def _cited(citations: ir.Table, patents: ir.Table, filed: ir.Table, window: int) -> ir.Table:
    known = citations.filter(citations.cited_id.notnull()).select("cited_id", citing="patent_id")
    cited = known.inner_join(filed.select(cited_id="patent_id", year="year").distinct(), "cited_id")
    later = patents.select(citing="patent_id", later=patents.filing_date.year().cast("int64"))
    pairs = cited.inner_join(later, "citing")
    lag = pairs.later - pairs.year
    return pairs.filter((lag >= 0) & (lag <= window)).group_by("cited_id").agg(cited=lambda t: t.count())


def _several_offices(patents: ir.Table) -> ir.Table:
    known = patents.filter(patents.family_id.notnull())
    offices = known.group_by("family_id").agg(first=known.office.min(), last=known.office.max())
    return offices.filter(offices["first"] != offices["last"]).select("family_id", international=ibis.literal(True))


def _conditions(rows: ir.Table) -> dict[str, ir.Value]:
    def flag(name: str) -> ir.Value:
        return (rows.mask & bit(name)) != 0

    named = {name: flag(name) for name in ("green", "green_any_edition", "green_strict", "y02", "ai", "ai_core")}
    return named | {
        "invention": rows.patent_type.fill_null("") == "invention",
        "utility": rows.patent_type.fill_null("") == "utility_model",
    }


def _sum(measure: Measure, rows: ir.Table) -> ir.Value:
    value = measure.value(rows)
    total = rows.count(where=value) if value.type().is_boolean() else value.sum().cast("int64")
    return total if measure.parts == 1 else total / measure.parts
