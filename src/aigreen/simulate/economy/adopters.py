r"""Adoption of AI by firms: its year, the core words that report it, and what it does to adopters and their partners.

A listed firm i that has not adopted does so in year t with probability :math:`h_t e^{\zeta D_{it} + \xi R_{it}}`, D its
zone in force and R its exposure to robots, from the year after it was listed. From then on its reports hold
:math:`200\, e^{z_i}` core AI words more a year, and

.. math::
    \Delta \ln \mu_{it} = \underbrace{\ln(1 + \alpha(e)) + \kappa z_i}_{\text{own adoption}}
        + \underbrace{b\, m(e)}_{\text{staff with a degree}}
        + \underbrace{\rho_1 A^{peers}_{it} + \rho_2 A^{near}_{it} + \rho_3 A^{customers}_{it}
        + \rho_4 A^{suppliers}_{it}}_{\text{adopters elsewhere}}

with e the years since adoption. The same random numbers decide the year with the zones as they came and without any,
so what zones do by way of adoption is known firm by firm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from aigreen.data import facts
from aigreen.data.assemble.rings import NEAR_KM
from aigreen.simulate.draws import Streams
from aigreen.simulate.economy import network
from aigreen.simulate.economy.effects import EconomyEffects

PARTS = ("year", "words")
FIRST, LAST = 2017, 2023  # years of the two probabilities
WORDS, WORDS_SD = 200, 0.4  # core words a year of the average adopter; spread of their log over firms
NEVER = np.inf


@dataclass(frozen=True)
class Adopters:
    """Who adopts when.

    Parameters
    ----------
    year, year_without : float arrays, firms
        First year of AI with the zones as they came, and had none opened; infinite = never.
    intensity : float array, firms
        Log of the core words that adoption adds to a report, less that of the average adopter.
    core_words : int array, firms x years
        Core words that adoption adds to the reports.
    """

    year: np.ndarray
    year_without: np.ndarray
    intensity: np.ndarray
    core_words: np.ndarray


def draw_adopters(
    rng: Streams,
    firms: pd.DataFrame,
    years: np.ndarray,
    in_force: np.ndarray,
    exposed: np.ndarray,
    effects: EconomyEffects,
) -> Adopters:
    """Draw the years of adoption and the words that report it.

    Parameters
    ----------
    rng : Streams
        With `PARTS`.
    firms, years, effects
    in_force, exposed : arrays, firms x years
        The own zone; what robots add to log AI words.
    """
    shape = in_force.shape
    chance = rng["year"].random(shape)
    push = effects.adopters_robots * (exposed - exposed.mean(axis=0))
    hazard = np.interp(years, (FIRST, LAST), effects.adopters) * (years >= FIRST) * np.exp(push)
    may = years > firms["entry"].to_numpy()[:, None]

    def first(probability: np.ndarray) -> np.ndarray:
        adopts = may & (chance < probability)
        return np.where(adopts.any(axis=1), years[adopts.argmax(axis=1)], NEVER)

    year = first(hazard * np.exp(effects.adopters_zone * in_force))
    intensity = WORDS_SD * rng["words"].standard_normal(shape[0])
    mean = WORDS * np.exp(intensity)[:, None] * (years >= year[:, None])
    return Adopters(year, first(hazard), intensity, rng["words"].poisson(mean))


def shifts(
    year: np.ndarray,
    intensity: np.ndarray,
    firms: pd.DataFrame,
    years: np.ndarray,
    active: np.ndarray,
    city: np.ndarray,
    links: dict[str, network.Partners],
    effects: EconomyEffects,
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Give what adoption in these years adds to log means, to the share of staff with a degree, and to log staff.

    Returns
    -------
    added : dict
        ``own`` and those of `aigreen.simulate.economy.effects.WAYS`; the channel is left to the caller.
    human, labour : ndarray
        Firms x years, as all of ``added``.
    """
    adopted = years >= year[:, None]
    grown = np.clip((np.where(adopted, years, 0) - np.where(adopted, year[:, None], 0)) / effects.ramp_years, 0, 1)

    def response(pair: tuple[float, float]) -> np.ndarray:
        return adopted * (pair[0] + (pair[1] - pair[0]) * grown)

    reach = exposures(firms, active, city, links, adopted & active)
    added = {way: getattr(effects, f"adopted_{way}") * values for way, values in reach.items()}
    own = np.log1p(response(effects.adopted)) + adopted * effects.adopted_dose * intensity[:, None]
    return {"own": own, **added}, response(effects.adopted_human), response(effects.adopted_labour)


def exposures(
    firms: pd.DataFrame,
    active: np.ndarray,
    city: np.ndarray,
    links: dict[str, network.Partners],
    flags: np.ndarray,
) -> dict[str, np.ndarray]:
    """Give exposure to flagged others by way (`aigreen.simulate.economy.effects.WAYS`), firms x years."""
    trade = pd.factorize(firms["industry_code"], sort=True)[0]
    return {
        "peers": share_elsewhere(trade, city, active, flags),
        "neighbours": share_near(city, active, flags),
        "customers": network.exposure(links["customer"], flags),
        "suppliers": network.exposure(links["supplier"], flags),
    }


def share_elsewhere(group: np.ndarray, city: np.ndarray, active: np.ndarray, flags: np.ndarray) -> np.ndarray:
    """Share of flagged firms among the active ones of the same group in other cities, firms x years."""
    codes = np.unique(city, return_inverse=True)[1].reshape(city.shape)
    cell = group[:, None] * (codes.max() + 1) + codes

    def elsewhere(values: np.ndarray) -> np.ndarray:
        whole = np.zeros((group.max() + 1, values.shape[1]))
        np.add.at(whole, group, values)
        column = np.broadcast_to(np.arange(values.shape[1]), cell.shape)
        here = np.zeros((cell.max() + 1, values.shape[1]))
        np.add.at(here, (cell, column), values)
        return whole[group] - here[cell, column]

    return elsewhere(flags) / np.maximum(elsewhere(active), 1)


def share_near(city: np.ndarray, active: np.ndarray, flags: np.ndarray) -> np.ndarray:
    """Share of flagged firms among the active ones of other cities within `NEAR_KM`, firms x years."""
    names, codes = np.unique(city, return_inverse=True)
    codes = codes.reshape(city.shape)
    distance = facts.distances_km(list(names), list(names))
    near = sparse.csr_array((distance <= NEAR_KM) & ~np.eye(len(names), dtype=bool), dtype=float)
    column = np.broadcast_to(np.arange(city.shape[1]), city.shape)

    def around(values: np.ndarray) -> np.ndarray:
        here = np.zeros((len(names), city.shape[1]))
        np.add.at(here, (codes, column), values)
        return (near @ here)[codes, column]

    return around(flags) / np.maximum(around(active), 1)
