"""What zones and adoption of AI do in the synthetic economy."""

from __future__ import annotations

from dataclasses import dataclass, replace

WAYS = ("peers", "neighbours", "customers", "suppliers")  # by which adopters reach others


@dataclass(frozen=True)
class EconomyEffects:
    """Effects built into the economy. Pairs: in the first zone year, and from `ramp_years` on.

    Parameters
    ----------
    direct : pair of float
        Own zone on the mean of green patents, as a proportion, for the average firm and mechanism.
    mechanisms : tuple of float
        Strength of the direct effect by mechanism (in the order of
        `aigreen.simulate.economy.outcomes.MECHANISMS`), as a multiple.
    large, east, private : float
        Differences of the multiple between large and small, eastern and other, non-state and state firms.
    ai_types : tuple of float
        Differences of the multiple by AI type, in the order of `aigreen.simulate.economy.firms.AI_TYPES`.
    words : float
        Own zone on the log intensity of AI words in the annual report.
    adoption : float
        Log intensity of AI words of the year before on the log mean.
    structure, polluting, human : pair of float
        Own zone on tertiary over secondary value added; on the share of revenue from polluting segments, as a
        proportion of it; on the share of staff with a degree.
    labour, adopted_labour : pair of float
        Own zone, and own adoption, on the log of staff.
    structure_slope, polluting_slope, human_slope : float
        One unit of the channel on the log mean.
    ring, peers, customers, suppliers : float
        On the log mean: each other zone city within 100 km; the share of firms of the same trade in other cities that
        are in a zone; the lagged share of sales to, of purchases from, listed firms in a zone.
    adopters : pair of float
        Probability that a firm which has not adopted AI does so in 2013 and in 2023, with a line between; none before.
    adopters_zone, adopters_robots : float
        Own zone, and what robots add to log AI words (less its mean over firms), on the log of that probability.
    adopted, adopted_human : pair of float
        Own adoption on the mean, as a proportion, for the average adopter; on the share of staff with a degree.
    adopted_dose : float
        Log of the core words that adoption brings on the log mean of adopters.
    adopted_peers, adopted_neighbours, adopted_customers, adopted_suppliers : float
        On the log mean: the share of adopters among firms of the same trade in other cities, and among those of other
        cities within 100 km; the lagged share of sales to, of purchases from, listed adopters.
    ramp_years : int
        Years from the first to the last value of a pair.
    """

    direct: tuple[float, float] = (0.042, 0.050)
    mechanisms: tuple[float, float, float] = (1.26, 0.42, 0.75)
    large: float = 0.5
    east: float = 0.2
    private: float = 0.3
    ai_types: tuple[float, ...] = (0.4, 0.1, -0.1, 0.3, 0.0, -0.2, -0.5)
    words: float = 0.25
    adoption: float = 0.05
    structure: tuple[float, float] = (0.03, 0.06)
    polluting: tuple[float, float] = (-0.03, -0.06)
    human: tuple[float, float] = (0.008, 0.015)
    labour: tuple[float, float] = (0.0, 0.0)
    structure_slope: float = 0.25
    polluting_slope: float = -0.4
    human_slope: float = 1.0
    ring: float = 0.03
    peers: float = 0.02
    customers: float = 0.20
    suppliers: float = 0.10
    adopters: tuple[float, float] = (0.0, 0.0)
    adopters_zone: float = 0.0
    adopters_robots: float = 1.5
    adopted: tuple[float, float] = (0.20, 0.30)
    adopted_human: tuple[float, float] = (0.01, 0.02)
    adopted_labour: tuple[float, float] = (0.0, 0.0)
    adopted_dose: float = 0.2
    adopted_peers: float = 0.3
    adopted_neighbours: float = 0.2
    adopted_customers: float = 0.6
    adopted_suppliers: float = 0.4
    ramp_years: int = 3

    @classmethod
    def none(cls) -> EconomyEffects:
        """Zones that do nothing; words and channels still matter for patents."""
        still = dict.fromkeys(("direct", "structure", "polluting", "human", "labour"), (0.0, 0.0))
        still |= dict.fromkeys(("words", "ring", "peers", "customers", "suppliers", "adopters_zone"), 0.0)
        return replace(cls(), **still)

    def idle_adopters(self) -> EconomyEffects:
        """Adoption that only shows in reports: it does nothing to adopters or others."""
        still = dict.fromkeys(("adopted", "adopted_human", "adopted_labour"), (0.0, 0.0))
        return replace(self, **still, adopted_dose=0.0, **{f"adopted_{way}": 0.0 for way in WAYS})
