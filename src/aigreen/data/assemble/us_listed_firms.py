"""Firm-year panel of AI and green patents of US listed firms, from counts of open patent files."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from aigreen.arguments import check_fields
from aigreen.data.assemble.adoption import adoption_year
from aigreen.data.assemble.codebook import Assembled, Entry, SampleFlow, finish
from aigreen.data.assemble.proximity import adopters_share, industry_share, proximity
from aigreen.data.patents.us_counts import VALUE_PARTS, Counted
from aigreen.errors import WrongTypeError

MATCH, CPC, VALUE = "patent-firm match", "CPC symbols", "KPSS"
INDUSTRY = 3  # characters of the CPC class
MANY = 3  # AI patents that the stricter adoption asks for
_COUNTS = ("patents", "green_patents", "green_all", "ai_patents", "ai_core_patents", "ai_green_patents",
           "other_patents", "clean_patents", "fossil_patents")  # fmt: skip
_VALUES = ("green_cited", "green_cites", "green_valued", "green_value")
_NEVER = "missing = not by the last year of the files"
_FILED = "by year of filing, granted by the end of the files"
_SHARE = "0 without such firms"

CODEBOOK = (
    Entry("firm_id", "Firm", coding="permco of CRSP, or gvkey of Compustat, text", source=MATCH),
    Entry("firm_name", "Name", coding="assignee on most of the patents; the number where there are no names",
          source="PatentsView"),
    Entry("industry", "Industry", coding="CPC class of most of the patents of the base years, text", source=CPC),
    Entry("year", "Year of filing", "calendar year", source=MATCH),
    Entry("ai_year", "First AI patent", "calendar year", _NEVER, CPC, "first year of filing of an AI patent"),
    Entry("ai_many_year", f"AI patent number {MANY}", "calendar year", _NEVER, CPC,
          f"first year with {MANY} AI patents filed by then"),
    Entry("ai_core_year", "First AI patent, core symbols", "calendar year", _NEVER, CPC),
    Entry("treated", "AI patent filed", "", "1 = yes, 0 = no", CPC, "year >= ai_year"),
    Entry("ai_stock", "Stock of AI patents", "patents", "", CPC,
          "own of the year + (1 - depreciation) x stock of the year before"),
    Entry("ai_stock_log", "Stock of AI patents (ln)", "log", "", CPC, "ln(1 + ai_stock)"),
    Entry("near_technology", "Adopters among technological peers", "share", _SHARE, CPC,
          "share of firms of close CPC profiles with an AI patent by the year, weighted by proximity (Jaffe)"),
    Entry("near_industry", "Adopters in the industry", "share", _SHARE, CPC,
          "share of the other firms of the industry with an AI patent by the year"),
    Entry("clean_odds", "Clean against fossil technologies", "log", "", CPC,
          "ln((1 + clean stock) / (1 + fossil stock)), at the beginning of the year"),
    Entry("clean_share", "Clean share of the portfolio", "share", "missing = neither clean nor fossil stock", CPC,
          "clean stock / (clean + fossil stock), at the beginning of the year"),
    Entry("patents", "Patents", "patents", _FILED, MATCH),
    Entry("green_patents", "Green patents that are not AI", "patents", _FILED, CPC, "Y02 or Y04S, and no AI symbol"),
    Entry("green_patents_log", "Green patents that are not AI (ln)", "log", "", CPC, "ln(1 + green_patents)"),
    Entry("any_green", "Any green patent", "", "1 = yes, 0 = no", CPC, "green_patents > 0"),
    Entry("green_all", "Green patents", "patents", _FILED, CPC, "Y02 or Y04S"),
    Entry("ai_patents", "AI patents", "patents", _FILED, CPC, "at least one AI symbol"),
    Entry("ai_core_patents", "AI patents, core symbols", "patents", _FILED, CPC),
    Entry("ai_green_patents", "Patents both green and AI", "patents", _FILED, CPC),
    Entry("other_patents", "Patents neither green nor AI", "patents", _FILED, CPC),
    Entry("other_patents_log", "Patents neither green nor AI (ln)", "log", "", CPC, "ln(1 + other_patents)"),
    Entry("clean_patents", "Clean technologies", "patents", _FILED, CPC, "symbols of clean_fossil_cpc, no tags"),
    Entry("fossil_patents", "Fossil technologies", "patents", _FILED, CPC, "symbols of clean_fossil_cpc, no tags"),
    Entry("green_cites", "Citations of green patents", "citations", "missing = none known", VALUE,
          "citations to the end of the files of the year's green patents"),
    Entry("green_cites_mean", "Citations per green patent", "citations", "missing = no green patent", VALUE,
          "mean over the year's green patents"),
    Entry("green_value_mean", "Value per green patent", "million 1982 dollars",
          "missing = no green patent of known value", VALUE, "mean of xi_real"),
    Entry("granted_share", "Share granted by the end of the files", "share", "", MATCH,
          "of the year's filings that will be granted, by the lags of earlier years"),
    Entry("size", "Patents of the base years (ln)", "log", "", MATCH, "ln of the patents filed in the base years"),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Options:
    """Choices of the panel.

    Parameters
    ----------
    years : (int, int)
        First and last year of the panel.
    base : (int, int)
        Years of filing that give a firm its technological profile and industry, before the first year.
    least : int
        Patents in the base years that a firm must have.
    close : float
        Least proximity of technological peers.
    depreciation : float
        Of patent stocks, by year.
    """

    years: tuple[int, int] = (2005, 2019)
    base: tuple[int, int] = (1995, 2004)
    least: int = 5
    close: float = 0.5
    depreciation: float = 0.15

    def __post_init__(self) -> None:
        check_fields(self)
        rules = {
            "years": (self.years[0] <= self.years[1], "the first year, then the last,"),
            "base": (self.base[0] <= self.base[1] < self.years[0], f"years before {self.years[0]}, in order,"),
            "least": (self.least >= 1, "a whole number of at least 1"),
            "close": (0 < self.close <= 1, "a number above 0, of at most 1,"),
            "depreciation": (0 <= self.depreciation < 1, "a number from 0, below 1,"),
        }
        for name, (holds, what) in rules.items():
            if not holds:
                raise WrongTypeError(name, getattr(self, name), what)


def us_listed_firms(counted: Counted, options: Options) -> Assembled:
    """Build the panel: every firm from its first to its last patent, a year without one counting zero.

    Open files say nothing of when a firm was listed, nor of its industry: industry is the CPC class of most of its
    patents in the base years. A firm is treated from the year of filing of its first AI patent. Peers and industries
    are those of the base years, so that adoption does not move them.

    Parameters
    ----------
    counted : Counted
        Of the same base years.
    options : Options

    Returns
    -------
    Assembled
    """
    flow = SampleFlow("firm_id")
    first, last = options.years
    counts = flow.add("firm-years with a patent", counted.firm_years)
    profiled = _base_patents(counts, options)
    rows = flow.add("years without a patent between a firm's first and last, added", _filled(counts))
    enough = rows["firm_id"].isin(profiled.index[profiled >= options.least])
    rows = flow.add(f"firms with less than {options.least} patents in {_span(options.base)}: left out", rows[enough])
    profile = counted.profiles
    known = rows["firm_id"].isin(profile["firm_id"])
    rows = flow.add("firms without CPC symbols in these years: left out", rows[known]).reset_index(drop=True)
    rows = _stocks(_adoption(rows), options.depreciation)
    rows = _peers(rows, profile, options)
    inside = rows["year"].between(first, last)
    rows = flow.add(f"years outside {_span(options.years)}: left out", rows[inside]).reset_index(drop=True)
    rows = _outcomes(rows, counted).assign(size=np.log(rows["firm_id"].map(profiled)))
    rows = flow.add("names and lags merged", rows.merge(counted.visible, on="year", how="left", validate="many_to_one"))
    names = rows["firm_id"].map(counted.names.set_index("firm_id")["name"])
    rows["firm_name"] = names.astype("str").where(names.notna(), rows["firm_id"])
    return finish(rows[[entry.column for entry in CODEBOOK]], flow, CODEBOOK)


def _span(years: tuple[int, int]) -> str:
    return f"{years[0]}-{years[1]}"


def _base_patents(counts: pd.DataFrame, options: Options) -> pd.Series:
    """Patents of the base years by firm."""
    return counts[counts["year"].between(*options.base)].groupby("firm_id")["patents"].sum()


def _filled(counts: pd.DataFrame) -> pd.DataFrame:
    """Add the years without a patent between a firm's first and last."""
    spans = counts.groupby("firm_id")["year"].agg(["min", "max"])
    length = (spans["max"] - spans["min"] + 1).to_numpy()
    start = np.cumsum(length) - length
    grid = pd.DataFrame({"firm_id": np.repeat(spans.index.to_numpy(), length)}).astype({"firm_id": "str"})
    grid["year"] = np.arange(len(grid)) - np.repeat(start - spans["min"].to_numpy(), length)
    whole = grid.merge(counts, on=["firm_id", "year"], how="left", validate="one_to_one")
    present = [name for name in (*_COUNTS, *_VALUES) if name in whole]
    return whole.assign(**{name: whole[name].fillna(0).astype("int64") for name in present})


