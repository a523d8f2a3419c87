"""The firm-year panel: accounts, staff, zones, exposure, patents and AI words of listed firms put together.

Each block sets columns and writes their codebook entries beside them, so codebook and frame cannot drift apart.
Treatment and exposure are made on all A-share firms with a known city, before the sample is cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from aigreen.data import canonical, facts
from aigreen.data.assemble import adoption, channel_measures, links, zones
from aigreen.data.assemble.codebook import Assembled
from aigreen.data.assemble.outcomes import add_cnrds, add_records
from aigreen.data.assemble.rings import NEAR_KM, circle_column, circle_label, ring_columns
from aigreen.data.assemble.sheet import KEY, Sheet

_RAW, _ZONES, _DIVISIONS, _INDUSTRIES = "firm_years", "zones", "divisions", "industries"
_YES = "1 = yes, 0 = no"
FOREIGN = ("1210", "1220", "3120", "3200")  # firms and persons of Hong Kong, Macau, Taiwan and abroad


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """Canonical tables and what was made of the large ones; a table that is None leaves its columns out.

    Parameters
    ----------
    firm_years, firms, zones, policies : DataFrame
        Canonical tables.
    staff, links, city_years : DataFrame, optional
        Canonical tables.
    counts : DataFrame, optional
        Firm-year counts of patent records (`aigreen.data.patents.counts.firm_year_counts`).
    visible : DataFrame, optional
        `aigreen.data.patents.truncation.visible_shares`, with ``year`` as a column.
    words : DataFrame, optional
        `aigreen.data.assemble.adoption.report_words`, or `aigreen.data.sources.reports.word_counts`.
    names : DataFrame, optional
        ``name, firm_id, year``: matched names, for partners without a code.
    firm_names, company_names : DataFrame, optional
        Names that applicants were matched to; only ``firm_id`` is used.
    segments, robots, coefficients : DataFrame, optional
        Segment revenue, robots by industry, input-output coefficients (`channel_measures.polluting_share`,
        `adoption.robot_exposure`, `links.input_output`).
    """

    firm_years: pd.DataFrame
    firms: pd.DataFrame
    zones: pd.DataFrame
    policies: pd.DataFrame
    staff: pd.DataFrame | None = None
    links: pd.DataFrame | None = None
    city_years: pd.DataFrame | None = None
    counts: pd.DataFrame | None = None
    visible: pd.DataFrame | None = None
    words: pd.DataFrame | None = None
    names: pd.DataFrame | None = None
    firm_names: pd.DataFrame | None = None
    company_names: pd.DataFrame | None = None
    segments: pd.DataFrame | None = None
    robots: pd.DataFrame | None = None
    coefficients: pd.DataFrame | None = None


@dataclass(frozen=True, kw_only=True)
class Options:
    """Choices of the sample and of timing.

    Parameters
    ----------
    timing : str
        `aigreen.data.assemble.zones.cohorts`.
    years : pair of int, optional
        First and last year of the panel.
    finance, special_treatment : bool
        Keep financial firms; keep firm-years of ST and *ST.
    expand, partial : bool
        Other policies: `aigreen.data.assemble.zones.policy_columns`.
    lag : int
        Years by which customer and supplier shares are lagged.
    window : int
        Calendar years in which citations count.
    robots_base : int
        Base year of the robots' shift-share.
    adoption : Threshold
        When a firm counts as an adopter of AI; without the measure there are no columns of adoption.
    winsorise : mapping of str to float
        By column, share in each tail.
    """

    timing: zones.Timing = "batch_year"
    years: tuple[int, int] | None = None
    finance: bool = False
    special_treatment: bool = False
    expand: bool = False
    partial: bool = False
    lag: int = 1
    window: int = 5
    robots_base: int = 2010
    adoption: adoption.Threshold = field(default_factory=adoption.Threshold)
    winsorise: Mapping[str, float] = field(default_factory=dict)


def firm_years(inputs: Inputs, options: Options | None = None) -> Assembled:
    """Build the panel.

    Returns
    -------
    Assembled
        Panel (sorted by firm and year, key unique), sample flow, and a codebook that holds its columns one by one.

    Raises
    ------
    TableError, DataError
        Tables that are not canonical, or a key that is not unique.
    """
    options = options or Options()
    frame = canonical.check("firm_years", inputs.firm_years)
    sheet = Sheet(frame.drop(columns=["province_code"]), "firm-years of A shares in the firm file")
    sheet.add(None, "firm_id", "Firm", "", "security code, six digits, text", _RAW)
    sheet.add(None, "year", "Year", "calendar year", "", _RAW)
    _place(sheet)
    _zones(sheet, inputs, options)
    _exposure(sheet, inputs, options)
    _policies(sheet, inputs, options)
    _firm(sheet, inputs)
    _channels(sheet, inputs)
    _adoption(sheet, inputs, options)
    if inputs.counts is not None:
        lists = [part["firm_id"] for part in (inputs.firm_names, inputs.company_names) if part is not None]
        named = set(pd.concat(lists)) if lists else None
        add_records(sheet, inputs.counts, inputs.visible, window=options.window, named=named)
    add_cnrds(sheet, headline=inputs.counts is None)
    _sample(sheet, options)
    sheet.winsorise(options.winsorise)
    return sheet.finish(drop=[*canonical.schema("firm_years").columns, "production_share", "founded", "finance"])


def _place(sheet: Sheet) -> None:
    names = {"gb_code": "city_code", "province_code": "province_code", "nbs_region": "region"}
    names |= {"provincial_capital": "provincial_capital"}
    sheet.keep(
        sheet.frame["city_code"].isin(facts.table("divisions")["gb_code"]), "without a known prefecture left out"
    )
    sheet.merge(facts.table("divisions")[list(names)].rename(columns=names), "divisions", ["city_code"])
    sheet.add(None, "city_code", "City (prefecture-level unit)", "", "GB/T 2260, six digits, text; of the year", _RAW)
    sheet.add(None, "province_code", "Province", "", "GB/T 2260, six digits, text", _DIVISIONS)
    sheet.add(None, "region", "Region", "", "East, Central, West, Northeast", _DIVISIONS)
    capital = sheet.frame["provincial_capital"].astype("int64")
    sheet.add(capital, "provincial_capital", "Capital of a province, or municipality", "", _YES, _DIVISIONS)


def _zones(sheet: Sheet, inputs: Inputs, options: Options) -> None:
    frame = sheet.frame
    own = zones.cohorts(inputs.zones, timing=options.timing)
    start = zones.firm_cohorts(frame, own)
    label, coding = "First year of an AI pilot zone in the city", "missing = never; one year a firm"
    arrival = "or of the firm's arrival there, if later"
    sheet.add(start, "zone_year", label, "calendar year", coding, _ZONES, f"timing {options.timing}, {arrival}")
    in_force = (frame["year"] >= start).astype("int64")
    sheet.add(in_force, "treated", "AI pilot zone in force", "", _YES, _ZONES, "year >= zone_year")
    cities = frame.groupby("firm_id")["city_code"]
    moved = (cities.transform("nunique") > 1).astype("int64")
    sheet.add(moved, "moved", "Firm moved between cities", "", _YES, _RAW, "city_code differs over the firm's years")
    home = frame.sort_values(KEY).groupby("firm_id")["city_code"].last()
    coding = "GB/T 2260, six digits, text; constant, for clusters"
    sheet.add(frame["firm_id"].map(home), "home_city", "City in the last year seen", "", coding, _RAW)
    for way, suffix in {"batch_year": "batch", **zones.SUFFIX}.items():
        values = zones.firm_cohorts(frame, zones.cohorts(inputs.zones, timing=way))
        formula = f"timing {way}, {arrival}"
        sheet.add(
            values, f"zone_year_{suffix}", f"{label}: {suffix}", "calendar year", "missing = never", _ZONES, formula
        )
    pioneer = zones.firm_cohorts(frame, zones.cohorts(inputs.zones, program=zones.PIONEER))
    label = "First year of an AI pioneer zone in the city"
    sheet.add(
        pioneer, "pioneer_year", label, "calendar year", "missing = never", _ZONES, "programme of the industry ministry"
    )


def _exposure(sheet: Sheet, inputs: Inputs, options: Options) -> None:
    frame = sheet.frame
    cohorts = zones.cohorts(inputs.zones, timing=options.timing)
    rings = links.ring_counts(frame["city_code"], frame["year"], cohorts)
    source = f"{_ZONES}; {_DIVISIONS}"
    formula = f"number of other cities with a zone in force whose seat is at most {NEAR_KM} km away, same year"
    near = rings[ring_columns(NEAR_KM)].sum(axis=1)
    sheet.add(near, circle_column(NEAR_KM), circle_label(NEAR_KM), "cities", "", source, formula)
    for name in rings:
        low, high = name.split("_")[1:]
        formula = f"other cities with a zone in force, seats {low} to {high} km apart"
        sheet.add(rings[name], name, f"Other zone cities, {low} to {high} km", "cities", "", source, formula)
    peers = links.peer_share(frame)
    sheet.add(peers, "industry_peers", "Treated industry peers", "share of firms",
              "0 = none, or no peer; missing without an industry", f"{_RAW}; {_ZONES}",
              "share treated among firms of the same two-digit industry and year in other cities")  # fmt: skip
    if inputs.links is not None:
        known = _partners(inputs)
        for direction, of in (("customer", "sales"), ("supplier", "purchases")):
            shares = links.partner_shares(frame, known, direction, lag=options.lag)
            when, unit = f"lagged by {options.lag} year(s)", f"share of {of}"
            for suffix, label, formula in (
                ("exposure", f"Treated {direction}s", f"sum of shares {when} of partners treated now"),
                ("known", f"Known {direction}s", f"sum of shares {when} of partners that are listed firms"),
                ("reported", f"Reported {direction}s", f"sum of all shares reported, {when}, masked names too"),
            ):
                column = f"{direction}_{suffix}"
                sheet.add(shares[column], column, label, unit, "0 where nothing is reported", "links", formula)
    if inputs.coefficients is not None:
        sheet.add(links.input_output(frame, inputs.coefficients), "input_output", "Treated linked industries",
                  "share of firms", "", "coefficients",
                  "coefficients times the share treated of each other industry in other cities")  # fmt: skip


def _partners(inputs: Inputs) -> pd.DataFrame:
    return inputs.links if inputs.names is None else links.name_partners(inputs.links, inputs.names)


def _policies(sheet: Sheet, inputs: Inputs, options: Options) -> None:
    years = sorted(sheet.frame["year"].unique())
    found = zones.policy_columns(
        inputs.policies, years, cities=sheet.frame["city_code"].unique(), expand=options.expand, partial=options.partial
    )
    sheet.merge(found.table, f"other policies ({len(found.unused):,} policy rows not used)", ["city_code", "year"])
    for name in found.table.columns[2:]:
        sheet.add(
            None, name, f"{name.replace('_', ' ').capitalize()} in force", "", _YES, "policies", "year >= coded_year"
        )


def _firm(sheet: Sheet, inputs: Inputs) -> None:
    industries = facts.table("industries").rename(columns={"code": "industry_code"})
    flags = ["manufacturing", "heavy_polluting", "hightech_broad", "finance"]
    sheet.merge(industries[["industry_code", *flags]], "industries", ["industry_code"])
    sheet.add(None, "industry_code", "Industry", "", "CSRC 2012, two digits", _RAW)
    for name, label in zip(
        flags[:3], ("Manufacturing", "Heavily polluting industry", "High-tech industry"), strict=True
    ):
        sheet.add(sheet.frame[name].astype("float").astype("Int64"), name, label, "", _YES, _INDUSTRIES)
    born = inputs.firms.assign(founded=inputs.firms["founded"].dt.year)[["firm_id", "founded"]]
    sheet.merge(born, "founding years", ["firm_id"])
    frame = sheet.frame
    sheet.add(_ownership(frame), "ownership", "Ownership", "", "state, private, foreign; missing = no controller named",
              _RAW, "state if any controller is; else foreign if any controller is; else private")  # fmt: skip
    assets = frame["total_assets"].where(frame["total_assets"] > 0)
    sheet.add(np.log(assets), "size", "Size (ln assets)", "log yuan", "", _RAW, "ln(total_assets)")
    age = (frame["year"] - frame["founded"]).astype(float)
    sheet.add(np.log1p(age.where(age >= 0)), "age", "Age (ln years)", "log years", "missing if founded later", "firms",
              "ln(1 + year - founded)")  # fmt: skip
    ratios = {
        "leverage": ("Leverage", "total_liabilities"),
        "roa": ("Return on assets", "net_profit"),
        "cash_flow": ("Cash flow", "operating_cash_flow"),
        "tangibility": ("Tangibility", "fixed_assets"),
    }
    for name, (label, over) in ratios.items():
        sheet.add(frame[over] / assets, name, label, "share of assets", "", _RAW, f"{over} / total_assets")
    sheet.add(None, "rd_intensity", "R&D intensity", "share of revenue", "missing where not reported", _RAW)


def _channels(sheet: Sheet, inputs: Inputs) -> None:
    if inputs.city_years is not None:
        sheet.merge(channel_measures.city_structure(inputs.city_years), "city structure", ["city_code", "year"])
        sheet.add(None, "industry_structure", "Industry structure (tertiary / secondary)", "ratio", "", "city_years",
                  "tertiary over secondary value added of the city")  # fmt: skip
        sheet.add(None, "structure_level", "Industry structure (level)", "1 to 3", "", "city_years",
                  "sum of k times the share of sector k")  # fmt: skip
        sheet.add(None, "rationalisation", "Industry structure (Theil mismatch)", "index",
                  "0 = balanced; missing without employment by sector", "city_years",
                  "sum over sectors of (Y_k / Y) ln[(Y_k / L_k) / (Y / L)]")  # fmt: skip
        sheet.add(None, "nonfarm_share", "Workers outside agriculture in the city", "share of workers",
                  "missing without employment by sector", "city_years",
                  "1 - employment_primary / employment")  # fmt: skip
    if inputs.segments is not None:
        sheet.merge(channel_measures.polluting_share(inputs.segments), "segments")
        sheet.add(None, "polluting_share", "Polluting segments", "share of revenue", "", "segments",
                  "revenue of heavily polluting segments / revenue")  # fmt: skip
    if inputs.staff is not None:
        sheet.merge(channel_measures.staff_structure(inputs.staff), "staff")
        frame = sheet.frame
        sheet.add(None, "human_capital", "Human capital (degree share)", "share of staff", "", "staff",
                  "staff with a bachelor's degree or more / staff")  # fmt: skip
        sheet.add(None, "employees", "Staff", "persons", "", "staff")
        capital, formula = (
            channel_measures.capital_per_worker(frame["fixed_assets"], frame["employees"]),
            "ln(fixed_assets / employees)",
        )
        sheet.add(capital, "capital_per_worker", "Capital per worker (ln)", "log yuan", "", f"{_RAW}; staff", formula)
    sheet.add(None, "rd_staff_share", "R&D staff", "share of staff", "missing where not reported", _RAW)


def _adoption(sheet: Sheet, inputs: Inputs, options: Options) -> None:
    if inputs.words is not None:
        sheet.merge(inputs.words, "annual reports")
        sheet.add(None, "ai_words", "AI words in the annual report", "words", "missing = no report", "reports")
        log = np.log1p(sheet.frame["ai_words"].astype(float))
        sheet.add(log, "ai_words_log", "ln(1 + AI words)", "log", "", "reports", "ln(1 + ai_words)")
        kinds = [name.removeprefix("ai_words_") for name in inputs.words if name.startswith("ai_words_")]
        for kind in kinds:
            sheet.add(None, f"ai_words_{kind}", f"AI words: {kind}", "words", "missing = no report", "reports")
        if set(kinds) - {"core"}:  # a vendor's table may count no types
            sheet.add(adoption.main_type(sheet.frame), "ai_type", "Main type of AI words", "",
                      "type of the dictionary; none = no AI word yet; missing = no report yet", "reports",
                      "type with most words in all reports so far, the first by name of equals")  # fmt: skip
        if "report_length" in inputs.words:
            sheet.add(None, "report_length", "Length of the report", "characters", "missing = no report", "reports")
        if options.adoption.column in sheet.frame:
            _adopters(sheet, inputs, options)
    if inputs.robots is not None and inputs.staff is not None:
        staff = channel_measures.staff_structure(inputs.staff)
        values = adoption.robot_exposure(sheet.frame, staff, inputs.robots, base_year=options.robots_base)
        sheet.add(values, "robots", "Robots", "robots per thousand workers", "", "robots; staff",
                  "production share of staff over its median times robots over workers of the industry")  # fmt: skip


def _adopters(sheet: Sheet, inputs: Inputs, options: Options) -> None:
    frame, chosen = sheet.frame, options.adoption
    measure, unit = chosen.column, "calendar year"
    label, coding = "First year of AI adoption", "missing = never; one year a firm"
    start = adoption.adoption_year(frame, measure, chosen.threshold)
    formula = f"first year with {measure} of {chosen.threshold:g} or more"
    sheet.add(start, "adoption_year", label, unit, coding, "reports", formula)
    for other in chosen.others:
        formula = f"first year with {measure} of {other:g} or more"
        years = adoption.adoption_year(frame, measure, other)
        sheet.add(years, f"adoption_year_{other:g}", f"{label}, threshold {other:g}", unit, coding, "reports", formula)
    sheet.add((frame["year"] >= start).astype("int64"), "adopted", "AI adopted", "", _YES, "reports",
              "year >= adoption_year")  # fmt: skip
    sheet.add(adoption.adoption_dose(frame, measure, start), "adoption_dose", "AI words at adoption (ln)", "log words",
              "missing = never; one value a firm", "reports", f"ln({measure}) in adoption_year")  # fmt: skip
    peers, near = (make(frame, treated="adopted") for make in (links.peer_share, links.neighbour_share))
    sheet.add(peers, "adopted_peers", "Adopting industry peers", "share of firms",
              "0 = none, or no peer; missing without an industry", f"{_RAW}; reports",
              "share of adopters among firms of the same two-digit industry and year in other cities")  # fmt: skip
    sheet.add(near, "adopted_neighbours", "Adopting neighbours", "share of firms", "0 = none, or no neighbour",
              f"{_RAW}; reports; {_DIVISIONS}",
              f"share of adopters among firms of the year in other cities within {NEAR_KM} km")  # fmt: skip
    if inputs.links is not None:
        for direction in ("customer", "supplier"):
            shares = links.partner_shares(frame, _partners(inputs), direction, lag=options.lag, treated="adopted")
            formula = f"sum of shares lagged by {options.lag} year(s) of partners that have adopted"
            of = "sales" if direction == "customer" else "purchases"
            label, coding = f"Adopting {direction}s", "0 where nothing is reported"
            reached = shares[f"{direction}_exposure"]
            sheet.add(reached, f"adopted_{direction}s", label, f"share of {of}", coding, "links; reports", formula)


def _sample(sheet: Sheet, options: Options) -> None:
    if options.years is not None:
        first, last = options.years
        sheet.keep(sheet.frame["year"].between(first, last), f"years other than {first} to {last} left out")
    sheet.keep(sheet.frame["finance"].notna(), "without a two-digit industry of CSRC 2012 left out")
    if not options.finance:
        sheet.keep(sheet.frame["finance"] != "1", "financial firms left out")
    if not options.special_treatment:
        sheet.keep(~sheet.frame["special_treatment"].fillna(False).astype(bool), "ST and *ST firm-years left out")
    sheet.keep(sheet.frame["size"].notna(), "missing or zero assets left out")


def _ownership(frame: pd.DataFrame) -> pd.Series:
    codes = frame["controller_codes"]
    foreign = codes.str.contains("|".join(FOREIGN)).fillna(False).astype(bool)
    state = frame["state_owned"].fillna(False).astype(bool)
    named = codes.notna().to_numpy()
    kind = np.select([state, foreign, named], ["state", "foreign", "private"], "")
    return pd.Series(kind, index=frame.index, dtype="str").where(kind != "")
