"""What estimators do from disk, and what only in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aigreen.errors import NotFromDiskError


def check_offered(what: str, given: Mapping[str, tuple[Any, tuple[Any, ...]]]) -> None:
    """Refuse options that are for panels in memory alone.

    Parameters
    ----------
    what : str
        Estimator.
    given : mapping of str to (value, values offered)

    Raises
    ------
    NotFromDiskError
        Names the option as it was written, and all that is offered.
    """
    for name, (value, values) in given.items():
        if value not in values:
            offered = [_told(option, some) for option, (_, some) in given.items()]
            raise NotFromDiskError(name, value, what, offered)


def _told(option: str, values: tuple[Any, ...]) -> str:
    """Say in words which values of an option there are."""
    if values == (None,):
        return f"no {option}"
    return " or ".join(f"{option}={value!r}" for value in values)