def _adoption(rows: pd.DataFrame) -> pd.DataFrame:
    filed = rows.groupby("firm_id")["ai_patents"].cumsum()
    rows = rows.assign(ai_filed=filed)
    years = {
        "ai_year": adoption_year(rows, "ai_patents", 1),
        "ai_many_year": adoption_year(rows, "ai_filed", MANY),
        "ai_core_year": adoption_year(rows, "ai_core_patents", 1),
    }
    rows = rows.assign(**years).drop(columns="ai_filed")
    return rows.assign(treated=(rows["year"] >= rows["ai_year"]).astype("int64"))


def _stocks(rows: pd.DataFrame, depreciation: float) -> pd.DataFrame:
    """Add stocks by perpetual inventory, from a firm's first patent on."""
    ai, clean, fossil = (_stock(rows, name, depreciation) for name in ("ai_patents", "clean_patents", "fossil_patents"))
    before = {"clean": clean - rows["clean_patents"], "fossil": fossil - rows["fossil_patents"]}
    both = before["clean"] + before["fossil"]
    return rows.assign(
        ai_stock=ai,
        ai_stock_log=np.log1p(ai),
        clean_odds=np.log1p(before["clean"]) - np.log1p(before["fossil"]),
        clean_share=(before["clean"] / both).where(both > 0),
    )


