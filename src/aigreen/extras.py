"""Packages that parts of aigreen need on top of what a bare install brings."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from aigreen.errors import MissingExtraError

# Modules that the extras of pyproject.toml install on top of the estimators.
EXTRAS = {
    "data": ("duckdb", "ibis", "pandera", "pooch", "python_calamine", "rapidfuzz", "sqlglot", "yaml"),
    "robust": ("diff_diff",),
    "learners": ("sklearn",),
    "spark": ("pyspark",),
    "study": (
        "docx",
        "fontTools",
        "ipykernel",
        "jsonschema",
        "jupyter_client",
        "jupyter_core",
        "nbconvert",
        "packaging",
        "pypdf",
        "rich",
        "seaborn",
        "snakemake",
        "typst",
    ),
}


def require(extra: str, what: str) -> None:
    """Look for the modules of an extra, without importing them.

    Parameters
    ----------
    extra : {"data", "robust", "learners", "spark", "study"}
    what : str
        The part of aigreen that needs it, for the message.

    Raises
    ------
    MissingExtraError
        Names the modules that are absent and the extra to install.
    """
    absent = [name for name in EXTRAS[extra] if not _installed(name)]
    if absent:
        raise MissingExtraError(what, extra, absent)


def _installed(name: str) -> bool:
    if name in sys.modules:
        return sys.modules[name] is not None
    return find_spec(name) is not None
