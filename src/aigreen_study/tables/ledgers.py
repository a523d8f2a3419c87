"""Tables of numbers that the ledgers of studies hold: what real data say, and an estimate for each claim."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from aigreen.errors import ReportError, did_you_mean
from aigreen_study.tables.formats import decimal
from aigreen_study.tables.table import Cell, Group, Row, Table

EVIDENCE_COLUMNS = ("study", "question", "tells", "label", "key", "leads", "treated", "counted")
ELEMENT_COLUMNS = ("element", "says", "study", "exhibit", "label", "key")

Ledgers = Mapping[str, Mapping[str, Mapping[str, Any]]]


def read(files: Iterable[Path]) -> dict[str, dict[str, dict[str, Any]]]:
    """Ledgers by study, from files called STUDY/numbers.json."""
    return {path.parent.name: json.loads(path.read_bytes()) for path in files}


def real_evidence(rows: Sequence[Mapping[str, str]], ledgers: Ledgers) -> Table:
    """Effects of all real studies in percent, with interval, sample, treated clusters and the test before treatment.

    Parameters
    ----------
    rows : sequence of mapping
        Of real_evidence.csv: `study`, `question` (title of the group), `tells` (what the study can and cannot tell),
        `label`, `key` of an estimate b in logs, shown as 100 (exp(b) - 1), `key` of its p-value before treatment in
        `leads`, that of the units or places ever `treated`, and what is `counted` there.
    ledgers : mapping of study to ledger
        Accepted numbers.

    Raises
    ------
    ReportError
        For a key that a ledger does not have.
    """
    groups: dict[str, list[Row]] = {}
    for row in rows:
        found = _Found(row["study"], ledgers)
        effect = [_percent(found, row["key"] + end, role) for end, role in _ENDS]
        n = found.value(row["key"] + "_n", otherwise="n_rows")
        cells = (
            *effect,
            Cell.count(n),
            Cell.count(found.value(row["treated"])),
            Cell.number(found.value("pretrend_treated"), 1),
            Cell.count(found.value("n_clusters")),
            Cell.p_value(found.value(row["leads"])) if row["leads"] else Cell(),
        )
        groups.setdefault(row["question"], []).append(Row(row["label"], cells))
    tells, counted = (
        "; ".join(dict.fromkeys(f"{row['study']}: {row[of]}" for row in rows)) for of in ("tells", "counted")
    )
    return Table(
        key="real_evidence",
        title="What real data say (real data)",
        stub="Outcome and model",
        columns=("Effect, %", "Low", "High", "N", "Treated", "Effective", "Clusters", "Leads, p"),
        groups=tuple(Group(tuple(lines), title) for title, lines in groups.items()),
        notes="Accepted results of the studies named; nothing here is simulated. Effects are 100 (exp(b) − 1) of "
        "coefficients b on a logarithmic scale, with the ends of their 95 percent intervals. Treated: those ever "
        f"treated ({counted}). Effective: effective number of treated clusters in the event study, as "
        "their sizes differ. Leads: p-value of the joint test that nothing moves before treatment. What each can tell: "
        f"{tells}.",
    )


_ENDS = (("", "estimate"), ("_low", "low"), ("_high", "high"))


def elements(rows: Sequence[Mapping[str, str]], ledgers: Ledgers, study: str) -> Table:
    """One estimate or more for each element of the argument, with its truth where the data are simulated.

    Parameters
    ----------
    rows : sequence of mapping
        Of elements.csv: `element`, `says` (what the argument says of it), `study`, `exhibit`, `label`, `key`.
    ledgers : mapping of study to ledger
    study : str
        The study whose paper shows the table; an exhibit of another is named with its study.

    Raises
    ------
    ReportError
        For a key that a ledger does not have.
    """
    groups: dict[str, list[Row]] = {}
    for row in rows:
        found = _Found(row["study"], ledgers)
        own = row["study"] == study
        truth = found.ledger.get(row["key"] + "_truth")
        cells = (
            Cell.number(found.value(row["key"]), role="estimate"),
            Cell.number(found.value(row["key"] + "_se"), role="std_error"),
            (Cell.number(float(truth["value"])) if truth else Cell("not defined")) if own else Cell("real"),
            Cell(row["exhibit"] if own else f"{row['study']}: {row['exhibit'].partition('/')[2]}"),
        )
        groups.setdefault(f"{row['element']}. {row['says']}", []).append(Row(row["label"], cells))
    return Table(
        key="elements",
        title="Every element of the argument, its estimate and what is known of the truth (real and simulated data)",
        stub="Estimate of",
        columns=("Estimate", "Error", "Truth", "Exhibit"),
        groups=tuple(Group(tuple(lines), title) for title, lines in groups.items()),
        notes="Lines with a truth, or without a definition of one, are estimates on the synthetic economy; those "
        "called real are accepted results of studies of real data. Estimates are in the units of their exhibit.",
    )


class _Found:
    """Numbers of one study's ledger."""

    def __init__(self, study: str, ledgers: Ledgers) -> None:
        if study not in ledgers:
            raise ReportError(f"no numbers of {study!r}{did_you_mean(study, list(ledgers))}; the study is not quoted")
        self.study, self.ledger = study, ledgers[study]

    def value(self, key: str, *, otherwise: str = "") -> float:
        if otherwise and key not in self.ledger:
            key = otherwise
        if key not in self.ledger:
            hint = did_you_mean(key, list(self.ledger))
            raise ReportError(f"numbers.json of {self.study} has no number {key!r}{hint}")
        return float(self.ledger[key]["value"])


def _percent(found: _Found, key: str, role: Any) -> Cell:
    value = 100 * math.expm1(found.value(key))
    return Cell(decimal(value, 1), value, role=role, unit="%")
