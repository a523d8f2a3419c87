"""Bars for what takes long, on a terminal alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

Item = TypeVar("Item")


def progress(items: Iterable[Item], what: str) -> Iterable[Item]:
    """Pass items on; after a second, a bar says how many are done.

    The bar goes to the standard error stream where that is a terminal, and away at the end. The variable
    ``TQDM_DISABLE`` suppresses it.
    """
    from tqdm import tqdm

    return tqdm(items, desc=what, disable=None, delay=1, leave=False)
