"""Firm-year counts of US patents by year of filing, from tables that `aigreen.data.sources.us_patents` made.

All sums are of whole numbers, so that they do not depend on the order of rows or on the number of threads.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from aigreen.data import facts
from aigreen.data.patents import truncation
from aigreen.data.patents.counts import bit_or
from aigreen.data.patents.flags import bit, symbol_flags
from aigreen.data.patents.rules import Rules, symbol_keys
from aigreen.data.patents.symbols import split_symbols
from aigreen.data.raw.flow import Flow
from aigreen.errors import EmptyDataError

CLEAN, FOSSIL = 1 << 60, 1 << 61
VALUE_PARTS = 1_000_000  # values are added up in dollars
SUBCLASS = 4  # characters
TAGS = "Y"  # section of cross-sectional tags, which say nothing of a firm's field


class Counted(NamedTuple):
    """What is made of patent records.

    Parameters
    ----------
    firm_years : DataFrame
        ``firm_id, year`` and the counts of `MEASURES`.
    profiles : DataFrame
        ``firm_id, subclass, patents``: patents filed in the base years by CPC subclass, each once a subclass.
    names : DataFrame
        ``firm_id, name``: the assignee that stands on most of a firm's patents; empty where there are no names.
    visible : DataFrame
        ``year, granted_share``: of the patents filed in a year that will be granted, those that are.
    flow : DataFrame
        Ledger.
    """

    firm_years: pd.DataFrame
    profiles: pd.DataFrame
    names: pd.DataFrame
    visible: pd.DataFrame
    flow: pd.DataFrame


def count(
    backend: ibis.BaseBackend,
    owners: ir.Table,
    days: list[ir.Table],
    symbols: ir.Table,
    *,
    base: tuple[int, int],
    values: ir.Table | None = None,
    names: ir.Table | None = None,
) -> Counted:
    """Count the patents of firms.

    Parameters
    ----------
    backend : Backend
        DuckDB that holds the tables.
    owners : Table
        ``patent, firm_id``.
    days : list of Table
        ``patent, filed, issued``; the first that has a day gives it.
    symbols : Table
        ``patent, text``.
    base : (int, int)
        First and last year of filing of the profiles.
    values : Table, optional
        ``patent, value, cites``.
    names : Table, optional
        ``patent, name``.

    Raises
    ------
    EmptyDataError
        No patent has a firm and a day of filing.
    """
    flow = Flow("patents of firms")
    coded = symbol_codes(backend, symbols, flow)
    dated = backend.create_table("us_dated", _dated(owners, days), temp=True, overwrite=True)
    hits = symbols.semi_join(dated, "patent").inner_join(coded, "text").select("patent", "mask", "subclass")
    hits = backend.create_table("us_hits", hits, temp=True, overwrite=True)
    flags = hits.group_by("patent").agg(mask=bit_or(hits.mask))
    whole, undated, without = _gaps(backend, dated, flags)
    if undated == whole:
        raise EmptyDataError(f"of {whole:,} patents of firms, none has a day of filing")
    flow.count(f"of {whole:,} patents: without a day of filing", whole - undated, dropped=undated)
    flow.count("without CPC symbols (kept, of no class)", whole - undated, dropped=without)
    return Counted(
        backend.to_pandas(_firm_years(dated, flags, values).order_by("firm_id", "year")).astype({"firm_id": "str"}),
        backend.to_pandas(_profiles(dated, hits, base)).astype({"firm_id": "str", "subclass": "str"}),
        _names(backend, dated, names),
        _visible(backend, dated),
        flow.to_frame(),
    )


def symbol_codes(backend: ibis.BaseBackend, symbols: ir.Table, flow: Flow) -> ir.Table:
    """Classify the distinct texts of a column of symbols: ``text, subclass, mask``, one row a symbol."""
    texts = backend.to_pandas(symbols.select("text").distinct().order_by("text"))["text"].astype("str")
    found = split_symbols(texts)
    lost = found.unparsed
    flow.count("pieces that are no symbol", len(texts), 0, int(lost["count"].sum()), list(lost["text"][:5]))
    known = found.pairs["symbol"].cat.categories
    masks = pd.Series(symbol_masks(known), index=known)
    symbol = found.pairs["symbol"].astype("str").to_numpy()
    coded = pd.DataFrame({"text": texts.iloc[found.pairs["row"]].to_numpy(), "subclass": symbol})
    coded["subclass"], coded["mask"] = coded["subclass"].str[:SUBCLASS], masks.reindex(symbol).to_numpy(dtype=np.int64)
    schema = {"text": "string", "subclass": "string", "mask": "int64"}
    return backend.create_table("us_codes", ibis.memtable(coded, schema=schema), temp=True, overwrite=True)


def symbol_masks(symbols: pd.Index) -> np.ndarray:
    """Give the classes of canonical CPC symbols: the bits of `aigreen.data.patents.flags`, `CLEAN` and `FOSSIL`."""
    flagged = symbol_flags(symbols, "cpc").set_index("symbol")["mask"]
    keys, rules = symbol_keys(symbols), _rules()
    sides = rules.table["side"].to_numpy()
    bits = np.where(sides == "clean", CLEAN, FOSSIL).astype(np.int64)
    return flagged.reindex(symbols, fill_value=0).to_numpy(dtype=np.int64) | rules.mask(keys, bits)


@cache
def _rules() -> Rules:
    return Rules(facts.table("clean_fossil_cpc"))


def _dated(owners: ir.Table, days: list[ir.Table]) -> ir.Table:
    """Add the days of filing and grant to the patents of firms."""
    found = owners
    for at, table in enumerate(days):
        mine = table.select("patent", **{f"filed_{at}": table.filed, f"issued_{at}": table.issued})
        found = found.left_join(mine, "patent").drop("patent_right")
    filed = ibis.coalesce(*(found[f"filed_{at}"] for at in range(len(days))))
    issued = ibis.coalesce(*(found[f"issued_{at}"] for at in range(len(days))))
    return found.select("patent", "firm_id", filing_date=filed, grant_date=issued, year=filed.year().cast("int64"))


def _gaps(backend: ibis.BaseBackend, dated: ir.Table, flags: ir.Table) -> tuple[int, int, int]:
    """Patents of firms, those without a day of filing, and those with one but without a symbol."""
    one = dated.group_by("patent").agg(year=dated.year.min())
    known = one.filter(one.year.notnull())
    rows = backend.to_pandas(one.aggregate(whole=one.count(), undated=one.year.isnull().sum().fill_null(0))).iloc[0]
    return int(rows["whole"]), int(rows["undated"]), int(backend.execute(known.anti_join(flags, "patent").count()))


def _firm_years(dated: ir.Table, flags: ir.Table, values: ir.Table | None) -> ir.Table:
    found = dated.filter(dated.year.notnull()).left_join(flags, "patent").drop("patent_right")
    if values is not None:
        found = found.left_join(values.select("patent", "value", "cites"), "patent").drop("patent_right")
    mask = found["mask"].fill_null(0)
    climate, ai = _has(mask, bit("y02")), _has(mask, bit("ai"))
    green = climate & ~ai
    measures = {
        "patents": found.count(),
        "green_patents": green.sum(),
        "green_all": climate.sum(),
        "ai_patents": ai.sum(),
        "ai_core_patents": _has(mask, bit("ai_core")).sum(),
        "ai_green_patents": (climate & ai).sum(),
        "other_patents": (~climate & ~ai).sum(),
        "clean_patents": _has(mask, CLEAN).sum(),
        "fossil_patents": _has(mask, FOSSIL).sum(),
    }
    if values is not None:
        worth = (found.value * VALUE_PARTS).round().cast("int64")
        measures |= {
            "green_cited": found.cites.count(where=green),
            "green_cites": found.cites.cast("int64").sum(where=green),
            "green_valued": found.value.count(where=green),
            "green_value": worth.sum(where=green),
        }
    counted = found.group_by("firm_id", "year").agg(**measures)
    return counted.mutate(**{name: counted[name].fill_null(0).cast("int64") for name in measures})


def _has(mask: ir.IntegerValue, value: int) -> ir.BooleanValue:
    return (mask & ibis.literal(value, "int64")) != 0


def _profiles(dated: ir.Table, hits: ir.Table, base: tuple[int, int]) -> ir.Table:
    mine = dated.filter(dated.year.between(*base)).select("patent", "firm_id")
    fields = hits.filter(~hits.subclass.startswith(TAGS) & (hits.subclass.length() == SUBCLASS))
    pairs = mine.inner_join(fields.select("patent", "subclass").distinct(), "patent")
    counted = pairs.group_by("firm_id", "subclass").agg(patents=pairs.count())
    return counted.order_by("firm_id", "subclass")


def _names(backend: ibis.BaseBackend, dated: ir.Table, names: ir.Table | None) -> pd.DataFrame:
    if names is None:
        return pd.DataFrame({"firm_id": pd.Series([], dtype="str"), "name": pd.Series([], dtype="str")})
    pairs = dated.select("patent", "firm_id").inner_join(names, "patent")
    counted = backend.to_pandas(pairs.group_by("firm_id", "name").agg(n=pairs.count()))
    first = counted.sort_values(["firm_id", "n", "name"], ascending=[True, False, True]).drop_duplicates("firm_id")
    return first[["firm_id", "name"]].astype("str").reset_index(drop=True)


def _visible(backend: ibis.BaseBackend, dated: ir.Table) -> pd.DataFrame:
    events = dated.mutate(office=ibis.literal("US")).select("patent", "office", "filing_date", "grant_date").distinct()
    lags = backend.to_pandas(truncation.lag_counts(events, "grant_date", office="US"))
    shares = truncation.visible_shares(lags, lags).reset_index()
    return shares[["year", "granted_share"]]
