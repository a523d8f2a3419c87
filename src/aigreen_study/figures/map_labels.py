"""Names of places on a map, none on top of another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_ANGLES = 2 * np.pi * np.arange(24) / 24
_DISTANCES = np.array([7.0, 9.0, 12.0, 16.0, 21.0, 27.0, 34.0, 42.0])
_MARKER = 5.0  # points kept free around each place
_GAP = 1.5
_STEPS = np.linspace(0, 1, 16)
# Costs, in points of distance: names that are not right of their place (a radian), lines that cross something, names
# not clearly nearest to their own place, and names on top of something.
_TURN, _CROSSED, _ASTRAY, _HIT = 1.0, 60.0, 40.0, 1e6
CLEARLY = 1.5  # so many times as far as its own place are all others from a name that is not astray


def place_labels(
    points: np.ndarray, sizes: np.ndarray, limits: Sequence[float], taken: Sequence[Sequence[float]]
) -> np.ndarray:
    """Find a centre for the name of each place.

    Places take turns, those with the nearest neighbours first. Each tries distances and directions around itself and
    takes the cheapest: near and to the right, without touching other names, places, or what is on the map already.

    Parameters
    ----------
    points : ndarray, shape (n, 2)
        Places, in points of type (1/72 inch).
    sizes : ndarray, shape (n, 2)
        Width and height of the names.
    limits : (x0, y0, x1, y1)
        Names stay inside.
    taken : sequence of (x0, y0, x1, y1)
        Rectangles to keep clear.

    Returns
    -------
    ndarray, shape (n, 2)
        Centres of the names; the same on every run.
    """
    names = np.asarray(taken, dtype=float).reshape(-1, 4)
    markers = np.hstack([points - _MARKER, points + _MARKER])
    leaders = np.empty((0, 2))
    centres = np.empty_like(points)
    for i in _crowded_first(points):
        toward = np.column_stack([np.cos(_ANGLES), np.sin(_ANGLES)])
        tried = points[i] + (_DISTANCES[:, None, None] * toward + toward * sizes[i] / 2).reshape(-1, 2)
        boxes = np.hstack([tried - sizes[i] / 2 - _GAP, tried + sizes[i] / 2 + _GAP])
        edges = np.clip(points[i], tried - sizes[i] / 2, tried + sizes[i] / 2)
        lines = points[i] + _STEPS[None, :, None] * (edges - points[i])[:, None, :]
        others = np.delete(markers, i, axis=0)
        cost = np.add.outer(_DISTANCES, _TURN * np.minimum(_ANGLES, 2 * np.pi - _ANGLES)).ravel()
        out = (boxes[:, :2] < limits[:2]) | (boxes[:, 2:] > limits[2:])
        cost += _HIT * (out.any(axis=1) + _meet(boxes, names) + _meet(boxes, others))
        cost += _CROSSED * (
            _within(lines, names).any(axis=1).sum(axis=1) + _within(lines, others).any(axis=1).sum(axis=1)
        )
        cost += _CROSSED * _within(leaders, boxes).any(axis=0)
        gaps = _gaps(points, boxes)
        cost += _ASTRAY * (np.delete(gaps, i, axis=0).min(axis=0, initial=np.inf) < CLEARLY * gaps[i])
        centres[i] = tried[cost.argmin()]
        names = np.vstack([names, boxes[cost.argmin()]])
        leaders = np.vstack([leaders, lines[cost.argmin()]])
    return centres


def _crowded_first(points: np.ndarray) -> np.ndarray:
    gaps = np.sort(np.linalg.norm(points[:, None] - points, axis=2), axis=1)
    return np.argsort(gaps[:, 1:4].sum(axis=1), kind="stable")


def _meet(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Count the rectangles that each box touches, shape (boxes,)."""
    apart = (boxes[:, None, :2] >= others[:, 2:]) | (boxes[:, None, 2:] <= others[:, :2])
    return (~apart.any(axis=2)).sum(axis=1)


def _within(points: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Whether points, shape (..., 2), lie in boxes, shape (k, 4): shape (..., k)."""
    inside = (points[..., None, :] > boxes[:, :2]) & (points[..., None, :] < boxes[:, 2:])
    return inside.all(axis=-1)


def _gaps(points: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Distance of each point to each box, shape (points, boxes)."""
    beyond = np.maximum(boxes[:, :2] - points[:, None], points[:, None] - boxes[:, 2:])
    return np.linalg.norm(np.maximum(beyond, 0), axis=2)
