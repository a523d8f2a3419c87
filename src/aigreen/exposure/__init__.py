"""Exposure of a unit to the treatment of others: maps of who is linked to whom, and the basis of the response."""

from aigreen.exposure.exposure import expected_exposure, exposure, exposures, onset, recentred
from aigreen.exposure.maps import (
    Map,
    adjacency,
    industry_peers,
    inverse_distance,
    matrix_map,
    permuted,
    rings,
    supply_chain,
)

__all__ = [
    "Map",
    "adjacency",
    "expected_exposure",
    "exposure",
    "exposures",
    "industry_peers",
    "inverse_distance",
    "matrix_map",
    "onset",
    "permuted",
    "recentred",
    "rings",
    "supply_chain",
]
