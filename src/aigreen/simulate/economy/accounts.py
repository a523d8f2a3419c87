"""Accounts, staff, R&D, controllers and the firm file: canonical firm-year tables of the synthetic economy."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aigreen.data import facts
from aigreen.simulate.draws import Streams, ar1
from aigreen.simulate.economy.company_names import Names
from aigreen.simulate.economy.firms import cities_by_year
from aigreen.simulate.economy.outcomes import Outcomes

PARTS = ("leverage", "profit", "structure", "staff", "rd", "owner", "file")
OWNERS = {
    "state": ("1100", "2100", "2120", "1100,2120"),
    "private": ("1200", "3110", "1200,3110"),
    "foreign": ("1210",),
}
RD_LINE = 2018  # from this year R&D is a line of its own in the income statement

# Wording of education differs over firms: detail and the part of the group it holds. Groups: doctors, other
# postgraduates, bachelors, college, below.
WORDINGS = (
    (("博士", (0,)), ("硕士", (1,)), ("本科", (2,)), ("大专", (3,)), ("中专及以下", (4,))),
    (("研究生及以上", (0, 1)), ("大学本科", (2,)), ("大专", (3,)), ("高中及以下", (4,))),
    (("本科及以上", (0, 1, 2)), ("大专", (3,)), ("大专以下", (4,))),
    (("硕士及以上", (0, 1)), ("本科", (2,)), ("专科", (3,)), ("高中及以下", (4,))),
)
PROFESSIONS = ("生产人员", "销售人员", "技术人员", "财务人员", "行政人员")


def firm_years(rng: Streams, firms: pd.DataFrame, years: np.ndarray, outcomes: Outcomes, names: Names) -> pd.DataFrame:
    """Give canonical ``firm_years`` columns that come from the firm file, statements, controllers and R&D."""
    row, column = np.nonzero(outcomes.active)
    cells = {name: values[row, column] for name, values in _accounts(rng, firms, years, outcomes).items()}
    frame = pd.DataFrame({"firm_id": firms["firm_id"].to_numpy()[row], "year": years[column].astype("int64")})
    places = facts.table("divisions").set_index("gb_code")
    city = cities_by_year(firms, years)[row, column]
    special = cells.pop("special_treatment")
    short = names.short[row]
    name = np.where(special, np.char.add("*ST", short.astype(str)), short)
    frame["name"] = np.where(rng["file"].random(len(frame)) < 0.02, np.char.add(name.astype(str), "Ａ"), name)
    frame["province_code"] = places["province_code"].reindex(city).to_numpy()
    frame["city_code"] = city
    frame["industry_code"] = firms["industry_code"].to_numpy()[row]
    jitter = rng["file"].normal(0, 0.05, (2, len(firms)))[:, row]
    for at, (ours, theirs) in enumerate((("longitude", "lon"), ("latitude", "lat"))):
        frame[ours] = np.round(places[theirs].astype(float).reindex(city).to_numpy() + jitter[at], 4)
    frame["listing_state"] = np.where(special, "*ST", "正常上市")
    frame["special_treatment"] = pd.array(special, dtype="boolean")
    for column_name, values in cells.items():
        frame[column_name] = values
    codes = _controllers(rng["owner"], firms)[row]
    frame["controller_codes"] = pd.Series(codes).str.replace(",", ";", regex=False)
    frame["state_owned"] = pd.array((firms["ownership"] == "state").to_numpy()[row], dtype="boolean")
    return frame


def firm_file_days(rng: Streams, firms: pd.DataFrame) -> pd.DataFrame:
    """Give ``firm_id, credit_code, founded, listed``: what does not change."""
    draw = rng["file"]
    n = len(firms)

    def day(year: pd.Series) -> pd.Series:
        return pd.to_datetime(year.astype(str) + "-01-01") + pd.to_timedelta(draw.integers(0, 365, n), unit="D")

    listed = day(firms["entry"] - np.where(firms["entry"] == firms["entry"].min(), draw.integers(0, 12, n), 0))
    founded = np.minimum(day(firms["founded"]), listed - pd.Timedelta(days=400))
    province = firms["city_code"].str[:6]
    credit = [f"91{code}{number:010d}"[:18] for code, number in zip(province, draw.integers(0, 10**10, n), strict=True)]
    return pd.DataFrame({"firm_id": firms["firm_id"], "credit_code": credit, "founded": founded, "listed": listed})


def staff(rng: Streams, firms: pd.DataFrame, years: np.ndarray, outcomes: Outcomes) -> pd.DataFrame:
    """Give ``firm_id, year, structure`` (raw wording), ``detail, persons``, in order."""
    draw = rng["staff"]
    row, column = np.nonzero(outcomes.active)
    total = headcount(firms, outcomes)[row, column]
    degree = np.round(outcomes.degree[row, column] * total).astype(np.int64)
    post = np.round(degree * draw.uniform(0.05, 0.25, len(row))).astype(np.int64)
    doctors = np.round(post * draw.uniform(0.0, 0.1, len(row))).astype(np.int64)
    college = np.round((total - degree) * draw.uniform(0.25, 0.5, len(row))).astype(np.int64)
    groups = np.stack([doctors, post - doctors, degree - post, college, total - degree - college])
    firm_id, year = firms["firm_id"].to_numpy()[row], years[column].astype("int64")
    wording = (draw.integers(0, len(WORDINGS), len(firms))[row] + (year > 2014)) % len(WORDINGS)
    pieces = []
    for at, words in enumerate(WORDINGS):
        here = wording == at
        for rank, (detail, of) in enumerate(words):
            pieces.append((here, 0, rank, "学历", detail, groups[list(of)].sum(axis=0)))
    shares = draw.dirichlet((6, 2, 3, 0.6, 1.4), len(firms))[row]
    jobs = np.floor(shares * total[:, None]).astype(np.int64)
    jobs[:, 0] += total - jobs.sum(axis=1)
    everyone = np.ones(len(row), dtype=bool)
    for rank, detail in enumerate(PROFESSIONS):
        pieces.append((everyone, 1, rank, "专业", detail, jobs[:, rank]))
    pieces.append((everyone, 2, 0, "合计", "员工总数", total))
    frames = [
        pd.DataFrame(
            {
                "firm_id": firm_id[here],
                "year": year[here],
                "block": block,
                "rank": rank,
                "structure": structure,
                "detail": detail,
                "persons": persons[here],
            }
        )
        for here, block, rank, structure, detail, persons in pieces
    ]
    whole = pd.concat(frames, ignore_index=True).sort_values(["firm_id", "year", "block", "rank"], ignore_index=True)
    return whole.drop(columns=["block", "rank"])


def headcount(firms: pd.DataFrame, outcomes: Outcomes) -> np.ndarray:
    """Staff of every firm and year: rises with assets, at least 60 but for what zones and adoption do to it."""
    alone = np.maximum(np.exp(7.6 + 0.75 * (outcomes.log_assets - 22.2)), 60)
    return (alone * np.exp(outcomes.labour)).astype(np.int64)


def segments(firms: pd.DataFrame, years: np.ndarray, outcomes: Outcomes, revenue: pd.Series) -> pd.DataFrame:
    """Give revenue by segment: ``firm_id, year, industry_code, revenue``; polluting segments apart from the others.

    A firm of a polluting trade has its own code there and a service segment besides; the others have chemicals as the
    polluting segment.
    """
    row, column = np.nonzero(outcomes.active)
    share = outcomes.polluting[row, column]
    own = firms["industry_code"].to_numpy()[row]
    dirty = np.where(firms["polluting"].to_numpy()[row], own, "C26")
    clean = np.where(firms["polluting"].to_numpy()[row], "F51", own)
    amount = np.round(share * revenue.to_numpy())
    key = {"firm_id": firms["firm_id"].to_numpy()[row], "year": years[column].astype("int64")}
    parts = [
        pd.DataFrame({**key, "industry_code": dirty, "revenue": amount})[amount > 0],
        pd.DataFrame({**key, "industry_code": clean, "revenue": revenue.to_numpy() - amount}),
    ]
    return pd.concat(parts).sort_values(["firm_id", "year", "industry_code"], ignore_index=True)


def _accounts(rng: Streams, firms: pd.DataFrame, years: np.ndarray, outcomes: Outcomes) -> dict[str, np.ndarray]:
    shape = outcomes.log_assets.shape
    n = shape[0]
    assets = np.round(np.exp(outcomes.log_assets))
    debt = 0.475 + 0.16 * rng["leverage"].standard_normal((n, 1)) + 0.04 * firms["size"].to_numpy()[:, None]
    leverage = np.clip(debt + ar1(rng["leverage"], shape, 0.11, 0.75), 0.04, 1.3)
    margin = 0.041 + 0.03 * rng["profit"].standard_normal((n, 1)) + ar1(rng["profit"], shape, 0.05, 0.35)
    margin = np.clip(margin, -0.25, 0.22)
    mix = rng["structure"]

    def part(mean: float, spread: float) -> np.ndarray:
        own = mean + spread * mix.standard_normal((n, 1)) + 0.3 * spread * mix.standard_normal(shape)
        return np.clip(own, 0.2 * mean, 2.2 * mean)

    revenue = np.round(assets * part(0.62, 0.25))
    current = np.round(assets * np.clip(part(0.55, 0.15), 0.1, 0.9))
    liabilities = np.round(assets * leverage)
    profit = np.round(assets * margin)
    before_tax = np.round(np.where(profit > 0, profit / 0.82, profit))
    intensity = np.clip(part(0.035, 0.025) + 0.02 * firms["high_tech"].to_numpy()[:, None], 0.001, 0.4)
    spending = np.round(revenue * intensity)
    capitalised = np.round(spending * part(0.08, 0.05))
    reports = (rng["rd"].random((n, 1)) < 0.85) & (years >= 2009) & (rng["rd"].random(shape) < 0.95)
    people = headcount(firms, outcomes)
    ratio = np.round(
        100 * np.clip(0.05 + 0.35 * outcomes.degree + 0.03 * rng["rd"].standard_normal(shape), 0.005, 0.9), 2
    )
    missing = np.where(reports, 0.0, np.nan)
    late = np.where(years >= 2015, 0.0, np.nan)
    administrative = np.round(revenue * part(0.07, 0.03))
    expensed = spending - capitalised
    separate = np.broadcast_to(years >= RD_LINE, shape)
    return {
        "total_assets": assets,
        "current_assets": current,
        "cash": np.round(current * part(0.3, 0.12)),
        "inventory": np.round(current * part(0.25, 0.1)),
        "fixed_assets": np.round((assets - current) * part(0.5, 0.15)),
        "intangible_assets": np.round((assets - current) * part(0.1, 0.05)),
        "total_liabilities": liabilities,
        "current_liabilities": np.round(liabilities * np.clip(part(0.78, 0.12), 0.2, 1.0)),
        "equity": assets - liabilities,
        "total_revenue": revenue,
        "revenue": revenue,
        "operating_cost": np.round(revenue * np.clip(part(0.7, 0.12), 0.2, 0.98)),
        "selling_expense": np.round(revenue * part(0.05, 0.03)),
        "administrative_expense": administrative + np.where(separate | ~reports, 0, expensed),
        "finance_expense": np.round(liabilities * (part(0.02, 0.01) - 0.005)),
        "rd_expense": np.where(separate & reports, expensed, np.nan),
        "operating_profit": np.round(before_tax * 0.97),
        "total_profit": before_tax,
        "income_tax": before_tax - profit,
        "net_profit": profit,
        "operating_cash_flow": np.round(profit + assets * ar1(rng["profit"], shape, 0.05, 0.2)),
        "capital_expenditure": np.round(assets * part(0.05, 0.03)),
        "rd_staff": np.round(people * ratio / 100) + missing + late,
        "rd_staff_share": ratio / 100 + missing + late,
        "rd_spending": spending + missing,
        "rd_intensity": np.round(100 * spending / revenue, 2) / 100 + missing,
        "rd_expensed": expensed + missing,
        "rd_capitalised": capitalised + missing,
        "special_treatment": (margin < -0.03) & (np.roll(margin, 1, axis=1) < -0.03) & (years > years[0]),
    }


def _controllers(rng: np.random.Generator, firms: pd.DataFrame) -> np.ndarray:
    at = rng.integers(0, 1 << 20, len(firms))
    return np.array([OWNERS[owner][k % len(OWNERS[owner])] for owner, k in zip(firms["ownership"], at, strict=True)])
