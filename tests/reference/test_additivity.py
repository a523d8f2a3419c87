"""Direct + channels + spillover = total, to 1e-10 of the total, on every dataset that the tests use.

At every aggregation, in estimates and in influence functions; the largest gap is printed (``pytest -rP``). Nothing here
is a finding: where a dataset has no channel or exposure, one is drawn.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aigreen import Decomposition, Effects, Imputation, Mediation, Panel
from aigreen.data.assemble.build import build
from aigreen.data.assemble.simulated_firms import firm_year
from aigreen.data.sources import cities, cui2018
from aigreen.data.sources.simulated import firm_years
from aigreen.decomposition.parts import TOTAL
from aigreen.exposure import exposures, rings
from aigreen.panel.dropped import Dropped
from aigreen.simulate import designs
from aigreen.simulate.economy import economy
from aigreen.simulate.economy.raw_files import write_raw_files
from aigreen.simulate.world import firm_panel

AGGREGATIONS = [None, "simple", "event_study", "group", "calendar"]
ONE_UNIT_COHORTS = {"castle", "provinces"}  # no doubly robust effects
Case = tuple[Panel, str, dict]


def drawn(panel: Panel, outcome: str) -> pd.DataFrame:
    """Add a channel that moves with the outcome and, of every fifth unit in the later half of periods, exposure."""
    rng = np.random.default_rng(1)
    channel = 0.5 * panel.column(outcome) + 0.2 * panel.treated + rng.standard_normal(panel.n_rows)
    later = panel.time > np.median(panel.times)
    exposure = later & (panel.unit_codes % 5 == 0)
    keys = {"unit": panel.units[panel.unit_codes], "time": panel.time, "cohort": panel.cohort}
    return pd.DataFrame({**keys, outcome: panel.column(outcome), "m": channel, "s": 1.0 * exposure})


def mpdta(shared: Path, _: Path) -> Case:
    df = pd.read_csv(shared / "data/did_mpdta/mpdta.csv")
    panel = Panel(df, unit="countyreal", time="year", cohort="first.treat")
    frame = drawn(panel, "lemp")
    return Panel(frame, unit="unit", time="time", cohort="cohort"), "lemp", {"channels": ["m"], "exposure": "s"}


def castle(shared: Path, _: Path) -> Case:
    df = pd.read_csv(shared / "data/did_bacondecomp/castle.csv").assign(police=lambda d: np.log(d["police"]))
    panel = Panel(df, unit="state", time="year", cohort="effyear", weights="popwt")
    return panel, "l_homicide", {"channels": ["police", "unemployrt"]}


def provinces(shared: Path, _: Path) -> Case:
    folder = shared / "data/cn_province_greenpatent_greenfinance"
    df = pd.read_csv(folder / "final_data.1.3.4_did.csv", encoding="utf-8-sig")
    first = df[df["green_finance_pilot"] > 0].groupby("province_id")["year"].min()
    df = df.assign(first=df["province_id"].map(first).fillna(0), green=np.log1p(df["green_invention_patents"]))
    return Panel(df, unit="province_id", time="year", cohort="first"), "green", {"channels": ["sec_pctg", "gf_index"]}


def prefectures(shared: Path, _: Path) -> Case:
    df = cities.prefecture_panel(shared / "data/cn_prefecture_lowcarbon/panel_2007_2023_full.xlsx").table
    places = cities.coordinates(shared / "data/cn_city_geo/Chinese_City_Coordinate.dta").table.set_index("city_code")
    df = df[df["city_code"].isin(places.index)].reset_index(drop=True)
    df["intensity"] = np.log(df["carbon_intensity"])
    keys = {"unit": "city_code", "time": "year", "cohort": "low_carbon_year"}
    near = exposures(Panel(df, **keys), rings(places[["latitude", "longitude"]], [0, 100, 200]), how="any")
    options = {"channels": ["industrial_upgrading"], "exposure": ["ring_0_100", "ring_100_200"]}
    return Panel(df.join(near), **keys), "intensity", options


def emission_trading(shared: Path, _: Path) -> Case:
    """Firms of covered industries in pilot provinces are treated from the announcement on, others there exposed."""
    df = cui2018.firm_panel(shared / "data/cui2018_ets_firm_patents/AEA_P&P_table.dta").table
    region, covered, post = (df[name].fillna(0).astype(int) for name in ("ets_region", "ets_industry", "post"))
    start = df.loc[post == 1, "year"].min()
    df = df.assign(first=start * region * covered, near=1.0 * region * (1 - covered) * post)
    ever = df.groupby("firm")["first"].transform("max")
    panel = Panel(df.assign(first=ever), unit="firm", time="year", cohort="first")
    return panel, "low_carbon_patents_log", {"channels": ["assets_log", "roa_log"], "exposure": "near"}


def city_industries(shared: Path, _: Path) -> Case:
    """Industries of cities with AI patents, treated with their city; zones without a year are left out."""
    folder = shared / "data/cn_ai_pilot_zones_patents"
    df = pd.read_csv(folder / "china_ai_diffusion_atlas_city_industry_year.csv", encoding="utf-8-sig")
    df = df[df["year"].between(2015, 2021) & ~(df["pilot_zone"].eq(1) & df["pilot_year"].isna())].reset_index(drop=True)
    df["cell"] = df["city"] + " " + df["province"] + " " + df["industry_code"]
    df["first"] = df.groupby("cell")["pilot_year"].transform("max").fillna(0)
    keys = {"unit": "cell", "time": "year", "cohort": "first"}
    panel = Panel(df, **keys)
    more = drawn(panel, "industrial_ai_patents")[["unit", "time", "m", "s"]]
    frame = df.merge(more.rename(columns={"unit": "cell", "time": "year"}), on=["cell", "year"], validate="1:1")
    return Panel(frame, **keys, cluster="city"), "industrial_ai_patents", {"channels": ["m"], "exposure": "s"}


def facilities(shared: Path, _: Path) -> Case:
    """Facilities of firms, treated from the year whose annual report first names machine learning."""
    folder = shared / "data/us_facilities"
    df = pd.read_csv(folder / "ghgrp_facilities_sp500_all_years.csv").query("total_emissions > 0")
    df = df.drop_duplicates(["facility_id", "year"])
    words = pd.read_csv(folder / "ai_keywords_10k.csv").query("`machine learning` > 0")
    first = words.groupby("ticker")["filing_year"].min() - 1
    df = df.assign(first=df["ticker"].map(first).fillna(0), emissions=np.log(df["total_emissions"]))
    frame = drawn(Panel(df, unit="facility_id", time="year", cohort="first"), "emissions")
    frame["ticker"] = df.groupby("facility_id")["ticker"].first().reindex(frame["unit"]).to_numpy()
    keys = {"unit": "unit", "time": "time", "cohort": "cohort", "cluster": "ticker"}
    return Panel(frame, **keys), "emissions", {"channels": ["m"], "exposure": "s"}


def study_panel(frame: pd.DataFrame, cluster: str) -> Case:
    panel = Panel(frame, unit="firm_id", time="year", cohort="zone_year", cluster=cluster)
    options = {"channels": ["industry_structure", "human_capital"], "exposure": "ring_100km", "response": "linear"}
    return panel, "green_patents_log", options


def compact_world(_: Path, scratch: Path) -> Case:
    raw, _truth = write_raw_files(*firm_panel(), raw_folder=scratch / "raw", truth_folder=scratch / "truth")
    return study_panel(firm_year(firm_years(raw)).frame, "city_code")


def full_economy(_: Path, scratch: Path) -> Case:
    economy.write_raw(scratch / "raw", truth_folder=scratch / "truth", seed=5, n_firms=200, patents_factor=0.1)
    return study_panel(build(scratch / "raw", scratch / "out").assembled.frame, "home_city")


def monte_carlo(_: Path, __: Path) -> Case:
    frame, _truth = designs.draw(designs.DESIGNS["heterogeneous"], np.random.default_rng(1))
    panel = Panel(frame, unit="firm", time="year", cohort="first", cluster="city")
    return panel, "y", {"channels": list(designs.CHANNELS), "exposure": "exposure"}


DATASETS: dict[str, Callable[[Path, Path], Case]] = {
    "mpdta": mpdta,
    "castle": castle,
    "provinces": provinces,
    "cities": prefectures,
    "cui2018": emission_trading,
    "city industries": city_industries,
    "facilities": facilities,
    "compact world": compact_world,
    "full economy": full_economy,
    "Monte Carlo": monte_carlo,
}


@pytest.fixture(scope="module", params=list(DATASETS))
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Case]:
    name = request.param
    simulated = name in {"compact world", "full economy", "Monte Carlo"}
    shared = Path() if simulated else request.getfixturevalue("shared")
    return name, DATASETS[name](shared, tmp_path_factory.mktemp("raw"))


def gap(view: Effects) -> float:
    """Largest distance of the sum of parts to the total, in estimates and influence, relative to the largest total."""
    additive, total = view.additive, view.select(view.index.get_level_values("part") == TOTAL)
    values = additive.values.reshape(-1, len(total)).sum(axis=0) - total.values
    psi = additive.psi.reshape(len(view.psi), -1, len(total)).sum(axis=1) - total.psi
    return max(np.abs(values).max() / np.abs(total.values).max(), np.abs(psi).max() / np.abs(total.psi).max())


def largest(name: str, what: str, views: dict[str, Effects]) -> float:
    gaps = {label: gap(view) for label, view in views.items()}
    print(f"{name}, {what}: largest gap {max(gaps.values()):.1e} ({max(gaps, key=gaps.get)})")
    return max(gaps.values())


@pytest.mark.parametrize(
    "options", [{}, {"ordered": True}, {"interaction": True}, {"variance": "conservative"}], ids=str
)
@pytest.mark.filterwarnings("ignore::aigreen.errors.AlwaysTreatedWarning")
@pytest.mark.filterwarnings("ignore::aigreen.errors.MissingRowsWarning")
@pytest.mark.filterwarnings("ignore::aigreen.errors.SmallCellWarning")
@pytest.mark.filterwarnings("ignore::aigreen.errors.UnreachedWarning")
def test_decomposition(case: tuple[str, Case], options: dict) -> None:
    name, (panel, outcome, roles) = case
    result = Decomposition(**roles, **options).fit(panel, outcome)
    views = {how or "cells": result if how is None else result.aggregate(how) for how in AGGREGATIONS}
    assert largest(name, f"decomposition {options or ''}", views) < 1e-10


@pytest.mark.parametrize("scale", ["log", "count"])
@pytest.mark.filterwarnings("ignore::aigreen.errors.AlwaysTreatedWarning")
@pytest.mark.filterwarnings("ignore::aigreen.errors.MissingRowsWarning")
@pytest.mark.filterwarnings("ignore::aigreen.errors.SeparationWarning")
@pytest.mark.filterwarnings("ignore::aigreen.errors.SmallCellWarning")
@pytest.mark.filterwarnings("ignore::aigreen.errors.UnreachedWarning")
def test_decomposition_of_counts(case: tuple[str, Case], scale: str) -> None:
    """Counts, or counts made of an outcome; the total of every average is that of its sums, whatever its parts."""
    name, (panel, outcome, roles) = case
    counts = panel.column(outcome)
    if (counts % 1 != 0).any():
        counts = np.round(4 * np.exp(np.minimum((counts - np.nanmean(counts)) / np.nanstd(counts), 4)))
    counted = copy.copy(panel)
    counted.frame = panel.frame.assign(counts=panel.in_frame_order(counts))
    result = Decomposition(**roles, family="poisson", scale=scale, origins="exposure" in roles).fit(counted, "counts")
    views = {how or "cells": result if how is None else result.aggregate(how) for how in AGGREGATIONS}
    assert largest(name, f"decomposition, {scale}", views) < 1e-10
    percent = Imputation(family="poisson", scale="percent" if scale == "log" else "level")
    if "exposure" not in roles:
        alone = percent.fit(counted.complete(["counts", *roles["channels"]], Dropped()), "counts").overall().values
        alone = np.log1p(alone) if scale == "log" else alone
        assert result.overall().values[0] == pytest.approx(alone[0], abs=1e-10)


@pytest.mark.filterwarnings("ignore::aigreen.errors.AlwaysTreatedWarning")
@pytest.mark.filterwarnings("ignore::aigreen.errors.MissingRowsWarning")
@pytest.mark.filterwarnings("ignore::aigreen.errors.UnreachedWarning")
def test_subgroups(case: tuple[str, Case]) -> None:
    """Units with an even and an odd code are two fits of one panel; so is their difference, part by part."""
    name, (panel, outcome, roles) = case
    halves = [panel.cut(panel.unit_codes % 2 == half) for half in (0, 1)]
    even, odd = (Decomposition(**roles).fit(half, outcome).overall() for half in halves)
    assert largest(name, "subgroups", {"even": even, "odd": odd, "difference": even - odd}) < 1e-10


@pytest.mark.filterwarnings("ignore::aigreen.errors.AlwaysTreatedWarning")
@pytest.mark.filterwarnings("ignore::aigreen.errors.MissingRowsWarning")
@pytest.mark.filterwarnings("ignore::aigreen.errors.OverlapWarning")
@pytest.mark.filterwarnings("ignore::aigreen.errors.SingletonWarning")
@pytest.mark.filterwarnings("ignore::aigreen.errors.SmallCellWarning")
def test_mediation(case: tuple[str, Case]) -> None:
    name, (panel, outcome, roles) = case
    views = {
        design: Mediation(channels=roles["channels"], design=design).fit(panel, outcome)
        for design in ["regression", "staggered", *(["doubly_robust"] if name not in ONE_UNIT_COHORTS else [])]
    }
    overall = {design: view.overall() if view.index.nlevels > 1 else view for design, view in views.items()}
    assert largest(name, "mediation", views | {f"{design}, overall": view for design, view in overall.items()}) < 1e-10


@pytest.mark.parametrize(
    ("data", "outcome", "channel"), [("jobs", "depress2", "job_seek"), ("framing", "cong_mesg", "emo")]
)
def test_cross_sections(shared: Path, data: str, outcome: str, channel: str) -> None:
    df = pd.read_csv(shared / f"data/med_mediation_pkg/{data}.csv").assign(row=lambda d: np.arange(len(d)))
    panel = Panel(df.assign(half=df["row"] % 2), unit="row", time="half")
    result = Mediation(channels=[channel], fixed_effects=[]).fit(panel, outcome, treatment="treat", covariates=["age"])
    assert largest(data, "mediation", {"regression": result}) < 1e-10
