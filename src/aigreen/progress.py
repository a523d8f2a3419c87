"""Bars for what takes long, on a terminal alone."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TypeVar

HIDDEN = "TQDM_DISABLE"
Item = TypeVar("Item")


def progress(items: Iterable[Item], what: str) -> Iterable[Item]:
    """Pass items on; after a second, a bar says how many are done.

    The bar goes to the standard error stream where that is a terminal, and away at the end. The environment
    variable ``TQDM_DISABLE`` hides it.
    """
    from tqdm import tqdm

    hidden = True if os.environ.get(HIDDEN) else None
    return tqdm(items, desc=what, disable=hidden, delay=1, leave=False)
