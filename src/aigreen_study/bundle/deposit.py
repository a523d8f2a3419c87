"""Who made a package and what it is called: title, authors with affiliations, JEL codes; and what authors certify."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from aigreen.data.raw.yaml_file import read_yaml
from aigreen.errors import ReportError
from aigreen_study.bundle.findings import Finding

# What `aigreen bundle --certify` takes, with the words of the template.
RIGHTS = {
    "use": "legitimate access to and permission to use the data used in this manuscript.",
    "redistribute": "documented permission to redistribute/publish the data contained within this replication package.",
}
CITATION = "CITATION.cff"


def title(config: Mapping[str, Any]) -> str:
    """Title of the deposit, as data editors ask for it."""
    return f"Data and Code for: {config['title']}"


def front(project: Path, config: Mapping[str, Any]) -> str:
    """Name authors, affiliations, JEL codes and keywords, in lines for the top of the README."""
    people = [_author(author) for author in _authors(project)]
    codes, keywords = (_of_the_paper(project, config["study"], name) for name in ("jel", "keywords"))
    lines = {
        "Authors": "; ".join(people) or "not stated",
        "JEL codes": ", ".join(codes),
        "Keywords": ", ".join(keywords),
    }
    return "\n".join(f"- {name}: {text}" for name, text in lines.items() if text)


def unsettled(project: Path, certified: Collection[str]) -> list[Finding]:
    """List what only authors can say, and have not said."""
    found = [
        Finding("README.md", "rights", f"not certified: {words} (--certify {name})", refused=False)
        for name, words in RIGHTS.items()
        if name not in certified
    ]
    authors = _authors(project)
    if not authors or any(not author.get("affiliation") for author in authors):
        why = "no affiliation of every author; a journal's deposit needs names and affiliations"
        found.append(Finding(CITATION, "authors", why, refused=False))
    return found


def _authors(project: Path) -> list[dict[str, str]]:
    path = project / CITATION
    return read_yaml(path, ReportError).get("authors", []) if path.is_file() else []


def _author(author: Mapping[str, str]) -> str:
    name = author.get("name") or " ".join(filter(None, (author.get("given-names"), author.get("family-names"))))
    return f"{name} ({author.get('affiliation') or 'affiliation not stated'})"


def _of_the_paper(project: Path, study: str, name: str) -> list[str]:
    """Words of a tuple such as ``#let jel = ("C21", "C23")`` in the paper's own section."""
    path = project / f"paper/sections/{study}.typ"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    found = re.search(rf"^#let {name} = \((.*?)\)$", text, re.MULTILINE | re.DOTALL)
    return re.findall(r'"([^"]+)"', found[1]) if found else []
