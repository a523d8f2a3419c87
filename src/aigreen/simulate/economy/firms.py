"""The listed firms of the synthetic economy: code, place and moves, trade, owner, AI type, size and age."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aigreen.data import facts
from aigreen.simulate.draws import Streams, ar1, counted, pick, spread
from aigreen.simulate.roster import places, roster

PARTS = ("place", "entry", "industry", "owner", "age", "code", "move", "type", "size", "pollution")
AI_TYPES = ("learning", "vision", "language", "robotics", "data", "hardware", "other")
AI_TYPE_SHARES = (0.22, 0.14, 0.12, 0.14, 0.18, 0.14, 0.06)
LAST_COUNT = (2024, 5361)  # all share types less those with B shares only: rows A060 and A061 of the facts
MOVERS, LAST_MOVE = 0.015, 2016  # nobody moves after the first zone was prepared, so a firm has one cohort
B_SHARES = 0.05  # of firms listed from the start

# Security codes: first two digits, first number, and share of entrants by epoch (up to the year given).
_BOARDS = {"60": 1, "00": 1, "30": 1, "68": 8001, "83": 10}
_EPOCHS = {2007: (0.52, 0.48, 0, 0, 0), 2009: (0.3, 0.7, 0, 0, 0), 2018: (0.32, 0.26, 0.42, 0, 0),
           9999: (0.26, 0.04, 0.36, 0.26, 0.08)}  # fmt: skip


def draw_firms(rng: Streams, n: int, years: np.ndarray) -> pd.DataFrame:
    """Draw one row a firm, sorted by security code.

    Parameters
    ----------
    rng : Streams
        With `PARTS`.
    n : int
        Firms listed in the last year.
    years : array
        Consecutive calendar years.

    Returns
    -------
    DataFrame
        ``firm_id`` (six digits), ``b_share`` (code of its B share, or empty), ``city_code`` (for good),
        ``first_city`` and ``moved`` (year; 0 = never), ``industry_code, high_tech, polluting`` (bool),
        ``ownership, entry, founded, ai_type, large, east, private`` (the last three bool; large: above the median of
        the size level), ``size`` (log assets in 2010 less 22.2) and ``growth``.
    """
    firms = roster(rng, n, int(years[0]), int(years[-1]))
    codes, weight = places()
    firms["city_code"] = codes[rng["place"].permutation(spread(rng["place"], weight, n))]
    entry = _entry_years(rng["entry"], n, years)
    age = firms["entry"] - firms["founded"]
    firms["founded"] = entry - np.round(4.5 + 0.5 * age).astype("int64")
    firms["entry"] = entry
    firms["firm_id"] = _codes(rng["code"], firms["entry"].to_numpy())
    firms = firms.sort_values("firm_id", ignore_index=True)
    old = (firms["entry"] == years[0]) & (rng["code"].random(n) < B_SHARES)
    front = np.where(firms["firm_id"].str.startswith("6"), "900", "200")
    firms["b_share"] = np.where(old, np.char.add(front.astype(str), [f"{k:03d}" for k in np.cumsum(old) % 1000]), "")
    firms["first_city"], firms["moved"] = _moves(rng["move"], firms, years)
    trades = facts.table("industries").set_index("code")
    firms["polluting"] = (trades["heavy_polluting"].reindex(firms["industry_code"]) == "1").to_numpy()
    firms["ai_type"] = np.array(AI_TYPES)[pick(rng["type"], AI_TYPE_SHARES, n)]
    state = (firms["ownership"] == "state").to_numpy()
    firms["size"] = -0.75 + 0.75 * state + 1.15 * rng["size"].standard_normal(n)
    firms["growth"] = 0.07 + 0.035 * rng["size"].standard_normal(n)
    firms["large"] = firms["size"] > firms["size"].median()
    region = facts.table("divisions").set_index("gb_code")["nbs_region"]
    firms["east"] = (region.reindex(firms["city_code"]) == "East").to_numpy()
    firms["private"] = ~state
    return firms


def log_assets(rng: np.random.Generator, firms: pd.DataFrame, years: np.ndarray) -> np.ndarray:
    """Draw log total assets, firms x years."""
    level = 22.2 + firms["size"].to_numpy()[:, None] + firms["growth"].to_numpy()[:, None] * (years - 2010)
    return level + ar1(rng, (len(firms), len(years)), 0.22, memory=0.7)


def cities_by_year(firms: pd.DataFrame, years: np.ndarray) -> np.ndarray:
    """Give the city code of every firm and year, firms x years."""
    before = years < firms["moved"].to_numpy()[:, None]
    return np.where(before, firms[["first_city"]].to_numpy(dtype=str), firms[["city_code"]].to_numpy(dtype=str))


def polluting_share(rng: np.random.Generator, firms: pd.DataFrame, years: np.ndarray) -> np.ndarray:
    """Draw the share of revenue from heavily polluting segments: most in polluting trades, little in some others."""
    polluting = firms["polluting"].to_numpy()
    some = polluting | (rng.random(len(firms)) < 0.15)
    level = np.where(polluting, 0.45 + 0.45 * rng.beta(4, 2, len(firms)), 0.10 + 0.25 * rng.random(len(firms)))
    path = level[:, None] - 0.004 * (years - years[0]) + ar1(rng, (len(firms), len(years)), 0.02, memory=0.6)
    return np.where(some[:, None], np.clip(path, 0.08, 0.97), 0.0)


def _entry_years(rng: np.random.Generator, n: int, years: np.ndarray) -> np.ndarray:
    """First year of each firm, in random order: as many in each year as the stock of listed A-share firms rose."""
    published = facts.table("published_aggregates").query("quantity in ['Listed firms', 'Listed A-share firms']")
    stock = published.groupby(published["year"].str[:4].astype(int))["value"].first().astype(float)
    stock.loc[LAST_COUNT[0]] = LAST_COUNT[1]
    path = np.interp(years, stock.index, stock)
    return rng.permutation(np.repeat(years, np.diff(np.round(path / path[-1] * n), prepend=0).astype(int)))


def _codes(rng: np.random.Generator, entry: np.ndarray) -> np.ndarray:
    board = np.zeros(len(entry), dtype=np.int64)
    for last, shares in reversed(_EPOCHS.items()):
        early = entry <= last
        board[early] = pick(rng, shares, len(entry))[early]
    fronts, starts = list(_BOARDS), np.array(list(_BOARDS.values()))
    order = np.lexsort((np.arange(len(entry)), entry))
    number = np.empty(len(entry), dtype=np.int64)
    number[order] = counted(board[order])
    return np.array([f"{fronts[b]}{starts[b] + k:04d}" for b, k in zip(board, number, strict=True)])


def _moves(rng: np.random.Generator, firms: pd.DataFrame, years: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    latest = min(LAST_MOVE, int(years[-1]))
    can = (firms["entry"] < latest).to_numpy()
    moves = can & (rng.random(len(firms)) < MOVERS)
    year = (
        firms["entry"].to_numpy()
        + 1
        + rng.integers(0, 1 << 30, len(firms)) % np.maximum(latest - firms["entry"].to_numpy(), 1)
    )
    origin = firms["city_code"].to_numpy(dtype=str)[rng.permutation(len(firms))]
    moves &= origin != firms["city_code"].to_numpy(dtype=str)
    return np.where(moves, origin, firms["city_code"].to_numpy(dtype=str)), np.where(moves, year, 0)
