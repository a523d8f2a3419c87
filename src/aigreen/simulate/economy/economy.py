"""The synthetic economy: listed firms, their accounts, links, reports and patents, drawn and written as raw files.

``write_raw(folder, seed=..., truth_folder=...)`` writes::

    folder/
      csmar/   FS_Combas.csv  FS_Combas(1).csv     balance sheets (second part: codes without leading zeros)
               FS_Comins.csv  FS_Comins(1).csv     income statements
               FS_Comscfd.csv FS_Comscfd(1).csv    cash flows
               STK_LISTEDCOINFOANL.csv             annual firm file
               HLD_Contrshr.xlsx                   nature of the ultimate controllers
               STK_CompanyStaff.csv  (1)           staff by education and profession
               PT_LCRDSPENDING.csv                 R&D
               PT_LCDOMFORAPPLY.csv                patents by own report, flows and stocks
               SC_TopFiveSaleInfo.csv              customers
               SC_TopFivePurchaseInfo.csv          suppliers
      cnrds/   GPRD.csv                            green patents of listed firms
      google/  publications-0000.parquet ...       patents-public-data.patents.publications
      reports/ reports.parquet                     code, year, text (or code_year.txt files)
      cities/  prefecture_panel.csv                city panel (sources.cities.prefecture_panel)
      names/   company_names.csv                   firm_id, name, kind: the registry for assemble.match
      segments/segments.csv                        Stkcd, Accper, SegmentIndustryCode, SegmentRevenue
      industries/robots.csv input_output.csv       robots by industry and year; input-output coefficients
    truth_folder/
      truth.parquet       firm_id, year, mean_without, mean_with, direct, channels, spillovers, the same by mechanism;
                          adoption_year and what adoption adds to the log mean, by way;
                          labour, adoption_labour: what zones, and adoption, add to log staff
      patents.parquet     patent_id, firm_id, year, type, mechanism, green, strict, ai, technology tags
      applicants.parquet  name as written, firm_id of its owner (missing: none)
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from aigreen.data import facts
from aigreen.data.assemble.rings import NEAR_KM, circle_column
from aigreen.errors import OptionError
from aigreen.simulate.draws import Streams, streams
from aigreen.simulate.economy import (
    accounts,
    adopters,
    company_names,
    firms,
    industries,
    network,
    outcomes,
    patents,
    raw_csmar,
    raw_google,
    raw_records,
    raw_reports,
    writing,
)
from aigreen.simulate.economy.effects import WAYS, EconomyEffects
from aigreen.simulate.economy.technology import Technology, field_of_trades, technology

FIRST_YEAR, LAST_YEAR = 2007, 2024
FULL_FIRMS = 5_361
DRAWN = "-06-30"  # of the year after the last: the day the patent data were drawn
SCALES = {"small": (60, 0.3), "default": (FULL_FIRMS, 0.05), "full": (FULL_FIRMS, 1.0)}
Scale = Literal["small", "default", "full"]

_MODULES = {
    "firms": firms, "network": network, "outcomes": outcomes, "names": company_names, "patents": patents,
    "accounts": accounts, "records": raw_records, "reports": raw_reports, "industries": industries,
    "adopters": adopters,
}  # fmt: skip
_LATER = ("patents.battery",)  # streams that came after those of all modules
_STREAMS = [f"{name}.{part}" for name, module in _MODULES.items() for part in module.PARTS]
PARTS = ("cities.structure", *(name for name in _STREAMS if name not in _LATER), *_LATER)


@dataclass(frozen=True)
class Economy:
    """Everything that was drawn, in canonical form where there is one.

    Parameters
    ----------
    firms : DataFrame
        See `aigreen.simulate.economy.firms.draw_firms`.
    years : int array
        Calendar years.
    outcomes : Outcomes
        Arrays firms x years, and ``truth``.
    names, patents, technology
        Names; patents as arrays; symbols.
    field : int array
        Field of technology of each firm.
    firm_years, days, staff, segments, city_years, filed, own_reports, green_counts : DataFrame
        Tables behind the raw files.
    robots, coefficients : DataFrame
        By industry.
    links : dict of DataFrame
        By direction.
    words : int array
        Reports x dictionary.
    reports : DataFrame
        ``code, year, text``.
    patents_factor : float
        Factor on patents that are not green.
    drawn : datetime64
        Day on which the patent data were drawn.
    """

    firms: pd.DataFrame
    years: np.ndarray
    outcomes: outcomes.Outcomes
    names: company_names.Names
    patents: patents.Patents
    technology: Technology
    field: np.ndarray
    firm_years: pd.DataFrame
    days: pd.DataFrame
    staff: pd.DataFrame
    segments: pd.DataFrame
    city_years: pd.DataFrame
    filed: pd.DataFrame
    own_reports: pd.DataFrame
    green_counts: pd.DataFrame
    links: dict[str, pd.DataFrame]
    robots: pd.DataFrame
    coefficients: pd.DataFrame
    words: np.ndarray
    reports: pd.DataFrame
    patents_factor: float
    drawn: np.datetime64

    @property
    def truth(self) -> pd.DataFrame:
        """What only the simulation knows, one row a firm and year."""
        return self.outcomes.truth


def draw(
    *,
    seed: int,
    n_firms: int | None = None,
    patents_factor: float | None = None,
    scale: Scale = "default",
    first_year: int = FIRST_YEAR,
    last_year: int = LAST_YEAR,
    effects: EconomyEffects | None = None,
) -> Economy:
    """Draw the economy.

    Parameters
    ----------
    seed : int
        Same seed and scale, same economy.
    n_firms : int, optional
        Firms listed in the last year; by default that of the scale.
    patents_factor : float, optional
        Factor on the number of patents that are not green (one: as many as listed firms have, about 30 a firm and
        year); green patents are always complete.
    scale : {"small", "default", "full"}
        60 firms with factor 0.3; 5,361 with 0.05; 5,361 with 1.
    first_year, last_year : int
        Calendar years, both included.
    effects : EconomyEffects, optional
        What zones do.
    """
    if scale not in SCALES:
        raise OptionError("scale", scale, list(SCALES))
    n = SCALES[scale][0] if n_firms is None else n_firms
    factor = SCALES[scale][1] if patents_factor is None else patents_factor
    effects = effects or EconomyEffects()
    rng = streams(seed, PARTS)

    def own(name: str) -> Streams:
        return _own(rng, name)

    years = np.arange(first_year, last_year + 1)
    sector = own("industries")
    core = _draw_core(rng, n, years, effects, sector, factor)
    who, drawn = core.firms, core.outcomes
    field = field_of_trades(who["industry_code"])
    names = company_names.draw_names(own("names"), who, field, network.N_UNLISTED)
    tech, day = technology(), np.datetime64(f"{last_year + 1}{DRAWN}")
    inventions = patents.draw_patents(own("patents"), who, years, drawn, names, field, tech, drawn.words)
    books, record = own("accounts"), own("records")
    table = accounts.firm_years(books, who, years, drawn, names)
    keys = table[["firm_id", "year"]]
    filed = raw_records.filed_by_kind(inventions, who)
    row, column = np.nonzero(drawn.active)
    saying = own("reports")
    kind = who["ai_type"].to_numpy()[row]
    words = raw_reports.draw_words(saying["words"], drawn.words[row, column], kind)
    words += raw_reports.draw_words(own("adopters")["words"], drawn.adopters.core_words[row, column], kind, core=True)
    return Economy(
        firms=who,
        years=years,
        outcomes=drawn,
        names=names,
        patents=inventions,
        technology=tech,
        field=field,
        firm_years=table,
        days=accounts.firm_file_days(books, who),
        staff=accounts.staff(books, who, years, drawn),
        segments=accounts.segments(who, years, drawn, table["revenue"]),
        city_years=raw_records.city_years(record, core.cities, outcomes.zone_structure(core.cities, effects)),
        filed=filed,
        own_reports=raw_records.own_reports(record, keys, filed),
        green_counts=raw_records.green_counts(keys, inventions, who, day),
        links={
            side: raw_records.links(drawn.active, who, years, part, side, names) for side, part in core.partners.items()
        },
        robots=core.robots,
        coefficients=industries.draw_coefficients(sector),
        words=words,
        reports=raw_reports.texts(saying, keys, words, drawn.log_assets[row, column]),
        patents_factor=factor,
        drawn=day,
    )


@dataclass(frozen=True)
class _Core:
    """What decides the outcomes, before anything is written down."""

    firms: pd.DataFrame
    partners: dict[str, network.Partners]
    cities: outcomes.CityPaths
    robots: pd.DataFrame
    outcomes: outcomes.Outcomes


def _own(rng: Streams, name: str) -> Streams:
    return {part: rng[f"{name}.{part}"] for part in _MODULES[name].PARTS}


def _draw_core(
    rng: Streams, n: int, years: np.ndarray, effects: EconomyEffects, sector: Streams, factor: float
) -> _Core:
    who = firms.draw_firms(_own(rng, "firms"), n, years)
    partners = network.draw_network(_own(rng, "network"), who, years)
    cities = outcomes.city_structure(rng["cities.structure"], years)
    robots = industries.draw_robots(sector, years)
    density = industries.robot_density(robots, who["industry_code"], years)
    own = _own(rng, "outcomes")
    drawn = outcomes.draw_outcomes(
        own, who, years, cities, density, partners, effects, patents=factor, adopters=_own(rng, "adopters")
    )
    return _Core(who, partners, cities, robots, drawn)


def perfect_panel(
    *,
    seed: int,
    n_firms: int = FULL_FIRMS,
    first_year: int = FIRST_YEAR,
    last_year: int = LAST_YEAR - 1,
    effects: EconomyEffects | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw the economy of a seed and give its panel as records without error would, in about a second.

    Parameters
    ----------
    seed, n_firms, effects
        See `draw`; the economy is the same.
    first_year, last_year : int
        Calendar years, both included.

    Returns
    -------
    frame : DataFrame
        firm_id, year, home_city, industry_code, ownership, size (log assets), zone_year, ring_100km, the channels,
        green_patents and green_patents_log; treated, exposure to zones by industry_peers, customer_exposure and
        supplier_exposure;
        adoption_year, adopted, adopted_dose (log core words of adoption) and exposure to adopters by
        adopted_peers, adopted_neighbours, adopted_customers and adopted_suppliers.
    truth : DataFrame
        The same rows, see `write_truth`.
    """
    years = np.arange(first_year, LAST_YEAR + 1)
    rng = streams(seed, PARTS)
    core = _draw_core(rng, n_firms, years, effects or EconomyEffects(), _own(rng, "industries"), 0.0)
    who, drawn = core.firms, core.outcomes
    row, column = np.nonzero(drawn.active & (years <= last_year))
    zone = facts.pilot_zone_cohorts().reindex(who["city_code"]).to_numpy(dtype=float)
    cities = firms.cities_by_year(who, years)
    city = cities[row, column]
    channels = zip(outcomes.CHANNELS, (drawn.structure, drawn.polluting, drawn.degree), strict=True)
    counts = drawn.green.sum(axis=(2, 3))[row, column]
    adopted = (years >= drawn.adopters.year[:, None]) & drawn.active
    to_zones = adopters.exposures(who, drawn.active, cities, core.partners, drawn.treated)
    names = dict(zip(WAYS, ("industry_peers", None, "customer_exposure", "supplier_exposure"), strict=True))
    exposed = {names[way]: values for way, values in to_zones.items() if names[way]}
    reached = adopters.exposures(who, drawn.active, cities, core.partners, adopted)
    exposed |= {f"adopted_{way}": values for way, values in reached.items()}
    dose = np.log(adopters.WORDS) + np.where(np.isfinite(drawn.adopters.year), drawn.adopters.intensity, np.nan)
    frame = pd.DataFrame(
        {
            "firm_id": who["firm_id"].to_numpy()[row],
            "year": years[column],
            "home_city": who["city_code"].to_numpy()[row],
            "industry_code": who["industry_code"].to_numpy()[row],
            "ownership": who["ownership"].to_numpy()[row],
            "size": drawn.log_assets[row, column],
            "zone_year": zone[row],
            circle_column(NEAR_KM): facts.zones_within(city, years[column], radius_km=NEAR_KM),
            **{name: values[row, column] for name, values in channels},
            "green_patents": counts,
            "green_patents_log": np.log1p(counts),
            "treated": drawn.treated[row, column].astype("int64"),
            "adoption_year": np.where(np.isfinite(drawn.adopters.year), drawn.adopters.year, np.nan)[row],
            "adopted": adopted[row, column].astype("int64"),
            "adopted_dose": dose[row],
            **{name: values[row, column] for name, values in exposed.items()},
        }
    )
    return frame, drawn.truth[drawn.truth["year"] <= last_year].reset_index(drop=True)


