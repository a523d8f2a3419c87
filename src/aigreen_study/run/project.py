"""Where the workflow is: its rules, scripts, studies and sections of papers."""

from __future__ import annotations

from pathlib import Path

PACKAGED = Path(__file__).parents[1] / "project"  # in a wheel


def project() -> Path:
    """Folder with Snakefile, analysis, paper and profiles: that of the package, or the checkout around it."""
    return PACKAGED if PACKAGED.is_dir() else Path(__file__).parents[3]
