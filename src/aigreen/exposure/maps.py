"""Maps W of links between units: distance rings, neighbours, industry peers, supply chains, any matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.spatial import cKDTree

from aigreen.arguments import as_numbers, typed
from aigreen.errors import (
    DataError,
    DuplicateRowsError,
    MissingValueError,
    OptionError,
    UnknownColumnError,
    WrongTypeError,
)
from aigreen.linalg.sphere import EARTH_RADIUS_KM
from aigreen.options import check_draws
from aigreen.panel.columns import numeric

Counting = Literal["places", "units"]

_SLACK = 1e-9


@dataclass(frozen=True, eq=False)
class Map:
    """Links between labelled units, W = `left` @ `right`; W[i, j] is what unit i receives from unit j.

    Attributes
    ----------
    units : Index, length n
        Labels of the rows and columns of W.
    left : sparse array, shape (n, m)
    right : sparse array, shape (m, n), or None
        None: W is `left` and m is n.
    """

    units: pd.Index
    left: sparse.csr_array
    right: sparse.csr_array | None = None

    def __post_init__(self) -> None:
        n = len(self.units)
        inner = n if self.right is None else self.right.shape[0]
        if self.left.shape != (n, inner) or (self.right is not None and self.right.shape[1] != n):
            shapes = [part.shape for part in (self.left, self.right) if part is not None]
            raise DataError(f"a map between {n} units cannot have the shapes {shapes}")
        if not self.units.is_unique:
            twice = self.units[self.units.duplicated()]
            raise DuplicateRowsError(f"{len(twice)} units stand twice in a map", count=len(twice), first=twice)
        for part in (self.left, self.right):
            if part is not None and not np.isfinite(part.data).all():
                raise MissingValueError(
                    "a map has missing or infinite links", count=int((~np.isfinite(part.data)).sum())
                )

    def __matmul__(self, x: np.ndarray) -> np.ndarray:
        return self.left @ (x if self.right is None else self.right @ x)

    def to_sparse(self) -> sparse.csr_array:
        """Return W itself, shape (n, n); large where units share places or industries."""
        return self.left if self.right is None else sparse.csr_array(self.left @ self.right)

    def on(self, units: pd.Index) -> Map:
        """Return the map between these units, in this order.

        Raises
        ------
        UnknownColumnError
            Units without a place in the map.
        """
        if units.equals(self.units):
            return self
        position = self.units.get_indexer(units)
        if (position < 0).any():
            absent = units[position < 0]
            raise DataError(f"{len(absent)} units are not in the map", count=len(absent), first=absent[:5])
        if self.right is None:
            return Map(units, self.left[position][:, position])
        return Map(units, self.left[position], self.right[:, position])

    @typed
    def at_places(self, place: pd.Series, *, counting: Counting = "places") -> Map:
        """Turn a map between places into one between units.

        Parameters
        ----------
        place : Series
            Place of each unit, indexed by unit.
        counting : {"places", "units"}
            places: each place carries the share of its units that are treated, so that a treated city counts once.
            units: it carries their number.

        Notes
        -----
        Units of one place are not linked, unless the map of places has a diagonal; then the unit itself is part of
        what its place carries.
        """
        if counting not in get_args(Counting):
            raise OptionError("counting", counting, get_args(Counting))
        code = _positions(place, self.units, "places")
        n, k = len(code), len(self.units)
        member = sparse.csr_array((np.ones(n), (code, np.arange(n))), shape=(k, n))
        if counting == "places":
            member = sparse.diags_array(1.0 / np.maximum(np.bincount(code, minlength=k), 1)) @ member
        return Map(pd.Index(place.index), sparse.csr_array(self.to_sparse()[code]), sparse.csr_array(member))


@typed
def matrix_map(W: Any, units: Sequence[object] | pd.Index) -> Map:
    """Label any matrix of links, sparse or dense, shape (n, n); a DataFrame goes by its labels, which are `units`."""
    if is_labelled(W):
        W = _in_order(W, pd.Index(units))
    try:
        links = sparse.csr_array(W, dtype=float)
    except (TypeError, ValueError) as error:
        raise WrongTypeError("W", W, "a matrix of numbers") from error
    return Map(pd.Index(units), links)


def is_labelled(W: Any) -> bool:
    """Whether links are a frame with labels other than positions."""
    return isinstance(W, pd.DataFrame) and not (W.index.equals(pd.RangeIndex(len(W))) and W.index.equals(W.columns))


def _in_order(W: pd.DataFrame, units: pd.Index) -> pd.DataFrame:
    for labels, side in ((W.index, "rows"), (W.columns, "columns")):
        _positions(labels.to_series(), units, f"units, in the {side} of the links")
        if not labels.is_unique or len(labels) != len(units):
            raise DataError(f"links have {len(labels)} {side}, for {len(units)} units", count=len(labels))
    return W.reindex(index=units, columns=units)


@typed
def rings(coordinates: pd.DataFrame, edges_km: Sequence[float]) -> dict[str, Map]:
    """Link units whose great-circle distance lies in a ring, without themselves.

    Parameters
    ----------
    coordinates : DataFrame
        Latitude and longitude in degrees, in this order, indexed by unit or place.
    edges_km : sequence of float
        Ascending; ring k holds distances above edge k up to edge k + 1. The first ring includes distance 0 where its
        edge is 0.

    Returns
    -------
    dict of str to Map
        ``ring_0_50``, ``ring_50_100``, ...
    """
    edges = [float(e) for e in edges_km]
    if len(edges) < 2 or edges[0] < 0 or any(b <= a for a, b in pairwise(edges)):
        raise OptionError("edges_km", edges_km, ["ascending distances, as [0, 50, 100]"])
    i, j, distance = _pairs(coordinates, edges[-1])
    out = {}
    for a, b in pairwise(edges):
        inside = (distance <= b) & ((distance > a) | (a == 0))
        out[f"ring_{a:g}_{b:g}"] = _symmetric(coordinates.index, i[inside], j[inside], np.ones(int(inside.sum())))
    return out


@typed
def inverse_distance(
    coordinates: pd.DataFrame, *, cutoff_km: float, power: float = 1.0, nearest_km: float = 1.0
) -> Map:
    r"""Link units by :math:`d^{-p}` up to a cutoff; distances below `nearest_km` count as `nearest_km`."""
    if not (cutoff_km > 0 and power > 0 and nearest_km > 0):
        raise OptionError("cutoff_km, power, nearest_km", (cutoff_km, power, nearest_km), ["positive numbers"])
    i, j, distance = _pairs(coordinates, float(cutoff_km))
    return _symmetric(coordinates.index, i, j, np.maximum(distance, nearest_km) ** -power)


@typed
def adjacency(pairs: pd.DataFrame | Sequence[tuple[object, object]], units: Sequence[object] | pd.Index) -> Map:
    """Link neighbours, given once or twice as pairs of labels; one for each link."""
    table, labels = pd.DataFrame(pairs), pd.Index(units)
    if table.shape[1] < 2:
        raise WrongTypeError("pairs", pairs, "pairs of labels")
    i, j = (_positions(table.iloc[:, side], labels, "units of the map") for side in (0, 1))
    off = i != j
    W = _symmetric(labels, i[off], j[off], np.ones(int(off.sum()))).left
    W.data[:] = 1.0
    return Map(labels, W)


@typed
def industry_peers(codes: pd.Series, *, exclude: pd.Series | None = None) -> Map:
    """Link units of the same industry, without themselves and without those of the same `exclude` (city).

    Parameters
    ----------
    codes : Series
        Industry of each unit, indexed by unit.
    exclude : Series, optional
        City of each unit, same index.
    """
    group = codes_of(codes, "industries")
    n = len(group)
    if exclude is None:
        inner = np.arange(n)
    else:
        if not exclude.index.equals(codes.index):
            raise DataError("`codes` and `exclude` must have the same index of units")
        other = codes_of(exclude, "places to exclude")
        inner = pd.factorize(group * (int(other.max()) + 1) + other)[0]
    whole, own = _membership(group), _membership(inner)
    return Map(
        pd.Index(codes.index),
        sparse.csr_array(sparse.hstack([whole, -own])),
        sparse.csr_array(sparse.vstack([whole.T, own.T])),
    )


@typed
def supply_chain(
    links: pd.DataFrame,
    units: Sequence[object] | pd.Index,
    *,
    direction: str | None = None,
    lag: int = 1,
    unit: str = "firm_id",
    partner: str = "partner_id",
    time: str = "year",
    share: str = "share",
) -> dict[int, Map]:
    """Link firms to their customers or suppliers by the shares of `lag` years before.

    Parameters
    ----------
    links : DataFrame
        The canonical table `links`: firm, partner, year, direction, share of the firm's sales or purchases. Rows whose
        partner is missing or not among `units` carry nothing.
    units : sequence
        Labels of the firms.
    direction : str, optional
        Rows to use, by the column `direction`. Default: all rows.
    lag : int
        Lagged shares are not themselves changed by the treatment of the year.

    Returns
    -------
    dict of int to Map
        By year of exposure; years without shares have no links.
    """
    needed = [unit, partner, time, share, *(["direction"] if direction else [])]
    for name in needed:
        if name not in links.columns:
            raise UnknownColumnError(name, list(links.columns), role="links")
    if direction is not None:
        known = links["direction"].dropna().unique()
        if direction not in known:
            raise OptionError("direction", direction, sorted(map(str, known)))
        links = links[links["direction"] == direction]
    labels = pd.Index(units)
    if not labels.is_unique:
        twice = labels[labels.duplicated()]
        raise DuplicateRowsError(f"{len(twice)} of the units stand twice", count=len(twice), first=twice)
    i, j = labels.get_indexer(pd.Index(links[unit])), labels.get_indexer(pd.Index(links[partner]))
    if len(links) and (i < 0).all():
        raise DataError(
            f"column {unit!r}: none of the {len(links):,} links is of one of the {len(labels):,} units; labels are "
            "compared as they are, and text is no number",
            column=unit,
            count=len(links),
            first=[repr(label) for label in links[unit].iloc[:5]],
        )
    weight, year = (numeric(links[name]) for name in (share, time))
    usable = (i >= 0) & (j >= 0) & (i != j) & links[partner].notna().to_numpy() & ~np.isnan(weight)
    if (weight[usable] < 0).any():
        raise DataError(f"column {share!r}: negative shares", column=share, count=int((weight[usable] < 0).sum()))
    if np.isnan(year[usable]).any():
        raise MissingValueError(f"column {time!r}: missing periods", column=time, count=int(np.isnan(year).sum()))
    n = len(labels)
    out = {}
    for t in np.unique(year[usable]):
        at = usable & (year == t)
        out[int(t) + lag] = Map(labels, sparse.csr_array((weight[at], (i[at], j[at])), shape=(n, n)))
    return out


@typed
def permuted(W: Map, *, seed: int, within: pd.Series | None = None) -> Map:
    """Give units random places in the network: a placebo map with the same structure and other partners.

    Parameters
    ----------
    within : Series, optional
        Stratum of each unit, indexed by unit: places are exchanged inside strata only.
    """
    check_draws(1, seed)
    rng = np.random.default_rng(seed)
    n = len(W.units)
    stratum = np.zeros(n, dtype=np.intp) if within is None else codes_of(within.reindex(W.units), "strata")
    place = np.empty(n, dtype=np.intp)
    by_stratum = np.argsort(stratum, kind="stable")
    place[by_stratum] = np.lexsort((rng.random(n), stratum))
    if W.right is None:
        return Map(W.units, W.left[place][:, place])
    return Map(W.units, W.left[place], W.right[:, place])


def _pairs(coordinates: pd.DataFrame, radius_km: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs i < j of points up to a distance, and their great-circle distances in kilometres."""
    if coordinates.shape[1] < 2:
        raise DataError(f"coordinates have {coordinates.shape[1]} column: latitude and longitude are needed")
    degrees = as_numbers("coordinates", coordinates.iloc[:, :2], "numbers, latitude and longitude,")
    bad = np.flatnonzero(~np.isfinite(degrees).all(axis=1) | (np.abs(degrees) > [90, 360]).any(axis=1))
    if bad.size:
        raise DataError(
            f"{bad.size} places without a latitude (-90 to 90) and longitude in degrees",
            count=bad.size,
            first=coordinates.index[bad[:5]],
        )
    lat, lon = np.radians(degrees).T
    points = np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    chord = 2 * np.sin(min(radius_km / (2 * EARTH_RADIUS_KM), np.pi / 2))
    found = cKDTree(points).query_pairs(chord * (1 + _SLACK) + _SLACK, output_type="ndarray")
    i, j = found[:, 0], found[:, 1]
    half = np.sin((lat[i] - lat[j]) / 2) ** 2 + np.cos(lat[i]) * np.cos(lat[j]) * np.sin((lon[i] - lon[j]) / 2) ** 2
    distance = 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.minimum(half, 1.0)))
    near = distance <= radius_km
    return i[near], j[near], distance[near]


