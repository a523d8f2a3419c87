"""How near the synthetic economy comes to published numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aigreen.data import facts
from aigreen.simulate.economy.economy import FULL_FIRMS, Economy

LAST_YEAR = 2023  # of the workbook
_MOMENTS = {
    "ln(1 + green inventions)": "log_green",
    "Leverage (liabilities/assets)": "leverage",
    "Return on assets": "roa",
    "ln total assets": "log_assets",
    "ln firm age": "log_age",
}
# Tertiary over secondary value added of 215 prefectures, 2007-2023, in the workbook of the study cities.
PREFECTURES = {
    "City structure: standard deviation of cities' log means": 0.362,
    "City structure: standard deviation behind city and year": 0.201,
    "City structure: standard deviation of a year's change": 0.134,
    "City structure: mean rise a year": 0.035,
}
# Targets that have no row in the fact table: DOMAIN notes of the project, general knowledge, to be taken as priors.
_PRIORS = {
    "Manufacturing share of firms": 2 / 3,
    "State-owned share of firms": 0.27,
    "Share of firms in zone cities": 0.475,
    "Share of firm-years without green inventions": 0.775,
    "R2 of firm and year effects, ln(1 + green inventions)": 0.69,
    "Mean log effect of the own zone on green patents, first year": 0.06,
    "Mean log effect of the own zone on green patents, from the fourth year": 0.10,
    "End of pipe over prevention, direct effect": 1 / 3,
    "Patents filed by all listed firms, million": 2.0,
}


def calibration(economy: Economy) -> pd.DataFrame:
    """Compare an economy with published aggregates.

    Numbers of firms and patents are scaled up to all listed firms.

    Returns
    -------
    DataFrame
        ``quantity, target, achieved, source``: the row of ``published_aggregates``, ``prefectures`` or ``prior``.
    """
    published = facts.table("published_aggregates").set_index("id")
    rows = []

    def add(row: str, quantity: str, achieved: float, unit: float = 1.0) -> None:
        rows.append((quantity, float(published.loc[row, "value"]) * unit, float(achieved), row))

    frame = _panel(economy)
    scale = FULL_FIRMS / len(economy.firms)
    stock = published[published["quantity"].isin(["Listed firms", "Listed A-share firms"])]
    for row, year in stock["year"].str[:4].astype(int).sort_values().items():
        if year in economy.years:
            add(row, f"Listed A-share firms {year}", (frame["year"] == year).sum() * scale)
    recent = frame[frame["year"] >= 2019]
    shares = recent["province"].value_counts(normalize=True)
    for row, place in published.loc[published["quantity"] == "Share of A-share firm-years", "geography"].items():
        add(row, f"Share of firm-years, {place}", shares.get(place, 0.0), 0.01)
    for name, column in _MOMENTS.items():
        for moment, value in (("mean", frame[column].mean()), ("standard deviation", frame[column].std())):
            row = published.index[published["quantity"] == f"{name}: {moment}"][0]
            add(row, f"{name}: {moment}", value)
    add("A096", "ln(1 + green inventions): maximum", frame["log_green"].max())
    for quantity, value in zip(PREFECTURES, _structure(economy), strict=True):
        rows.append((quantity, PREFECTURES[quantity], float(value), "prefectures"))
    for quantity, value in zip(_PRIORS, _priors(economy, frame), strict=True):
        rows.append((quantity, _PRIORS[quantity], float(value), "prior"))
    return pd.DataFrame(rows, columns=["quantity", "target", "achieved", "source"])


def _panel(economy: Economy) -> pd.DataFrame:
    table = economy.firm_years
    row, column = np.nonzero(economy.outcomes.active)
    inventions = economy.outcomes.green[..., 0].sum(axis=2)[row, column]
    province = facts.table("divisions").set_index("gb_code")["province_en"]
    return pd.DataFrame(
        {
            "firm": row,
            "year": table["year"],
            "province": province.reindex(table["city_code"]).to_numpy(),
            "log_green": np.log1p(inventions),
            "leverage": table["total_liabilities"] / table["total_assets"],
            "roa": table["net_profit"] / table["total_assets"],
            "log_assets": np.log(table["total_assets"]),
            "log_age": np.log(table["year"] - economy.firms["founded"].to_numpy()[row]),
        }
    )


def _structure(economy: Economy) -> tuple[float, ...]:
    years = economy.city_years[economy.city_years["year"] <= LAST_YEAR]
    paths = years.pivot(index="city_code", columns="year", values="industrial_upgrading").to_numpy()
    within = paths - paths.mean(axis=1, keepdims=True)
    change = np.diff(paths, axis=1)
    return np.log(paths.mean(axis=1)).std(), (within - within.mean(axis=0)).std(), change.std(), change.mean()


def _priors(economy: Economy, frame: pd.DataFrame) -> tuple[float, ...]:
    firms, truth = economy.firms, economy.truth
    zone = facts.pilot_zone_cohorts().reindex(firms["city_code"]).to_numpy(dtype=float)
    since = truth["year"].to_numpy() - zone[frame["firm"]]
    ratio = np.log(truth["mean_with"] / truth["mean_without"]) - truth[
        ["spillover_ring", "spillover_peers", "spillover_chain"]
    ].sum(axis=1)
    green = economy.patents.mechanism >= 0
    own = truth[since >= 0]
    return (
        firms["industry_code"].str.startswith("C").mean(),
        (firms["ownership"] == "state").mean(),
        (~np.isnan(zone)).mean(),
        (frame["log_green"] == 0).mean(),
        _r_squared(frame),
        ratio[since == 0].mean(),
        ratio[since >= 3].mean(),
        own["direct_end_of_pipe"].mean() / own["direct_prevention"].mean(),
        (green.sum() + (~green).sum() / economy.patents_factor) * FULL_FIRMS / len(firms) / 1e6,
    )


def _r_squared(frame: pd.DataFrame) -> float:
    """Share of variance behind firm and year effects, by alternating demeaning."""
    left = frame["log_green"] - frame["log_green"].mean()
    total = (left**2).sum()
    for _ in range(30):
        for key in ("firm", "year"):
            left = left - left.groupby(frame[key]).transform("mean")
    return float(1 - (left**2).sum() / total)
