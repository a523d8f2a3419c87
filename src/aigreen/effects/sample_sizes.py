"""Sizes of the samples that a result rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    class Sized(Protocol):
        """What has sizes, and conventions that name those of several samples."""

        @property
        def conventions(self) -> Mapping[str, str]:
            """Choices in words."""

        @property
        def n_rows(self) -> int:
            """Rows used."""

        @property
        def n_units(self) -> int:
            """Units behind them."""

        @property
        def n_clusters(self) -> int:
            """Clusters behind them."""


SAMPLES = "samples"


def samples_of(result: Sized) -> list[str]:
    """Rows, units and clusters of each sample in words; samples of the same sizes stand once."""
    own = f"{result.n_rows:,} rows, {result.n_units:,} units, {result.n_clusters:,} clusters"
    return result.conventions.get(SAMPLES, own).split("; ")


def sizes_of(result: Sized) -> dict[str, str]:
    """Cells of a table for rows, units and clusters, as ``"374; 176"`` where samples differ."""
    sizes = [[size.split(" ")[0] for size in text.split(", ")] for text in samples_of(result)]
    return dict(zip(("rows", "units", "clusters"), map("; ".join, zip(*sizes, strict=True)), strict=True))