def write_raw(
    folder: Path | str,
    *,
    seed: int,
    truth_folder: Path | str,
    n_firms: int | None = None,
    patents_factor: float | None = None,
    scale: Scale = "default",
    first_year: int = FIRST_YEAR,
    last_year: int = LAST_YEAR,
    effects: EconomyEffects | None = None,
    reports: Literal["table", "folder"] = "table",
) -> list[Path]:
    """Draw the economy and write its raw files; the truth goes to a folder of its own that no adapter reads.

    Parameters
    ----------
    folder, truth_folder : path
        Made if absent; the layout is that of the module.
    seed, n_firms, patents_factor, scale, first_year, last_year, effects
        See `draw`.
    reports : {"table", "folder"}
        Annual reports in one Parquet table, or in a folder of txt files.

    Returns
    -------
    list of Path
        Files written, in the order of writing.
    """
    economy = draw(
        seed=seed,
        n_firms=n_firms,
        patents_factor=patents_factor,
        scale=scale,
        first_year=first_year,
        last_year=last_year,
        effects=effects,
    )
    return [*write(economy, Path(folder), reports=reports), *write_truth(economy, Path(truth_folder))]


def write(economy: Economy, folder: Path, *, reports: Literal["table", "folder"] = "table") -> list[Path]:
    """Write the raw files of an economy."""
    csmar = folder / "csmar"
    b_shares = economy.firms[economy.firms["b_share"] != ""].set_index("firm_id")["b_share"]
    full_names = pd.Series(economy.names.full, economy.firms["firm_id"])
    google = folder / "google"
    with ThreadPoolExecutor(1) as beside:  # Arrow writes publications, and lets other Python run
        publications = beside.submit(
            raw_google.write_publications, google, economy.patents, economy.technology, economy.field, economy.drawn
        )
        before = [
            *raw_csmar.statements(csmar, economy.firm_years, b_shares),
            *raw_csmar.firm_file(csmar, economy.firm_years, economy.days, b_shares, full_names),
            raw_csmar.controllers(csmar, economy.firm_years),
            *raw_csmar.staff(csmar, economy.staff),
            *raw_csmar.rd(csmar, economy.firm_years),
            *raw_records.write_own_reports(csmar, economy.own_reports),
        ]
        for direction, frame in economy.links.items():
            before += raw_records.write_links(csmar, frame, direction)
        before += raw_records.write_green_counts(folder / "cnrds", economy.green_counts)
        after = [
            *raw_reports.write_reports(folder / "reports", economy.reports, reports),
            raw_records.write_city_years(folder / "cities", economy.city_years),
            raw_records.write_company_names(folder / "names", economy.names),
            raw_records.write_segments(folder / "segments", economy.segments),
            *industries.write(folder / "industries", economy.robots, economy.coefficients),
        ]
    return [*before, *publications.result(), *after]


