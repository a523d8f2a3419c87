"""What estimators do from disk, and what only in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aigreen.errors import OptionError


def check_offered(what: str, given: Mapping[str, tuple[Any, tuple[Any, ...]]]) -> None:
    """Refuse options that are for panels in memory alone.

    Parameters
    ----------
    what : str
        Estimator.
    given : mapping of str to (value, values offered)

    Raises
    ------
    OptionError
        Names the option, and all that are offered.
    """
    offered = "; ".join(f"{name} {', '.join(map(repr, values))}" for name, (_, values) in given.items())
    for name, (value, values) in given.items():
        if value not in values:
            raise OptionError(
                name, value, [*values, f"a Panel in memory: from disk {what} takes {offered} and its other options"]
            )
