"""Distinct arrangements of cohorts over clusters: all of them, or random ones."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from aigreen.progress import progress

_BLOCK = 2**21


def arrangements(cohort: np.ndarray, stratum: np.ndarray, n_draws: int, seed: int) -> tuple[bool, Iterator[np.ndarray]]:
    """Return whether all arrangements are given, and blocks of them, shape (block, clusters).

    Parameters
    ----------
    cohort, stratum : ndarray of int, shape (clusters,)
        Cohorts are only exchanged between clusters of the same stratum.
    n_draws : int
        Number of random arrangements, unless no more distinct ones exist.
    seed : int
    """
    members = [np.flatnonzero(stratum == s) for s in np.unique(stratum)]
    total = math.prod(_n_distinct(cohort[rows]) for rows in members)
    if total <= n_draws:
        return True, _all(cohort, members)
    return False, _random(cohort, members, n_draws, seed)


def _n_distinct(values: np.ndarray) -> int:
    counts = np.unique(values, return_counts=True)[1]
    return math.factorial(len(values)) // math.prod(math.factorial(int(c)) for c in counts)


def _all(cohort: np.ndarray, members: list[np.ndarray]) -> Iterator[np.ndarray]:
    table = cohort[None, :]
    for rows in members:
        options = np.array(list(_distinct(sorted(cohort[rows].tolist()))))
        repeated = np.repeat(table, len(options), axis=0)
        repeated[:, rows] = np.tile(options, (len(table), 1))
        table = repeated
    yield table


def _distinct(values: list[int]) -> Iterator[list[int]]:
    """Distinct permutations of ascending values in lexicographic order (Knuth, algorithm L)."""
    while True:
        yield list(values)
        j = len(values) - 2
        while j >= 0 and values[j] >= values[j + 1]:
            j -= 1
        if j < 0:
            return
        k = len(values) - 1
        while values[j] >= values[k]:
            k -= 1
        values[j], values[k] = values[k], values[j]
        values[j + 1 :] = values[:j:-1]


def _random(cohort: np.ndarray, members: list[np.ndarray], n_draws: int, seed: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(seed)
    block = max(1, _BLOCK // len(cohort))
    for start in progress(range(0, n_draws, block), "reassignments"):
        table = np.tile(cohort, (min(block, n_draws - start), 1))
        for rows in members:
            table[:, rows] = rng.permuted(table[:, rows], axis=1)
        yield table
