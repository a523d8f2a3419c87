"""Build a study again somewhere else and compare the bytes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from aigreen.data.registry.registry import MIRROR, sha256
from aigreen.errors import ReportError
from aigreen_study.trust.sums import SUMS

# What a project makes is not copied. Notebooks carry times, and so their sums; certificates are about the first build.
MADE = (
    "results",
    "logs",
    ".snakemake",
    ".venv",
    ".venv-bench",
    ".venv-docs",
    ".venv-notebook",
    ".uv",
    ".git",
    "data/raw",
    "data/restricted",
    "data/derived",
)
NOT_COMPARED = ("notebooks", "certificate.json", "certificate.md", SUMS)


def rebuild(project: Path, study: str, folder: Path) -> Path:
    """Copy a project without what it made, build a study there and return its results.

    Public files are read from the project's own data/raw, or from the mirror; restricted files where they are.

    Raises
    ------
    ReportError
        Where the build fails; its last lines are quoted.
    """
    copy = folder / "project"
    made = {project / name for name in MADE}

    def left_out(where: str, names: list[str]) -> list[str]:
        return [name for name in names if Path(where, name) in made or name == "__pycache__"]

    shutil.copytree(project, copy, ignore=left_out, symlinks=True)
    if (project / "data/restricted").is_dir():
        (copy / "data/restricted").symlink_to((project / "data/restricted").resolve(), target_is_directory=True)
    environment = os.environ | {"PYTHONPATH": str(copy / "src"), "PYTHONHASHSEED": "0"}
    mirror = Path(environment[MIRROR]) if environment.get(MIRROR) else project / "data/raw"
    if mirror.is_dir():
        environment[MIRROR] = str(mirror.resolve())  # it may be relative to where this process is
    command = [sys.executable, "-m", "aigreen_study.run.engine", "--config", f"study={study}"]
    run = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, errors="replace")
    if run.returncode:
        lines = (run.stdout + run.stderr).strip().splitlines()
        reasons = [line for line in lines if line.startswith("error: ")] or lines[-5:]
        raise ReportError(f"the second build of {study!r} failed: {' '.join(reasons)}")
    return copy / "results" / study


def differing_files(first: Path, second: Path) -> tuple[int, list[str]]:
    """Compare two results folders byte by byte.

    Returns
    -------
    tuple of int and list of str
        Number of files in either, and a line for each that is absent or has other bytes.
    """
    names = sorted(_names(first) | _names(second))
    lines = []
    for name in names:
        absent = [which for which, folder in (("first", first), ("second", second)) if not (folder / name).is_file()]
        if absent:
            lines.append(f"{name}: not in the {absent[0]} build")
        elif sha256(first / name) != sha256(second / name):
            lines.append(f"{name}: other bytes")
    return len(names), lines


def _names(folder: Path) -> set[str]:
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path.as_posix() for path in files if path.parts[0] not in NOT_COMPARED}
