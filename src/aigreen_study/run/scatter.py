"""Names by which ``--set-scatter`` says into how many jobs the steps of a study are split."""

from __future__ import annotations

from collections.abc import Iterable

from aigreen.errors import ConfigError, did_you_mean

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
