"""The Earth as a sphere."""

from __future__ import annotations

import numpy as np

EARTH_RADIUS_KM = 6371.0088  # mean radius of the WGS 84 ellipsoid


def great_circle_km(places: np.ndarray, others: np.ndarray) -> np.ndarray:
    r"""Compute great-circle distances between two lists of places.

    .. math:: d = 2 R \arcsin \sqrt{\sin^2(\Delta\phi/2) + \cos\phi_1 \cos\phi_2 \sin^2(\Delta\lambda/2)}

    Parameters
    ----------
    places, others : ndarray, shape (n, 2) and (m, 2)
        Latitude and longitude in degrees.

    Returns
    -------
    ndarray, shape (n, m)
        Kilometres.
    """
    (lat1, lon1), (lat2, lon2) = np.radians(places).T, np.radians(others).T
    half_lat, half_lon = (lat2 - lat1[:, None]) / 2, (lon2 - lon1[:, None]) / 2
    chord = np.sin(half_lat) ** 2 + np.cos(lat1)[:, None] * np.cos(lat2) * np.sin(half_lon) ** 2
    return 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(chord))
