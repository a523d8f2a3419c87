"""Steps of a study split into jobs: the names that ``--set-scatter`` takes, and which items fall to which job."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from aigreen.errors import ConfigError, did_you_mean

T = TypeVar("T")
SCATTERED = ("blocks", "specifications")  # as the rules say under scattergather


def check_scatter(names: Iterable[str]) -> None:
    """Refuse names given to ``--set-scatter`` that no study splits by, which Snakemake takes without a word.

    Raises
    ------
    ConfigError
    """
    wrong = [f"{name!r}{did_you_mean(name, list(SCATTERED))}" for name in names if name not in SCATTERED]
    if wrong:
        raise ConfigError(f"--set-scatter: nothing is split by {', '.join(wrong)}; names are {', '.join(SCATTERED)}")


def dealt(items: Sequence[T], block: int, n_blocks: int) -> list[T]:
    """Return those of the items that fall to a block, the first of which is 0.

    They are dealt back and forth, as neighbours tend to take the same time and variants with covariates more.
    """
    there, back = range(n_blocks), range(n_blocks - 1, -1, -1)
    turns = [*there, *back]
    return [item for i, item in enumerate(items) if turns[i % len(turns)] == block]
