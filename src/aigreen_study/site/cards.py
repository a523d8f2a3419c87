"""What the cards say: for each number and exhibit its error, sample, specification, rule, script, inputs and hashes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from aigreen.errors import ReportError, did_you_mean
from aigreen_study.numbers.ledger import ledger
from aigreen_study.tables.table import Row, Table
from aigreen_study.trust.certificate import Certificate

QUOTED = "quoted/"  # tables of other studies, as quoted/STUDY/NAME
_ASPECTS = {"se": "error", "low": "low", "high": "high", "p": "p"}
_ROLES = {"std_error": "error", "low": "low", "high": "high", "p_value": "p"}
_FACTS_OF_EXHIBIT = ("rule", "script", "lines")
_AROUND = 6  # lines shown before and after the statement that writes an exhibit
_CELL = re.compile(r"(.+):(\d+):(\d+)")


def number_cards(
    entries: Mapping[str, Mapping[str, Any]], tables: Mapping[str, Table], certificate: Certificate | None
) -> dict[str, dict[str, Any]]:
    """Complete the ledger's entries with the keys of their errors and bounds, and with what the certificate says.

    Parameters
    ----------
    entries : mapping of key to facts
        Ledger of the study.
    tables : mapping of exhibit to Table
    certificate : Certificate, optional
        None where the study has no accepted values.

    Returns
    -------
    dict
        By key. Facts that a cell shares with its exhibit are left to the exhibit.
    """
    held = {} if certificate is None else {(c.exhibit, c.place): c for c in certificate.comparisons}
    cards = {}
    for key, entry in entries.items():
        cell = _CELL.fullmatch(key)
        card = {name: fact for name, fact in entry.items() if fact not in ("", None)}
        if cell:
            card = {name: fact for name, fact in card.items() if name not in _FACTS_OF_EXHIBIT}
        comparison = held.get((entry["exhibit"], entry["place"]) if cell else ("numbers", key))
        if comparison is not None:
            card["held"] = comparison.verdict
            if comparison.verdict != "same":
                card["accepted"] = None if comparison.expected is None else str(comparison.expected)
        cards[key] = card
    for key, aspects in _related(entries, tables):
        cards[key] |= {"related": aspects}
        for aspect, other in aspects.items():
            cards[other] |= {"of": key, "aspect": aspect}
    return cards


def quoted_entries(keys: Iterable[str], root: Path) -> dict[str, dict[str, Any]]:
    """Numbers of other studies, which the prose quotes as ``study:key``, from the accepted values."""
    entries = {}
    for study, _, key in (key.partition(":") for key in keys if ":" in key):
        source = f"paper/expected/{study}/numbers.json"
        known = json.loads((root / source).read_bytes())
        if key not in known:
            raise ReportError(f"{source} has no number {key!r}{did_you_mean(key, list(known))}")
        entries[f"{study}:{key}"] = {**known[key], "study": study, "exhibit": "", "shown": known[key]["exhibit"]}
    return entries


def quoted_cells(tables: Mapping[str, Table], origin: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Cells of the tables of other studies, as the ledger has them for the study's own."""
    return ledger({}, {name: table for name, table in tables.items() if name.startswith(QUOTED)}, origin)


def with_quoted(provenance: Mapping[str, Any], tables: Mapping[str, Table]) -> dict[str, Any]:
    """Add the tables of other studies to the exhibits of a study."""
    exhibits = dict(provenance["exhibits"])
    results = f"results/{provenance['study']}"
    for name, table in tables.items():
        if not name.startswith(QUOTED):
            continue
        _, study, short = name.split("/")
        rule = provenance["files"][f"{results}/{name}.json"]["rule"]
        script = provenance["rules"][rule]["script"]
        exhibits[name] = {
            "title": table.title,
            "study": study,
            "rule": rule,
            "script": script,
            "lines": [],
            "files": [f"{results}/{name}.{ending}" for ending in ("json", "tex", "typ", "html")],
            "inputs": [f"paper/expected/{study}/tables/{short}.json"],
            "starts_from": [f"paper/expected/{study}/tables/{short}.json"],
            "rerun": f"python3 run.py snakemake --config study={study} --force results/{study}/tables/{short}.json",
        }
    return {**provenance, "exhibits": exhibits}


def exhibit_cards(
    provenance: Mapping[str, Any], labels: Mapping[str, str], titles: Mapping[str, str], root: Path
) -> dict[str, dict[str, Any]]:
    """Complete the provenance of exhibits: what the paper calls them, and the lines of the script that write them."""
    return {
        name: {
            **facts,
            "title": facts["title"] or titles.get(name, ""),
            "label": labels.get(name, ""),
            "code": excerpt(root / facts["script"], facts["lines"]),
        }
        for name, facts in provenance["exhibits"].items()
    }


def excerpt(script: Path, lines: list[int]) -> dict[str, Any]:
    """Lines of a script, those around them included, and the number of the first."""
    text = script.read_text(encoding="utf-8").splitlines()
    first, last = lines or (1, min(len(text), 2 * _AROUND))
    start, stop = max(1, first - _AROUND), min(len(text), last + _AROUND)
    return {"first": start, "lines": text[start - 1 : stop]}


def specification_cards(tables: Mapping[str, Table], registered: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Facts on each specification by its name: as registered, and as estimated."""
    rows = {f"{row['exhibit']}/{row['id']}": row for row in registered}
    rows = {name: {k: v for k, v in row.items() if v and k not in ("exhibit", "id")} for name, row in rows.items()}
    for table in tables.values():
        for name, facts in table.specifications.items():
            rows[name] = {**facts, **rows.get(name, {})}
    return dict(sorted(rows.items()))


def _related(
    entries: Mapping[str, Mapping[str, Any]], tables: Mapping[str, Table]
) -> Iterable[tuple[str, dict[str, str]]]:
    """Go through the estimates: their key, and the keys of their standard error, bounds and p-value."""
    for key in entries:
        if not _CELL.fullmatch(key):
            others = {aspect: f"{key}_{end}" for end, aspect in _ASPECTS.items() if f"{key}_{end}" in entries}
            if others:
                yield key, others
    for name, table in tables.items():
        for i, row in enumerate(table.rows):
            for j, cell in enumerate(row.cells):
                if cell.role == "estimate":
                    around = {**_beside(row, i, j), **_below(table, i, j)}
                    others = {aspect: f"{name}:{line + 1}:{column + 1}" for aspect, (line, column) in around.items()}
                    others = {aspect: other for aspect, other in others.items() if other in entries}
                    if others and f"{name}:{i + 1}:{j + 1}" in entries:
                        yield f"{name}:{i + 1}:{j + 1}", others


def _beside(row: Row, i: int, j: int) -> dict[str, tuple[int, int]]:
    """Cells to the right of an estimate, up to the next one, that hold its error, p-value and first pair of bounds."""
    found: dict[str, tuple[int, int]] = {}
    for k, cell in enumerate(row.cells[j + 1 :], j + 1):
        if cell.role == "estimate":
            break
        if cell.role in _ROLES:
            found.setdefault(_ROLES[cell.role], (i, k))
    return found


def _below(table: Table, i: int, j: int) -> dict[str, tuple[int, int]]:
    """Cells of the rows without a label below an estimate that hold its error, bounds or p-value."""
    found: dict[str, tuple[int, int]] = {}
    for k, row in enumerate(table.rows[i + 1 :], i + 1):
        if row.label or row.cells[j].role not in _ROLES:
            break
        found[_ROLES[row.cells[j].role]] = (k, j)
    return found
