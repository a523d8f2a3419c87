"""Specifications and exhibits of a study, read from two tables and checked before anything is computed."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from aigreen.errors import ConfigError, did_you_mean
from aigreen_study.config import studies
from aigreen_study.specification.menu import ESTIMATORS, Estimator
from aigreen_study.specification.sample import parse
from aigreen_study.specification.specification import LISTS, SINCE, Exhibit, Specification

SPECIFICATIONS, EXHIBITS, OBJECTIONS, ANSWERS = "specifications.csv", "exhibits.csv", "objections.csv", "answers.csv"
KINDS = ("columns", "estimates", "precision", "contrast", "figure", "points", "curve", "range")
SECTIONS = ("results", "heterogeneity", "robustness", "appendix")

_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")


def read_registry(
    folder: str | Path, config: Mapping[str, Any], *, tables: str | Path | None = None, given: Iterable[Exhibit] = ()
) -> dict[str, Exhibit]:
    """Read the exhibits of a study, in the order of exhibits.csv, each with its specifications.

    Parameters
    ----------
    folder : Path
        Holds specifications.csv, exhibits.csv and objections.csv. A row belongs to the studies that its first column
        names.
    config : mapping
        Configuration of the study, whose defaults fill empty fields.
    tables : path, optional
        Folder of specifications.csv and exhibits.csv, either of which it need not have. By default `folder`.
    given : iterable of Exhibit
        Exhibits of the study that no table lists. A row can add to them, and an exhibit of the same name in
        exhibits.csv takes the place of one.

    Raises
    ------
    ConfigError
        Listing every problem of both tables, of all studies, with file, line and the nearest name.
    """
    folder = Path(folder)
    problems: list[str] = []
    attacks = list(read_objections(folder))
    exhibits, rows = [], []
    listed = {name: (folder if tables is None else Path(tables)) / name for name in (EXHIBITS, SPECIFICATIONS)}
    for line, row in _listed(listed[EXHIBITS], _EXHIBIT_COLUMNS, problems, needed=tables is None):
        found, make = _exhibit_problems(row, attacks), partial(_exhibit, row, line)
        exhibits.append(_read(row, f"{EXHIBITS}, line {line}", found, make, problems))
    for line, row in _listed(listed[SPECIFICATIONS], _SPECIFICATION_COLUMNS, problems, needed=tables is None):
        found, make = _specification_problems(row), partial(_specification, row, line)
        rows.append(_read(row, f"{SPECIFICATIONS}, line {line}", found, make, problems))
    study, exhibits, rows = config["study"], list(filter(None, exhibits)), list(filter(None, rows))
    replaced = {exhibit.exhibit for _, exhibit in exhibits}
    for exhibit in given:
        if exhibit.exhibit not in replaced:
            exhibits.append(([study], exhibit))
            rows = [*(([study], row) for row in exhibit.specifications), *rows]
    kept: dict[str, Exhibit] = {}
    known = [*studies(folder), study]
    for name in sorted({name for named, _ in [*exhibits, *rows] for name in named}):
        own = [exhibit for named, exhibit in exhibits if name in named]
        of_study = [specification for named, specification in rows if name in named]
        if name not in known:
            where = [f"{EXHIBITS}, line {shown.line}" for shown in own]
            where += [f"{SPECIFICATIONS}, line {part.line}" for part in of_study]
            problems.append(f"{where[0]}: no study {name!r}{did_you_mean(name, known)}")
            continue
        together = _together(name, own, of_study, problems)
        if name == study:
            kept = together
    if problems:
        raise ConfigError("; ".join(dict.fromkeys(problems)))
    return {
        name: replace(shown, specifications=tuple(part.completed(config) for part in shown.specifications))
        for name, shown in kept.items()
    }


def read_objections(folder: str | Path) -> dict[str, dict[str, str]]:
    """Read what a referee attacks: by key the objection, the answer, and the table that shows it."""
    return {row["key"]: row for row in read_table(Path(folder) / OBJECTIONS, ("key", "objection", "answer", "table"))}


def read_answers(folder: str | Path) -> dict[str, dict[str, str]]:
    """Read what exhibits outside the registry answer: by place, as ``figures/bacon``, title and attack.

    Raises
    ------
    ConfigError
        For an attack that is no key of objections.csv.
    """
    rows = read_table(Path(folder) / ANSWERS, ("exhibit", "title", "attack"))
    known = list(read_objections(folder))
    unknown = [_unknown("attack", key, known) for row in rows for key in row["attack"].split()]
    if problems := list(filter(None, unknown)):
        raise ConfigError(f"{ANSWERS}: {'; '.join(problems)}")
    return {row["exhibit"]: row for row in rows}


def read_table(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Rows of a table with these columns; `ConfigError` for another header, or a row of another length."""
    problems: list[str] = []
    rows = [row for _, row in _rows(path, columns, problems)]
    if problems:
        raise ConfigError("; ".join(problems))
    return rows


