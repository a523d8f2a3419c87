"""Industries: stocks of robots, which raise the AI words of exposed firms, and input-output coefficients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from aigreen.data import facts
from aigreen.simulate.draws import Streams
from aigreen.simulate.economy import writing

PARTS = ("robots", "coefficients")
LEADERS = ("C36", "C39", "C38", "C29", "C33", "C34", "C35")  # where robots came first
SUPPLIERS, INTERMEDIATE = 8, 0.6  # industries that an industry buys from; share of inputs in its output


def draw_robots(rng: Streams, years: np.ndarray) -> pd.DataFrame:
    """Draw robots by manufacturing industry and year: ``industry_code, year, robots, employment`` (of a base year)."""
    table = facts.table("industries").query("manufacturing == '1'")
    codes = table["code"].to_numpy(dtype=str)
    draw = rng["robots"]
    leads = np.isin(codes, LEADERS)
    employment = np.round(np.exp(14.2 + 0.7 * draw.standard_normal(len(codes))))
    start = np.where(leads, -0.6, -2.4) + 0.4 * draw.standard_normal(len(codes))
    growth = np.where(leads, 0.19, 0.14) + 0.03 * draw.standard_normal(len(codes))
    bumps = np.cumsum(0.06 * draw.standard_normal((len(codes), len(years))), axis=1)
    density = np.exp(start[:, None] + growth[:, None] * (years - 2010) + bumps)
    return pd.DataFrame(
        {
            "industry_code": np.repeat(codes, len(years)),
            "year": np.tile(years, len(codes)).astype("int64"),
            "robots": np.round(density * employment[:, None] / 1000).ravel(),
            "employment": np.repeat(employment, len(years)),
        }
    )


def robot_density(robots: pd.DataFrame, codes: pd.Series, years: np.ndarray) -> np.ndarray:
    """Give robots per thousand workers of each firm's industry, firms x years; none outside manufacturing."""
    density = (1000 * robots["robots"] / robots["employment"]).set_axis(
        pd.MultiIndex.from_frame(robots[["industry_code", "year"]])
    )
    return density.unstack().reindex(index=codes, columns=years, fill_value=0.0).to_numpy()


def draw_coefficients(rng: Streams) -> pd.DataFrame:
    """Draw ``industry_code, partner_industry, coefficient``: inputs from the partner in the output of the industry."""
    codes = facts.table("industries")["code"].to_numpy(dtype=str)
    draw, n = rng["coefficients"], len(codes)
    partners = np.sort(np.argsort(draw.random((n, n)), axis=1)[:, :SUPPLIERS], axis=1)
    shares = INTERMEDIATE * draw.dirichlet(np.full(SUPPLIERS, 0.8), n)
    return pd.DataFrame(
        {
            "industry_code": np.repeat(codes, SUPPLIERS),
            "partner_industry": codes[partners].ravel(),
            "coefficient": np.round(shares, 6).ravel(),
        }
    )


def write(folder: Path, robots: pd.DataFrame, coefficients: pd.DataFrame) -> list[Path]:
    """Write ``robots.csv`` and ``input_output.csv``."""
    return [
        writing.csv(folder / "robots.csv", robots, encoding="utf-8"),
        writing.csv(folder / "input_output.csv", coefficients, encoding="utf-8"),
    ]
