"""Multiplier bootstrap: draws of weighted sums of influence functions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypedDict, get_args

import numpy as np

from aigreen.errors import EffectsError, OptionError
from aigreen.progress import progress

Multipliers = Literal["rademacher", "mammen", "webb"]
Drawn = Multipliers | Literal["normal"]

_WEBB = np.sqrt([0.5, 1.0, 1.5, 0.5, 1.0, 1.5]) * [-1, -1, -1, 1, 1, 1]
_GOLDEN = (np.sqrt(5) + 1) / 2
_BLOCK = 2**22


class Band(TypedDict, total=False):
    """Draws of a simultaneous band: how many, their multipliers, and the seed."""

    n_draws: int
    multipliers: Multipliers
    seed: int


def multipliers(rng: np.random.Generator, shape: tuple[int, int], kind: Drawn) -> np.ndarray:
    """Draw independent multipliers with mean zero and variance one.

    Rademacher: -1 or 1. Mammen (1993): (1 - sqrt 5)/2 with probability (sqrt 5 + 1)/(2 sqrt 5), else (1 + sqrt 5)/2.
    Webb (2023): plus or minus sqrt(1/2), 1, sqrt(3/2), each with probability 1/6. Normal: sums are then normal with the
    covariance of the influence functions.
    """
    if kind == "rademacher":
        bits = np.unpackbits(rng.integers(0, 256, size=(shape[0], -(-shape[1] // 8)), dtype=np.uint8), axis=1)
        return bits[:, : shape[1]] * 2.0 - 1.0
    if kind == "mammen":
        return np.where(rng.random(shape) < _GOLDEN / np.sqrt(5), 1 - _GOLDEN, _GOLDEN)
    if kind == "webb":
        return _WEBB[rng.integers(0, 6, size=shape)]
    if kind == "normal":
        return rng.standard_normal(shape)
    raise OptionError("multipliers", kind, get_args(Multipliers))


def draws(influence: np.ndarray, n_draws: int, kind: Drawn, seed: int) -> Iterator[np.ndarray]:
    """Yield blocks of draws of sum_c xi_c psi_c, each of shape (block, k)."""
    rng = np.random.default_rng(seed)
    block = max(1, min(n_draws, _BLOCK // max(1, influence.shape[0])))
    for start in progress(range(0, n_draws, block), "multiplier bootstrap"):
        size = min(block, n_draws - start)
        yield multipliers(rng, (size, influence.shape[0]), kind) @ influence


def sup_t_critical(
    influence: np.ndarray, std_errors: np.ndarray, *, level: float, n_draws: int, kind: Drawn, seed: int
) -> float:
    r"""Critical value of a simultaneous band.

    The `level` quantile of

    .. math:: \max_j \Big| \sum_c \xi_c \psi_{cj} \Big| / \hat\sigma_j .

    Effects without variance (reference periods) do not enter. Source: Callaway and Sant'Anna (2021), algorithm 1.
    """
    live = std_errors > 0
    if not live.any():
        raise EffectsError("no effect has a variance, so there is no simultaneous band")
    scaled = influence[:, live] / std_errors[live]
    sup = np.concatenate([np.abs(z).max(axis=1) for z in draws(scaled, n_draws, kind, seed)])
    return float(np.quantile(sup, level, method="higher"))
