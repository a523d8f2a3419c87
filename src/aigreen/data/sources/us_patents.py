"""Open files on US patents and the listed firms that own them, of any size, by DuckDB.

Kogan, Papanikolaou, Seru and Stoffman (KPSS), extended data: ``KPSS_2024``, ``Match_patent_permco_permno_2024`` and
``Match_patent_cpc_2024``. DISCERN 2: ``discern_pat_grant_1980_2021`` and ``permno_gvkey``. Dyevre and Seager:
``static``, or its parts ``staticTranche1`` to ``staticTranche8``. PatentsView: ``g_patent``, ``g_application``,
``g_cpc_current`` and ``g_assignee_disambiguated``. Each as csv or tsv, plain, gzipped or in a zip archive.

Utility patents only: their number, without leading zeros, is the key ``patent`` of all tables. No real file was at hand
when these adapters were written: the layouts are those of ``raw_schemas``, whose confidence says how each is known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import ibis
import ibis.expr.types as ir
import pandas as pd

from aigreen.data.raw import bulk
from aigreen.data.raw.adapter import DEFAULT, Expected, Options
from aigreen.data.raw.bulk import Loaded
from aigreen.data.raw.flow import Flow, together
from aigreen.data.raw.reading import parts
from aigreen.errors import SourceError

VALUES = Expected("KPSS", ("patent_num", "issue_date", "filing_date", "xi_real", "cites"))
PERMCO = Expected("Match_patent_permco_permno", ("patent_num", "permco"))
CPC = Expected("Match_patent_cpc", ("patent_num", "cpc"))
DISCERN = Expected("discern_pat_grant_1980_2021", ("patent_id", "permno_adj", "fyear"))
GVKEYS = Expected("permno_gvkey", ("permno_adj", "gvkey", "fyear1_adjust", "fyearn_adjust"))
STATIC = Expected("static", ("patent_id", "gvkeyUO"))
TRANCHES = Expected("staticTranche", ("patent_id", "gvkeyUO"))
PATENT = Expected("g_patent", ("patent_id", "patent_date"), ("withdrawn",))
APPLICATION = Expected("g_application", ("patent_id", "filing_date"))
CURRENT = Expected("g_cpc_current", ("patent_id", "cpc_group"))
ASSIGNEE = Expected("g_assignee_disambiguated", ("patent_id", "disambig_assignee_organization"))
TABLES = (VALUES, PERMCO, CPC, DISCERN, GVKEYS, STATIC, TRANCHES, PATENT, APPLICATION, CURRENT, ASSIGNEE)

DAYS = ("%m/%d/%Y", "%Y-%m-%d", "%Y%m%d")
FIRST_DAY, LAST_DAY = "1790-01-01", "2100-12-31"
SHAPES = r"^(?:\d{1,2}/\d{1,2}/\d{4}|\d{4}-\d{1,2}-\d{1,2}|\d{8})$"  # where DuckDB's are looser
LONGEST_YEARS = 30  # from filing to grant; PatentsView has days of filing in the wrong century
_UTILITY = r"^0*([1-9]\d{0,8})(?:\.0+)?$"
_OTHER = r"^(?:D|PP|RE|RX|T|H|AI|X)0*\d+$"
_GVKEY = r"^(\d{1,6})([A-Z]?)(?:\.0+)?$"


@ibis.udf.scalar.builtin
def try_strptime(text: str, formats: list[str]) -> datetime:
    """Day in the first of the formats that it fits."""


class Adapted(NamedTuple):
    """A table in the database, with the ledger of what was left out."""

    table: ir.Table
    flow: pd.DataFrame


def kpss_values(backend: ibis.BaseBackend, path: Path | str, options: Options = DEFAULT) -> Adapted:
    """Read the KPSS panel: ``patent, filed, issued, value, cites``.

    ``value`` is ``xi_real`` in millions of 1982 dollars. A day of filing after the grant, or more than 30 years before
    it, is missing. Where rows of a patent differ in value or citations, these are missing.

    Raises
    ------
    SourceError
        Cells that are no patent numbers, days or numbers; a patent with two days of filing or grant.
    """
    raw = bulk.load(backend, path, VALUES, options=options)
    found = raw.table.mutate(
        patent=_utility(raw.table.patent_num),
        **{day: _day(raw.table[day]) for day in ("issue_date", "filing_date")},
        **{name: raw.table[name].try_cast("float64") for name in ("xi_real", "cites")},
    )
    _require(
        backend,
        raw,
        patent_num=(_is_number(raw.table.patent_num), "US patent numbers"),
        issue_date=(_granted(raw.table.issue_date), f"{_DAYS} from {FIRST_DAY} to {LAST_DAY}"),
        filing_date=(_day(raw.table.filing_date).notnull(), _DAYS),
        xi_real=(raw.table.xi_real.try_cast("float64").between(0, 1e7), "numbers from 0 to 1e+07"),
        cites=(_count(raw.table.cites), "whole numbers from 0 to 1e+06"),
    )
    kept = _without(backend, raw.flow, found, _no_utility(found, raw.table.patent_num))
    kept = kept.select("patent", filed=kept.filing_date, issued=kept.issue_date, value=kept.xi_real, cites=kept.cites)
    kept = _distinct(backend, raw.flow, kept, "us_kpss")
    one = kept.group_by("patent").agg(
        filed=kept.filed.min(),
        issued=kept.issued.min(),
        days=kept.filed.nunique() * kept.issued.nunique(),
        value=ibis.ifelse(kept.value.nunique() > 1, ibis.null("float64"), kept.value.min()),
        cites=ibis.ifelse(kept.cites.nunique() > 1, ibis.null("float64"), kept.cites.min()),
        rows=kept.count(),
    )
    one = _stored(backend, "us_kpss_values", one)
    _one_day(backend, one.filter(one.days > 1), raw.where)
    several = int(backend.execute((one.rows > 1).sum()) or 0)
    step = "patents in rows of other value or citations: these are missing"
    raw.flow.count(step, _rows(backend, one), dropped=several)
    return _dated(backend, raw.flow, one.drop("days", "rows"), "us_values")


def kpss_owners(backend: ibis.BaseBackend, path: Path | str, options: Options = DEFAULT) -> Adapted:
    """Read the KPSS match of patents to companies of CRSP: ``patent, firm_id`` (permco).

    Several securities (permno) of a company are one firm; a patent of several companies has several rows.
    """
    raw = bulk.load(backend, path, PERMCO, options=options)
    company = _whole(raw.table.permco)
    _require(
        backend,
        raw,
        patent_num=(_is_number(raw.table.patent_num), "US patent numbers"),
        permco=(company.notnull(), "whole numbers"),
    )
    found = raw.table.mutate(patent=_utility(raw.table.patent_num), firm_id=company.cast("string"))
    steps = _no_utility(found, raw.table.patent_num) | {"no permco": found.firm_id.isnull()}
    return _owned(backend, raw.flow, _without(backend, raw.flow, found, steps), "us_kpss_owners")


def discern_owners(backend: ibis.BaseBackend, path: Path | str, options: Options = DEFAULT) -> Adapted:
    """Read DISCERN 2: ``patent, firm_id`` (gvkey, six digits) by the year of the patent and the years of the link.

    Where the years of two links of an identifier overlap, a patent has both firms.
    """
    raw = bulk.load(backend, path, DISCERN, options=options)
    link = bulk.load(backend, path, GVKEYS, options=options)
    _require(
        backend,
        raw,
        patent_id=(_is_number(raw.table.patent_id), "US patent numbers"),
        permno_adj=(_whole(raw.table.permno_adj).notnull(), "whole numbers"),
        fyear=(_year(raw.table.fyear).notnull(), _YEARS),
    )
    _require(
        backend,
        link,
        permno_adj=(_whole(link.table.permno_adj).notnull(), "whole numbers"),
        gvkey=(_gvkey(link.table.gvkey).notnull(), _GVKEYS),
        fyear1_adjust=(_year(link.table.fyear1_adjust).notnull(), _YEARS),
        fyearn_adjust=(
            _year(link.table.fyearn_adjust) >= _year(link.table.fyear1_adjust).fill_null(0),
            f"{_YEARS}, not before fyear1_adjust",
        ),
    )
    found = raw.table.mutate(
        patent=_utility(raw.table.patent_id), code=_whole(raw.table.permno_adj), at=_year(raw.table.fyear)
    )
    steps = _no_utility(found, raw.table.patent_id)
    steps |= {"no permno_adj": found.code.isnull(), "no fyear": found["at"].isnull()}
    found = _without(backend, raw.flow, found, steps)
    years = link.table.select(
        code=_whole(link.table.permno_adj),
        firm_id=_gvkey(link.table.gvkey),
        first=_year(link.table.fyear1_adjust).fill_null(0),
        last=_year(link.table.fyearn_adjust).fill_null(9999),
    )
    joined = found.left_join(years, (found.code == years.code) & found["at"].between(years.first, years.last))
    matched = _without(backend, raw.flow, joined, {"permno_adj without a gvkey in the year": joined.firm_id.isnull()})
    done = _owned(backend, raw.flow, matched, "us_discern_owners")
    return Adapted(done.table, together(link.flow.to_frame(), done.flow))


def dyevre_seager_owners(backend: ibis.BaseBackend, path: Path | str, options: Options = DEFAULT) -> Adapted:
    """Read Dyevre and Seager: ``patent, firm_id``, the gvkey of the ultimate owner when the application was filed.

    Leading zeros that a spreadsheet lost are put back. Tranches without one between are an error.
    """
    expected = STATIC if bulk.stands(path, STATIC, options) else TRANCHES
    if expected is TRANCHES:
        found = parts(Path(path), TRANCHES.table, root=options.root)
        numbers = [int(re.sub(r"\D", "", part.stem) or 1) for part in found]
        if gaps := sorted(set(range(1, max(numbers))) - set(numbers)):
            raise SourceError(f"{TRANCHES.table}: {max(numbers)} is here, but not {', '.join(map(str, gaps))}")
    raw = bulk.load(backend, path, expected, options=options, several=expected is TRANCHES)
    _require(
        backend,
        raw,
        patent_id=(_is_number(raw.table.patent_id), "US patent numbers"),
        gvkeyUO=(_gvkey(raw.table.gvkeyUO).notnull(), _GVKEYS),
    )
    found = raw.table.mutate(patent=_utility(raw.table.patent_id), firm_id=_gvkey(raw.table.gvkeyUO))
    steps = _no_utility(found, raw.table.patent_id) | {"owner not in Compustat at the time": found.firm_id.isnull()}
    return _owned(backend, raw.flow, _without(backend, raw.flow, found, steps), "us_dyevre_seager_owners")


def patentsview_days(backend: ibis.BaseBackend, path: Path | str, options: Options = DEFAULT) -> Adapted:
    """Read ``g_patent`` and ``g_application``: ``patent, filed, issued``; withdrawn patents are left out.

    Days of filing are cleaned as by `kpss_values`.
    """
    raw = bulk.load(backend, path, PATENT, options=options)
    filed = bulk.load(backend, path, APPLICATION, options=options)
    _require(
        backend,
        raw,
        patent_id=(_is_number(raw.table.patent_id), "US patent numbers"),
        patent_date=(_granted(raw.table.patent_date), f"{_DAYS} from {FIRST_DAY} to {LAST_DAY}"),
        withdrawn=(raw.table.withdrawn.isin(["0", "1"]), "0 or 1"),
    )
    _require(
        backend,
        filed,
        patent_id=(_is_number(filed.table.patent_id), "US patent numbers"),
        filing_date=(_day(filed.table.filing_date).notnull(), _DAYS),
    )
    found = raw.table.mutate(patent=_utility(raw.table.patent_id), issued=_day(raw.table.patent_date))
    steps = _no_utility(found, raw.table.patent_id)
    found = _without(backend, raw.flow, found, steps | {"withdrawn": (found.withdrawn == "1").fill_null(False)})
    found = _distinct(backend, raw.flow, found.select("patent", "issued"), "us_granted")
    dates = filed.table.mutate(patent=_utility(filed.table.patent_id), filed=_day(filed.table.filing_date))
    steps = _no_utility(dates, filed.table.patent_id)
    dates = _without(backend, filed.flow, dates, steps).select("patent", "filed")
    dates = _distinct(backend, filed.flow, dates, "us_filed")
    both = found.left_join(dates, "patent").select("patent", "filed", "issued")
    one = both.group_by("patent").agg(
        filed=both.filed.min(), issued=both.issued.min(), days=both.filed.nunique() * both.issued.nunique()
    )
    one = _stored(backend, "us_patentsview", one)
    _one_day(backend, one.filter(one.days > 1), f"{raw.where}, {filed.where}")
    done = _dated(backend, raw.flow, one.drop("days"), "us_days")
    return Adapted(done.table, together(filed.flow.to_frame(), done.flow))


def kpss_symbols(backend: ibis.BaseBackend, path: Path | str, options: Options = DEFAULT) -> Adapted:
    """Read the KPSS match of patents to CPC symbols: ``patent, text``, the symbol as it is written."""
    return _symbols(backend, bulk.load(backend, path, CPC, options=options), "patent_num", "cpc")


def patentsview_symbols(backend: ibis.BaseBackend, path: Path | str, options: Options = DEFAULT) -> Adapted:
    """Read ``g_cpc_current``: ``patent, text``, the symbol as it is written."""
    return _symbols(backend, bulk.load(backend, path, CURRENT, options=options), "patent_id", "cpc_group")


def patentsview_names(backend: ibis.BaseBackend, path: Path | str, options: Options = DEFAULT) -> Adapted:
    """Read ``g_assignee_disambiguated``: ``patent, name`` of organisations; persons have none and are left out."""
    raw = bulk.load(backend, path, ASSIGNEE, options=options)
    _require(backend, raw, patent_id=(_is_number(raw.table.patent_id), "US patent numbers"))
    name = raw.table.disambig_assignee_organization
    found = raw.table.mutate(patent=_utility(raw.table.patent_id), name=name)
    steps = _no_utility(found, raw.table.patent_id) | {"no organisation": found.name.isnull()}
    kept = _without(backend, raw.flow, found, steps).select("patent", "name")
    return Adapted(_distinct(backend, raw.flow, kept, "us_names"), raw.flow.to_frame())


_DAYS = f"days ({', '.join(DAYS)})"
_YEARS = "years from 1900 to 2100"
_GVKEYS = "gvkeys of at most six digits and a letter"


def _is_number(text: ir.StringValue) -> ir.BooleanValue:
    return text.upper().re_search(_UTILITY) | text.upper().re_search(_OTHER)


def _utility(text: ir.StringValue) -> ir.IntegerValue:
    return text.re_extract(_UTILITY, 1).nullif("").cast("int64")


def _day(text: ir.StringValue) -> ir.DateValue:
    return try_strptime(text.re_search(SHAPES).ifelse(text, ibis.null("string")), ibis.array(list(DAYS))).cast("date")


def _granted(text: ir.StringValue) -> ir.BooleanValue:
    return _day(text).between(ibis.date(FIRST_DAY), ibis.date(LAST_DAY))


def _count(text: ir.StringValue) -> ir.BooleanValue:
    number = text.try_cast("float64")
    return number.between(0, 1e6) & (number % 1 == 0)


def _whole(text: ir.StringValue) -> ir.IntegerValue:
    return text.re_extract(_UTILITY, 1).nullif("").cast("int64")


def _year(text: ir.StringValue) -> ir.IntegerValue:
    year = _whole(text)
    return ibis.ifelse(year.between(1900, 2100), year, ibis.null("int64"))


def _gvkey(text: ir.StringValue) -> ir.StringValue:
    digits = text.upper().re_extract(_GVKEY, 1).nullif("")
    return digits.lpad(6, "0") + text.upper().re_extract(_GVKEY, 2)


def _require(backend: ibis.BaseBackend, raw: Loaded, **rules: tuple[ir.BooleanValue, str]) -> None:
    """Raise a `SourceError` for the first column with cells that break its rule; blank cells pass."""
    bad = {name: raw.table[name].notnull() & ~holds.fill_null(False) for name, (holds, _) in rules.items()}
    counts = backend.to_pandas(raw.table.aggregate(**{name: cells.sum() for name, cells in bad.items()})).iloc[0]
    for name, (_, what) in rules.items():
        if counts[name] > 0:
            cells = raw.table.filter(bad[name]).select(name).distinct().order_by(name).limit(bulk.SHOWN)
            first = ", ".join(map(repr, backend.to_pandas(cells)[name]))
            raise SourceError(f"{raw.where}: column {name}: {int(counts[name])} cells are not {what}; first: {first}")


def _no_utility(table: ir.Table, text: ir.StringValue) -> dict[str, ir.BooleanValue]:
    return {
        "no patent number": table[text.get_name()].isnull(),
        "designs, plants, reissues and others: not utility patents": table.patent.isnull(),
    }


def _without(backend: ibis.BaseBackend, flow: Flow, table: ir.Table, steps: Mapping[str, ir.BooleanValue]) -> ir.Table:
    """Leave out rows step by step, and count each by the first step that takes it."""
    cases = [(condition, ibis.literal(at)) for at, condition in enumerate(steps.values())]
    marked = table.select(step=ibis.cases(*cases, else_=len(steps)))
    counted = backend.to_pandas(marked.group_by("step").agg(n=marked.count())).set_index("step")["n"]
    left = int(counted.sum())
    kept = table
    for at, (step, condition) in enumerate(steps.items()):
        lost = int(counted.get(at, 0))
        left -= lost
        flow.count(step, left, dropped=lost)
        kept = kept.filter(~condition)
    return kept


def _rows(backend: ibis.BaseBackend, table: ir.Table) -> int:
    return int(backend.execute(table.count()))


def _stored(backend: ibis.BaseBackend, name: str, table: ir.Table) -> ir.Table:
    return backend.create_table(name, table, temp=True, overwrite=True)


def _distinct(backend: ibis.BaseBackend, flow: Flow, table: ir.Table, name: str) -> ir.Table:
    kept = _stored(backend, name, table.distinct())
    left = _rows(backend, kept)
    flow.count("rows given twice", left, dropped=_rows(backend, table) - left)
    return kept


def _owned(backend: ibis.BaseBackend, flow: Flow, table: ir.Table, name: str) -> Adapted:
    kept = _distinct(backend, flow, table.select("patent", "firm_id"), name)
    by_patent = kept.group_by("patent").agg(n=kept.count())
    several = int(backend.execute((by_patent.n > 1).sum()) or 0)
    flow.count("patents of several firms: each has them", _rows(backend, kept), 0, several)
    return Adapted(kept, flow.to_frame())


def _symbols(backend: ibis.BaseBackend, raw: Loaded, number: str, symbol: str) -> Adapted:
    _require(backend, raw, **{number: (_is_number(raw.table[number]), "US patent numbers")})
    found = raw.table.mutate(patent=_utility(raw.table[number]), text=raw.table[symbol])
    steps = _no_utility(found, raw.table[number]) | {f"no symbol in {symbol}": found.text.isnull()}
    kept = _without(backend, raw.flow, found, steps).select("patent", "text")
    return Adapted(_distinct(backend, raw.flow, kept, "us_symbols"), raw.flow.to_frame())


def _one_day(backend: ibis.BaseBackend, twice: ir.Table, where: str) -> None:
    count = _rows(backend, twice)
    if count:
        first = backend.to_pandas(twice.select("patent").order_by("patent").limit(bulk.SHOWN))["patent"]
        raise SourceError(
            f"{where}: {count} patents have several days of filing or grant; first: {', '.join(map(str, first))}"
        )


def _dated(backend: ibis.BaseBackend, flow: Flow, table: ir.Table, name: str) -> Adapted:
    """Take days of filing after the grant, or too long before it, for missing; without it, the last or first of all."""
    ends = backend.to_pandas(table.aggregate(first=table.issued.min(), last=table.issued.max())).iloc[0]
    first, last = (ibis.date(day) for day in ends.fillna(pd.Series({"first": FIRST_DAY, "last": LAST_DAY})))
    earliest = table.issued.coalesce(first).year() - LONGEST_YEARS
    odd = ((table.filed > table.issued.coalesce(last)) | (table.filed.year() < earliest)).fill_null(False)
    lost = int(backend.execute(odd.sum()) or 0)
    done = _stored(backend, name, table.mutate(filed=ibis.ifelse(odd, ibis.null("date"), table.filed)))
    flow.count(
        f"days of filing after the grant or {LONGEST_YEARS} years before: missing", _rows(backend, done), dropped=lost
    )
    return Adapted(done, flow.to_frame())