def write_truth(economy: Economy, folder: Path) -> list[Path]:
    """Write the truth of an economy."""
    held = economy.patents
    ids = economy.firms["firm_id"].to_numpy()
    names = np.array([*patents.MECHANISM_NAMES, ""])
    intended = pd.DataFrame(
        {
            "patent_id": held.ids(),
            "firm_id": ids[held.firm],
            "year": held.year,
            "patent_type": np.array(patents.KINDS)[held.kind],
            "green": held.mechanism >= 0,
            "mechanism": names[held.mechanism],
            "strict": held.strict,
            "ai": held.ai,
            **{f"tag_{tag}": _any_symbol(held, of) for tag, of in economy.technology.tags.items()},
            "visible": held.published <= economy.drawn,
        }
    )
    owner = held.spelled_firm
    spelled = pd.DataFrame({"name": held.spelled, "firm_id": np.where(owner < 0, None, ids[np.maximum(owner, 0)])})
    spelled = spelled.assign(name=spelled["name"].str.strip()).drop_duplicates(ignore_index=True)
    return [
        writing.parquet(folder / "truth.parquet", economy.truth),
        writing.parquet(folder / "patents.parquet", intended),
        writing.parquet(folder / "applicants.parquet", spelled),
    ]


def _any_symbol(held: patents.Patents, of: np.ndarray) -> np.ndarray:
    """Whether any symbol of each patent is one of these."""
    return sum(((listed >= 0) & of[np.maximum(listed, 0)]).any(axis=1) for listed in (held.ipc, held.cpc)) > 0
