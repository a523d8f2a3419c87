"""Public firm panel of Cui, Zhang and Zheng (2018, AEA Papers and Proceedings 108): carbon pilots and patents.

Firms are numbered anonymously, so this is not a canonical ``firm_years`` table; amounts, ratios and counts are logs
as published.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from aigreen.data.raw import values
from aigreen.data.raw.adapter import DEFAULT, Options, measured, one_row, open_table
from aigreen.data.raw.checks import Field
from aigreen.data.raw.flow import Read

TABLE = "cui2018"
TEXT = {"Nnindcd": "industry_code", "Nindnme": "industry_name", "province": "province"}
FIELDS = (
    Field("id", "firm", "number", 1, 1e6, whole=True),
    Field("year", "year", "calendar year", 2003, 2015, whole=True),
    *(
        Field(raw, name, unit, low, high, may_miss=True)
        for raw, name, unit, low, high in (
            ("t_Revenue", "revenue_log", "log yuan", 0, 40),
            ("t_Assets", "assets_log", "log yuan", 0, 40),
            ("t_CurrentLiability", "current_liabilities_log", "log yuan", 0, 40),
            ("t_ROA", "roa_log", "log", -20, 5),
            ("t_EBIT", "ebit_log", "log yuan", 0, 40),
            ("price", "carbon_price", "yuan a tonne", 0, 1e3),
            ("turnover", "carbon_turnover", "share", 0, 1),
            ("logenvrAEW", "low_carbon_patents_log", "log(1 + patents)", 0, 20),
            ("logenvrAE", "low_carbon_patents_narrow_log", "log(1 + patents)", 0, 20),
            ("logNon_envrAEW", "other_patents_log", "log(1 + patents)", 0, 20),
            ("logNon_envrAE", "other_patents_narrow_log", "log(1 + patents)", 0, 20),
            ("envrAEW_ratio", "low_carbon_share", "share of patents", 0, 1),
        )
    ),
    Field("region", "ets_region", "0/1", 0, 1, whole=True),
    Field("Ind", "ets_industry", "0/1", 0, 1, whole=True),
    Field("post", "post", "0/1", 0, 1, whole=True),
)
CONTROLS = ("revenue_log", "assets_log", "current_liabilities_log", "roa_log", "ebit_log")


def firm_panel(path: Path | str, options: Options = DEFAULT) -> Read:
    """Read ``AEA_P&P_table.dta``: 1,956 firms, 2003-2015.

    Empty industry names (1,427 rows) are missing values. A row without a year (113, each the only row of its firm)
    cannot be placed and is left out and counted.

    Returns
    -------
    Read
        ``firm``, ``year``, the names of `TEXT` and `FIELDS`, sorted by firm and year. The rows with all `CONTROLS` and
        an industry name are the 14,378 of the published Table 1.
    """
    columns = [*(field.raw for field in FIELDS), *TEXT]
    frame, flow, where = open_table(path, TABLE, columns, options=options, unit="firm")
    empty = values.clean(frame["Nindnme"]).isna()
    flow.note("industry names empty, missing", frame, int(empty.sum()))
    frame = flow.keep(frame, frame["year"].notna(), "no year", show="id")
    tidy = measured(frame, FIELDS, where).astype({"firm": "int64", "year": "int64"})
    tidy = tidy.join(pd.DataFrame({name: values.clean(frame[raw]) for raw, name in TEXT.items()}))
    tidy = one_row(tidy, ["firm", "year"], flow, where)
    return Read(tidy.sort_values(["firm", "year"], ignore_index=True), flow.to_frame())
