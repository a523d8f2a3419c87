"""P-values from resampled statistics, and confidence bounds by inversion of a test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from aigreen.options import check_choice, check_draws, check_level

Alternative = Literal["symmetric", "equal_tailed", "greater", "less"]

_TIE = 1e-9
_STEPS = 25


def check_options(alternative: Alternative, n_draws: int, level: float, seed: int) -> None:
    """Raise where an option of a resampling test has no meaning."""
    check_choice("alternative", alternative, Alternative)
    check_draws(n_draws, seed)
    check_level(level)


def p_value(
    statistic: float, draws: np.ndarray, alternative: Alternative, *, count_ties: bool = True, complete: bool = False
) -> float:
    """Share of draws at least as extreme as the statistic.

    Parameters
    ----------
    statistic : float
    draws : ndarray
        Undefined draws (nan) count as extreme.
    alternative : {"symmetric", "equal_tailed", "greater", "less"}
    count_ties : bool
        Count draws equal to the statistic, and the statistic itself among random draws: (1 + count) / (1 + draws).
    complete : bool
        Whether `draws` are all that are possible, so that the statistic is one of them already.
    """
    tolerance = _TIE * max(1.0, abs(statistic)) * (-1 if count_ties else 1)
    itself = int(count_ties and not complete)

    def share(values: np.ndarray, bound: float) -> float:
        return float((np.count_nonzero(~(values <= bound + tolerance)) + itself) / (len(values) + itself))

    if alternative == "symmetric":
        return share(np.abs(draws), abs(statistic))
    if alternative == "equal_tailed":
        return min(1.0, 2 * min(share(draws, statistic), share(-draws, -statistic)))
    return share(draws, statistic) if alternative == "greater" else share(-draws, -statistic)


def bounds(
    p_of: Callable[[float], float], estimate: float, std_error: float, level: float, alternative: Alternative
) -> tuple[float, float]:
    """Confidence interval: the nulls around the estimate that are not rejected; nan for one-sided alternatives."""
    if alternative in {"greater", "less"}:
        return float("nan"), float("nan")
    low, high = (_crossing(p_of, estimate, side * std_error, 1 - level) for side in (-1, 1))
    return low, high


def _crossing(p_of: Callable[[float], float], inside: float, step: float, alpha: float) -> float:
    """First null in the direction of `step` whose p-value falls to `alpha`; infinite where none that far does."""
    outside = inside + step
    for _ in range(_STEPS):
        if p_of(outside) <= alpha:
            break
        inside, step = outside, step * 1.5
        outside = inside + step
    else:
        return float(np.copysign(np.inf, step))
    while True:
        middle = (inside + outside) / 2
        if not min(inside, outside) < middle < max(inside, outside):
            return outside
        inside, outside = (middle, outside) if p_of(middle) > alpha else (inside, middle)
