"""The ledger of a study: every number of its prose and of its tables, with where it comes from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from aigreen.errors import ReportError, did_you_mean
from aigreen_study.tables.cells import cell_key, placed_cells
from aigreen_study.tables.table import Table

_SPECIFICATION = {"n": "n_rows", "units": "n_units", "clusters": "n_clusters", "errors": "errors", "method": "method"}


def ledger(
    numbers: Mapping[str, Mapping[str, Any]], tables: Mapping[str, Table], origin: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Bring prose and cells together, each with its origin.

    Parameters
    ----------
    numbers : mapping of key to entry
        As in numbers.json.
    tables : mapping of exhibit to Table
        Exhibits are called as in `origin`, ``tables/baseline``.
    origin : mapping
        As `aigreen_study.trust.provenance.provenance` returns it.

    Returns
    -------
    dict
        By key: value, text, unit, exhibit, rule and script; for cells the script's lines, row and column (from 1) and
        place in words; where the number comes from an estimation, its spec, rows used, clusters, and how errors are
        computed.

    Raises
    ------
    ReportError
        For a number whose rule or exhibit the workflow does not have.
    """
    entries = {key: _number(key, entry, origin) for key, entry in numbers.items()}
    for exhibit, table in tables.items():
        entries |= _cells(exhibit, table, _made(exhibit, origin, exhibit))
    return dict(sorted(entries.items()))


def to_json(entries: Mapping[str, Mapping[str, Any]]) -> str:
    """Write a ledger as text."""
    return json.dumps(entries, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _number(key: str, entry: Mapping[str, Any], origin: Mapping[str, Any]) -> dict[str, Any]:
    rules = origin["rules"]
    if entry["rule"] not in rules:
        near = did_you_mean(entry["rule"], list(rules))
        raise ReportError(f"number {key!r}: the workflow has no rule {entry['rule']!r}{near}")
    if entry["exhibit"]:
        _made(entry["exhibit"], origin, f"number {key!r}")
    return {**entry, "script": rules[entry["rule"]]["script"]}


def _cells(exhibit: str, table: Table, made: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for placed in placed_cells(table):
        cell, known = placed.cell, table.specifications.get(placed.cell.spec, {})
        entry = {
            "value": cell.text if cell.value is None else cell.value,
            "text": cell.printed,
            "unit": cell.unit,
            "exhibit": exhibit,
            "place": str(placed.place),
            "row": placed.row + 1,
            "column": placed.column + 1,
            **{name: made[name] for name in ("rule", "script", "lines")},
        }
        facts = {"spec": cell.spec} | {name: known[fact] for name, fact in _SPECIFICATION.items() if fact in known}
        yield cell_key(exhibit, placed), entry | {name: fact for name, fact in facts.items() if fact}


def _made(exhibit: str, origin: Mapping[str, Any], who: str) -> Mapping[str, Any]:
    if exhibit not in origin["exhibits"]:
        near = did_you_mean(exhibit, list(origin["exhibits"]))
        raise ReportError(f"{who}: the workflow has no exhibit {exhibit!r}{near}")
    return origin["exhibits"][exhibit]
