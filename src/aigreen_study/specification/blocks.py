"""Specifications of an exhibit dealt to several jobs, and what these estimated put together."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from aigreen.disk import write_bytes
from aigreen_study.specification.results import FAILURES, TRUTH, write_told

T = TypeVar("T")


def dealt(items: Sequence[T], block: int, n_blocks: int) -> list[T]:
    """Return those of the items that fall to a block, the first of which is 0.

    They are dealt back and forth, as neighbours tend to take the same time and variants with covariates more.
    """
    there, back = range(n_blocks), range(n_blocks - 1, -1, -1)
    turns = [*there, *back]
    return [item for i, item in enumerate(items) if turns[i % len(turns)] == block]


def gather(blocks: Iterable[Path], folder: Path) -> None:
    """Write the files that `write_results` writes for all specifications at once, from those of blocks of them."""
    told: dict[str, dict[str, Any]] = {}
    for block in blocks:
        for path in sorted(path for path in block.iterdir() if path.name[0] != "."):
            if path.name in (FAILURES, TRUTH):
                told.setdefault(path.name, {}).update(json.loads(path.read_text(encoding="utf-8")))
            else:
                write_bytes(folder / path.name, path.read_bytes())
    write_told(folder, told)
