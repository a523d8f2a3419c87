"""What a job ran on and how much memory it took, for its log."""

from __future__ import annotations

import os
import platform
import re
import sys
from pathlib import Path


def describe() -> str:
    """Operating system, cores and memory, where the system tells them; no name of the machine."""
    memory = ""
    if hasattr(os, "sysconf"):
        memory = f", {os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GB"
    return f"{platform.platform()}, {os.cpu_count()} cores{memory}"


def environment_gone() -> str:
    """Say so where the Python that runs this is no longer there; else nothing."""
    return (
        ""
        if Path(sys.executable).exists()
        else f"{sys.executable} has gone in mid-run; `python3 run.py` makes it again"
    )


def peak_memory() -> str:
    """Largest memory that this process or one of its children held, as ``, peak memory N MB``; empty on Windows."""
    try:
        import resource
    except ImportError:
        return ""
    unit = 1 if sys.platform == "darwin" else 1024
    own, children = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return f", peak memory {max((_own_peak() or own) * unit, children * unit) / 1e6:.0f} MB"


def processor_time() -> str:
    """Seconds of processor that this process and its children took, as ``, processor N s``."""
    return f", processor {sum(os.times()[:4]):.1f} s"


def _own_peak() -> int | None:
    """Peak of this program in kB on Linux, where `getrusage` counts that of the program which started it as well."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) if found else None
