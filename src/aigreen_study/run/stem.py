"""Names of what is written in several forms: ``tables/baseline`` for baseline.json, .tex, .typ and .html."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def stem(files: str | Path | Sequence[str | Path]) -> Path:
    """Return a path without ending as it is, and of the files of a rule's output what they have in common."""
    return Path(files) if isinstance(files, str | Path) else Path(files[0]).with_suffix("")
