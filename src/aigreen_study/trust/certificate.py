"""Whether results are the accepted ones: every number and every table cell, compared without rebuilding anything.

A number agrees where it differs from the accepted one by at most `TOLERANCE`, relative to the larger of the number and
one unit of its last printed digit. It differs in a minor way where it is off by at most one unit of the last printed
digit and keeps its sign. Whole numbers (sample sizes, years), stars and words agree exactly or not at all. A cell that
is absent, or that has no accepted value, is different. Titles and notes of a table differ in a minor way.

An exhibit is reproduced in full where all cells agree, with minor differences where none is different, partially where
at least half agree or differ in a minor way, and not reproduced otherwise. The study is reproduced in full, or with
minor differences, where all its exhibits are; not at all where no exhibit is better than that; else partially.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from aigreen.disk import write_bytes
from aigreen.errors import SourceError
from aigreen_study.tables.cells import placed_cells
from aigreen_study.tables.formats import MINUS, STAR
from aigreen_study.tables.table import Table

TOLERANCE = 1e-6
FULL, MINOR, PARTIAL, NOT = "full", "minor differences", "partial", "not reproduced"
GOOD = (FULL, MINOR)
NUMBERS = "numbers.json"
SAME, CLOSE, DIFFERENT = "same", "minor", "different"
WORST = 5

Files = Mapping[str, str]


@dataclass(frozen=True)
class Value:
    """What a cell or a number says.

    Parameters
    ----------
    text : str
        As printed.
    value : float, optional
        The number behind it.
    stars : int
    soft : bool
        A title or a note, which differs in a minor way only.
    """

    text: str
    value: float | None = None
    stars: int = 0
    soft: bool = False

    def __str__(self) -> str:
        return f"{self.text}{STAR * self.stars}"


@dataclass(frozen=True)
class Comparison:
    """One cell or number, accepted against found.

    Parameters
    ----------
    exhibit : str
        ``numbers``, or ``tables/NAME``.
    place : str
        Key of the number, or place of the cell.
    expected, found : Value or None
        None where there is none.
    """

    exhibit: str
    place: str
    expected: Value | None
    found: Value | None

    @property
    def distance(self) -> float:
        """Units of the last printed digit between the two; infinite where they cannot be subtracted."""
        if self.expected is None or self.found is None:
            return math.inf
        a, b = self.expected.value, self.found.value
        if a is None or b is None:
            return 0.0 if str(self.expected) == str(self.found) else math.inf
        return abs(a - b) / unit(self.expected)

    @cached_property
    def verdict(self) -> str:
        """Return ``same``, ``minor`` or ``different``."""
        if self.expected is None or self.found is None:
            return DIFFERENT
        if self.expected.soft:
            return SAME if self.expected.text == self.found.text else CLOSE
        a, b = self.expected.value, self.found.value
        if a is None or b is None or self.expected.stars != self.found.stars:
            return SAME if (self.expected, a) == (self.found, b) else DIFFERENT
        if abs(a - b) <= TOLERANCE * max(abs(a), unit(self.expected)) and _sign(self.expected) == _sign(self.found):
            return SAME
        whole = unit(self.expected) == 1 and float(a).is_integer()
        near = self.distance <= 1 and (_sign(self.expected) == _sign(self.found) or a * b > 0)
        return CLOSE if near and not whole else DIFFERENT


@dataclass(frozen=True)
class Certificate:
    """All comparisons of a study, with what follows from them."""

    study: str
    comparisons: tuple[Comparison, ...]

    @cached_property
    def exhibits(self) -> dict[str, str]:
        """Class of each exhibit."""
        return {name: _class_of(self.counts(name)) for name in dict.fromkeys(c.exhibit for c in self.comparisons)}

    @property
    def overall(self) -> str:
        """Class of the study."""
        classes = set(self.exhibits.values())
        if classes <= {NOT}:
            return NOT
        return next((c for c in (FULL, MINOR) if classes <= set(GOOD[: GOOD.index(c) + 1])), PARTIAL)

    @property
    def reproduced(self) -> bool:
        """Whether the study is reproduced, in full or with minor differences."""
        return self.overall in GOOD

    @property
    def changed(self) -> list[Comparison]:
        """All that is not the same, the worst first."""
        order = {DIFFERENT: 0, CLOSE: 1}
        changed = [c for c in self.comparisons if c.verdict != SAME]
        return sorted(changed, key=lambda c: (order[c.verdict], -c.distance, c.exhibit, c.place))

    def counts(self, exhibit: str | None = None) -> dict[str, int]:
        """Count cells by verdict."""
        verdicts = [c.verdict for c in self.comparisons if exhibit in (None, c.exhibit)]
        return {name: verdicts.count(name) for name in (SAME, CLOSE, DIFFERENT)}

    def to_json(self) -> str:
        """Write all classes and counts, and the worst comparisons, as text."""
        facts = {
            "study": self.study,
            "class": self.overall,
            "tolerance": TOLERANCE,
            "cells": len(self.comparisons),
            **self.counts(),
            "exhibits": {name: {"class": c, **self.counts(name)} for name, c in self.exhibits.items()},
            "changed": [describe(comparison) for comparison in self.changed],
        }
        return json.dumps(facts, ensure_ascii=False, indent=1) + "\n"

    def to_markdown(self) -> str:
        """Write the certificate for people."""
        counts = self.counts()
        lines = [
            f"# Certificate: {self.study}",
            "",
            f"**{self.overall}**: {len(self.comparisons):,} cells and numbers compared with the accepted values in "
            f"`paper/expected/{self.study}`; {counts[SAME]:,} the same, {counts[CLOSE]:,} with minor differences, "
            f"{counts[DIFFERENT]:,} different.",
            "",
            f"The same: within {TOLERANCE:g} of the number or of one unit of its last printed digit, whichever is "
            "larger. Minor: off by at most one unit of the last printed digit, with the same sign. Whole numbers, "
            "stars and words must be equal.",
            "",
            "| exhibit | class | same | minor | different |",
            "|---|---|---:|---:|---:|",
        ]
        for name, verdict in self.exhibits.items():
            lines.append(f"| {name} | {verdict} | {' | '.join(map(str, self.counts(name).values()))} |")
        if self.changed:
            lines += ["", "Worst:", "", *(f"- {line}" for line in self.worst())]
        return "\n".join(lines) + "\n"

    def worst(self) -> list[str]:
        """Return the worst comparisons, one line each."""
        return [explain(comparison) for comparison in self.changed[:WORST]]

    def write(self, folder: Path) -> None:
        """Write certificate.json and certificate.md."""
        write_bytes(folder / "certificate.json", self.to_json().encode())
        write_bytes(folder / "certificate.md", self.to_markdown().encode())


def compare(study: str, expected: Files, found: Files) -> Certificate:
    """Compare two sets of result files.

    Parameters
    ----------
    study : str
    expected, found : mapping of name to text
        numbers.json and tables/*.json, as `result_files` reads them.
    """
    left, right = values(expected), values(found)
    places = dict.fromkeys([*left, *right])
    return Certificate(study, tuple(Comparison(*key, left.get(key), right.get(key)) for key in places))


def result_files(folder: Path) -> dict[str, str]:
    """Read numbers.json and tables/*.json of a folder, by name; empty where there are none."""
    paths = [folder / NUMBERS, *sorted((folder / "tables").glob("*.json"))]
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in paths if path.is_file()}


def values(files: Files) -> dict[tuple[str, str], Value]:
    """Return what the files say, by exhibit and place."""
    said: dict[tuple[str, str], Value] = {}
    for name, text in files.items():
        try:
            said |= _numbers(text) if name == NUMBERS else _cells(name, text)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SourceError(f"{name}: not numbers or a table of a study ({error})") from None
    return said


def unit(value: Value) -> float:
    """Return one unit of the last printed digit on the number's scale: 0.001 for ``(0.126)`` and for ``12.6%``."""
    digits = "".join(c for c in value.text if c.isdigit() or c == ".")
    step = 10.0 ** -len(digits.partition(".")[2])
    printed = float(digits) if digits.strip(".") else 0.0
    of_hundred = value.value is not None and "%" in value.text and abs(printed - 100 * abs(value.value)) <= step
    return step / 100 if of_hundred else step


def describe(comparison: Comparison) -> dict[str, Any]:
    """One comparison as plain facts."""
    expected, found = comparison.expected, comparison.found
    return {
        "exhibit": comparison.exhibit,
        "place": comparison.place,
        "verdict": comparison.verdict,
        "expected": None if expected is None else str(expected),
        "found": None if found is None else str(found),
        "expected_value": None if expected is None else expected.value,
        "found_value": None if found is None else found.value,
    }


def explain(comparison: Comparison) -> str:
    """One comparison as a line."""
    expected, found = comparison.expected, comparison.found
    where = f"{comparison.exhibit}, {comparison.place}"
    if expected is None:
        return f"{where}: {found}, which has no accepted value"
    if found is None:
        return f"{where}: absent; accepted is {expected}"
    shown = (
        "" if str(expected) != str(found) or expected.value is None else f" ({found.value!r} for {expected.value!r})"
    )
    return f"{where}: {found}, accepted is {expected}{shown}"


def _numbers(text: str) -> dict[tuple[str, str], Value]:
    entries = json.loads(text)
    return {
        ("numbers", key): Value(entry["text"], None if isinstance(entry["value"], str) else float(entry["value"]))
        for key, entry in entries.items()
    }


def _cells(name: str, text: str) -> dict[tuple[str, str], Value]:
    table = Table.from_json(text)
    exhibit = PurePosixPath(name).with_suffix("").as_posix()
    said = {
        (exhibit, str(placed.place)): Value(placed.cell.text, placed.cell.value, placed.cell.stars)
        for placed in placed_cells(table)
    }
    return said | {(exhibit, "title"): Value(table.title, soft=True), (exhibit, "notes"): Value(table.notes, soft=True)}


def _sign(value: Value) -> int:
    """Sign as printed: what rounds to zero has none."""
    negative = MINUS in value.text or "-" in value.text
    return -1 if negative else int(any(c in "123456789" for c in value.text))


def _class_of(counts: Mapping[str, int]) -> str:
    if not counts[DIFFERENT]:
        return FULL if not counts[CLOSE] else MINOR
    return PARTIAL if counts[SAME] + counts[CLOSE] >= counts[DIFFERENT] else NOT
