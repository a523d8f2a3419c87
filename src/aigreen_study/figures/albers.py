"""Albers' equal-area conic projection of the sphere, for maps of China."""

from __future__ import annotations

import numpy as np

from aigreen.linalg.sphere import EARTH_RADIUS_KM

PARALLELS = (25.0, 47.0)
MERIDIAN = 105.0
ORIGIN = 36.0


def albers(lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r"""Project degrees to kilometres east and north of 105 E, 36 N.

    With :math:`n = (\sin\phi_1 + \sin\phi_2)/2` and :math:`C = \cos^2\phi_1 + 2n\sin\phi_1`,

    .. math:: \rho = R \sqrt{C - 2n\sin\phi}/n, \quad \theta = n(\lambda - \lambda_0), \quad
              x = \rho\sin\theta, \; y = \rho_0 - \rho\cos\theta .

    Areas are true everywhere, and distances along the standard parallels 25 N and 47 N, which are the usual ones for
    China. Source: Snyder (1987), Map Projections, p. 100, equations 14-1 to 14-6.
    """
    first, second, origin = np.sin(np.radians([*PARALLELS, ORIGIN]))
    n = (first + second) / 2
    constant = 1 - first**2 + 2 * n * first

    def radius(sine: np.ndarray) -> np.ndarray:
        return EARTH_RADIUS_KM * np.sqrt(constant - 2 * n * sine) / n

    rho = radius(np.sin(np.radians(lat)))
    theta = n * np.radians(np.asarray(lon) - MERIDIAN)
    return rho * np.sin(theta), radius(origin) - rho * np.cos(theta)


def circle(lon: float, lat: float, radius_km: float, n: int = 72) -> tuple[np.ndarray, np.ndarray]:
    """Return a closed ring of points at a great-circle distance: degrees east and north, shape (n + 1,) each."""
    bearing = np.linspace(0, 2 * np.pi, n + 1)
    phi, arc = np.radians(lat), radius_km / EARTH_RADIUS_KM
    sine = np.sin(phi) * np.cos(arc) + np.cos(phi) * np.sin(arc) * np.cos(bearing)
    turn = np.arctan2(np.sin(bearing) * np.sin(arc) * np.cos(phi), np.cos(arc) - np.sin(phi) * sine)
    return lon + np.degrees(turn), np.degrees(np.arcsin(sine))
