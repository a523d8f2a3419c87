"""Checks of options that several estimators share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, get_args

import numpy as np

from aigreen.errors import EffectsError, EstimationError, OptionError

MOST_DRAWS = 10_000_000
MOST_GIGABYTES = 16  # of one array


def as_columns(names: str | Sequence[str] | None) -> list[str]:
    """List columns: a single string is one column, None is none."""
    return [names] if isinstance(names, str) else [] if names is None else list(names)


def check_choice(option: str, value: object, allowed: Any) -> None:
    """Refuse a value that is not one of the literals `allowed`."""
    if not isinstance(value, str) or value not in get_args(allowed):
        raise OptionError(option, value, get_args(allowed))


def check_periods(option: str, value: object) -> None:
    """Refuse what is not a number of periods."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
        raise OptionError(option, value, ["0", "1", "2", "..."])


def check_level(level: float) -> None:
    """Refuse what is not the coverage of an interval; below one half it is what is left uncovered, by mistake.

    Raises
    ------
    EffectsError
    """
    if not 0.5 <= level < 1:
        raise EffectsError(f"level={level}: a coverage of 0.5 or more and below 1 is needed, as 0.95")


def check_draws(n_draws: int, seed: int, fewest: int = 1) -> None:
    """Refuse too few draws, more than `MOST_DRAWS`, and a seed below zero.

    Raises
    ------
    EffectsError
    """
    if not fewest <= n_draws <= MOST_DRAWS or seed < 0:
        raise EffectsError(
            f"n_draws={n_draws}, seed={seed}: {fewest} to {MOST_DRAWS:,} draws, and a seed of zero or more, are needed"
        )


def check_memory(what: str, remedy: str, *shape: int) -> None:
    """Refuse an array of numbers that would take more than `MOST_GIGABYTES`, before it is asked for.

    Raises
    ------
    EstimationError
    """
    gigabytes = math.prod(shape) * 8 / 1e9
    if gigabytes > MOST_GIGABYTES:
        size = " x ".join(f"{n:,}" for n in shape)
        raise EstimationError(f"{what} ({size}) would take {gigabytes:,.0f} GB, more than {MOST_GIGABYTES}: {remedy}")


def check_reference(value: object) -> None:
    """Refuse what is not a horizon before treatment."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value >= 0:
        raise OptionError("reference", value, [-1, -2, "another negative horizon"])


def check_fixed_effects(value: Sequence[str] | None) -> None:
    """Refuse one column in place of a list, and an empty list."""
    if isinstance(value, str) or (value is not None and not len(value)):
        raise OptionError("fixed_effects", value, ["a list of columns", None])


def check_scale(scale: str, family: str, leads: int) -> None:
    """Refuse percent of what is no count, and leads of counts that are not in percent."""
    if scale == "percent" and family != "poisson":
        raise OptionError("scale", scale, ["level (percent is for family='poisson')"])
    if leads and family == "poisson" and scale == "level":
        raise OptionError("scale", scale, ["percent (leads of a count model are growth rates)"])


def check_columns(option: str, names: Sequence[str], reserved: set[str]) -> None:
    """Refuse repeated columns, and those called as a part of the result is."""
    if len(set(names)) < len(names):
        raise OptionError(option, list(names), ["distinct columns"])
    bad = [name for name in names if name in reserved or ": " in name]
    if bad:
        raise OptionError(
            option, bad[0], [f"a column not named as a part ({', '.join(sorted(reserved))}), without ': '"]
        )
