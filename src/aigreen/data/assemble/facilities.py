"""Facility-year panel: emissions of US facilities by when their firms' reports first speak of AI, with neighbours."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from aigreen.data.assemble.codebook import Assembled, Entry, SampleFlow, finish
from aigreen.data.sources.us_facilities import EMISSIONS, GENERIC, PATENTS, REPORTS, SPECIFIC, column_of
from aigreen.errors import DuplicateRowsError, NonNumericError
from aigreen.linalg.sphere import great_circle_km

RADII_KM = (10, 25, 50)
LAST_PATENTS = 2018
FISCAL_YEAR_ENDS = 7  # reports filed up to this month are of the year before, by the convention of Compustat
INDUSTRY_DIGITS = 3
_REGIONS = {  # of the US Census Bureau
    "Northeast": "CT MA ME NH NJ NY PA RI VT",
    "Midwest": "IA IL IN KS MI MN MO ND NE OH SD WI",
    "South": "AL AR DC DE FL GA KY LA MD MS NC OK PR SC TN TX VA WV",
    "West": "AK AZ CA CO HI ID MT NM NV OR UT WA WY",
}
_REGION_OF = {state: region for region, states in _REGIONS.items() for state in states.split()}

# Adoption by name: which terms, how many in a report, and the year a report stands for.
WORDS, TWO, THREE, BROAD, FISCAL, FILED = "words", "two_words", "three_words", "broad", "fiscal", "filed"
PATENT = "patent"
_RULES: Mapping[str, tuple[tuple[str, ...], int, str]] = {
    WORDS: (SPECIFIC, 1, "before"),
    TWO: (SPECIFIC, 2, "before"),
    THREE: (SPECIFIC, 3, "before"),
    BROAD: (SPECIFIC + GENERIC, 1, "before"),
    FISCAL: (SPECIFIC, 1, "fiscal"),
    FILED: (SPECIFIC, 1, "filed"),
}
_SAID = {
    TWO: "two terms of AI",
    THREE: "three terms of AI",
    BROAD: "a term of AI or automation",
    FISCAL: "a term of AI, fiscal years",
    FILED: "a term of AI, years of filing",
    PATENT: "an AI patent",
}
_UNKNOWN = (BROAD, PATENT)  # first years that some firms of the panel have before the record begins
_NEVER = "missing = not by the last year"


def _source_of(name: str) -> str:
    return PATENTS if name == PATENT else REPORTS


def near_column(km: int) -> str:
    """Column that counts facilities of other adopting firms within a distance."""
    return f"near_{km}km"


_FIRM_PARTS = {
    "firm_within": ("Within facilities, firm", "sum over years of the mean change of ln emissions of facilities that "
                    "report in this year and the year before; missing after a year without such a facility"),
    "firm_turnover": ("Entry and exit, firm", "ln number of facilities + mean ln emissions - firm_within"),
    "firm_industries": ("Shift between industries, firm", "ln mean emissions - mean over facilities of ln mean "
                        "emissions of the firm's facilities of their industry (Theil, between)"),
    "firm_sites": ("Shift between facilities of an industry, firm", "mean over facilities of ln mean emissions of "
                   "the firm's facilities of their industry - mean ln emissions (Theil, within)"),
}  # fmt: skip
CODEBOOK = (
    Entry("facility_id", "Facility", coding="number of the reporting programme, text", source=EMISSIONS),
    Entry("firm", "Firm", coding="ticker of the owner of 2023, in all years", source=EMISSIONS),
    Entry("state", "State", coding="two letters", source=EMISSIONS),
    Entry("region", "Region", coding="of the US Census Bureau; Puerto Rico with the South", source=EMISSIONS),
    Entry("naics", "Industry (NAICS)", coding="six digits, of the facility's first year, text", source=EMISSIONS),
    Entry("industry", "Industry", coding="first three digits of naics, text", source=EMISSIONS),
    Entry("latitude", "Latitude", "degrees", source=EMISSIONS),
    Entry("longitude", "Longitude", "degrees", source=EMISSIONS),
    Entry("ownership", "Share owned", "percent", "of 2023", EMISSIONS),
    Entry("year", "Year", "calendar year", source=EMISSIONS),
    Entry("words_year", "First year of a term of AI in the annual report", "calendar year", _NEVER, REPORTS,
          f"year before the filing of the first report with one of: {', '.join(SPECIFIC)}"),
    Entry("treated", "AI in the annual report", "", "1 = yes, 0 = no", REPORTS, "year >= words_year"),
    *(Entry(f"{name}_year", f"First year of {said}", "calendar year", _NEVER, _source_of(name))
      for name, said in _SAID.items()),
    *(Entry(f"{name}_known", f"First year of {_SAID[name]} is known", "", "1 = yes, or none by the last year; 0 = no: "
            "in the first year on record, or firm not on record", _source_of(name)) for name in _UNKNOWN),
    Entry("ai_words", "Terms of AI in the annual report", "words", "missing = no report of the year", REPORTS,
          "report filed in the year after; the longest where there are several"),
    Entry("ln_ai_words", "ln(1 + terms of AI)", "log", "", REPORTS, "ln(1 + ai_words)"),
    *(
        Entry(near_column(km), f"Adopters within {km} km", "facilities", "",
              f"{EMISSIONS}; {REPORTS}",
              f"facilities of other firms whose words_year is not later than the year, at most {km} km away")
        for km in RADII_KM
    ),
    Entry("near_industry", "Adopters' share of the industry", "share", "0 where there are none",
          f"{EMISSIONS}; {REPORTS}",
          "facilities of the same six-digit industry and another owner that have adopted, of all of them"),
    Entry("emissions", "Emissions", "t CO2 equivalent", "reported", EMISSIONS),
    Entry("ln_emissions", "ln emissions", "log", "", EMISSIONS, "ln(emissions)"),
    Entry("ln_facilities", "Number of facilities (ln)", "log", "", EMISSIONS,
          "ln of the number of the firm's facilities that report in the year"),
    Entry("concentration", "Concentration elsewhere (Theil)", "log", "0 where there is no other",
          EMISSIONS, "ln mean emissions - mean ln emissions, of the firm's other facilities in the year"),
    Entry("firm_ln_emissions", "ln emissions of the firm", "log", "", EMISSIONS, "ln of the sum over facilities"),
    *(Entry(name, label, "log", "", EMISSIONS, formula) for name, (label, formula) in _FIRM_PARTS.items()),
    Entry("firm_weight", "Weight that counts each firm-year once", "", "", EMISSIONS,
          "1 / number of the firm's facilities in the year"),
)  # fmt: skip


def facilities(emissions: pd.DataFrame, reports: pd.DataFrame, patents: pd.DataFrame) -> Assembled:
    r"""Build the facility-year panel.

    A facility is treated from the year before the filing of the first annual report of its firm that has a term of AI
    (`SPECIFIC`). Where the first report on record has one already, the first year is not known: such firms are left
    out, as are firms without a report. Their facilities do not count as neighbours either; if they have spoken of AI
    all along, the effects of facilities absorb what that does.

    For a firm with N facilities and emissions :math:`e_i`, exactly,

    .. math:: \ln \sum_i e_i = W + (\ln N + \overline{\ln e} - W) + B + S,

    with W the chained mean change within facilities that go on reporting, the bracket entry and exit, B the shift
    between industries and S that between facilities of an industry (Theil's inequality, by industry).

    Parameters
    ----------
    emissions, reports, patents : DataFrame
        Fact tables ``us_facility_emissions``, ``us_report_words`` and ``us_ai_patents``, as text.

    Returns
    -------
    Assembled
        Panel with the columns of `CODEBOOK`, its sample flow and the codebook.

    Raises
    ------
    DuplicateRowsError
        A facility in two rows.
    NonNumericError
        Cells that are no numbers.
    """
    flow = SampleFlow("facility_id")
    frame = flow.add("facility years as published", _long(emissions))
    frame = flow.add("zero emissions: no logarithm, left out", frame[frame["emissions"] > 0])
    adopted = _adoption(reports, patents)
    frame = frame.merge(adopted, left_on="firm", right_index=True, how="left", validate="many_to_one")
    frame = flow.add("firms without an annual report on record: left out", frame[frame["words_known"].notna()])
    frame = flow.add("AI already in the first report: first year unknown, left out", frame[frame["words_known"] == 1])
    last = frame["year"].max()
    first_years = [f"{name}_year" for name in (WORDS, *_SAID)]
    frame[first_years] = frame[first_years].where(frame[first_years] <= last)
    known = [f"{name}_known" for name in _UNKNOWN]
    frame[known] = frame[known].fillna(0).astype("int64")
    frame["treated"] = (frame["year"] >= frame["words_year"]).astype("int64")
    frame = _neighbours(frame).join(_doses(reports), on=["firm", "year"])
    frame["ln_ai_words"] = np.log1p(frame["ai_words"])
    frame = flow.add("adoption and exposure merged", _accounts(frame).reset_index(drop=True))
    return finish(frame[[entry.column for entry in CODEBOOK]], flow, CODEBOOK)


def _long(emissions: pd.DataFrame) -> pd.DataFrame:
    """One row a facility and year with a report."""
    twice = emissions["facility_id"].duplicated()
    if twice.any():
        first = list(emissions.loc[twice, "facility_id"])
        raise DuplicateRowsError(
            f"{len(first)} facilities stand in two rows of {EMISSIONS}", count=len(first), first=first
        )
    about = ["facility_id", "firm", "state", "naics", "latitude", "longitude", "ownership"]
    years = [column for column in emissions if column.isdigit()]
    long = emissions.melt(about, years, "year", "emissions").query("emissions != ''")
    long = _as_numbers(long, ["latitude", "longitude", "ownership", "year", "emissions"], EMISSIONS)
    long = long.astype({"year": "int64"}).sort_values(["facility_id", "year"], ignore_index=True)
    return long.assign(
        region=long["state"].map(_REGION_OF),
        industry=long["naics"].str[:INDUSTRY_DIGITS],
        ln_emissions=np.log(long["emissions"].where(long["emissions"] > 0)),
    )


def _as_numbers(frame: pd.DataFrame, columns: list[str], where: str) -> pd.DataFrame:
    read = frame[columns].apply(pd.to_numeric, errors="coerce")
    for column in columns:
        if (bad := read[column].isna()).any():
            raise NonNumericError(
                f"{where}: {int(bad.sum())} cells of {column} are no numbers",
                column=column,
                count=int(bad.sum()),
                first=list(frame.loc[bad, column]),
            )
    return frame.assign(**{column: read[column] for column in columns})


def _counted(reports: pd.DataFrame, terms: tuple[str, ...], dating: str) -> pd.DataFrame:
    """Firm, year and number of terms of the longest report that stands for a year."""
    columns = ["word_count", *map(column_of, terms)]
    numbers = _as_numbers(reports, columns, REPORTS)
    filed, month = reports["filed"].str[:4].astype(int), reports["filed"].str[5:7].astype(int)
    before = {"before": 1, "filed": 0, "fiscal": (month <= FISCAL_YEAR_ENDS).astype(int)}[dating]
    found = pd.DataFrame({"firm": reports["firm"], "year": filed - before, "length": numbers["word_count"]})
    found["terms"] = numbers[columns[1:]].sum(axis=1)
    longest = found.sort_values(["firm", "year", "length"], kind="stable")
    return longest.drop_duplicates(["firm", "year"], keep="last").reset_index(drop=True)


def _adoption(reports: pd.DataFrame, patents: pd.DataFrame) -> pd.DataFrame:
    """By firm with a report: first years of adoption under each rule, and whether they are known."""
    found = {}
    for name, (terms, at_least, dating) in _RULES.items():
        counted = _counted(reports, terms, dating)
        first = counted[counted["terms"] >= at_least].groupby("firm")["year"].min()
        start = counted.groupby("firm")["year"].min()
        found[f"{name}_year"] = first.reindex(start.index).astype(float)
        found[f"{name}_known"] = (found[f"{name}_year"] != start).astype("int64")
    years = [column for column in patents if column.isdigit() and int(column) <= LAST_PATENTS]
    filed = _as_numbers(patents, years, PATENTS).groupby("firm")[years].sum() > 0
    first = filed.idxmax(axis=1).astype(float).where(filed.any(axis=1))
    adopted = pd.DataFrame(found)
    adopted[f"{PATENT}_year"] = first
    adopted[f"{PATENT}_known"] = first.ne(float(years[0])).astype(float)
    return adopted


def _doses(reports: pd.DataFrame) -> pd.Series:
    """Terms of AI by firm and year."""
    return _counted(reports, SPECIFIC, "before").set_index(["firm", "year"])["terms"].astype(float).rename("ai_words")


def _neighbours(frame: pd.DataFrame) -> pd.DataFrame:
    """Add facilities of other adopting firms nearby, and their share among other firms' of the industry."""
    sites = frame.drop_duplicates("facility_id", keep="last").set_index("facility_id")
    firm, cohort = sites["firm"].to_numpy(), sites["words_year"].to_numpy()
    place = sites[["latitude", "longitude"]].to_numpy()
    distance = great_circle_km(place, place)
    others = firm[:, None] != firm
    alike = (sites["naics"].to_numpy()[:, None] == sites["naics"].to_numpy()) & others
    row, adopted = sites.index.get_indexer(frame["facility_id"]), {}
    time = np.sort(frame["year"].unique())
    column = np.searchsorted(time, frame["year"])
    in_force = (cohort[:, None] <= time).astype(float)
    for km in RADII_KM:
        adopted[near_column(km)] = (((distance <= km) & others) @ in_force)[row, column].astype("int64")
    share = (alike @ in_force) / np.maximum(alike.sum(axis=1), 1)[:, None]
    return frame.assign(**adopted, near_industry=share[row, column])


def _accounts(frame: pd.DataFrame) -> pd.DataFrame:
    """Add how a firm's emissions are made up, and the channels, which leave the own facility out."""
    by_firm = frame.groupby(["firm", "year"])
    log = frame["ln_emissions"]
    size, total = by_firm["emissions"].transform("size"), by_firm["emissions"].transform("sum")
    mean_log, logs = by_firm["ln_emissions"].transform("mean"), by_firm["ln_emissions"].transform("sum")
    industry = np.log(frame.groupby(["firm", "year", "industry"])["emissions"].transform("mean"))
    of_industries = industry.groupby([frame["firm"], frame["year"]]).transform("mean")
    within = _within(frame)
    others = np.maximum(size - 1, 1)
    concentration = np.log(((total - frame["emissions"]) / others).where(size > 1)) - (logs - log) / others
    return frame.assign(
        ln_facilities=np.log(size),
        concentration=concentration.clip(lower=0.0).where(size > 1, 0.0),
        firm_ln_emissions=np.log(total),
        firm_within=within,
        firm_turnover=np.log(size) + mean_log - within,
        firm_industries=np.log(total / size) - of_industries,
        firm_sites=of_industries - mean_log,
        firm_weight=1 / size,
    )


def _within(frame: pd.DataFrame) -> np.ndarray:
    """Chained mean change of ln emissions of facilities that report in both years, by firm; 0 in the first."""
    ordered = frame.sort_values(["facility_id", "year"])
    by_facility = ordered.groupby("facility_id")
    change = by_facility["ln_emissions"].diff().where(by_facility["year"].diff() == 1)
    mean = change.groupby([ordered["firm"], ordered["year"]]).mean().reset_index(name="change")
    first = mean["year"] == mean.groupby("firm")["year"].transform("min")
    mean["change"] = mean["change"].mask(first, 0.0)
    broken = mean["change"].isna().groupby(mean["firm"]).cummax()
    mean["within"] = mean.groupby("firm")["change"].cumsum().mask(broken)
    keys = pd.MultiIndex.from_frame(frame[["firm", "year"]])
    return mean.set_index(["firm", "year"])["within"].reindex(keys).to_numpy()
