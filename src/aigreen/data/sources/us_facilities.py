"""Public files on facilities of S&P 500 firms: emissions, words of annual reports and AI patents, put to fact tables.

The tables hold figures and counts alone, and travel with the library; each row names its source. ``compile_facts``
makes them anew from the registered files.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

import pandas as pd

from aigreen.data.csv_export import csv_bytes
from aigreen.data.raw import values
from aigreen.data.raw.adapter import DEFAULT, Expected, Options, measured, one_row, open_table, years
from aigreen.data.raw.checks import Field
from aigreen.data.raw.flow import Flow, Read, together
from aigreen.disk import write_bytes
from aigreen.errors import SourceError

SOURCE = "us_facilities"
EMISSIONS, REPORTS, PATENTS = "us_facility_emissions", "us_report_words", "us_ai_patents"
FILES = {
    EMISSIONS: "us_facilities/ghgrp_facilities_sp500_all_years.csv",
    REPORTS: "us_facilities/ai_keywords_10k.csv",
    PATENTS: "us_ai_patents_parat/data.js",
}
SPECIFIC = (
    "artificial intelligence", "machine learning", "deep learning", "neural network", "natural language processing",
    "computer vision", "generative ai", "large language model", "chatgpt", "ai-powered", "ai-driven",
)  # fmt: skip
GENERIC = ("automation", "algorithmic", "predictive analytics", "data science", "intelligent automation")
EXCHANGES = ("NYSE", "NASDAQ")

_COMMIT = "commit 391346e0 of github.com/alina-malkova/esg, read 2026-11-29"
_MADE_BY = {
    EMISSIONS: f"US EPA Greenhouse Gas Reporting Program, by {_COMMIT}",
    REPORTS: f"Annual reports (10-K) at SEC EDGAR, counted by {_COMMIT}",
    PATENTS: "CSET PARAT (Georgetown University), commit a7728af0 of github.com/georgetown-cset/parat, read 2026-11-29",
}
_FACILITY = Expected(
    EMISSIONS,
    ("facility_id", "year", "ticker", "total_emissions", "naics_code", "state", "latitude", "longitude",
     "ownership_pct"),
)  # fmt: skip
_REPORT = Expected(REPORTS, ("ticker", "filing_date", "word_count", *SPECIFIC, *GENERIC))
_SIZES = (
    Field("total_emissions", "emissions", "t CO2 equivalent", 0, 1e9),
    Field("ownership_pct", "ownership", "percent", 0, 100),
    Field("latitude", "latitude", "degrees", 17, 72),
    Field("longitude", "longitude", "degrees", -180, -64),
)


def column_of(term: str) -> str:
    """Name the column that counts a term."""
    return term.replace(" ", "_").replace("-", "_")


def facility_emissions(path: Path | str, options: Options = DEFAULT) -> Read:
    """Read reported emissions, one row a facility with a column a year; an empty cell is a year without a report.

    A facility has one firm in all years, the owner of 2023. Industry (NAICS) is that of its first year, place that of
    its last.

    Raises
    ------
    SourceError
        A facility twice in a year, or with two firms; figures out of range.
    """
    frame, flow, where = open_table(path, *_FACILITY, options=options, unit="facility_id")
    measured(frame, _SIZES, where)
    tidy = frame.assign(year=years(frame, "year", where), naics=frame["naics_code"].str.removesuffix(".0"))
    tidy = one_row(tidy, ["facility_id", "year"], flow, where)
    _constant(tidy, "ticker", where)
    tidy = tidy.sort_values(["facility_id", "year"], key=_as_number, ignore_index=True)
    by_facility = tidy.groupby("facility_id", sort=False)
    for column, what in (("naics", "industry"), ("latitude", "latitude")):
        moved = by_facility[column].nunique() > 1
        flow.note(f"facilities whose {what} changes", tidy, int(moved.sum()), list(moved.index[moved]))
    span = by_facility["year"].agg(["min", "max", "size"])
    absent = span["max"] - span["min"] + 1 - span["size"]
    flow.note(
        "facility-years absent between first and last year", tidy, int(absent.sum()), list(absent.index[absent > 0])
    )
    zero = tidy["total_emissions"].astype(float) == 0
    flow.note("facility-years of zero emissions", tidy, int(zero.sum()), list(tidy.loc[zero, "facility_id"]))
    first, last = by_facility.first(), by_facility.last()
    about = pd.DataFrame({"firm": first["ticker"], "naics": first["naics"]}).join(
        last[["state", "latitude", "longitude", "ownership_pct"]].rename(columns={"ownership_pct": "ownership"})
    )
    wide = tidy.pivot(index="facility_id", columns="year", values="total_emissions").rename(columns=str)
    return Read(_stated(about.join(wide).reset_index(), EMISSIONS), flow.to_frame())


def report_words(path: Path | str, options: Options = DEFAULT) -> Read:
    """Read counts of AI terms, one row an annual report.

    Raises
    ------
    SourceError
        A day that is none, or a count that is none.
    """
    frame, flow, where = open_table(path, *_REPORT, options=options, unit="ticker")
    counted = ("word_count", *SPECIFIC, *GENERIC)
    counts = measured(frame, [Field(name, column_of(name), "words", 0, 1e7, whole=True) for name in counted], where)
    days = values.dates(frame["filing_date"], where)
    tidy = pd.DataFrame({"firm": frame["ticker"], "filed": days.dt.strftime("%Y-%m-%d")}).join(counts)
    tidy = flow.without_repeats(tidy)
    again = tidy.assign(year=tidy["filed"].str[:4]).duplicated(["firm", "year"])
    flow.note("further reports of a firm in a year", tidy, int(again.sum()), list(tidy.loc[again, "firm"].unique()))
    return Read(_stated(tidy.sort_values(["firm", "filed"], kind="stable"), REPORTS), flow.to_frame())


def ai_patents(path: Path | str, firms: Collection[str]) -> Read:
    """Read AI patents by year of the companies listed at `EXCHANGES` under one of the tickers `firms`.

    Companies of one ticker (two, for two firms) each keep their row.

    Raises
    ------
    SourceError
        No list of companies in the file, or one whose years and counts differ in length.
    """
    where, text = PATENTS, Path(path).read_text(encoding="utf-8")
    try:
        companies, _ = json.JSONDecoder().raw_decode(text[text.index("[") :])
    except ValueError as reason:
        raise SourceError(f"{where}: no list of companies in {Path(path).name}") from reason
    uneven = [one["name"] for one in companies if len(one["years"]) != len(one["yearly_ai_patents"])]
    if uneven:
        raise SourceError(f"{where}: {len(uneven)} companies have not one count a year; first: {uneven[:5]}")
    rows = [
        {"firm": ticker, "cset_id": one["CSET_id"]}
        | dict(zip(map(str, one["years"]), one["yearly_ai_patents"], strict=True))
        for one in companies
        for exchange, _, ticker in (link["market_key"].partition(":") for link in one["market_filt"] or ())
        if exchange in EXCHANGES and ticker in firms
    ]
    flow = Flow(where, "firm")
    flow.note("companies read", pd.DataFrame(companies)[["name"]])
    tidy = pd.DataFrame(rows)
    again = tidy.duplicated("firm")
    flow.note("further companies of a ticker", tidy, int(again.sum()), list(tidy.loc[again, "firm"]))
    return Read(_stated(tidy.sort_values(["firm", "cset_id"]), PATENTS), flow.to_frame())


def compile_facts(raw: Path | str, folder: Path | str) -> pd.DataFrame:
    """Write the three fact tables from the registered files below `raw`.

    Returns
    -------
    DataFrame
        What was read and left out, as `aigreen.data.raw.flow.Read` has it.
    """
    emissions = facility_emissions(Path(raw) / FILES[EMISSIONS])
    made = {
        EMISSIONS: emissions,
        REPORTS: report_words(Path(raw) / FILES[REPORTS]),
        PATENTS: ai_patents(Path(raw) / FILES[PATENTS], set(emissions.table["firm"])),
    }
    for name, read in made.items():
        write_bytes(Path(folder) / f"{name}.csv", csv_bytes(read.table))
    return together(*(read.flow for read in made.values()))


def _stated(table: pd.DataFrame, name: str) -> pd.DataFrame:
    return table.reset_index(drop=True).assign(source=_MADE_BY[name], confidence="secondary")


def _constant(frame: pd.DataFrame, column: str, where: str) -> None:
    several = frame.groupby("facility_id")[column].nunique() > 1
    if several.any():
        raise SourceError(
            f"{where}: {int(several.sum())} facilities have more than one {column}; first: "
            f"{list(several.index[several][:5])}"
        )


def _as_number(column: pd.Series) -> pd.Series:
    return column.astype("int64")
