r"""A compact synthetic panel of listed firms with known effects of the AI pilot zones.

Firms stand in real prefectures and zones open when they really did (``aigreen.data.facts``). The mean of the count of
green patents of firm i in city c, industry j and year t is

.. math::
    \ln \mu_{it} = \underbrace{\alpha_i + \gamma_{jt} + \lambda s_{it} + \textstyle\sum_k b_k M^0_{kit}
        + \epsilon_{it}}_{\text{without zones}}
        + \delta(h) D_{ct} + \textstyle\sum_k b_k m_k(h) D_{ct} + \sigma S_{ct}

with h the years since the own zone, D own zone in force, S the number of other zone cities within 100 km, and M two
channels: the industry structure of the city and the human capital of the firm, each raised by own treatment by m_k(h).
All responses grow linearly over `TrueEffects.ramp_years`. The normal :math:`\alpha_i` and the AR(1) shock
:math:`\epsilon_{it}` give the zeros and the long tail of real patent counts.

Every part draws from its own child of the seed, so a new part, appended to `PARTS`, leaves the others unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from aigreen.data import facts
from aigreen.data.assemble.rings import NEAR_KM
from aigreen.simulate.draws import ar1, streams
from aigreen.simulate.roster import roster

PARTS = (
    *("place", "entry", "industry", "owner", "age", "level", "trend", "size", "structure", "human", "shock", "words"),
    "counts",
)

# ln(mean) without zones: its level, its spread across firms, its transitory spread (for small firms; large ones swing
# less), and the cap on the firm score. Set so that the share of zeros and the mean and spread of ln(1 + patents) come
# near facts/published_aggregates while no single firm rules a Poisson regression.
LEVEL, LEVEL_SD, SHOCK_SD, TOP = -3.8, 2.7, 0.9, 2.3


@dataclass(frozen=True)
class TrueEffects:
    """Effects built into the panel.

    The first three are pairs: in the first zone year, and from `ramp_years` on.

    Parameters
    ----------
    direct : pair of float
        Direct effect, as a proportion of the mean count.
    structure : pair of float
        Response of the industry structure (tertiary over secondary value added) to the own zone.
    human : pair of float
        Response of human capital (share of staff with a degree) to the own zone.
    structure_slope, human_slope : float
        Effect of one unit of the channel on the log mean.
    spillover : float
        Effect of each other zone city within 100 km on the log mean.
    words : float
        Log response of AI words in the annual report to the own zone; words themselves change nothing.
    ramp_years : int
        Years from the first to the last value of a pair.
    """

    direct: tuple[float, float] = (0.06, 0.10)
    structure: tuple[float, float] = (0.06, 0.12)
    human: tuple[float, float] = (0.015, 0.03)
    structure_slope: float = 0.25
    human_slope: float = 1.0
    spillover: float = 0.03
    words: float = 0.25
    ramp_years: int = 3

    @classmethod
    def none(cls) -> TrueEffects:
        """Zones that do nothing; the channels still matter for patents."""
        return cls(direct=(0.0, 0.0), structure=(0.0, 0.0), human=(0.0, 0.0), spillover=0.0, words=0.0)


def firm_panel(
    *,
    seed: int = 2019,
    n_firms: int = 1200,
    first_year: int = 2010,
    last_year: int = 2023,
    effects: TrueEffects | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    r"""Draw the panel and its truth.

    Parameters
    ----------
    seed : int
        Same seed, same values.
    n_firms : int
        Firms listed in the last year; they enter as the number of listed firms really grew.
    first_year, last_year : int
        Calendar years, both included.
    effects : TrueEffects, optional
        What the zones do.

    Returns
    -------
    frame : DataFrame
        What an observer sees, one row a firm and year: ``firm_id, year, city_code, industry_code, ownership,
        founded, total_assets`` (yuan), ``ai_words, tertiary_secondary_ratio, degree_share, green_patents``.
    truth : DataFrame
        The same rows in the same order: ``firm_id, year``; ``mean_without``, the expected count had no zone opened;
        ``mean_with``, with the zones as they came; and ``direct, industry_structure, human_capital, spillover``,
        which add up to :math:`\ln(\mathrm{mean\_with} / \mathrm{mean\_without})`.
    """
    effects = effects or TrueEffects()
    rng = streams(seed, PARTS)
    firms = roster(rng, n_firms, first_year, last_year)
    years = np.arange(first_year, last_year + 1)
    cities, city = np.unique(firms["city_code"].to_numpy(dtype=str), return_inverse=True)
    high_tech = firms["high_tech"].to_numpy()

    zone_year = facts.pilot_zone_cohorts().reindex(cities).to_numpy(dtype=float)
    horizon = (years - zone_year[:, None])[city]
    ring = facts.zones_within(np.repeat(cities, len(years)), np.tile(years, len(cities)), radius_km=NEAR_KM)
    in_force, grown = horizon >= 0, np.clip(np.nan_to_num(horizon) / effects.ramp_years, 0, 1)
    direct, more_structure, more_human = (
        in_force * (first + (last - first) * grown)
        for first, last in (effects.direct, effects.structure, effects.human)
    )
    parts = {
        "direct": np.log1p(direct),
        "industry_structure": effects.structure_slope * more_structure,
        "human_capital": effects.human_slope * more_human,
        "spillover": effects.spillover * ring.reshape(len(cities), -1)[city],
    }

    structure = _structure(rng["structure"], len(cities), years)[city]
    human = _human_capital(rng["human"], high_tech, years)
    log_assets = _log_assets(rng["size"], firms["ownership"] == "state", years)
    level = LEVEL + LEVEL_SD * np.minimum(rng["level"].standard_normal(n_firms), TOP) + 0.6 * high_tech
    shock_sd = SHOCK_SD / np.sqrt(1 + np.exp(level))
    log_without = (
        level[:, None]
        + _industry_years(rng["trend"], firms["industry_code"], years)
        + 0.35 * (log_assets - 22.2)
        + effects.structure_slope * (structure - 1.0)
        + effects.human_slope * (human - 0.3)
        + shock_sd[:, None] * ar1(rng["shock"], horizon.shape, 1.0, memory=0.5)
    )
    log_with = log_without + sum(parts.values())
    log_words = 0.3 + 0.17 * (years - 2010) + 0.8 * high_tech[:, None] + effects.words * in_force
    words = rng["words"].poisson(np.exp(log_words))
    patents = rng["counts"].poisson(np.exp(log_with))

    row, column = np.nonzero(years >= firms["entry"].to_numpy()[:, None])
    keys = {"firm_id": firms["firm_id"].to_numpy()[row], "year": years[column]}
    fixed = firms[["city_code", "industry_code", "ownership", "founded"]].iloc[row].reset_index(drop=True)
    frame = pd.concat([pd.DataFrame(keys), fixed], axis=1).assign(
        total_assets=np.exp(log_assets)[row, column].round().astype("int64"),
        ai_words=words[row, column],
        tertiary_secondary_ratio=(structure + more_structure)[row, column].round(6),
        degree_share=(human + more_human)[row, column].round(6),
        green_patents=patents[row, column],
    )
    truth = pd.DataFrame(keys).assign(
        mean_without=np.exp(log_without)[row, column],
        mean_with=np.exp(log_with)[row, column],
        **{name: values[row, column] for name, values in parts.items()},
    )
    return frame, truth


def _structure(rng: np.random.Generator, cities: int, years: np.ndarray) -> np.ndarray:
    level = rng.lognormal(-0.05, 0.3, cities)
    return level[:, None] + 0.03 * (years - years[0]) + ar1(rng, (cities, len(years)), 0.12, memory=0.4)


def _human_capital(rng: np.random.Generator, high_tech: np.ndarray, years: np.ndarray) -> np.ndarray:
    level = 0.20 + 0.35 * rng.beta(2, 4, len(high_tech)) + 0.10 * high_tech
    noise = np.clip(ar1(rng, (len(high_tech), len(years)), 0.05, memory=0.4), -0.18, 0.18)
    return level[:, None] + 0.006 * (years - years[0]) + noise


def _log_assets(rng: np.random.Generator, state: pd.Series, years: np.ndarray) -> np.ndarray:
    level = 21.6 + 0.8 * state.to_numpy() + 1.1 * rng.standard_normal(len(state))
    growth = 0.06 + 0.04 * rng.standard_normal(len(state))
    return level[:, None] + growth[:, None] * (years - 2010) + ar1(rng, (len(state), len(years)), 0.25, memory=0.7)


def _industry_years(rng: np.random.Generator, industry: pd.Series, years: np.ndarray) -> np.ndarray:
    """Industry levels, a common rise that levels off, and a random walk for each industry."""
    code, names = pd.factorize(industry, sort=True)
    level = 0.25 * rng.standard_normal(len(names))
    walk = np.cumsum(0.04 * rng.standard_normal((len(names), len(years))), axis=1)
    common = 0.07 * np.minimum(years - 2010, 10)
    return (level[:, None] + walk + common)[code]
