"""The machine and the versions, without names of hosts or paths."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil
from jobs import JOBS

BELOW = ("numpy", "scipy", "pandas", "numba", "polars")


def describe(packages: Sequence[str] = ()) -> dict[str, object]:
    """Date, processor, memory, system and versions (of the packages that the jobs call, unless some are named)."""
    measured = (*sorted({call.package for job in JOBS.values() for call in job.calls}), *BELOW)
    return {
        "date": date.today().isoformat(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "versions": {name: _version(name) for name in packages or measured},
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
