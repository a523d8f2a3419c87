"""What the cards say: for each number and exhibit its error, sample, specification, rule, script, inputs and hashes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from aigreen.errors import ReportError, did_you_mean
from aigreen_study.numbers.ledger import ledger
from aigreen_study.site.behind import ASPECTS, belongs_to, relatives, sample, with_samples
from aigreen_study.tables.table import Row, Table
from aigreen_study.trust.certificate import Certificate
from aigreen_study.trust.provenance import written_at

QUOTED = "quoted/"  # tables of other studies, as quoted/STUDY/NAME
_ROLES = {"std_error": "error", "low": "low", "high": "high", "p_value": "p"}
_FACTS_OF_EXHIBIT = ("rule", "script", "lines")
_SIZES = ("n", "units", "clusters")
_AROUND = 6  # lines shown before and after the statement that writes an exhibit
_CELL = re.compile(r"(.+):(\d+):(\d+)")
_LISTED = re.compile(r"^\| `([^`]+)` \| ([^|]+) \| `([^`]+)` \| `([^`]+)` \|$", re.MULTILINE)
_OUTPUT = re.compile(r"snakemake\.output\.(\w+)")
_RULE = re.compile(r"^\s*rule (\w+):.*?^\s+script:\s+\"\.\./(scripts/\w+\.py)\"", re.MULTILINE | re.DOTALL)


def number_cards(
    entries: Mapping[str, Mapping[str, Any]],
    tables: Mapping[str, Table],
    certificate: Certificate | None,
    specifications: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> dict[str, dict[str, Any]]:
    """Complete entries with their sample, the keys of their errors and bounds, and with what the certificate says.

    Parameters
    ----------
    entries : mapping of key to facts
        Ledger of the study, and what `quoted_entries` and `quoted_cells` return.
    tables : mapping of exhibit to Table
    certificate : Certificate, optional
        None where the study has no accepted values.
    specifications : mapping of name to facts
        As `specification_cards` returns them.

    Returns
    -------
    dict
        By key. Facts that a cell shares with its exhibit are left to the exhibit.
    """
    held = {} if certificate is None else {(c.exhibit, c.place): c for c in certificate.comparisons}
    prose = {key: entry for key, entry in entries.items() if not (_CELL.fullmatch(key) or "study" in entry)}
    entries = {**entries, **with_samples(prose, tables, specifications)}
    cards = {}
    for key, entry in entries.items():
        cell = _CELL.fullmatch(key)
        card = {name: fact for name, fact in entry.items() if fact not in ("", None)}
        if cell:
            card = {name: fact for name, fact in card.items() if name not in _FACTS_OF_EXHIBIT}
            card |= sample(entry.get("spec", ""), specifications, entry)
        if "samples" in card:
            card = {name: fact for name, fact in card.items() if name not in _SIZES}
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


def quoted_entries(
    keys: Iterable[str], root: Path, provenance: Mapping[str, Any] = MappingProxyType({})
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """Numbers of other studies, which the prose quotes as ``study:key``, from the accepted values.

    Parameters
    ----------
    keys : iterable of str
        Keys of the page.
    root : path
        The project.
    provenance : mapping, optional
        Of the study; its rules and exhibits tell of those of the same name elsewhere.

    Returns
    -------
    tuple of dict and dict
        Numbers, errors and bounds of theirs included, and the specifications that they come from, as ``study:name``.
    """
    rules = provenance.get("rules", {})
    entries, specifications, makers = {}, {}, exhibit_makers(root, provenance.get("exhibits", {}))
    quoted: dict[str, list[str]] = {}
    for study, _, key in (key.partition(":") for key in keys if ":" in key):
        quoted.setdefault(study, []).append(key)
    for study, wanted in quoted.items():
        source = f"paper/expected/{study}/numbers.json"
        known = json.loads((root / source).read_bytes())
        for key in wanted:
            if key not in known:
                raise ReportError(f"{source} has no number {key!r}{did_you_mean(key, list(known))}")
        shown = {known[key]["exhibit"] for key in wanted}
        paths = {name: root / f"paper/expected/{study}/{name}.json" for name in sorted(shown) if name}
        tables = {name: Table.from_json(path.read_text("utf-8")) for name, path in paths.items() if path.is_file()}
        facts = specification_cards(tables, [])
        specifications |= {f"{study}:{name}": fact for name, fact in facts.items()}
        close = {near: known[near] for key in wanted for near in relatives(key, known)}
        for key, entry in sorted(with_samples(close, tables, facts).items()):
            script = rules.get(entry["rule"], {}).get("script") or script_of(entry["rule"], root)
            by = makers.get((entry["exhibit"], study))
            told = {**entry, "study": study, "exhibit": "", "shown": entry["exhibit"], "script": script, "by": by}
            entries[f"{study}:{key}"] = {name: fact for name, fact in told.items() if name != "cell"} | _of(study, told)
    return entries, specifications


def _of(study: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Names of specifications of another study, which may have one of the same name as ours."""
    named = {"spec": f"{study}:{entry['spec']}"} if entry.get("spec") else {}
    if "samples" in entry:
        named["samples"] = [{**side, "spec": f"{study}:{side['spec']}"} for side in entry["samples"]]
    return named


