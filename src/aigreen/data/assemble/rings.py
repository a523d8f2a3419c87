"""The distances at which zones of other places count as near, for the panels of firms, cities and provinces."""

from __future__ import annotations

from itertools import pairwise

from aigreen.errors import OptionError

EDGES_KM = (0, 50, 100, 150, 200, 250, 300, 350)  # of rings around the seat of a firm's city
NEAR_KM = 100  # an edge
WIDE_KM = 200
PROVINCE_KM = 300  # between the capital of a province and zone cities of others


def ring_columns(within_km: float) -> list[str]:
    """Columns that count zone cities by ring, up to an edge, as ``ring_0_50``.

    Raises
    ------
    OptionError
        For a distance that is no edge.
    """
    if within_km not in EDGES_KM[1:]:
        raise OptionError("within_km", within_km, EDGES_KM[1:])
    return [ring_column(low, high) for low, high in pairwise(EDGES_KM) if high <= within_km]


def ring_column(low_km: float, high_km: float) -> str:
    """Column that counts zone cities in one ring."""
    return f"ring_{low_km:g}_{high_km:g}"


def circle_column(km: float) -> str:
    """Column that counts zone cities within a distance."""
    return f"ring_{km:g}km"


def circle_label(km: float) -> str:
    """Return the printed name of `circle_column`."""
    return f"Other zone cities within {km:g} km"