def check_columns(specifications: Iterable[Specification], columns: Sequence[str]) -> None:
    """Raise `ConfigError`, listing every column that specifications name and the panel does not have."""
    problems = [
        f"specification {specification.name}: {role}: no column {name!r}{did_you_mean(name, columns)}"
        for specification in specifications
        for name, role in specification.columns.items()
        if name not in columns
    ]
    if problems:
        raise ConfigError("; ".join(problems))


_EXHIBIT_COLUMNS = ("study", "exhibit", "kind", "title", "notes", "attack", "section", "quoted_as")
_SPECIFICATION_COLUMNS = (
    "study", "exhibit", "id", "label", "group", "estimator", "outcome", "treatment", "exposure", "channels",
    "covariates", "fixed_effects", "cluster", "sample", "options",
)  # fmt: skip


def _listed(
    path: Path, columns: Sequence[str], problems: list[str], *, needed: bool
) -> list[tuple[int, dict[str, str]]]:
    return _rows(path, columns, problems) if needed or path.is_file() else []


def _rows(path: Path, columns: Sequence[str], problems: list[str]) -> list[tuple[int, dict[str, str]]]:
    """Rows of a table with their lines; a wrong header or a row of another length is a problem."""
    with path.open(encoding="utf-8", newline="") as text:
        lines = csv.reader(text)
        header = next(lines, [])
        if header != list(columns):
            odd = [f"{name!r}{did_you_mean(name, columns)}" for name in header if name not in columns]
            absent = [name for name in columns if name not in header]
            told = f"unknown {', '.join(odd)}" if odd else f"missing {', '.join(absent)}" if absent else "another order"
            problems.append(f"{path.name}, line 1: columns are {', '.join(columns)}; {told}")
            return []
        rows = []
        for cells in lines:
            if len(cells) == len(columns):
                row = dict(zip(columns, (cell.strip() for cell in cells), strict=True))
                rows.append((lines.line_num, row))
            elif cells:
                problems.append(f"{path.name}, line {lines.line_num}: {len(cells)} cells, {len(columns)} are needed")
        return rows


def _read(
    row: Mapping[str, str],
    where: str,
    found: list[str],
    make: Callable[[], Any],
    problems: list[str],
) -> tuple[list[str], Any] | None:
    """Return the studies and the object of a row, or None with its problems noted."""
    found = [problem for problem in [*found, "" if row["study"] else "study is empty"] if problem]
    problems += [f"{where}: {problem}" for problem in found]
    return None if found else (row["study"].split(), make())


def _exhibit_problems(row: Mapping[str, str], attacks: Sequence[str]) -> list[str]:
    out = [_unknown("kind", row["kind"], KINDS), _unknown("section", row["section"], SECTIONS)]
    out += [_unknown("attack", key, attacks) for key in row["attack"].split()]
    out.append("" if "{id}" in row["quoted_as"] or not row["quoted_as"] else "quoted_as: write {id} for the row's id")
    return [*out, _not_identifier("exhibit", row["exhibit"]), "" if row["title"] else "title is empty"]


def _exhibit(row: Mapping[str, str], line: int) -> Exhibit:
    fields = {name: row[name] for name in ("exhibit", "kind", "title", "notes", "section", "quoted_as")}
    return Exhibit(**fields, attack=tuple(row["attack"].split()), line=line)


def _specification_problems(row: Mapping[str, str]) -> list[str]:
    out = [_not_identifier("exhibit", row["exhibit"]), _not_identifier("id", row["id"])]
    out.append(_unknown("estimator", row["estimator"], list(ESTIMATORS)))
    try:
        parse(row["sample"])
    except ConfigError as error:
        out.append(str(error))
    return out + (_misused(row, ESTIMATORS[row["estimator"]]) if row["estimator"] in ESTIMATORS else [])


