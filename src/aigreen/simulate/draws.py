"""Random streams: every part of a simulation draws from its own child of the seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Streams = dict[str, np.random.Generator]


def streams(seed: int, parts: Sequence[str]) -> Streams:
    """Give each part its generator; a part appended to the list leaves the others unchanged."""
    children = np.random.SeedSequence(seed).spawn(len(parts))
    return {part: np.random.default_rng(child) for part, child in zip(parts, children, strict=True)}


def ar1(rng: np.random.Generator, shape: tuple[int, int], sd: float, memory: float) -> np.ndarray:
    """Draw rows of stationary first-order autoregressions with standard deviation ``sd``."""
    noise = sd * rng.standard_normal(shape)
    for t in range(1, shape[1]):
        noise[:, t] = memory * noise[:, t - 1] + np.sqrt(1 - memory**2) * noise[:, t]
    return noise


def pick(rng: np.random.Generator, shares: Sequence[float], size: int | tuple[int, ...]) -> np.ndarray:
    """Draw positions with the given shares (which need not sum to one)."""
    bounds = np.cumsum(shares)
    return np.searchsorted(bounds / bounds[-1], rng.random(size), side="right")


def spread(rng: np.random.Generator, shares: Sequence[float], size: int) -> np.ndarray:
    """Draw positions systematically, in order: each as often as its share says, but for rounding."""
    bounds = np.cumsum(shares)
    return np.searchsorted(bounds / bounds[-1], (np.arange(size) + rng.random()) / size, side="right")


def counted(values: np.ndarray) -> np.ndarray:
    """Count the earlier appearances of each value: ``[5, 5, 7, 5]`` gives ``[0, 1, 0, 2]``."""
    order = np.argsort(values, kind="stable")
    ranked = values[order]
    first = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
    within = np.arange(len(values)) - np.repeat(first, np.diff(np.r_[first, len(values)]))
    result = np.empty(len(values), dtype=np.int64)
    result[order] = within
    return result
