"""Headline numbers of the studies provinces and cities, again from the public files with numpy and pandas alone."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]


def facts(name):
    return pd.read_csv(ROOT / "data/facts" / f"{name}.csv", dtype=str, keep_default_na=False)


def accepted(study):
    known = json.loads((ROOT / f"paper/expected/{study}/numbers.json").read_text("utf-8"))
    return {key: entry["value"] for key, entry in known.items()}


def first_years(codes, years):
    return years.astype(int).groupby(codes.to_numpy()).min()


def zones():
    table = facts("ai_pilot_zones")
    return table[table["program"] == "MOST National New-Generation AI Innovation and Development Pilot Zone"]


@pytest.fixture(scope="module")
def provinces(shared):
    path = shared / "data/cn_province_greenpatent_greenfinance/final_data.1.3.4_did.csv"
    raw = pd.read_csv(path, encoding="utf-8-sig")
    places = pd.concat([facts("divisions"), facts("divisions_other")])
    places = places[places["gb_code"].str.endswith("0000")].drop_duplicates("name_en").set_index("name_en")["gb_code"]
    names = raw["province"].str.strip().replace({"Neimenggu": "Inner Mongolia", "Xizang": "Tibet"})
    raw = raw.assign(code=names.map(places))
    assert raw["code"].nunique() == 31
    pair = ["code", "green_invention_patents", "green_utility_patents"]
    repeated = raw.groupby(pair)["year"].transform("size") >= 3
    raw = raw[~(repeated & (raw[pair[1:]] > 0).all(axis=1))]
    first = first_years(zones()["prefecture_code"].str[:2] + "0000", zones()["batch_year"])
    hubs = facts("confounding_policies").query("policy == 'east_data_west_computing_hub'")
    hub = first_years(hubs["gb_code"].str[:2] + "0000", hubs["coded_year"])
    return raw.assign(
        zone=raw["code"].map(first).fillna(9999),
        hub=raw["code"].map(hub).fillna(9999),
        log=np.log1p(raw["green_invention_patents"]),
    )


@pytest.fixture(scope="module")
def cities(shared):
    raw = pd.read_excel(shared / "data/cn_prefecture_lowcarbon/panel_2007_2023_full.xlsx", engine="openpyxl")
    by_name = facts("divisions").set_index("name_zh")["gb_code"]
    raw = raw.assign(code=raw["city_name"].str.strip().map(by_name))
    raw = raw[raw.groupby("code")["carbon_intensity"].transform("count") > 0]
    value = raw["carbon_intensity"]
    ends = value.isin([value.min(), value.max()])
    assert value[ends].value_counts().min() >= 5
    clusters = facts("confounding_policies").query("policy == 'east_data_west_computing_cluster'")
    return raw.assign(
        zone=raw["code"].map(first_years(zones()["prefecture_code"], zones()["batch_year"])).fillna(9999),
        cluster=raw["code"].map(first_years(clusters["prefecture_code"], clusters["coded_year"])).fillna(9999),
        log=np.log(value.mask(ends)),
        emissions=np.log(value.mask(ends) * raw["gdp_real"]),
    )


def dummies(frame):
    unit, year = (pd.get_dummies(frame[name], dtype=float).to_numpy() for name in ("code", "year"))
    return np.column_stack([unit, year[:, 1:]])


def poisson(frame, treated, count):
    """Coefficient of treatment with unit and year dummies, and its error by unit, with factor G / (G - 1)."""
    frame = frame[frame.groupby("code")[count].transform("sum") > 0]
    y, d = frame[count].to_numpy(float), treated(frame).to_numpy(float)
    X = np.column_stack([d, dummies(frame)])
    beta = np.linalg.lstsq(X, np.log1p(y), rcond=None)[0]
    for _ in range(60):
        mu = np.exp(X @ beta)
        beta = beta + np.linalg.pinv(X.T @ (mu[:, None] * X)) @ (X.T @ (y - mu))
    mu = np.exp(X @ beta)
    bread = np.linalg.pinv(X.T @ (mu[:, None] * X))
    scores = pd.DataFrame(X * (y - mu)[:, None]).groupby(frame["code"].to_numpy()).sum().to_numpy() @ bread
    n, groups = len(y), len(scores)
    # Parameters: treatment and the years but one; province effects are nested in clusters.
    k = 1 + frame["year"].nunique()
    factor = groups / (groups - 1) * (n - 1) / (n - k)
    return beta[0], np.sqrt(factor * (scores[:, 0] ** 2).sum()), n


def ols(frame, treated, outcome):
    frame = frame[frame[outcome].notna()]
    frame = frame[frame.groupby("code")[outcome].transform("count") > 1]
    F = dummies(frame)

    def within(v):
        return v - F @ np.linalg.lstsq(F, v, rcond=None)[0]

    d, y = within(treated(frame).to_numpy(float)), within(frame[outcome].to_numpy(float))
    b = d @ y / (d @ d)
    scores = pd.Series(d * (y - b * d)).groupby(frame["code"].to_numpy()).sum().to_numpy()
    n, groups = len(y), len(scores)
    factor = groups / (groups - 1) * (n - 1) / (n - 1 - frame["year"].nunique())
    return b, np.sqrt(factor * (scores**2).sum()) / (d @ d), n


def zone_in_force(frame):
    return frame["year"] >= frame["zone"]


def hub_in_force(frame):
    return frame["year"] >= frame["hub"]


def cluster_in_force(frame):
    return frame["year"] >= frame["cluster"]


def held(known, key, found):
    b, error, n = found
    assert known[key] == pytest.approx(b, abs=2e-6)
    assert known[f"{key}_se"] == pytest.approx(error, rel=2e-4)
    assert known[f"{key}_n"] == n


@pytest.mark.parametrize("last", range(2019, 2024))
def test_the_honest_range_of_provinces(provinces, last):
    known, rows = accepted("provinces"), provinces[provinces["year"] <= last]
    for key, count in (("inventions", "green_invention_patents"), ("utility", "green_utility_patents")):
        held(known, f"last_years_{key}_{last}", poisson(rows, zone_in_force, count))
    treated = rows.loc[zone_in_force(rows), "code"].nunique()
    assert known[f"last_years_inventions_{last}_treated"] == treated
    assert known[f"last_years_inventions_{last}_clusters"] == rows["code"].nunique() == 31


def test_the_ends_of_the_range(provinces):
    known = accepted("provinces")
    values = [known[f"last_years_inventions_{year}"] for year in range(2019, 2024)]
    assert known["last_years_green_inventions_lowest"] == min(values) == values[-1]
    assert known["last_years_green_inventions_highest"] == max(values) == values[0]
    lows = [known[f"last_years_inventions_{year}_low"] for year in range(2019, 2024)]
    assert known["last_years_green_inventions_reach_low"] == min(lows)


def test_coal_emissions_and_hubs_of_provinces(provinces):
    known = accepted("provinces")
    raw = {"ln_co2": "co2_emissions", "ln_so2": "industrial_so2", "ln_wastewater": "industrial_wastewater"}
    frame = provinces.assign(**{name: np.log(provinces[column]) for name, column in raw.items()})
    held(known, "alternative_outcomes_coal_share", ols(frame, zone_in_force, "coal_share_pctg"))
    for key in ("co2", "so2", "wastewater"):
        held(known, f"alternative_outcomes_{key}", ols(frame, zone_in_force, f"ln_{key}"))
    held(known, "computing_hubs_inventions", poisson(frame, hub_in_force, "green_invention_patents"))
    held(known, "computing_hubs_co2", ols(frame, hub_in_force, "ln_co2"))
    held(known, "computing_hubs_coal", ols(frame, hub_in_force, "coal_share_pctg"))


@pytest.mark.parametrize(("column", "key"), [("coal_share_pctg", "coal"), ("gf_index", "finance"),
                                             ("urbanization_rate", "urban")])  # fmt: skip
def test_moderators_of_provinces(provinces, column, key):
    known = accepted("provinces")
    base = provinces[provinces["year"] == 2018].set_index("code")[column].dropna()
    for side, chosen in (("low", base <= base.median()), ("high", base > base.median())):
        rows = provinces[provinces["code"].isin(base.index[chosen])]
        held(known, f"moderators_{key}_{side}_poisson", poisson(rows, zone_in_force, "green_invention_patents"))


def test_coal_share_as_a_channel(provinces):
    """Total, and the part of each channel as slope times movement, from clean rows by least squares."""
    known, channels = accepted("provinces"), ["sec_pctg", "coal_share_pctg", "gf_index"]
    divisions = facts("divisions").set_index("gb_code")
    capital = divisions[divisions["provincial_capital"] == "1"].reset_index().set_index("province_code")
    zone = first_years(zones()["prefecture_code"], zones()["batch_year"])
    lat, lon = (np.radians(divisions.loc[zone.index, name].astype(float).to_numpy()) for name in ("lat", "lon"))

    def exposure(row):
        here = np.radians(capital.loc[row["code"], ["lat", "lon"]].to_numpy(float))
        h = np.sin((lat - here[0]) / 2) ** 2 + np.cos(lat) * np.cos(here[0]) * np.sin((lon - here[1]) / 2) ** 2
        other = divisions.loc[zone.index, "province_code"].to_numpy() != row["code"]
        return (other & (2 * 6371.0088 * np.arcsin(np.sqrt(h)) <= 300) & (row["year"] >= zone.to_numpy())).sum()

    frame = provinces[provinces["coal_share_pctg"].notna()].reset_index(drop=True)
    near, treated = frame.apply(exposure, axis=1) > 0, zone_in_force(frame)
    clean, F = (~near & ~treated).to_numpy(), dummies(frame)

    def left(values):
        return values - F @ np.linalg.lstsq(F[clean], values[clean], rcond=None)[0]

    y, m = left(frame["log"].to_numpy()), np.column_stack([left(frame[name].to_numpy()) for name in channels])
    slopes = np.linalg.lstsq(m[clean], y[clean], rcond=None)[0]
    moved, total = m[treated].mean(axis=0), y[treated].mean()
    assert known["decomposition_coal_with_total"] == pytest.approx(total, abs=1e-6)
    for name, part in zip(("secondary_share", "coal_share", "green_finance_index"), slopes * moved, strict=True):
        assert known[f"decomposition_coal_with_{name}"] == pytest.approx(part, abs=1e-6)


def test_clusters_and_last_years_of_cities(cities):
    known = accepted("cities")
    for last in range(2019, 2024):
        held(known, f"last_years_ols_{last}", ols(cities[cities["year"] <= last], zone_in_force, "log"))
    never = cities[cities["zone"] == 9999]
    for key, outcome in (("intensity", "log"), ("emissions", "emissions")):
        held(known, f"computing_clusters_{key}", ols(cities, cluster_in_force, outcome))
        held(known, f"computing_clusters_{key}_never", ols(never, cluster_in_force, outcome))
