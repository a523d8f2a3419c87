"""What each step of the workflow wrote, so that the next step sees a file that has changed since.

Snakemake looks at times and sizes; a file that was cut, emptied or changed by a failing disk keeps its place in the
plan. So a step leaves the sha256 of its outputs in ``results/<study>/.sums``, and a step that reads them compares.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from aigreen.disk import content_sum, write_bytes
from aigreen.errors import ChecksumError

SUMS = ".sums"


def keep_sums(outputs: Iterable[str]) -> None:
    """Note the sha256 of what a step wrote below ``results/<study>``."""
    for name in outputs:
        if place := _place(name):
            write_bytes(place, f"{content_sum(Path(name))[0]}\n".encode())


def check_sums(inputs: Iterable[str]) -> None:
    """Compare what a step is about to read with what earlier steps wrote.

    Raises
    ------
    ChecksumError
        For the first file that is not as it was written.
    """
    for name in inputs:
        place = _place(name)
        if place is None or not place.is_file():
            continue
        if content_sum(Path(name))[0] != place.read_text("ascii", "replace").strip():
            raise ChecksumError(f"{name}: changed or damaged since the workflow wrote it; delete it and run again")


def changed_results(results: Path) -> list[str]:
    """Return a line for each file of a study that is absent, or not as the workflow wrote it."""
    lines = []
    for place in sorted((results / SUMS).rglob("*.sha256")):
        path = results / place.relative_to(results / SUMS).with_suffix("")
        name = path.relative_to(results).as_posix()
        if not path.exists():
            lines.append(f"{name}: absent, although the workflow wrote it")
        elif content_sum(path)[0] != place.read_text("ascii", "replace").strip():
            lines.append(f"{name}: changed or damaged since the workflow wrote it")
    return lines


def _place(name: str) -> Path | None:
    """File that keeps the sum of a result; None for what is not one."""
    parts = Path(name).parts
    if parts[0] != "results" or len(parts) < 3:
        return None
    return Path(*parts[:2], SUMS, *parts[2:-1], f"{parts[-1]}.sha256")
