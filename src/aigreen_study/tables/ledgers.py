"""Tables of numbers that the ledgers of studies hold: what real data say, and an estimate for each claim."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from aigreen.errors import ReportError, did_you_mean
from aigreen_study.tables.formats import decimal
from aigreen_study.tables.table import Cell, Group, Row, Spanner, Table

EVIDENCE_COLUMNS = ("study", "question", "tells", "label", "key", "leads", "treated", "effective", "counted")
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
        `leads`, that of the units or places ever `treated`, that of the `effective` number of treated clusters, and
        what is `counted` as treated.
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
        cells = (
            *effect,
            Cell.count(found.rows(row["key"])),
            Cell.count(found.value(row["treated"])),
            Cell.number(found.value(row["effective"]), 1),
            Cell.count(found.clusters(row["key"])),
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
        columns=("Effect, %", "low", "high", "N", "Treated", "Effective", "Clusters", "Leads, p"),
        spanners=((Spanner("95% interval", 1, 3),),),
        groups=tuple(Group(tuple(lines), title) for title, lines in groups.items()),
        notes="Accepted results of the studies named; nothing here is simulated. Effects are 100 (exp(b) − 1) of "
        "coefficients b on a logarithmic scale, with the ends of their 95 percent intervals. N and clusters: those of "
        f"the estimate. Treated: those ever treated ({counted}). Effective: effective number of treated clusters, as "
        "their sizes differ; of decompositions, that of the event study. Leads: p-value of the joint test that the "
        f"outcome, in logarithms, does not move before treatment. What each can tell: {tells}.",
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
            Cell(found.covers(row["key"], float(truth["value"]))) if own and truth else Cell(),
            Cell(row["exhibit"] if own else f"{row['study']}: {row['exhibit'].partition('/')[2].replace('_', ' ')}"),
        )
        groups.setdefault(f"{row['element']}. {row['says']}", []).append(Row(row["label"], cells))
    return Table(
        key="elements",
        title="Every element of the argument, its estimate and what is known of the truth (real and simulated data)",
        stub="Estimate of",
        columns=("Estimate", "Error", "Truth", "covered", "Exhibit"),
        groups=tuple(Group(tuple(lines), title) for title, lines in groups.items()),
        notes="Lines with a truth, or without a definition of one, are estimates on the synthetic economy; those "
        "called real are accepted results of studies of real data, and their exhibits stand in the papers of these. "
        "Estimates are in the units of their exhibit. Covered: whether the 95 percent interval holds the truth.",
    )


class _Found:
    """Numbers of one study's ledger."""

    def __init__(self, study: str, ledgers: Ledgers) -> None:
        if study not in ledgers:
            raise ReportError(f"no numbers of {study!r}{did_you_mean(study, list(ledgers))}; the study is not quoted")
        self.study, self.ledger = study, ledgers[study]

    def rows(self, key: str) -> float:
        """Rows of an estimate; of a total, those of its decomposition."""
        if key + "_n" in self.ledger:
            return self.value(key + "_n")
        part = key.removesuffix("_total")
        return sum(self.value(f"{part}_rows_{kind}") for kind in ("clean", "exposed", "treated"))

    def clusters(self, key: str) -> float:
        known = (key, key.removesuffix("_total"))
        return self.value(next((f"{one}_clusters" for one in known if f"{one}_clusters" in self.ledger), "n_clusters"))

    def covers(self, key: str, truth: float) -> str:
        """Whether the interval holds the truth; a dash where there is no interval."""
        ends = [self.ledger[key + end]["value"] for end in ("_low", "_high")]
        if any(isinstance(end, str) for end in ends):
            return "–"
        return "Yes" if ends[0] <= truth <= ends[1] else "No"

    def value(self, key: str) -> float:
        if key not in self.ledger:
            hint = did_you_mean(key, list(self.ledger))
            raise ReportError(f"numbers.json of {self.study} has no number {key!r}{hint}")
        return float(self.ledger[key]["value"])


def _percent(found: _Found, key: str, role: Any) -> Cell:
    value = 100 * math.expm1(found.value(key))
    return Cell(decimal(value, 1), value, role=role, unit="%")
