"""What several jobs estimated of one exhibit, put together."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from aigreen.disk import write_bytes
from aigreen_study.specification.results import FAILURES, TRUTH, write_told


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
