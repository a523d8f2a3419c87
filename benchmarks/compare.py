"""Do two packages give the same numbers?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

ABSOLUTE = ("p_", "critical")


@dataclass(frozen=True)
class Comparison:
    """One kind of number: largest difference, and whether it is within the tolerance."""

    kind: str
    n: int
    difference: float
    tolerance: float
    convention: str
    """Why the numbers differ; empty where they agree or differ by more than that explains."""

    @property
    def agrees(self) -> bool:
        """Whether the numbers are the same up to the tolerance."""
        return self.difference <= self.tolerance

    @property
    def accepted(self) -> bool:
        """Whether they agree or follow a known, different convention."""
        return self.agrees or bool(self.convention)

    def __str__(self) -> str:
        unit = "" if self.kind.startswith(ABSOLUTE) else " of the largest"
        return f"{self.kind}: {self.difference:.1e}{unit} ({self.n} numbers, tolerance {self.tolerance:.0e})"


def compare(
    ours: Mapping[str, Mapping[str, float]],
    theirs: Mapping[str, Mapping[str, float]],
    tolerance: Mapping[str, float],
    differs: Mapping[str, tuple[str, float]],
) -> list[Comparison]:
    """Compare the kinds and labels that both have; nan (a reference period) is left out.

    Differences are relative to the largest of our numbers of the kind; absolute for simulated ones.
    """
    out = []
    for kind in [kind for kind in ours if kind in theirs]:
        pairs = [(a, theirs[kind][label]) for label, a in ours[kind].items() if label in theirs[kind]]
        pairs = [(a, b) for a, b in pairs if math.isfinite(a) and math.isfinite(b)]
        difference = max((abs(a - b) for a, b in pairs), default=math.inf)
        if not kind.startswith(ABSOLUTE):
            difference /= max((abs(a) for a, _ in pairs), default=1.0) or 1.0
        convention, most = differs.get(kind, ("", 0.0))
        out.append(Comparison(kind, len(pairs), difference, tolerance[kind], convention * (difference <= most)))
    return out