def _specification(row: Mapping[str, str], line: int) -> Specification:
    lists = {name: tuple(row[name].split()) for name in LISTS}
    texts = {name: row[name] for name in _SPECIFICATION_COLUMNS if name not in (*LISTS, "study", "options")}
    return Specification(**texts, **lists, options=_options(row["options"]), line=line)


def _options(text: str) -> dict[str, str]:
    return dict(part.partition("=")[::2] for part in text.split())


def _misused(row: Mapping[str, str], estimator: Estimator) -> list[str]:
    """Fields that the estimator does not read, and options it does not know or cannot read."""
    name = row["estimator"]
    fields = ("treatment", "exposure", "channels", "covariates", "fixed_effects")
    out = [f"{field}: {name} takes none" for field in fields if row[field] and field not in estimator.reads]
    if row["treatment"] and estimator.cohorts and not SINCE.fullmatch(row["treatment"]):
        out.append(f"treatment: {name} takes first treated periods, write since({row['treatment']})")
    if len(row["cluster"].split()) > (2 if estimator.two_way else 1):
        out.append(f"cluster: {name} takes {'two columns at most' if estimator.two_way else 'one column'}")
    parts = row["options"].split()
    for key, times in Counter(part.partition("=")[0] for part in parts).items():
        if times > 1:
            out.append(f"option {key!r} stands {times} times")
    for key, value in _options(row["options"]).items():
        if key not in estimator.options:
            known = ", ".join(sorted(estimator.options))
            out.append(f"option {key!r}{did_you_mean(key, list(estimator.options))}: {name} takes {known}")
            continue
        try:
            estimator.options[key](value)
        except ValueError as error:
            out.append(f"option {key}={value}: {error}")
    return out


def _unknown(what: str, value: str, allowed: Sequence[str]) -> str:
    return "" if value in allowed else f"no {what} {value!r}{did_you_mean(value, allowed)}; use {', '.join(allowed)}"


def _not_identifier(what: str, value: str) -> str:
    return "" if _IDENTIFIER.fullmatch(value) else f"{what} {value!r}: use lower-case letters, digits and _"


def _together(
    study: str, exhibits: Sequence[Exhibit], rows: Sequence[Specification], problems: list[str]
) -> dict[str, Exhibit]:
    """Join the specifications of a study to its exhibits; note what stands twice, is empty or has no home."""
    shown: dict[str, Exhibit] = {}
    for exhibit in exhibits:
        if exhibit.exhibit in shown:
            problems.append(f"{EXHIBITS}, line {exhibit.line}: {study} has exhibit {exhibit.exhibit!r} twice")
        shown[exhibit.exhibit] = exhibit
    seen: dict[tuple[str, str], int] = {}
    first: dict[str, Specification] = {}
    for row in rows:
        where = f"{SPECIFICATIONS}, line {row.line}"
        problem = _unfit(row, shown, first.setdefault(row.exhibit, row))
        if problem:
            problems.append(f"{where}: {study} {problem}")
        if (row.exhibit, row.id) in seen:
            problems.append(f"{where}: {study} has {row.exhibit}/{row.id} in line {seen[row.exhibit, row.id]} already")
        seen.setdefault((row.exhibit, row.id), row.line)
    own = {name: tuple(row for row in rows if row.exhibit == name) for name in shown}
    for name, exhibit in shown.items():
        if not own[name]:
            problems.append(f"{EXHIBITS}, line {exhibit.line}: {study} has no specification of exhibit {name!r}")
    return {name: replace(exhibit, specifications=own[name]) for name, exhibit in shown.items()}


def _unfit(row: Specification, shown: Mapping[str, Exhibit], first: Specification) -> str:
    """Say why a row cannot stand in its exhibit, next to the first one; empty where it can."""
    if row.exhibit not in shown:
        return f"has no exhibit {row.exhibit!r}{did_you_mean(row.exhibit, list(shown))} in {EXHIBITS}"
    kind = shown[row.exhibit].kind
    if not shown[row.exhibit].joint:
        return ""
    if len(row.cluster) == 2 or not row.method.influence:
        what = "two-way clustering" if len(row.cluster) == 2 else row.estimator
        return f"{row.exhibit}/{row.id}: {what} has no influence functions, which an exhibit of kind {kind} needs"
    if row.cluster != first.cluster:
        return f"{row.exhibit}/{row.id}: all rows of an exhibit of kind {kind} need the same clusters"
    return ""
