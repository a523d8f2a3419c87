"""Who the synthetic firms are: place, industry, owner, entry and age, with published shares."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from aigreen.data import facts

INDUSTRY_SHARES = {"manufacturing": 0.67, "finance": 0.03, "other": 0.30}
OWNERSHIP_SHARES = {"state": 0.27, "private": 0.68, "foreign": 0.05}
ZONE_CITY_SHARE = 0.47


def roster(rng: Mapping[str, np.random.Generator], n: int, first_year: int, last_year: int) -> pd.DataFrame:
    """Draw one row a firm: place, industry, owner, entry into the panel, founding year.

    Parameters
    ----------
    rng : mapping of Generator
        Streams ``place, entry, industry, owner, age``.
    n : int
        Number of firms.
    first_year, last_year : int
        Panel years; a firm enters in one of them.

    Returns
    -------
    DataFrame
        ``firm_id, city_code, industry_code, high_tech`` (bool), ``ownership, entry, founded`` (years).
    """
    cities, place_weight = places()
    industries, industry_weight = _industries()
    entry = _entry_years(rng["entry"], n, first_year, last_year)
    age = np.clip(rng["age"].lognormal(2.3, 0.4, n), 3, 40) + (entry == first_year) * rng["age"].uniform(0, 9, n)
    drawn = rng["industry"].choice(len(industries), size=n, p=industry_weight)
    return pd.DataFrame(
        {
            "firm_id": [f"S{i:05d}" for i in range(1, n + 1)],
            "city_code": rng["place"].choice(cities, size=n, p=place_weight),
            "industry_code": industries["code"].to_numpy()[drawn],
            "high_tech": industries["hightech_broad"].to_numpy()[drawn] == "1",
            "ownership": rng["owner"].choice(list(OWNERSHIP_SHARES), size=n, p=list(OWNERSHIP_SHARES.values())),
            "entry": entry,
            "founded": entry - np.round(age).astype("int64"),
        }
    )


def places() -> tuple[np.ndarray, np.ndarray]:
    """Give prefectures and their shares of firms.

    Provinces have their published shares. Within a province the zone cities hold `ZONE_CITY_SHARE`; among equals the
    weight is one over the rank of the code, which runs from the capital down.
    """
    places = facts.table("divisions")
    published = facts.table("published_aggregates").query("quantity == 'Share of A-share firm-years'")
    share = published.set_index("geography")["value"].astype(float) / 100
    unlisted = [name for name in places["province_en"].unique() if name not in share.index]
    share = pd.concat([share, pd.Series((1 - share.sum()) / len(unlisted), index=unlisted)])
    zone = places["gb_code"].isin(facts.pilot_zone_cohorts().index)
    weight = 1.0 / (places.groupby("province_code").cumcount() + 1)
    weight /= weight.groupby([places["province_code"], zone]).transform("sum")
    mixed = zone.groupby(places["province_code"]).transform("nunique") == 2
    weight *= np.select([mixed & zone, mixed], [ZONE_CITY_SHARE, 1 - ZONE_CITY_SHARE], 1.0)
    weight *= places["province_en"].map(share)
    return places["gb_code"].to_numpy(dtype=str), (weight / weight.sum()).to_numpy()


def _industries() -> tuple[pd.DataFrame, np.ndarray]:
    """Industries and their shares of firms: three sectors, high-tech trades three times as frequent in each."""
    table = facts.table("industries")
    sector = np.select([table["manufacturing"] == "1", table["finance"] == "1"], ["manufacturing", "finance"], "other")
    weight = pd.Series(np.where(table["hightech_broad"] == "1", 3.0, 1.0))
    weight *= pd.Series(sector).map(INDUSTRY_SHARES) / weight.groupby(sector).transform("sum")
    return table, weight.to_numpy() / weight.sum()


def _entry_years(rng: np.random.Generator, n: int, first_year: int, last_year: int) -> np.ndarray:
    """First year in the panel, following the number of listed A-share firms at year ends."""
    table = facts.table("published_aggregates").query("quantity in ['Listed firms', 'Listed A-share firms']")
    listed = table.groupby(table["year"].str[:4].astype(int))["value"].first().astype(float)
    years = np.arange(first_year, last_year + 1)
    stock = np.interp(years, listed.index, listed)
    return rng.choice(years, size=n, p=np.diff(stock, prepend=0.0) / stock[-1])