def exhibit_makers(root: Path, ours: Mapping[str, Mapping[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """Rule, script and its lines by exhibit and study, of the list that `aigreen exhibits` writes.

    Lines are those of our exhibit of this name, or of all ours that the rule makes where they are the same, or those of
    the only output of the script.
    """
    listed = root / "docs/exhibits.md"
    found = {}
    for name, studies, rule, script in _LISTED.findall(listed.read_text("utf-8") if listed.is_file() else ""):
        same = {shown: tuple(facts["lines"]) for shown, facts in ours.items() if facts["rule"] == rule}
        lines = {same[name]} if name in same else set(same.values())
        if not lines:
            outputs = set(_OUTPUT.findall((root / script).read_text(encoding="utf-8")))
            lines = {tuple(written_at(root / script, output)) for output in outputs}
        facts = {"exhibit": name, "rule": rule, "script": script, "lines": list(*lines) if len(lines) == 1 else []}
        found |= {(name, study): facts for study in studies.split(", ")}
    return found


def script_of(rule: str, root: Path) -> str:
    """Script of a rule, of the first file that has one of this name; empty where none has."""
    for path in sorted((root / "analysis/rules").glob("*.smk")):
        for name, script in _RULE.findall(path.read_text(encoding="utf-8")):
            if name == rule:
                return f"analysis/{script}"
    return ""


def script_cards(entries: Mapping[str, Mapping[str, Any]], root: Path) -> dict[str, dict[str, Any]]:
    """Scripts that enter numbers of the prose, and those that make exhibits of other studies, with lines that write."""
    prose = [entry for key, entry in entries.items() if not _CELL.fullmatch(key)]
    entered = {entry["script"] for entry in prose if entry.get("script")}
    places = {script: (script, written_at(root / script, "numbers")) for script in entered}
    for by in (entry["by"] for entry in prose if entry.get("by")):
        places[f"{by['script']}:{by['exhibit']}"] = (by["script"], by["lines"])
    return {
        name: {"script": script, "lines": lines, "code": excerpt(root / script, lines)}
        for name, (script, lines) in sorted(places.items())
    }


def quoted_cells(tables: Mapping[str, Table], origin: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Cells of the tables of other studies, as the ledger has them for the study's own."""
    cells = ledger({}, {name: table for name, table in tables.items() if name.startswith(QUOTED)}, origin)
    return {key: {**cell, **_of(cell["exhibit"].split("/")[1], cell)} for key, cell in cells.items()}


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
    for exhibit, table in tables.items():
        of = f"{exhibit.split('/')[1]}:" if exhibit.startswith(QUOTED) else ""
        for name, facts in table.specifications.items():
            rows[of + name] = {**facts, **rows.get(of + name, {})}
    return dict(sorted(rows.items()))


def _related(
    entries: Mapping[str, Mapping[str, Any]], tables: Mapping[str, Table]
) -> Iterable[tuple[str, dict[str, str]]]:
    """Go through the estimates: their key, and the keys of their standard error, bounds and p-value."""
    for key in entries:
        if not _CELL.fullmatch(key):
            others = {aspect: f"{key}_{end}" for end, (aspect, _) in ASPECTS.items()}
            others = {aspect: other for aspect, other in others.items() if other in entries}
            others = {aspect: other for aspect, other in others.items() if belongs_to(other, entries) == (key, aspect)}
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
