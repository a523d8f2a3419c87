"""Panels for Monte Carlo studies of the decomposition: designs under its assumptions, and designs that break one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd

from aigreen.effects.aggregation import log_mean

CHANNELS = ("structure", "skills")
PARTS = ("total", "direct", *CHANNELS, "spillover")
ORIGINS = ("total: others", *(f"{name}: others" for name in CHANNELS))

FIRMS, PERIODS = 3, 10
COHORTS = (4, 6)
TREATED = 0.4
RADIUS = 0.6
PERSISTENCE, NOISE, CITY_SHARE = 0.5, 0.7, 0.6
MISSING = (0.1, 0.2)


@dataclass(frozen=True, kw_only=True)
class Design:
    r"""What treatment does in a panel of firms in cities.

    .. math::
        M_k &= \alpha_{ki} + \lambda_k t + (1 + h z_{1i})\,a_k D + c_k S + u_k \\
        Y &= \alpha_i + \lambda t + b'M + D\,[(1 + h z_{2i} + h\,1\{G_i = 4\})\,\delta + \gamma (t - G_i)] + s S + e

    with :math:`z` standard normal. Shocks :math:`u, e` are autoregressive and common to the firms of a city in part.

    Parameters
    ----------
    title : str
        As printed.
    holds : bool
        Whether the assumptions of the decomposition hold and clusters are many.
    cities : int
        Clusters. Cities lie on a square with one city per unit of area, whatever their number.
    direct, growth : float
        :math:`\delta` and :math:`\gamma`.
    slopes, moved, moved_by_exposure : tuple of float
        :math:`b, a, c`, of each of `CHANNELS`.
    spillover : float
        :math:`s`.
    spread : float
        :math:`h`: how much effects differ between firms and cohorts.
    confounding : float
        Size of a shock that moves both the first channel and the outcome.
    wrong_map : bool
        Whether the exposure column comes from a map of other cities than those that spillovers come from.
    """

    title: str
    holds: bool = True
    cities: int = 100
    direct: float = 0.0
    growth: float = 0.0
    slopes: tuple[float, float] = (0.5, 0.3)
    moved: tuple[float, float] = (0.0, 0.0)
    moved_by_exposure: tuple[float, float] = (0.0, 0.0)
    spillover: float = 0.0
    spread: float = 0.0
    confounding: float = 0.0
    wrong_map: bool = False


_ALL = {
    "direct": 0.6,
    "growth": 0.1,
    "moved": (0.8, 0.6),
    "moved_by_exposure": (0.3, -0.1),
    "spillover": 0.4,
}
DESIGNS: Mapping[str, Design] = MappingProxyType(
    {
        "null": Design(title="No effect", slopes=(0.5, 0.0)),
        "direct": Design(title="Direct effect only", direct=0.6, growth=0.1),
        "channels": Design(title="Channels only", moved=(0.8, 0.6)),
        "spillover": Design(title="Spillover only", spillover=0.4),
        "all": Design(title="All parts", **_ALL),
        "heterogeneous": Design(title="All parts, effects that differ", spread=0.5, **_ALL),
        "confounded": Design(title="Confounded channel", holds=False, confounding=0.6, **_ALL),
        "wrong_map": Design(title="Wrong exposure map", holds=False, wrong_map=True, **_ALL),
        "few_clusters": Design(title="20 clusters", holds=False, cities=20, **_ALL),
    }
)


def draw(design: Design, rng: np.random.Generator) -> tuple[pd.DataFrame, dict[str, float]]:
    r"""Draw a panel and the true parts for its own treated rows.

    Places, cohorts, shocks and missing rows are all new in each draw. About a seventh of the rows is missing, more of
    those with a high firm effect, none in the first period.

    Parameters
    ----------
    design : Design
    rng : Generator

    Returns
    -------
    frame : DataFrame
        Columns firm, city, year, first (0: never), `CHANNELS`, exposure (0 or 1), y.
    truth : dict
        Each of `PARTS` on the treated: direct :math:`E[Y(1, M(1)) - Y(0, M(1))]`, channels
        :math:`b_k E[M_k(1) - M_k(0)]`, and the spillover that no channel carries.
    """
    world = _world(design, rng)
    through = sum(b * m for b, m in zip(design.slopes, world.channels, strict=True))
    y = world.firm_effect + 0.2 * world.year + through + world.own + world.spill + world.noise + world.confounder
    target = world.keep & (world.treated > 0)
    truth = {"direct": world.own[target].mean()}
    truth |= {name: b * m[target].mean() for name, b, m in zip(CHANNELS, design.slopes, world.moves, strict=True)}
    truth["spillover"] = world.spill[target].mean()
    truth = {name: float(value) for name, value in truth.items()}
    return _frame(world, y), {"total": sum(truth.values()), **truth}


@dataclass(frozen=True, kw_only=True)
class CountDesign(Design):
    r"""As `Design`, with :math:`Y` the log of the mean of a negative binomial count.

    Parameters
    ----------
    level, firm_sd : float
        Mean and spread of the firm effects on the log of the mean.
    dispersion : float
        Variance of the gamma factor, of mean one, of each count.
    """

    slopes: tuple[float, float] = (0.5, 0.3)
    level: float = -3.0
    firm_sd: float = 1.0
    dispersion: float = 1.0


_ALL_COUNTS = {
    "direct": 0.3,
    "growth": 0.05,
    "moved": (0.8, 0.6),
    "moved_by_exposure": (0.3, -0.1),
    "spillover": 0.2,
}
COUNT_DESIGNS: Mapping[str, CountDesign] = MappingProxyType(
    {
        "counts_null": CountDesign(title="No effect, counts", slopes=(0.5, 0.0)),
        "counts_all": CountDesign(title="All parts, counts", **_ALL_COUNTS),
        "counts_large": CountDesign(title="All parts, few zeros", level=0.0, dispersion=0.5, **_ALL_COUNTS),
        "counts_heterogeneous": CountDesign(title="All parts, effects that differ, counts", spread=0.25, **_ALL_COUNTS),
        "counts_confounded": CountDesign(
            title="Confounded channel, counts", holds=False, confounding=0.6, **_ALL_COUNTS
        ),
        "counts_wrong_map": CountDesign(title="Wrong exposure map, counts", holds=False, wrong_map=True, **_ALL_COUNTS),
    }
)


def draw_counts(design: CountDesign, rng: np.random.Generator) -> tuple[pd.DataFrame, dict[str, float]]:
    r"""Draw a panel of counts and the true parts of the log of the mean for its own treated rows.

    As `draw`, with :math:`Y` there the log of the mean up to level and scale of the firm effect.

    Returns
    -------
    frame : DataFrame
        As of `draw`; y is a count.
    truth : dict
        Each of `PARTS` and `ORIGINS`: averages over the rows of a cohort and year by the mean without treatment at
        channels of zero, over cohorts and years by logarithmic means; direct is the rest of the total.
    """
    world = _world(design, rng)
    firm = design.level + design.firm_sd * world.firm_effect + 0.05 * world.year
    through = sum(b * m for b, m in zip(design.slopes, world.channels, strict=True))
    moved = sum(b * m for b, m in zip(design.slopes, world.moves, strict=True))
    noise = 0.5 * world.noise + world.confounder
    mean = np.exp(firm + through + world.own + world.spill + noise)
    without = np.exp(firm + through - moved + noise)
    size = 1 / design.dispersion
    counts = rng.poisson(mean * rng.gamma(size, design.dispersion, mean.shape))
    target = world.keep & (world.treated > 0)
    cell = (world.first[:, None] * (PERIODS + 1) + world.year)[target]
    _, at = np.unique(cell, return_inverse=True)
    k = int(at.max()) + 1
    weight = np.exp(firm + 0 * mean)[target]
    size_of = np.bincount(at, weight, k)

    def by_cell(values: np.ndarray) -> np.ndarray:
        return np.bincount(at, weight * values[target], k) / size_of

    rows = {name: b * move for name, b, move in zip(CHANNELS, design.slopes, world.moves, strict=True)}
    others = {
        f"{name}: others": b * c * world.reached
        for name, b, c in zip(CHANNELS, design.slopes, design.moved_by_exposure, strict=True)
    }
    outcome, counterfactual = (np.bincount(at, values[target], k) for values in (mean, without))
    whole = outcome.sum(), counterfactual.sum()
    share = log_mean(outcome, counterfactual)[0] / log_mean(np.array([whole[0]]), np.array([whole[1]]))[0]
    averaged = {
        name: float(share @ by_cell(values)) for name, values in {**rows, "spillover": world.spill, **others}.items()
    }
    total = float(np.log(whole[0] / whole[1]))
    direct = total - sum(averaged[name] for name in (*CHANNELS, "spillover"))
    averaged["total: others"] = averaged["spillover"] + sum(averaged[name] for name in others)
    return _frame(world, counts), {"total": total, "direct": direct} | averaged


@dataclass(frozen=True)
class _World:
    """What happens in one draw, firms x periods (city, first, keep: of firms or rows)."""

    city: np.ndarray
    year: np.ndarray
    first: np.ndarray
    treated: np.ndarray
    reached: np.ndarray
    seen: np.ndarray
    channels: list[np.ndarray]
    moves: list[np.ndarray]
    own: np.ndarray
    spill: np.ndarray
    firm_effect: np.ndarray
    noise: np.ndarray
    confounder: np.ndarray
    keep: np.ndarray


def _world(design: Design, rng: np.random.Generator) -> _World:
    n = design.cities * FIRMS
    city = np.repeat(np.arange(design.cities), FIRMS)
    year = np.arange(1, PERIODS + 1)
    first = np.zeros(design.cities, dtype=int)
    chosen = rng.permutation(design.cities)[: round(TREATED * design.cities)]
    first[chosen] = np.resize(COHORTS, len(chosen))
    on = (first[:, None] > 0) & (first[:, None] <= year)
    near = _links(design.cities, rng)
    exposed = _exposed(near, on)
    if design.wrong_map:
        other = rng.permutation(design.cities)
        seen = _exposed(near[np.ix_(other, other)], on)[city]
    else:
        seen = exposed[city]
    treated, reached = on[city].astype(float), exposed[city]
    first = first[city]

    def level() -> np.ndarray:
        return rng.standard_normal((n, 1)) + 0.5 * (first[:, None] > 0) - 0.3 * reached[:, -1:]

    def different() -> np.ndarray:
        return design.spread * rng.standard_normal((n, 1))

    confounder = NOISE * design.confounding * _persistent(rng, design.cities)[city]
    shocks = [_shock(rng, city) + confounder, _shock(rng, city)]
    shocks[1] = shocks[1] + 0.3 * shocks[0]
    scale = 1 + different()
    moves = [scale * treated * a + reached * c for a, c in zip(design.moved, design.moved_by_exposure, strict=True)]
    channels = [
        level() + trend * year + move + shock for trend, move, shock in zip((0.1, 0.05), moves, shocks, strict=True)
    ]
    strength = 1 + different() + design.spread * (first[:, None] == COHORTS[0])
    own = treated * (strength * design.direct + design.growth * (year - first[:, None]))
    spill = design.spillover * reached
    firm_effect = level()
    noise = _shock(rng, city)
    keep = rng.random((n, PERIODS)) >= np.where(firm_effect > 0, MISSING[1], MISSING[0])
    keep[:, 0] = True
    return _World(
        city, year, first, treated, reached, seen, channels, moves, own, spill, firm_effect, noise, confounder, keep
    )


def _frame(world: _World, y: np.ndarray) -> pd.DataFrame:
    """Rows that are not missing, of a draw with this outcome."""
    n = len(world.city)
    return pd.DataFrame(
        {
            "firm": np.repeat(np.arange(n), PERIODS),
            "city": np.repeat(world.city, PERIODS),
            "year": np.tile(world.year, n),
            "first": np.repeat(world.first, PERIODS),
            **{name: values.ravel() for name, values in zip(CHANNELS, world.channels, strict=True)},
            "exposure": world.seen.ravel(),
            "y": y.ravel(),
        }
    )[world.keep.ravel()].reset_index(drop=True)


def _links(cities: int, rng: np.random.Generator) -> np.ndarray:
    """Whether two different cities are closer than `RADIUS`."""
    place = rng.random((cities, 2)) * np.sqrt(cities)
    near = ((place[:, None] - place) ** 2).sum(axis=-1) < RADIUS**2
    np.fill_diagonal(near, False)
    return near


def _exposed(near: np.ndarray, on: np.ndarray) -> np.ndarray:
    return (near.astype(float) @ on > 0).astype(float)


def _shock(rng: np.random.Generator, city: np.ndarray) -> np.ndarray:
    """Shocks of firms, with a part common to the firms of a city."""
    common = _persistent(rng, city[-1] + 1)[city]
    return NOISE * (_persistent(rng, len(city)) + CITY_SHARE * common)


def _persistent(rng: np.random.Generator, n: int) -> np.ndarray:
    """First-order autoregressions of unit variance, shape (n, PERIODS)."""
    shocks = rng.standard_normal((n, PERIODS))
    for t in range(1, PERIODS):
        shocks[:, t] = PERSISTENCE * shocks[:, t - 1] + np.sqrt(1 - PERSISTENCE**2) * shocks[:, t]
    return shocks