def _symmetric(units: pd.Index, i: np.ndarray, j: np.ndarray, weight: np.ndarray) -> Map:
    n = len(units)
    both = (np.concatenate([weight, weight]), (np.concatenate([i, j]), np.concatenate([j, i])))
    return Map(pd.Index(units), sparse.csr_array(both, shape=(n, n)))


def _membership(code: np.ndarray) -> sparse.csr_array:
    return sparse.csr_array((np.ones(len(code)), (np.arange(len(code)), code)))


def codes_of(series: pd.Series, what: str) -> np.ndarray:
    """Code labels without missing ones, from zero."""
    missing = series.isna()
    if missing.any():
        raise MissingValueError(
            f"{what}: {int(missing.sum())} missing", count=int(missing.sum()), first=series.index[missing]
        )
    return pd.factorize(series)[0]


def _positions(labels: pd.Series, known: pd.Index, what: str) -> np.ndarray:
    try:
        unique = known.is_unique
    except TypeError as error:
        raise WrongTypeError("units", list(known), "labels that can be compared") from error
    if not unique:
        twice = known[known.duplicated()]
        raise DuplicateRowsError(f"{len(twice)} of the {what} stand twice", count=len(twice), first=twice)
    position = known.get_indexer(pd.Index(labels))
    if (position < 0).any():
        absent = labels[position < 0].unique()
        raise DataError(f"{len(absent)} labels are not among the {what}", count=len(absent), first=absent[:5])
    return position
