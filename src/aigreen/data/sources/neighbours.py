"""Neighbouring cities from polygons of prefectures.

Simplified polygons do not always share the points of a common border, so two cities are neighbours where their borders
come within `TOLERANCE_KM` of each other. With 0.5, 1 or 2 km the 372 polygons of 2024 give 969, 970 and 972 pairs.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from aigreen.data import facts
from aigreen.errors import SourceError, UnreadableFileError
from aigreen.linalg.sphere import EARTH_RADIUS_KM

CODE = "source_code"
TOLERANCE_KM, STEP_KM = 1.0, 0.5


def city_neighbours(path: Path | str, *, cities: Collection[str] | None = None) -> pd.DataFrame:
    """Find the pairs of neighbouring cities.

    Parameters
    ----------
    path : path
        GeoJSON file ``prefecture_2024_simplified.geojson`` of the source ``cn_city_geo``
        (`aigreen.data.registry.registry.fetch`), or another with polygons and codes under ``source_code``.
    cities : collection of str, optional
        Codes of the cities among which pairs are looked for; those of the division table by default.

    Returns
    -------
    DataFrame
        ``city_code, neighbour_code``, each pair once with the smaller code first, sorted; for
        `aigreen.exposure.maps.adjacency`. Islands have none.

    Raises
    ------
    UnreadableFileError
        Not a GeoJSON file of polygons with codes.
    SourceError
        A city without a polygon, or a code that two have.
    """
    wanted = set(facts.table("divisions")["gb_code"] if cities is None else cities)
    borders = {code: shape for code, shape in _shapes(Path(path)) if code in wanted}
    if missing := sorted(wanted - borders.keys()):
        raise SourceError(f"{Path(path).name}: {len(missing)} cities have no polygon; first: {', '.join(missing[:5])}")
    codes = sorted(borders)
    points = [np.concatenate([_spaced(ring) for ring in borders[code]]) for code in codes]
    owner = np.repeat(np.arange(len(codes)), list(map(len, points)))
    pairs = owner[cKDTree(_sphere(np.concatenate(points))).query_pairs(TOLERANCE_KM, output_type="ndarray")]
    found = np.unique(np.sort(pairs[pairs[:, 0] != pairs[:, 1]], axis=1), axis=0)
    return pd.DataFrame(np.array(codes, dtype=object)[found], columns=["city_code", "neighbour_code"], dtype="str")


def _shapes(path: Path) -> Iterator[tuple[str, list[np.ndarray]]]:
    """Codes, and rings of longitude and latitude."""
    seen = set()
    try:
        for feature in json.loads(path.read_text(encoding="utf-8"))["features"]:
            code, geometry = feature["properties"][CODE], feature["geometry"]
            if code in seen:
                raise SourceError(f"{path.name}: two polygons of {code}")
            seen.add(code)
            several = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
            yield code, [np.asarray(ring, dtype=float)[:, :2] for polygon in several for ring in polygon]
    except (KeyError, TypeError, ValueError, IndexError, OSError) as reason:
        raise UnreadableFileError(f"{path.name}: not polygons with codes ({reason})") from reason


def _spaced(ring: np.ndarray) -> np.ndarray:
    """Points of a ring, at most `STEP_KM` apart."""
    start, end = ring[:-1], ring[1:]
    length = np.linalg.norm(_sphere(end) - _sphere(start), axis=1)
    pieces = np.maximum(np.ceil(length / STEP_KM).astype(int), 1)
    at = np.repeat(np.arange(len(start)), pieces)
    part = (np.arange(len(at)) - np.repeat(np.cumsum(pieces) - pieces, pieces)) / pieces[at]
    return start[at] + part[:, None] * (end - start)[at]


def _sphere(degrees: np.ndarray) -> np.ndarray:
    east, north = np.radians(degrees).T
    return EARTH_RADIUS_KM * np.stack(
        [np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)], axis=1
    )
