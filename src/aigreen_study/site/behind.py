"""What stands behind a number: the estimate that it belongs to, the cell that shows it too, the sample it is from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from aigreen_study.tables.cells import cell_key, placed_cells
from aigreen_study.tables.table import Table

# What a number is to the estimate whose key it begins with, and the role of the cell that would show it.
ASPECTS = {
    "se": ("error", "std_error"),
    "low": ("low", "low"),
    "high": ("high", "high"),
    "p": ("p", "p_value"),
    "p_adjusted": ("adjusted p", "p_value"),
    "band_low": ("band low", "low"),
    "band_high": ("band high", "high"),
    "percent": ("percent", ""),
    "share": ("share", "estimate"),
    "truth": ("truth", ""),
    "n": ("n", "count"),
    "detectable": ("detectable", ""),
    "verdict": ("verdict", ""),
}
_FACTS = {"n": "n_rows", "units": "n_units", "clusters": "n_clusters", "errors": "errors"}
_DIFFERENCE = re.compile(r"(.+?)/(.+) (?:-|less) (?:\1/)?(.+)")


def belongs_to(key: str, known: Mapping[str, Any]) -> tuple[str, str] | None:
    """Key of the estimate that a number belongs to, and what it is to it; None for estimates themselves."""
    for end in sorted(ASPECTS, key=len, reverse=True):
        base = key.removesuffix(f"_{end}")
        if base != key and base in known:
            return base, ASPECTS[end][0]
    return None


def relatives(key: str, known: Mapping[str, Any]) -> set[str]:
    """Keys of what belongs to the same estimate as a number."""
    found = {key}
    while above := belongs_to(key, known):
        key = above[0]
        found.add(key)
    return found | {f"{base}_{end}" for base in found for end in ASPECTS if f"{base}_{end}" in known}


def with_samples(
    numbers: Mapping[str, Mapping[str, Any]],
    tables: Mapping[str, Table],
    specifications: Mapping[str, Mapping[str, Any]],
) -> dict[str, dict[str, Any]]:
    """Add to numbers of the prose the specification, the sample and the errors that their exhibits tell.

    A number without a specification takes that of the cell of its exhibit which holds the same value, down to the last
    digit, or that of the estimate which it belongs to, or the only one of its exhibit. A difference is of two samples,
    and names both.

    Parameters
    ----------
    numbers : mapping of key to entry
        As in numbers.json.
    tables : mapping of exhibit to Table
        Of the same study, called as the numbers call their exhibits.
    specifications : mapping of name to facts
    """
    cells = {name: list(_valued(name, table)) for name, table in tables.items()}
    found = {key: dict(entry) for key, entry in numbers.items()}
    for key, entry in found.items():
        if entry.get("spec") or not isinstance(entry["value"], float) or entry["value"].is_integer():
            continue
        above = belongs_to(key, numbers)
        role = next(role for aspect, role in ASPECTS.values() if aspect == above[1]) if above else "estimate"
        same = [cell for cell in cells.get(entry["exhibit"], []) if cell[2] == entry["value"]]
        same = [cell for cell in same if cell[3] == role] or same
        if len({spec for _, spec, *_ in same}) == 1:
            entry["cell"], entry["spec"] = same[0][:2]
    # By length, so that an estimate is there before what belongs to it.
    for key in sorted(found, key=len):
        entry, above = found[key], belongs_to(key, numbers)
        if above and not entry.get("spec"):
            entry |= {name: found[above[0]][name] for name in ("spec", "errors") if name in found[above[0]]}
        if not entry.get("spec") and len(only := {spec for _, spec, *_ in cells.get(entry["exhibit"], [])}) == 1:
            entry["spec"] = only.pop()
        entry |= sample(entry.get("spec", ""), specifications, entry)
    return found


def sample(name: str, specifications: Mapping[str, Mapping[str, Any]], known: Mapping[str, Any]) -> dict[str, Any]:
    """Sizes and errors of a specification, but for those that are known; of a difference, those of its two sides."""
    if sides := difference(name):
        return {"samples": [{"spec": side} | _sizes(specifications.get(side, {})) for side in sides]}
    facts = _sizes(specifications.get(name, {}))
    return {fact: value for fact, value in facts.items() if not known.get(fact)}


def difference(name: str) -> tuple[str, str] | None:
    """Return the two specifications of ``exhibit/a less b`` or ``exhibit/a - exhibit/b``; None for others."""
    found = _DIFFERENCE.fullmatch(name)
    return (f"{found[1]}/{found[2]}", f"{found[1]}/{found[3]}") if found else None


def _sizes(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: facts[fact] for name, fact in _FACTS.items() if facts.get(fact)}


def _valued(name: str, table: Table) -> Iterator[tuple[str, str, float, str]]:
    for placed in placed_cells(table):
        if placed.cell.spec and placed.cell.value is not None:
            yield cell_key(name, placed), placed.cell.spec, placed.cell.value, placed.cell.role
