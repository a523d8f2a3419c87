"""Where the version and its date stand, and where they disagree."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

VERSIONS = {
    "pyproject.toml": r'^version = "([^"]+)"$',
    "src/aigreen/__init__.py": r'^__version__ = "([^"]+)"$',
    "CITATION.cff": r"^version: (\S+)$",
    "codemeta.json": r'^ *"version": "([^"]+)"',
    ".zenodo.json": r'^ *"version": "([^"]+)"',
    "conda/recipe.yaml": r'^  version: "([^"]+)"$',
    "CHANGELOG.md": r"^## \[(\d[^\]]*)\] - ",
}
DATES = {
    "CHANGELOG.md": r"^## \[\d[^\]]*\] - (\d{4}-\d\d-\d\d)$",
    "CITATION.cff": r"^date-released: (\S+)$",
    "codemeta.json": r'^ *"datePublished": "([^"]+)"',
    ".zenodo.json": r'^ *"publication_date": "([^"]+)"',
}


def disagreements(project: Path) -> list[str]:
    """Say what keeps a project from release: other versions or dates in some files, changes without a version."""
    found = []
    for what, places in (("version", VERSIONS), ("date", DATES)):
        said = {name: _first(project / name, pattern) for name, pattern in places.items()}
        if len({*said.values()}) > 1 or None in said.values():
            found.append(f"the {what} is not the same everywhere: {_listed(said)}")
    changes = re.search(r"^## \[Unreleased\]\n(.*?)^## \[", _text(project / "CHANGELOG.md"), re.MULTILINE | re.DOTALL)
    if changes and changes[1].strip():
        found.append("CHANGELOG.md: changes stand under [Unreleased]; give them the version and its date")
    return found


def version(project: Path) -> str:
    """Version of a project whose files agree."""
    return _first(project / "pyproject.toml", VERSIONS["pyproject.toml"]) or ""


def _first(path: Path, pattern: str) -> str | None:
    found = re.search(pattern, _text(path), re.MULTILINE)
    return found[1] if found else None


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _listed(said: Mapping[str, str | None]) -> str:
    return ", ".join(f"{name} has {value or 'none'}" for name, value in said.items())
