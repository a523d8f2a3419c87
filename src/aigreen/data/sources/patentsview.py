"""PatentsView bulk tables: CPC symbols of US patents (``g_cpc_current``), with days and titles from ``g_patent``."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from aigreen.data.canonical import SEPARATOR
from aigreen.data.patents.symbols import canonical_cells
from aigreen.data.raw import values
from aigreen.data.raw.adapter import DEFAULT, Options, open_table
from aigreen.data.raw.checks import Field, numbers
from aigreen.data.raw.flow import Read, together
from aigreen.data.sources.patent_tables import patents

CPC_TABLE, PATENT_TABLE = "g_cpc_current", "g_patent"


def cpc_symbols(path: Path | str, options: Options = DEFAULT, *, patent_file: Path | str | None = None) -> Read:
    """Read ``g_cpc_current``: canonical ``patents`` of the US office with their CPC symbols in sequence.

    Parameters
    ----------
    path : path
        File, or folder with the parts.
    options : Options
        How to read.
    patent_file : path, optional
        ``g_patent``, for the day of grant (``patent_date``) and the title; without it these are missing. The bulk
        tables give the day of filing elsewhere, so it is missing here.
    """
    required = ["patent_id", "cpc_sequence", "cpc_group"]
    frame, flow, where = open_table(path, CPC_TABLE, required, options=options, unit="patent_id")
    frame["patent_id"] = values.clean(frame["patent_id"]).str.upper()
    frame = flow.keep(frame, frame["patent_id"].notna(), "no patent number")
    frame = flow.without_repeats(frame)
    order = numbers(frame, Field("cpc_sequence", "sequence", "order", 0, 1e6, whole=True), where)
    symbol = canonical_cells(frame["cpc_group"], flow, "cpc_group")
    rows = pd.DataFrame({"patent_id": "US" + frame["patent_id"], "at": order, "symbol": symbol}).dropna()
    rows = rows.sort_values(["patent_id", "at"]).drop_duplicates(["patent_id", "symbol"])
    tidy = rows.groupby("patent_id")["symbol"].agg(SEPARATOR.join).rename("cpc").reset_index()
    flow.note("symbols of a patent together", tidy, len(frame) - len(tidy))
    tidy["office"] = "US"
    number = tidy["patent_id"].str[2:]
    design, utility = number.str.startswith("D"), number.str.fullmatch(r"\d+|RE\d+")
    tidy["patent_type"] = (
        pd.Series(pd.NA, index=tidy.index, dtype="str").mask(design, "design").mask(utility, "invention")
    )
    if patent_file is None:
        return patents(tidy, flow)
    whole, other, there = open_table(patent_file, PATENT_TABLE, ["patent_id", "patent_date"], ["patent_title"],
                                     options=options, unit="patent_id")  # fmt: skip
    grants = pd.DataFrame({"patent_id": "US" + values.clean(whole["patent_id"]).str.upper()})
    grants["grant_date"] = values.dates(whole["patent_date"], there)
    grants["publication_date"] = grants["grant_date"]
    if "patent_title" in whole:
        grants["title"] = values.clean(whole["patent_title"])
    unmatched = ~tidy["patent_id"].isin(grants["patent_id"])
    tidy = tidy.merge(grants.drop_duplicates("patent_id"), on="patent_id", how="left")
    flow.note("not in g_patent", tidy, int(unmatched.sum()), list(tidy.loc[unmatched.to_numpy(), "patent_id"][:5]))
    done = patents(tidy, flow)
    return Read(done.table, together(other.to_frame(), done.flow))
