"""Files written whole or not at all, and what they hold as one sum."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

_STAMP = ".snakemake_timestamp"  # Snakemake leaves it in folders


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file aside and move it into place, so that no half-written file is ever seen."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        aside.write_bytes(content)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """Hexadecimal sha256 of a file."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def content_sum(path: Path) -> tuple[str, int]:
    """Return sha256 and size of a file, or of all files of a folder with their names."""
    if not path.is_dir():
        return sha256(path), path.stat().st_size
    files = sorted(file for file in path.rglob("*") if file.is_file() and file.name != _STAMP)
    lines = "".join(f"{sha256(file)}  {file.relative_to(path).as_posix()}\n" for file in files)
    return hashlib.sha256(lines.encode()).hexdigest(), sum(file.stat().st_size for file in files)
