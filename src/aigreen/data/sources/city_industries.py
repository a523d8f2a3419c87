"""Public counts of AI patents by city, industry and year (fraware/ai_diffusion_state)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from aigreen.data.raw import values
from aigreen.data.raw.adapter import DEFAULT, Expected, Options, measured, one_row, open_table, years
from aigreen.data.raw.checks import Field
from aigreen.data.raw.flow import Read

PATENTS = Expected(
    "city_industry_patents", ("city", "province", "industry", "industry_code", "year", "industrial_ai_patents")
)
KEY = ["city", "industry_code", "year"]
TWO_CODES = {"electronics": "C39"}  # codes that are the name of an industry with a code of its own


def city_industry_patents(path: Path | str, options: Options = DEFAULT) -> Read:
    """Read AI patents by city, industry and year (``industrial_ai_patents_city_industry_year.csv``).

    The file has the cells with a patent only, and ``ai_patents`` again as ``industrial_ai_patents``. Cells coded by
    the name of their industry are added to those under its code.

    Returns
    -------
    Read
        ``city``, ``province`` (English names), ``industry``, ``industry_code``, ``year`` and ``ai_patents``, sorted by
        `KEY`.

    Raises
    ------
    SourceError
        Missing columns, counts that are no whole numbers, or a cell twice.
    """
    frame, flow, where = open_table(path, *PATENTS, options=options, unit="city")
    tidy = pd.DataFrame({name: values.clean(frame[name]) for name in PATENTS.required[:4]})
    tidy = tidy.assign(year=years(frame, "year", where))
    tidy = tidy.join(measured(frame, [Field(PATENTS.required[5], "ai_patents", "patents", 1, 1e6, whole=True)], where))
    tidy = one_row(tidy, KEY, flow, where)
    named = tidy["industry_code"].isin(list(TWO_CODES))
    added = tidy.assign(industry_code=tidy["industry_code"].replace(TWO_CODES))
    tidy = added.groupby([*KEY, "province", "industry"], as_index=False)["ai_patents"].sum()
    flow.note("cells under a second code of their industry, added", tidy, int(named.sum()), list(TWO_CODES))
    return Read(tidy.astype({"ai_patents": "int64"}).sort_values(KEY, ignore_index=True), flow.to_frame())
