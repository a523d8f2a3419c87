r"""How much of the last years' filings the data can hold: publication and grant come with a lag.

With F the distribution of the lag among filings old enough to have come out, the share of a year's filings that is out
when the data end is the mean over its months of F(end - month).
"""

from __future__ import annotations

import ibis.expr.types as ir
import numpy as np
import pandas as pd

EVENTS = ("publication_date", "grant_date")
SETTLED_MONTHS = 60
WINDOW_MONTHS = 60
COMPLETE = 0.95


def lag_counts(patents: ir.Table, event: str, *, office: str = "CN") -> ir.Table:
    """Count applications by month of filing and months until ``event`` (``publication_date`` or ``grant_date``).

    Returns
    -------
    Table
        ``filed`` (months since year 0), ``lag`` (months), ``n``.
    """
    dated = patents.filter((patents.office == office) & patents.filing_date.notnull() & patents[event].notnull())
    filed, out = _month(dated.filing_date), _month(dated[event])
    return dated.select(filed=filed, lag=out - filed).group_by("filed", "lag").agg(n=lambda t: t.count())


def visible_shares(published: pd.DataFrame, granted: pd.DataFrame) -> pd.DataFrame:
    """Give the share of each year's filings that is out when the data end.

    The lag is learnt from the `WINDOW_MONTHS` of filings before the last `SETTLED_MONTHS` (from the earliest filings
    where the data are shorter). The data end in the last month with a publication or grant.

    Parameters
    ----------
    published, granted : DataFrame
        `lag_counts` of the two events.

    Returns
    -------
    DataFrame
        Index ``year`` (all years of filing in ``published``); ``published_share``; ``granted_share`` (of those that
        will be granted); ``truncated``: 1 where less than `COMPLETE` is published. Missing where there are no lags.
    """
    ends = [int((table["filed"] + table["lag"]).max()) for table in (published, granted) if len(table)]
    years = pd.RangeIndex(0, name="year")
    if len(published):
        years = pd.RangeIndex(published["filed"].min() // 12, published["filed"].max() // 12 + 1, name="year")
    end = max(ends, default=0)
    shares = pd.DataFrame(
        {
            "published_share": _shares(published, years, end),
            "granted_share": _shares(granted, years, end),
        },
        index=years,
    )
    truncated = (shares["published_share"] < COMPLETE).astype("Int64").where(shares["published_share"].notna())
    return shares.assign(truncated=truncated)


def _shares(table: pd.DataFrame, years: pd.RangeIndex, end: int) -> np.ndarray:
    if not len(table):
        return np.full(len(years), np.nan)
    age = end - table["filed"]
    settled = table[(age >= SETTLED_MONTHS) & (age < SETTLED_MONTHS + WINDOW_MONTHS)]
    if settled.empty:
        settled = table[table["filed"] == table["filed"].min()]
    counted = settled.groupby("lag")["n"].sum()
    known = counted.cumsum() / counted.sum()
    months = years.to_numpy()[:, None] * 12 + np.arange(12)
    place = np.searchsorted(known.index.to_numpy(), end - months, side="right")
    return np.concatenate([[0.0], known.to_numpy()])[place].mean(axis=1)


def _month(day: ir.Value) -> ir.Value:
    return (day.year() * 12 + day.month() - 1).cast("int64")
