"""Spatial standard errors (Conley) from influence functions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal, get_args

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.spatial import cKDTree

from aigreen.arguments import typed
from aigreen.effects.effects import Effects
from aigreen.errors import (
    CovarianceWarning,
    DataError,
    EffectsError,
    IncompatibleEffectsError,
    MissingValueError,
    NoInfluenceError,
    OptionError,
    warn,
)
from aigreen.linalg.sphere import EARTH_RADIUS_KM
from aigreen.panel.panel import Panel

Kernel = Literal["uniform", "bartlett"]

_CHUNK = 2048


@typed
def conley(
    effects: Effects, coordinates: Panel | pd.DataFrame, cutoff_km: float, *, kernel: Kernel = "uniform"
) -> Effects:
    r"""Give effects a covariance robust to correlation between neighbours.

    .. math:: \hat V = \sum_{c, c'} k(d_{cc'}) \, \psi_c \psi_{c'}', \qquad k(d) = 1\{d \le h\} \text{ or } (1 - d/h)_+

    with great-circle distances d between clusters (units, as a rule) and cutoff h. As :math:`\psi_c` sums over the
    periods of c, correlation within a place and between neighbours is free over time: a spatial HAC covariance
    without a limit on lags.

    Parameters
    ----------
    effects : Effects
        With influence functions. Aggregate first: averages of spatial results would miss the sampling error of weights.
    coordinates : Panel or DataFrame
        The panel, made with `coordinates=` (clusters stand at the mean of their rows), or a frame of latitude and
        longitude in degrees, in this order, indexed by cluster.
    cutoff_km : float
    kernel : {"uniform", "bartlett"}

    Returns
    -------
    Effects
        Without influence functions; the covariance is joint, so that tests of several effects work. A covariance with
        negative eigenvalues is replaced by the nearest positive semi-definite one, with a `CovarianceWarning`. With few
        treated clusters intervals are those of t with the degrees of freedom that these leave (the fewest of several
        effects), and an effect on one treated cluster has no error.

    Notes
    -----
    The small-sample factor is that of the influence functions. fixest pools rows over periods in the same way; its
    earth radius (6,376 km), its 111 km per degree before-filter and its factor N/(N-K) with all fixed effects in K
    differ. Source: Conley (1999); Colella, Lalive, Sakalli and Thoenig (2023).

    Raises
    ------
    NoInfluenceError, MissingValueError, DataError
    """
    if effects.psi is None:
        raise NoInfluenceError(f"{effects.method} has no influence functions, which spatial errors need")
    if kernel not in get_args(Kernel):
        raise OptionError("kernel", kernel, get_args(Kernel))
    if not cutoff_km > 0:
        raise EffectsError(f"cutoff_km={cutoff_km}: a positive distance is needed")
    points = _points(effects, coordinates)
    present = np.isfinite(points).all(axis=1)
    absent = np.flatnonzero(~present & effects.psi.any(axis=1))
    if absent.size:
        raise MissingValueError(
            f"{absent.size:,} clusters ({effects.clusters.name!r}) have no coordinates",
            count=absent.size,
            first=effects.clusters[absent[:5]],
        )
    places, place = np.unique(points[present], axis=0, return_inverse=True)
    psi = np.zeros((len(places), len(effects)))
    np.add.at(psi, place.ravel(), effects.psi[present])
    covariance = _positive(spatial_covariance(psi, _neighbours(places, cutoff_km, kernel)))
    df: float | None = None
    if effects.few_treated:
        left = effects.effective_clusters()["df"].to_numpy()
        covariance[np.isnan(left)] = covariance[:, np.isnan(left)] = np.nan
        df = float(np.nanmin(left, initial=np.inf))
    estimated_mass = effects.mass is not None and effects.mass.influence is not None
    return replace(
        effects,
        psi=None,
        covariance=covariance,
        mass=None if estimated_mass else effects.mass,
        df=df,
        conventions={**effects.conventions, "variance": f"Conley, {kernel} kernel, {cutoff_km:g} km"},
    )


def spatial_covariance(psi: np.ndarray, neighbours: Iterator[tuple[slice, sparse.csr_array]]) -> np.ndarray:
    """Sum of k psi psi' over pairs; `neighbours` yields rows of places and their kernel weights on all places."""
    covariance = np.zeros((psi.shape[1], psi.shape[1]))
    for rows, weights in neighbours:
        covariance += psi[rows].T @ (weights @ psi)
    return (covariance + covariance.T) / 2


def _neighbours(points: np.ndarray, cutoff_km: float, kernel: Kernel) -> Iterator[tuple[slice, sparse.csr_array]]:
    tree = cKDTree(points)
    half_angle = min(cutoff_km / (2 * EARTH_RADIUS_KM), np.pi / 2)
    chord = 2 * np.sin(half_angle) * (1 + 1e-12)
    for start in range(0, len(points), _CHUNK):
        rows = slice(start, min(start + _CHUNK, len(points)))
        near = cKDTree(points[rows]).sparse_distance_matrix(tree, chord, output_type="ndarray")
        distance = 2 * EARTH_RADIUS_KM * np.arcsin(np.minimum(near["v"] / 2, 1))
        weight = np.ones(len(near)) if kernel == "uniform" else np.maximum(1 - distance / cutoff_km, 0)
        yield rows, sparse.csr_array((weight, (near["i"], near["j"])), shape=(rows.stop - start, len(points)))


def _points(effects: Effects, coordinates: Panel | pd.DataFrame) -> np.ndarray:
    """Points of the clusters on the unit sphere, shape (clusters, 3); nan where unknown."""
    if not isinstance(coordinates, Panel):
        if coordinates.shape[1] != 2 or coordinates.index.has_duplicates:
            raise DataError("coordinates: two columns (latitude, longitude) and one row for each cluster are needed")
        found = coordinates.reindex(effects.clusters).to_numpy(dtype=float, na_value=np.nan)
        return _on_sphere(found[:, 0], found[:, 1])
    panel = coordinates
    if "latitude" not in panel.names:
        raise DataError("the panel has no coordinates: make it with coordinates=(latitude, longitude)")
    if not panel.clusters.equals(effects.clusters):
        raise IncompatibleEffectsError("the effects stand on other clusters than the panel")
    rows = _on_sphere(panel.column(panel.names["latitude"]), panel.column(panel.names["longitude"]))
    known = np.isfinite(rows).all(axis=1)
    sums = np.zeros((len(panel.clusters), 3))
    np.add.at(sums, panel.cluster_codes[known], rows[known])
    # Rounded to a millionth of a metre or so, so that units of the same place coincide whatever their number of rows.
    with np.errstate(invalid="ignore"):
        return np.round(sums / np.linalg.norm(sums, axis=1, keepdims=True), 13)


def _on_sphere(latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    for name, values, low, high in (("latitude", latitude, -90, 90), ("longitude", longitude, -180, 360)):
        bad = np.flatnonzero((values < low) | (values > high))
        if bad.size:
            raise DataError(
                f"{name}: {bad.size:,} values outside [{low}, {high}] degrees",
                column=name,
                count=bad.size,
                first=values[bad[:5]],
            )
    phi, lam = np.radians(latitude), np.radians(longitude)
    return np.column_stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)])


def _positive(covariance: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(covariance)
    negative = values < -1e-12 * max(values.max(initial=0.0), 0.0)
    if not negative.any():
        return covariance
    warning = CovarianceWarning(
        f"the spatial covariance had {int(negative.sum())} negative eigenvalues, set to zero; the Bartlett kernel or a "
        "smaller cutoff may avoid this",
        count=int(negative.sum()),
    )
    warn(warning)
    return (vectors * np.maximum(values, 0)) @ vectors.T
