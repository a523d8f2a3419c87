r"""Potential outcomes: what zones do to AI words, to the channels and to green patents.

The mean of green patents of mechanism m (prevention, end of pipe, other), firm i, city c, trade j, year t is

.. math::
    \ln \mu^m_{it} = \underbrace{\alpha^m_i + \gamma_{jt} + \lambda s_{it} + \eta a^0_{i,t-1}
        + \textstyle\sum_k b_k M^0_{kit} + \epsilon_{it}}_{\text{no zone anywhere}}
        + \underbrace{r_m \bigl(h_i \ln(1 + \delta(e)) D_{it} + \eta\, \Delta a_{i,t-1}\bigr)}_{\text{direct}}
        + \underbrace{\textstyle\sum_k b_k\, \Delta M_{kit}}_{\text{channels}}
        + \underbrace{\sigma_1 S^{ring}_{ct} + \sigma_2 S^{peers}_{it} + \sigma_3 S^{chain}_{it}}_{\text{spillover}}
        + \underbrace{\Delta A_{it}}_{\text{by way of adoption}}

with e the years since the own zone, :math:`r_m` the strength by mechanism, :math:`h_i` that by size, region, owner and
AI type (mean one over firms), a the log intensity of AI words, and three channels: the industry structure of the city,
the share of revenue from polluting segments, and the share of staff with a degree. Channels and spillovers are the
same for all mechanisms, so the effect on the sum over mechanisms is additive in logs too. Adoption of AI by firms
(`aigreen.simulate.economy.adopters`) moves the mean as well; zones hasten it, and :math:`\Delta A` is what the adoption
that they brought about adds: of the firm itself to the direct part, by its staff to that channel, of neighbours to
``spillover_ring``, of others to ``spillover_adopters``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from aigreen.data import facts
from aigreen.data.assemble.rings import NEAR_KM
from aigreen.simulate.draws import Streams, ar1
from aigreen.simulate.economy import adopters as adoption
from aigreen.simulate.economy import network
from aigreen.simulate.economy.effects import WAYS, EconomyEffects
from aigreen.simulate.economy.firms import AI_TYPES, cities_by_year, log_assets, polluting_share

PARTS = ("assets", "words", "pollution", "human", "level", "trend", "shock", "mix", "counts", "others")
MECHANISMS = ("prevention", "end_of_pipe", "other")
TYPES = ("invention", "utility_model")
CHANNELS = ("industry_structure", "polluting_share", "human_capital")
SPILLOVERS = ("spillover_ring", "spillover_peers", "spillover_chain", "spillover_adopters")
ADOPTION = ("own", "human_capital", *WAYS)  # parts of what adoption does: columns adoption_<part> of the truth
ROBOTS = 0.3  # of log exposure to robots on log AI words
MIX = (0.62, 0.20, 0.18)  # shares of the mechanisms in green patents

# Log mean of green patents: level, spread over firms, transitory spread and how fast it falls with the level (large
# firms swing less, or a few of them would rule a Poisson regression), cap of the firm score; set
# with `aigreen.simulate.economy.calibration` in view.
LEVEL, LEVEL_SD, SHOCK_SD, SHOCK_POWER, TOP = -3.85, 3.3, 1.7, 0.45, 2.4

# Tertiary over secondary value added of cities: level in the year, spread, rise a year and shocks, set to the moments
# of the 215 prefectures whose shares the city study reads (tests/simulation/test_city_structure.py).
STRUCTURE_LEVEL, STRUCTURE_SPREAD, STRUCTURE_YEAR, STRUCTURE_DRIFT = 0.0, 0.25, 2015, 0.035
STRUCTURE_SHOCK_SD, STRUCTURE_MEMORY = 0.31, 0.9


@dataclass(frozen=True)
class Outcomes:
    """Arrays firms x years; ``truth_parts`` and means as the truth file has them.

    ``green`` counts are firms x years x mechanisms x types; ``others`` firms x years x (invention, utility, design);
    ``labour`` is what zones and adoption add to log staff.
    """

    active: np.ndarray
    treated: np.ndarray
    log_assets: np.ndarray
    words: np.ndarray
    structure: np.ndarray
    polluting: np.ndarray
    degree: np.ndarray
    labour: np.ndarray
    green: np.ndarray
    others: np.ndarray
    adopters: adoption.Adopters
    truth: pd.DataFrame


def draw_outcomes(
    rng: Streams,
    firms: pd.DataFrame,
    years: np.ndarray,
    cities: CityPaths,
    robots: np.ndarray,
    links: dict[str, network.Partners],
    effects: EconomyEffects,
    *,
    patents: float,
    adopters: Streams,
) -> Outcomes:
    """Draw covariates, channels, means and counts.

    Parameters
    ----------
    rng, adopters : Streams
        With `PARTS`; with those of `aigreen.simulate.economy.adopters`.
    firms, years, cities, robots, links
        The firms, the calendar years, the industry structure of cities before any zone, robots per thousand workers
        of the firms' industries (firms x years), the network.
    effects : EconomyEffects
        What zones do.
    patents : float
        Factor on the mean number of patents that are not green.
    """
    n, t = len(firms), len(years)
    active = years >= firms["entry"].to_numpy()[:, None]
    zone = facts.pilot_zone_cohorts().reindex(firms["city_code"]).to_numpy(dtype=float)[:, None]
    in_force = years >= zone
    grown = np.clip(np.nan_to_num(years - zone) / effects.ramp_years, 0, 1)

    def response(pair: tuple[float, float]) -> np.ndarray:
        return in_force * (pair[0] + (pair[1] - pair[0]) * grown)

    city = cities_by_year(firms, years)
    structure = cities.lookup(city)
    pollution = polluting_share(rng["pollution"], firms, years)
    degree = _degree_share(rng["human"], firms, years)
    assets = log_assets(rng["assets"], firms, years)
    exposed = ROBOTS * np.log1p(np.exp(0.75 * firms["size"].to_numpy())[:, None] * robots)
    ai = _log_words(rng["words"], firms, assets, exposed, years)
    more = {
        "industry_structure": response(effects.structure),
        "polluting_share": response(effects.polluting) * pollution,
        "human_capital": response(effects.human),
    }
    slopes = dict(zip(CHANNELS, (effects.structure_slope, effects.polluting_slope, effects.human_slope), strict=True))
    before = np.concatenate([ai[:, :1], ai[:, :-1]], axis=1)
    rise = np.zeros((n, t))
    rise[:, 1:] = effects.words * in_force[:, :-1]
    shift = {name: slopes[name] * more[name] for name in CHANNELS}
    treated = in_force & active
    trade = pd.factorize(firms["industry_code"], sort=True)[0]
    ring = facts.zones_within(city.ravel(), np.tile(years, n), radius_km=NEAR_KM).reshape(n, t)
    shift["spillover_ring"] = effects.ring * ring
    shift["spillover_peers"] = effects.peers * adoption.share_elsewhere(trade, city, active, treated)
    shift["spillover_chain"] = effects.customers * network.exposure(links["customer"], treated)
    shift["spillover_chain"] += effects.suppliers * network.exposure(links["supplier"], treated)
    own = (_strength(firms, effects)[:, None] * np.log1p(response(effects.direct)))[..., None]
    direct = (own + effects.adoption * rise[..., None]) * np.array(effects.mechanisms)

    ai_firms = adoption.draw_adopters(adopters, firms, years, in_force, exposed, effects)
    by_zones, unaided = (
        adoption.shifts(year, ai_firms.intensity, firms, years, active, city, links, effects)
        for year in (ai_firms.year, ai_firms.year_without)
    )
    labour = response(effects.labour) + by_zones[2]
    degree = degree + unaided[1]
    more["human_capital"] = more["human_capital"] + (by_zones[1] - unaided[1])
    shift["human_capital"] = slopes["human_capital"] * more["human_capital"]
    hastened = {part: values - unaided[0][part] for part, values in by_zones[0].items()}
    direct = direct + hastened.pop("own")[..., None]
    # Adopting neighbours in zones stand within the ring, so no row without a zone nearby has them.
    shift["spillover_ring"] = shift["spillover_ring"] + hastened.pop("neighbours")
    shift["spillover_adopters"] = sum(hastened.values())
    adopted = by_zones[0] | {"human_capital": slopes["human_capital"] * by_zones[1]}
    staff = {"labour": labour - unaided[2], "adoption_labour": by_zones[2]}

    score = np.minimum(rng["level"].standard_normal(n), TOP)
    level = LEVEL + LEVEL_SD * score + 0.5 * firms["high_tech"].to_numpy()
    common = (
        level[:, None]
        + _trend(rng["trend"], firms, years)
        + 0.35 * (assets - 22.2)
        + effects.adoption * before
        + slopes["industry_structure"] * (structure - 1.0)
        + slopes["polluting_share"] * pollution
        + slopes["human_capital"] * (degree - 0.3)
        + sum(unaided[0].values())
        + (SHOCK_SD / (1 + np.exp(level)) ** SHOCK_POWER)[:, None] * ar1(rng["shock"], (n, t), 1.0, memory=0.5)
    )
    mix = np.log(rng["mix"].dirichlet(6 * np.array(MIX), n) + 1e-3)
    invention = rng["mix"].beta(8, 6.5, n)
    without = np.exp(common[..., None] + mix[:, None, :])
    mean = without * np.exp(direct + sum(shift.values())[..., None])
    types = np.stack([invention, 1 - invention], axis=1)[:, None, None, :]
    green = rng["counts"].poisson(mean[..., None] * types) * active[..., None, None]
    return Outcomes(
        active,
        treated,
        assets,
        _report_words(rng["words"], ai + effects.words * in_force),
        structure + more["industry_structure"],
        pollution + more["polluting_share"],
        degree + more["human_capital"],
        labour,
        green,
        _others(rng["others"], firms, assets, score, years, patents) * active[..., None],
        ai_firms,
        _truth(firms, years, active, without, mean, direct, shift, invention, ai_firms.year, adopted, staff),
    )


class CityPaths:
    """Tertiary over secondary value added of every city and year, before any zone."""

    def __init__(self, codes: np.ndarray, years: np.ndarray, values: np.ndarray) -> None:
        self.codes, self.years, self.values = codes, years, values

    def lookup(self, city: np.ndarray) -> np.ndarray:
        """Values of an array of city codes whose columns are the years."""
        row = np.searchsorted(self.codes, city)
        return self.values[row, np.arange(len(self.years))]


def city_structure(rng: np.random.Generator, years: np.ndarray) -> CityPaths:
    """Draw the industry structure of all cities."""
    codes = np.sort(facts.table("divisions")["gb_code"].to_numpy(dtype=str))
    level = rng.lognormal(STRUCTURE_LEVEL, STRUCTURE_SPREAD, len(codes))
    shock = ar1(rng, (len(codes), len(years)), STRUCTURE_SHOCK_SD, memory=STRUCTURE_MEMORY)
    path = level[:, None] + STRUCTURE_DRIFT * (years - STRUCTURE_YEAR) + shock
    return CityPaths(codes, years, np.maximum(path, 0.15))


def zone_structure(paths: CityPaths, effects: EconomyEffects) -> np.ndarray:
    """Give the paths with the zones as they came, cities x years."""
    zone = facts.pilot_zone_cohorts().reindex(paths.codes).to_numpy(dtype=float)[:, None]
    grown = np.clip(np.nan_to_num(paths.years - zone) / effects.ramp_years, 0, 1)
    first, last = effects.structure
    return paths.values + (paths.years >= zone) * (first + (last - first) * grown)


def _strength(firms: pd.DataFrame, effects: EconomyEffects) -> np.ndarray:
    kind = firms["ai_type"].map(dict(zip(AI_TYPES, effects.ai_types, strict=True))).to_numpy(dtype=float)
    parts = [effects.large * firms["large"], effects.east * firms["east"], effects.private * firms["private"], kind]
    return 1 + sum(np.asarray(part, dtype=float) - np.mean(part) for part in parts)


def _degree_share(rng: np.random.Generator, firms: pd.DataFrame, years: np.ndarray) -> np.ndarray:
    level = 0.16 + 0.30 * rng.beta(2, 4, len(firms)) + 0.10 * firms["high_tech"].to_numpy()
    noise = np.clip(ar1(rng, (len(firms), len(years)), 0.04, memory=0.4), -0.14, 0.14)
    return level[:, None] + 0.005 * (years - years[0]) + noise


def _log_words(
    rng: np.random.Generator, firms: pd.DataFrame, assets: np.ndarray, exposed: np.ndarray, years: np.ndarray
) -> np.ndarray:
    trend = -1.1 + 0.15 * np.maximum(years - 2010, -2) + 0.9 * firms["high_tech"].to_numpy()[:, None]
    person = 0.9 * rng.standard_normal((len(firms), 1)) + 0.1 * (assets - 22.2)
    # Robots reach patents through AI words and adoption alone, so exposure to them is a valid instrument.
    return trend + person + exposed + ar1(rng, assets.shape, 0.3, memory=0.5)


def _report_words(rng: np.random.Generator, log_words: np.ndarray) -> np.ndarray:
    return rng.poisson(np.minimum(np.exp(log_words) * rng.gamma(4.0, 0.25, log_words.shape), 400))


def _trend(rng: np.random.Generator, firms: pd.DataFrame, years: np.ndarray) -> np.ndarray:
    """Levels of trades, a common rise that levels off, and a random walk for each trade."""
    code, names = pd.factorize(firms["industry_code"], sort=True)
    level = 0.25 * rng.standard_normal(len(names))
    walk = np.cumsum(0.04 * rng.standard_normal((len(names), len(years))), axis=1)
    return (level[:, None] + walk + 0.07 * np.clip(years - 2010, -3, 10))[code]


def _others(
    rng: np.random.Generator,
    firms: pd.DataFrame,
    assets: np.ndarray,
    score: np.ndarray,
    years: np.ndarray,
    factor: float,
) -> np.ndarray:
    own = 0.45 * score + 0.85 * rng.standard_normal(len(firms)) + 0.7 * firms["high_tech"].to_numpy()
    mean = 1.29 + own[:, None] + 0.55 * (assets - 22.2) + 0.09 * np.clip(years - 2010, -3, 12)
    manufacturing = firms["industry_code"].str.startswith("C").to_numpy()
    mean = np.exp(mean + np.where(manufacturing, 0.3, -0.9)[:, None])
    return rng.poisson(factor * np.minimum(mean, 6000)[..., None] * np.array([0.45, 0.45, 0.10]))


def _truth(
    firms: pd.DataFrame,
    years: np.ndarray,
    active: np.ndarray,
    without: np.ndarray,
    mean: np.ndarray,
    direct: np.ndarray,
    shift: dict[str, np.ndarray],
    invention: np.ndarray,
    adoption_year: np.ndarray,
    adopted: dict[str, np.ndarray],
    staff: dict[str, np.ndarray],
) -> pd.DataFrame:
    row, column = np.nonzero(active)
    total = without.sum(axis=2)
    columns = {
        "mean_without": total,
        "mean_with": mean.sum(axis=2),
        "direct": np.log((without * np.exp(direct)).sum(axis=2) / total),
        **shift,
    }
    for k, mechanism in enumerate(MECHANISMS):
        columns[f"mean_without_{mechanism}"] = without[..., k]
        columns[f"mean_with_{mechanism}"] = mean[..., k]
        columns[f"direct_{mechanism}"] = direct[..., k]
    return pd.DataFrame(
        {
            "firm_id": firms["firm_id"].to_numpy()[row],
            "year": years[column],
            **{name: values[row, column] for name, values in columns.items()},
            "invention_share": invention[row],
            "adoption_year": np.where(np.isfinite(adoption_year), adoption_year, np.nan)[row],
            **{f"adoption_{part}": adopted[part][row, column] for part in ADOPTION},
            **{name: values[row, column] for name, values in staff.items()},
        }
    )
