"""Customers and suppliers, patents by own report (CSMAR), green patents (CNRDS), segments, cities, company names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from aigreen.data import facts
from aigreen.data.sources.cities import PANEL
from aigreen.data.sources.cnrds import GREEN_FIELDS
from aigreen.data.sources.cnrds import TABLE as GREEN_TABLE
from aigreen.data.sources.csmar_records import LINKS
from aigreen.simulate.draws import Streams
from aigreen.simulate.economy import writing
from aigreen.simulate.economy.company_names import Names
from aigreen.simulate.economy.network import MASK_NAMES, Partners
from aigreen.simulate.economy.outcomes import CityPaths
from aigreen.simulate.economy.patents import KINDS, Patents
from aigreen.simulate.economy.raw_csmar import labels

PARTS = ("reports", "cities", "employment")
OWN_REPORT = 0.55  # firm-years with patents by own report
UNKNOWN_PILOT, NO_CODE = 0.1, 0.25
EMPLOYED, STAFF_OF_OUTPUT = 0.55, (2.5, 0.9, 0.95)  # of the population; of a sector, relative to its output


def links(
    active: np.ndarray, firms: pd.DataFrame, years: np.ndarray, side: Partners, direction: str, names: Names
) -> pd.DataFrame:
    """Give the partners that reports show: ``firm_id, year, slot, partner_name, partner_id, listed, masked, share``."""
    row, column, slot = np.nonzero((active & side.covered)[..., None] & np.ones(side.share.shape[2], dtype=bool))
    at = row, column, slot
    partner, masked = side.listed[at], side.masked[at]
    listed = partner >= 0
    name = np.where(listed, names.full[np.maximum(partner, 0)], names.unlisted[np.maximum(side.unlisted[at], 0)])
    ids = firms["firm_id"].to_numpy(dtype=str)
    return pd.DataFrame(
        {
            "firm_id": ids[row],
            "year": years[column].astype("int64"),
            "slot": slot,
            "partner_name": np.where(masked, np.array(MASK_NAMES[direction])[slot], name),
            "partner_id": np.where(listed & ~masked & side.coded[at], ids[np.maximum(partner, 0)], None),
            "listed": listed,
            "masked": masked,
            "share": side.share[at],
        }
    )


def write_links(folder: Path, frame: pd.DataFrame, direction: str) -> list[Path]:
    """Write one of the two tables; every thirteenth row once more for the parent alone."""
    raw = pd.DataFrame(
        {
            "Symbol": frame["firm_id"],
            "EndDate": writing.year_end(frame["year"]),
            "StateTypeCode": 1,
            "IsListed": np.where(frame["partner_id"].notna(), 1, 0),
            "BusinessSymbol": frame["partner_id"],
            "InstitutionName": frame["partner_name"],
            "ProportionOfTotalValue": (frame["share"] * 100).round(2),
        }
    )
    whole = pd.concat([raw, raw[::13].assign(StateTypeCode=2)]).sort_values(
        ["Symbol", "EndDate"], kind="stable", ignore_index=True
    )
    return writing.csv_parts(folder, LINKS[direction].table, whole, labels(list(whole.columns)))


def filed_by_kind(patents: Patents, firms: pd.DataFrame) -> pd.DataFrame:
    """Count all applications of firms and years: ``patents_filed, inventions_filed, ...``; only those with any."""
    frame = pd.DataFrame({"firm": patents.firm, "year": patents.year, "kind": patents.kind})
    counts = frame.groupby(["firm", "year"])["kind"].value_counts().unstack(fill_value=0)
    counts = counts.reindex(columns=range(len(KINDS)), fill_value=0)
    counts.columns = ["inventions_filed", "utility_models_filed", "designs_filed"]
    counts.insert(0, "patents_filed", counts.sum(axis=1))
    counts = counts.reset_index()
    counts.insert(0, "firm_id", firms["firm_id"].to_numpy()[counts.pop("firm")])
    return counts


def own_reports(rng: Streams, keys: pd.DataFrame, filed: pd.DataFrame) -> pd.DataFrame:
    """Choose the firm-years whose reports state patents filed; others are not covered."""
    covered = keys[rng["reports"].random(len(keys)) < OWN_REPORT]
    return covered.merge(filed, on=["firm_id", "year"], how="left").fillna(0).astype({"patents_filed": "int64"})


def write_own_reports(folder: Path, frame: pd.DataFrame) -> list[Path]:
    """Write ``PT_LCDOMFORAPPLY``: filings of the year (some by area), grants of the year, and cumulative stocks."""
    columns = {"patents_filed": "Patents", "inventions_filed": "Invention", "utility_models_filed": "UtilityModel",
               "designs_filed": "Design"}  # fmt: skip
    counts = frame.rename(columns=columns)[list(columns.values())].astype("int64")
    base = pd.DataFrame({"Symbol": frame["firm_id"], "EndDate": writing.year_end(frame["year"]), "StateTypeCode": 1})
    stock = counts.groupby(frame["firm_id"].to_numpy()).cumsum()
    parts = []
    by_area = np.arange(len(frame)) % 5 == 0
    abroad = counts // 10
    for rank, (area, kind, values, rows) in enumerate(
        (
            ("合计", "申请", counts, ~by_area),
            ("境内", "申请", counts - abroad, by_area),
            ("境外", "申请", abroad, by_area),
            ("合计", "授权", counts * 6 // 10, np.ones(len(frame), dtype=bool)),
            ("合计", "累计获得", stock * 6 // 10, np.ones(len(frame), dtype=bool)),
        )
    ):
        meta = base[rows].assign(Area=area, ApplyTypeCode=rank, ApplyType=kind, Source="年报")
        parts.append(meta.join(values[rows]))
    whole = pd.concat(parts).sort_values(["Symbol", "EndDate", "ApplyTypeCode"], kind="stable", ignore_index=True)
    return writing.csv_parts(folder, "PT_LCDOMFORAPPLY", whole, labels(list(whole.columns)))


def green_counts(keys: pd.DataFrame, patents: Patents, firms: pd.DataFrame, drawn: np.datetime64) -> pd.DataFrame:
    """Count green patents as CNRDS does: filed and granted, alone and jointly, published by the day of the data."""
    ids = firms["firm_id"].to_numpy()
    seen = (patents.mechanism >= 0) & (patents.published <= drawn)
    done = seen & (patents.granted <= drawn)
    granted_year = patents.granted.astype("datetime64[Y]").astype(np.int64) + 1970
    frame = keys[["firm_id", "year"]].copy()
    for field in GREEN_FIELDS:
        rows = done if "granted" in field.name else seen
        rows = rows & (patents.kind == (0 if "invention" in field.name else 1))
        rows &= patents.alone == field.name.endswith("alone")
        year = granted_year if "granted" in field.name else patents.year
        counts = pd.Series(1, index=pd.MultiIndex.from_arrays([ids[patents.firm[rows]], year[rows]])).groupby(
            level=[0, 1]
        )
        found = counts.sum().reindex(pd.MultiIndex.from_frame(frame[["firm_id", "year"]]), fill_value=0)
        frame[field.name] = found.to_numpy(dtype="int64")
    return frame


def write_green_counts(folder: Path, frame: pd.DataFrame) -> list[Path]:
    """Write ``GPRD``: Chinese headers, an English row below."""
    raw = frame.rename(columns={field.name: field.raw for field in GREEN_FIELDS})
    raw = raw.rename(columns={"firm_id": "股票代码", "year": "会计年度"})
    english = {field.raw: field.name for field in GREEN_FIELDS} | {"股票代码": "Scode", "会计年度": "Year"}
    return writing.csv_parts(folder, GREEN_TABLE, raw, {column: (english[column], "没有单位") for column in raw})


def city_years(rng: Streams, cities: CityPaths, structure: np.ndarray) -> pd.DataFrame:
    """Give canonical ``city_years`` of all prefectures; low-carbon pilots as they really were."""
    draw = rng["cities"]
    divisions = facts.table("divisions").set_index("gb_code").loc[cities.codes]
    shape = structure.shape
    growth = np.exp(0.06 * (cities.years - cities.years[0]))
    people = np.exp(5.7 + 0.6 * draw.standard_normal((shape[0], 1)))
    rich = np.exp(10.2 + 0.4 * draw.standard_normal((shape[0], 1)))
    primary = 0.02 + 0.18 * draw.beta(2, 3, (shape[0], 1))
    pilots = facts.table("confounding_policies").query("policy == 'low_carbon_pilot' and level != 'province'")
    first = pilots[pilots["prefecture_code"] != ""].groupby("prefecture_code")["coded_year"].min().astype(int)
    pilot = first.reindex(cities.codes).to_numpy(dtype=float)[:, None] + np.zeros(shape)
    known = (draw.random((shape[0], 1)) >= UNKNOWN_PILOT) | ~np.isnan(pilot)
    area = np.exp(9.2 + 0.7 * draw.standard_normal((shape[0], 1)))
    values = {
        "population": people * growth**0.1,
        "population_density": 1e4 * people * growth**0.1 / area,
        "gdp_real": people * rich * growth / 1e4,
        "gdp_per_capita": rich * growth,
        "gdp_deflator": 1 + 0.02 * (cities.years - cities.years[0]) + np.zeros(shape),
        "carbon_intensity": 2.5 / growth * np.exp(0.3 * draw.standard_normal((shape[0], 1))),
        "tertiary_share": (1 - primary) * structure / (1 + structure),
        "industrial_upgrading": structure,
        **_employment(rng["employment"], people * growth**0.1, primary, structure),
        "road_area": 12 * np.exp(0.3 * draw.standard_normal(shape)),
        "fdi": 1e3 * np.exp(draw.standard_normal((shape[0], 1))) * growth,
        "fdi_openness": 0.02 * np.exp(0.5 * draw.standard_normal(shape)),
        "financial_development": 2.2 * np.exp(0.2 * draw.standard_normal(shape)),
    }
    frame = pd.DataFrame(
        {
            "city_code": np.repeat(cities.codes, shape[1]),
            "year": np.tile(cities.years, shape[0]).astype("int64"),
            "city": np.repeat(divisions["name_zh"].to_numpy(), shape[1]),
            **{name: np.round(table, 6).ravel() for name, table in values.items()},
        }
    )
    frame["low_carbon_year"] = pd.array(pilot.ravel(), dtype="Int64")
    frame["low_carbon_known"] = pd.array(np.repeat(known[:, 0], shape[1]), dtype="boolean")
    return frame


def _employment(
    draw: np.random.Generator, people: np.ndarray, primary: np.ndarray, structure: np.ndarray
) -> dict[str, np.ndarray]:
    """Workers by sector: too many in agriculture for its output, so that output and employment do not match."""
    secondary = (1 - primary) / (1 + structure)
    output = np.stack(np.broadcast_arrays(primary, secondary, secondary * structure))
    weight = output * np.array(STAFF_OF_OUTPUT)[:, None, None] * np.exp(0.1 * draw.standard_normal((3, len(people), 1)))
    workers = EMPLOYED * people * weight / weight.sum(axis=0)
    sectors = ("employment_primary", "employment_secondary", "employment_tertiary")
    return dict(zip(sectors, workers, strict=True))


def write_city_years(folder: Path, frame: pd.DataFrame) -> Path:
    """Write the prefecture panel as the public file has it: codes as floats, and missing in a quarter of the rows."""
    treat = frame["low_carbon_year"].notna().astype(float)
    raw = frame.drop(columns="low_carbon_known").rename(
        columns={"city": "city_name", "population_density": "pop_density", "low_carbon_year": "pilot_year"}
    )
    code = frame["city_code"] + ".0"
    raw["city_code"] = code.where(np.arange(len(frame)) % 4 != 0)
    raw["treat"] = treat.where(frame["low_carbon_known"])
    return writing.csv(folder / f"{PANEL}.csv", raw, encoding="utf-8")


def write_segments(folder: Path, frame: pd.DataFrame) -> Path:
    """Write revenue by segment: security code, period, industry of the segment, yuan."""
    raw = pd.DataFrame(
        {
            "Stkcd": frame["firm_id"],
            "Accper": writing.year_end(frame["year"]),
            "SegmentIndustryCode": frame["industry_code"],
            "SegmentRevenue": frame["revenue"],
        }
    )
    return writing.csv(folder / "segments.csv", raw, encoding="utf-8")


def write_company_names(folder: Path, names: Names) -> Path:
    """Write the names of firms, subsidiaries and aliases."""
    return writing.csv(folder / "company_names.csv", names.registry, encoding="utf-8")
