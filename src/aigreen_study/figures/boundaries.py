"""Outlines of areas from a GeoJSON file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from aigreen.errors import SourceError, UnreadableFileError


def read_boundaries(path: str | Path) -> list[np.ndarray]:
    """Read the rings of all polygons of a GeoJSON feature collection, as longitude and latitude, shape (points, 2).

    Holes come as rings of their own; a map that draws only lines and one colour of land needs no more.

    Raises
    ------
    SourceError
        Where the file is absent.
    UnreadableFileError
        Where it is not GeoJSON, or a feature is neither a polygon nor several.
    """
    path = Path(path)
    if not path.is_file():
        raise SourceError(f"no file of boundaries at {path}")
    try:
        features = json.loads(path.read_text(encoding="utf-8"))["features"]
        rings = [np.asarray(ring, dtype=float)[:, :2] for feature in features for ring in _rings(feature["geometry"])]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise UnreadableFileError(f"{path} is not a GeoJSON collection of polygons: {error}") from error
    if not rings:
        raise UnreadableFileError(f"{path} holds no polygon")
    return rings


def thinned(points: np.ndarray, step: float) -> np.ndarray:
    """Snap points to a grid and leave out repetitions, shape (fewer, 2); shared borders stay shared."""
    snapped = np.round(points / step) * step
    moved = np.ones(len(snapped), dtype=bool)
    moved[1:] = (snapped[1:] != snapped[:-1]).any(axis=1)
    return snapped[moved]


def _rings(geometry: dict[str, Any]) -> Iterator[Any]:
    kinds = {"Polygon": [geometry["coordinates"]], "MultiPolygon": geometry["coordinates"]}
    for polygon in kinds[geometry["type"]]:
        yield from polygon