def _stock(rows: pd.DataFrame, column: str, depreciation: float) -> pd.Series:
    wide = rows.pivot(index="firm_id", columns="year", values=column).fillna(0.0)
    stock = wide.to_numpy(dtype=float, copy=True)
    for at in range(1, stock.shape[1]):
        stock[:, at] += (1 - depreciation) * stock[:, at - 1]
    row, column_ = wide.index.get_indexer(rows["firm_id"]), wide.columns.get_indexer(rows["year"])
    return pd.Series(stock[row, column_], index=rows.index)


def _peers(rows: pd.DataFrame, profiles: pd.DataFrame, options: Options) -> pd.DataFrame:
    """Add industry, and the shares of adopters among technological peers and in the industry."""
    firms = rows.drop_duplicates("firm_id").set_index("firm_id")
    years = np.sort(rows["year"].unique())
    adopted = (firms["ai_year"].to_numpy()[:, None] <= years).astype(float)
    main = profiles.assign(industry=profiles["subclass"].str[:INDUSTRY])
    main = main.groupby(["firm_id", "industry"])["patents"].sum().reset_index()
    main = main.sort_values(["firm_id", "patents", "industry"], ascending=[True, False, True])
    industry = main.drop_duplicates("firm_id").set_index("firm_id")["industry"].reindex(firms.index)
    technology = adopters_share(proximity(profiles, firms.index, close=options.close), adopted)
    sector = industry_share(industry.to_numpy(), adopted)
    row, column = firms.index.get_indexer(rows["firm_id"]), np.searchsorted(years, rows["year"])
    return rows.assign(
        industry=industry.to_numpy()[row], near_technology=technology[row, column], near_industry=sector[row, column]
    )


def _outcomes(rows: pd.DataFrame, counted: Counted) -> pd.DataFrame:
    """Add logs and measures of quality; the latter are missing where the files have no values."""
    green = rows["green_patents"]
    rows = rows.assign(
        green_patents_log=np.log1p(green),
        other_patents_log=np.log1p(rows["other_patents"]),
        any_green=(green > 0).astype("int64"),
    )
    if "green_cites" not in counted.firm_years:
        return rows.assign(green_cites=np.nan, green_cites_mean=np.nan, green_value_mean=np.nan)
    cited, valued = rows["green_cited"], rows["green_valued"]
    return rows.assign(
        green_cites=rows["green_cites"].astype(float),
        # Levels: the log of a mean of few patents moves with their number alone.
        green_cites_mean=rows["green_cites"] / cited.where(cited > 0),
        green_value_mean=rows["green_value"] / VALUE_PARTS / valued.where(valued > 0),
    )
