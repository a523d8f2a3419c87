"""Where the workflow is: its rules, scripts, studies and sections of papers."""

from __future__ import annotations

from pathlib import Path

from aigreen.errors import SourceError
from aigreen_study.config import CONFIG

PACKAGED = Path(__file__).parents[1] / "project"  # in a wheel


def project() -> Path:
    """Folder with Snakefile, analysis, paper and profiles: that of the package, or the checkout around it."""
    return PACKAGED if PACKAGED.is_dir() else Path(__file__).parents[3]


def checkout(command: str) -> Path:
    """Folder at hand, for a command that works on the repository alone.

    Raises
    ------
    SourceError
        Where it is no checkout.
    """
    here = Path.cwd()
    if not (here / CONFIG).is_dir():
        raise SourceError(f"aigreen {command} works at the top of a checkout of aigreen, and {here} is none")
    return here


def sources() -> Path:
    """Folder with studies and sections of papers: the one at hand where it has studies, else `project`."""
    here = Path.cwd()
    return here if (here / CONFIG).is_dir() else project()
