"""The error for samples in which nobody is treated."""

from __future__ import annotations

from collections.abc import Mapping

from aigreen.errors import NoTreatedError
from aigreen.panel.dropped import Dropped


def no_treated(names: Mapping[str, str], message: str, dropped: Dropped) -> NoTreatedError:
    """Say why nobody is treated: no cohort column was named, or `message` and what was left out before.

    Parameters
    ----------
    names : mapping
        Columns of the panel by role.
    """
    if "cohort" not in names:
        message = "no cohort column was named, so that no row is treated: Panel(..., cohort='the first treated period')"
    return NoTreatedError(message + dropped.cause(), column=names.get("cohort"), count=0)
