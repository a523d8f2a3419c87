"""Adapter for the synthetic firm panel as `aigreen.simulate.economy.raw_files` writes it. It never sees the truth."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from aigreen.data.raw.checks import Field, numbers, require_columns, require_unique
from aigreen.data.raw.files import whole

TEXT = ("firm_id", "city_code", "industry_code", "ownership")
FIRM_YEAR_FIELDS = (
    Field("year", "year", "calendar year", 1990, 2100, whole=True),
    Field("founded", "founded", "calendar year", 1900, 2100, whole=True),
    Field("total_assets", "total_assets", "yuan", 1, 1e15),
    Field("ai_words", "ai_words", "words", 0, 1e6, whole=True),
    Field("tertiary_secondary_ratio", "tertiary_secondary_ratio", "ratio", 0, 50),
    Field("degree_share", "degree_share", "share of staff", 0, 1),
    Field("green_patents", "green_patents", "patents", 0, 1e6, whole=True),
)


def firm_years(path: Path | str) -> pd.DataFrame:
    """Read the raw firm-year table.

    Parameters
    ----------
    path : path
        ``firm_years.parquet``.

    Returns
    -------
    DataFrame
        `TEXT` and `FIRM_YEAR_FIELDS`, sorted by firm and year.

    Raises
    ------
    SourceError
        Missing columns, values out of range, or a firm twice in a year.
    """
    where = Path(path).name
    with whole(where, "readable Parquet content"):
        raw = pd.read_parquet(path)
    require_columns(raw, [*TEXT, *(field.raw for field in FIRM_YEAR_FIELDS)], where)
    tidy = raw[list(TEXT)].assign(**{field.name: numbers(raw, field, where) for field in FIRM_YEAR_FIELDS})
    require_unique(tidy, ["firm_id", "year"], where)
    return tidy.sort_values(["firm_id", "year"], ignore_index=True)
