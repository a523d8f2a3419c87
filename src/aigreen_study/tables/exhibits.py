"""Tables of registry exhibits: regressions in columns, estimates in lines, what they could find, contrasts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from aigreen.effects.effects import Effects
from aigreen_study.specification.precision import POWER, detectable
from aigreen_study.specification.results import Results
from aigreen_study.specification.specification import Specification
from aigreen_study.tables.estimates import (
    TOLD,
    attributed,
    interval_cells,
    level_spanner,
    regression_table,
    truth_cells,
)
from aigreen_study.tables.formats import MINUS
from aigreen_study.tables.table import Cell, Group, Row, Table
from aigreen_study.words import in_sentence, listed

_CODE, _ARGUMENT = re.compile(r"\w=|\w\(|`"), re.compile(r"(\w+)='?(\w+)'?")
SIZES = ("Observations", "Units")
CENTRED = {
    "leave_one_out": "Leave-one-out errors (treated rows are centred without their own cluster), larger than "
    "conservative ones (with it) where cohorts have few clusters.",
    "conservative": "Conservative errors (treated rows are centred with their own cluster), smaller than leave-one-out "
    "ones (without it) where cohorts have few clusters.",
}


def columns_table(
    results: Results, labels: Mapping[str, str], roles: Mapping[str, str], *, level: float, simulated: bool = False
) -> Table:
    """One column a specification: treatment, then controls, with fixed effects, the truth and sizes at the foot.

    Parameters
    ----------
    results : Results
        Of regressions.
    labels : mapping of column to label
    roles : mapping
        Columns unit and time of the study.
    level : float
        Of the intervals that the truth of a simulated study is held against.
    """
    parts, exhibit, told = results.estimated, results.exhibit, _Told(results, level)
    terms = {part.dose_column or "treated": _treatment(part, labels) for part in parts}
    terms |= {name: labels[name] for part in parts for name in part.covariates}
    known = {str(term) for part in parts for term in results.fitted[part.id].index}
    return regression_table(
        {part.id: results.fitted[part.id] for part in parts},
        key=exhibit.exhibit,
        title=exhibit.title,
        terms={term: label for term, label in terms.items() if term in known},
        outcomes=dict(labels),
        headings=[part.label or part.method.label for part in parts],
        facts=_effects_rows(parts, labels, roles) | _truth_rows(results, level),
        notes=_notes(results, told.note),
        simulated=simulated,
    )


def estimates_table(results: Results, labels: Mapping[str, str], *, level: float, simulated: bool = False) -> Table:
    """One line an estimate, under its group: estimate, error, interval, rows and units; the truth where it is known.

    Parameters
    ----------
    labels : mapping of column to label
    """
    told = _Told(results, level)
    groups = [
        Group(tuple(Row(part.label, (*_line(results, part, level), *told.cells(part))) for part in parts), title)
        for title, parts in results.groups.items()
    ]
    made_by = [_estimated_by(results, part) for parts in results.groups.values() for part in parts]
    more = (*SIZES, *told.columns)
    table = _table(results, labels, groups, more, level, simulated, told.note)
    return attributed(table, rows=made_by)


def range_table(results: Results, labels: Mapping[str, str], *, level: float, simulated: bool = False) -> Table:
    """One line a sample: estimate, error, interval, rows, clusters and those of them with a treated row.

    Parameters
    ----------
    labels : mapping of column to label
    """

    def cells(part: Specification) -> tuple[Cell, ...]:
        fitted, treated = results.fitted[part.id], results.treated_clusters(part.id)
        sizes = (fitted.n_rows, fitted.n_clusters, *([] if treated is None else [treated]))
        told = [Cell.count(size) for size in sizes]
        return (*_numbers(results.single[part.id], level), *told, *([Cell()] * (3 - len(told))))

    groups = [
        Group(tuple(Row(part.label, cells(part)) for part in parts), title) for title, parts in results.groups.items()
    ]
    made_by = [_estimated_by(results, part) for parts in results.groups.values() for part in parts]
    columns = ("Observations", "Clusters", "Treated")
    return attributed(_table(results, labels, groups, columns, level, simulated), rows=made_by)


def precision_table(results: Results, labels: Mapping[str, str], *, level: float, simulated: bool = False) -> Table:
    """One line an estimate: estimate, error, interval, smallest effect that could be found, rows and clusters.

    Parameters
    ----------
    labels : mapping of column to label
    """

    def cells(part: Specification) -> tuple[Cell, ...]:
        effect, fitted = results.single[part.id], results.fitted[part.id]
        found = Cell.number(detectable(effect, level), 3)
        treated = effect.effective_clusters()["treated"].iloc[0]
        sizes = (Cell.count(fitted.n_rows), Cell.count(fitted.n_clusters), Cell.number(treated, 1))
        return (*_numbers(effect, level), found, *sizes)

    groups = tuple(
        Group(tuple(Row(part.label, cells(part)) for part in parts), title) for title, parts in results.groups.items()
    )
    table = Table(
        key=results.exhibit.exhibit,
        title=results.exhibit.title,
        stub="",
        columns=("Estimate", "Std. error", "low", "high", "Detectable", "Observations", "Clusters", "treated"),
        spanners=((level_spanner(level),),),
        groups=groups,
        notes=_notes(
            results,
            f"Detectable: the smallest effect that a test at {1 - level:.0%} finds with a probability of {POWER:.0%}, "
            "with the degrees of freedom that the treated clusters leave. Treated: effective treated clusters.",
            _errors(results, labels),
        ),
        simulated=simulated,
    )
    return attributed(table, rows=[_estimated_by(results, part) for parts in results.groups.values() for part in parts])


def contrast_table(
    results: Results, labels: Mapping[str, str], *, level: float, simulated: bool = False, **bootstrap: Any
) -> Table:
    """As `estimates_table`, with p-values alone and adjusted, differences within groups and their joint test.

    Parameters
    ----------
    labels : mapping of column to label
    bootstrap
        Options of `aigreen.inference.multiple.multiple_testing`.
    """
    told = _Told(results, level)
    single, of_gaps = results.adjusted(**bootstrap), results.adjusted_differences(**bootstrap)
    groups: list[Group] = []
    made_by: list[tuple[str, Effects] | None] = []
    for title, parts in results.groups.items():
        made_by += [_estimated_by(results, part) for part in parts]
        rows = [
            Row(
                part.label,
                (
                    *_line(results, part, level),
                    *_p_values(results.single[part.id], single[part.id]),
                    *told.cells(part),
                ),
            )
            for part in parts
        ]
        if title in results.compared:
            label = {part.id: part.label for part in parts}
            true = results.true_differences(title)
            for key, gap in results.differences(title).items():
                cells = (
                    *_numbers(gap, level),
                    Cell(),
                    Cell(),
                    *_p_values(gap, of_gaps[title, key]),
                    *told.difference(title, key, true.get(key)),
                )
                rows.append(Row(f"{label[key]} {MINUS} {parts[0].label}", cells))
                made_by.append((f"{results.exhibit.exhibit}/{key} less {parts[0].id}", gap))
            if len(parts) > 2:
                rows.append(
                    Row("All equal", (*[Cell()] * 6, _equal(results, title), *[Cell()] * (1 + len(told.columns))))
                )
                made_by.append(None)
        groups.append(Group(tuple(rows), title))
    adjusted = (
        "Adjusted p-values are those of Romano and Wolf, over all estimates of the table and over all differences."
    )
    more = (*SIZES, "p-value", "Adjusted", *told.columns)
    table = _table(results, labels, groups, more, level, simulated, adjusted, *_not_compared(results), told.note)
    return attributed(table, rows=made_by)


def _not_compared(results: Results) -> list[str]:
    """Say which effects the tests of equality that are shown leave out."""
    left_out = {title: results.left_out(title) for title, parts in results.groups.items() if len(parts) > 2}
    several = len(left_out) > 1
    return [
        f"All equal{f' ({title})' if several else ''}: without {listed(names)}, whose "
        + ("difference has no error of its own." if len(names) == 1 else "differences have no error of their own.")
        for title, names in left_out.items()
        if names
    ]


class _Told:
    """What a table says of the truth: two columns where it is known of any estimate."""

    def __init__(self, results: Results, level: float) -> None:
        self._truth, self._held = results.truth, results.held(level)
        self._gaps = results.held_differences(level) if results.exhibit.kind == "contrast" else {}
        self.columns = TOLD if self._held else ()

    def cells(self, part: Specification) -> tuple[Cell, ...]:
        """Truth of an estimate, and whether its interval holds it."""
        return self._said(self._truth.get(part.id), self._held.get(part.id))

    def difference(self, group: str, key: str, truth: float | None) -> tuple[Cell, ...]:
        """Truth of a difference, and whether its interval holds it."""
        return self._said(truth, self._gaps.get((group, key)))

    @property
    def note(self) -> str:
        """For how many estimates, and differences, the interval holds the truth."""
        if not self._held:
            return ""
        said = f"Covers the truth: {sum(self._held.values())} of {len(self._held)} intervals"
        return said + (f", and {sum(self._gaps.values())} of {len(self._gaps)} of differences." if self._gaps else ".")

    def _said(self, truth: float | None, covered: bool | None) -> tuple[Cell, ...]:
        if truth is None or not self.columns:
            return tuple(Cell("–") for _ in self.columns)
        return tuple(truth_cells(truth, covered))


def _truth_rows(results: Results, level: float) -> dict[str, list[str | float]]:
    """Rows with the truth of each column's treatment, where any is known."""
    held = results.held(level)
    if not held:
        return {}
    keys = [part.id for part in results.estimated]
    return {
        "Truth": [f"{results.truth[key]:.3f}".replace("-", MINUS) if key in held else "–" for key in keys],
        f"{level:.0%} interval covers it": [("Yes" if held[key] else "No") if key in held else "–" for key in keys],
    }


def _table(
    results: Results,
    labels: Mapping[str, str],
    groups: list[Group],
    more: tuple[str, ...],
    level: float,
    simulated: bool,
    *notes: str,
) -> Table:
    return Table(
        key=results.exhibit.exhibit,
        title=results.exhibit.title,
        stub="",
        columns=("Estimate", "Std. error", "low", "high", *more),
        spanners=((level_spanner(level),),),
        groups=tuple(groups),
        notes=_notes(results, *notes, _errors(results, labels), _treated(results)),
        simulated=simulated,
    )


def _estimated_by(results: Results, part: Specification) -> tuple[str, Effects]:
    """Name a specification as the number ledger does, with its result."""
    return f"{results.exhibit.exhibit}/{part.id}", results.fitted[part.id]


def _line(results: Results, part: Specification, level: float) -> tuple[Cell, ...]:
    fitted = results.fitted[part.id]
    sizes = (Cell.count(size) for size in (fitted.n_rows, fitted.n_units))
    return (*_numbers(results.single[part.id], level), *sizes)


def _numbers(effect: Effects, level: float) -> tuple[Cell, ...]:
    return tuple(interval_cells(effect.to_frame(level).iloc[0]))


def _equal(results: Results, group: str) -> Cell:
    test = results.equality(group)
    return Cell("no full rank") if test is None else Cell.p_value(test.p_value)


def _p_values(effect: Effects, adjusted: float) -> tuple[Cell, Cell]:
    return Cell.p_value(effect.to_frame()["p_value"].iloc[0]), Cell.p_value(adjusted)


def _notes(results: Results, *more: str) -> str:
    said = [results.exhibit.notes, *more, *_small_cells(results)]
    label = {part.id: part.label or part.id for part in results.exhibit.specifications}
    said += not_estimated({label[key]: why for key, why in results.failures.items()})
    return " ".join(filter(None, said))


def _small_cells(results: Results) -> list[str]:
    """Say which errors are too small because cohorts or effects stand in very few clusters or units."""
    said = []
    for text, parts in results.small_cells.items():
        whose = list(dict.fromkeys(part.label or part.method.label for part in parts))
        some = f"some {text.replace(': ', ', and ', 1)}."
        said.append(_of("" if len(parts) == len(results.estimated) else "; ".join(whose), some[0].upper() + some[1:]))
    return said


def not_estimated(failures: Mapping[str, str]) -> list[str]:
    """Say of each label why these data give no estimate, without what errors advise to those who program."""
    return [f"Not estimated: {label} ({_reason(why)})." for label, why in failures.items()]


def _reason(error: str) -> str:
    """Leave out the clauses of an error that name arguments or calls; where all do, write the first in words."""
    clauses = error.split("; ")
    plain = [clause for clause in clauses if not _CODE.search(clause)]
    return "; ".join(plain) or _ARGUMENT.sub(lambda found: " ".join(found.groups()).replace("_", " "), clauses[0])


def _errors(results: Results, labels: Mapping[str, str]) -> str:
    """Say by what most errors are clustered, and which estimates have others."""
    own = {part.label: results.fitted[part.id] for part in results.estimated}
    clusters = Counter(str(effects.clusters.name) for effects in own.values() if effects.psi is not None)
    said = []
    if clusters:
        usual = clusters.most_common(1)[0][0]
        said.append(f"Errors are clustered by {in_sentence(labels.get(usual, usual))}.")
    for label, effects in own.items():
        if effects.psi is None:
            stated = effects.conventions["variance"].split(";")[0].replace("diff-diff", "the package diff-diff")
            said.append(f"{label}: errors of {_named(stated, effects, labels)}.")
        elif effects.clusters.name != usual:
            said.append(f"{label}: {_named(f'clustered by {effects.clusters.name}', effects, labels)}.")
    return " ".join([*said, *_centring(results)])


def _centring(results: Results) -> list[str]:
    """Say of errors that rest on centred treated rows which kind they are, and why the other kind differs."""
    kinds: dict[str, list[Specification]] = {}
    for part in results.estimated:
        effects = results.fitted[part.id]
        stated = effects.conventions.get("variance", "") if effects.psi is not None else ""
        if "centred" in stated:
            left_out = "without the own cluster" in stated or "leave_one_out" in stated
            kinds.setdefault("leave_one_out" if left_out else "conservative", []).append(part)
    if len(kinds) == 1:
        kind, parts = kinds.popitem()
        labels = list(dict.fromkeys(part.method.label for part in parts))
        whose = "" if len(parts) == len(results.estimated) else listed(labels)
        return [_of(whose, CENTRED[kind])]
    few = min(kinds, key=lambda kind: (len(kinds[kind]), kind), default="")
    several = {kind: list(dict.fromkeys(part.label for part in parts)) for kind, parts in kinds.items()}
    return [
        _of(listed(several[kind]) if kind == few or len(several[kind]) < 4 else "", CENTRED[kind])
        for kind in sorted(kinds, key=lambda kind: kind == few)
    ]


def _of(whose: str, sentence: str) -> str:
    return f"{whose}: {sentence[0].lower()}{sentence[1:]}" if whose else sentence


def _treated(results: Results) -> str:
    """Say how many clusters have treated rows: in most lines, and in those that differ; a range has a column.

    Lines of a decomposition are left out: its treated rows are those that have the channels, too.
    """
    if results.exhibit.kind == "range":
        return ""
    said, labels = {}, Counter(part.label for part in results.estimated)
    for part in results.estimated:
        treated = results.treated_clusters(part.id)
        if treated is not None and not part.channels:
            name = part.label if labels[part.label] == 1 else f"{part.group}, {part.label}"
            said[name] = f"{treated:,} of {results.fitted[part.id].n_clusters:,}"
    if not said:
        return ""
    usual, times = Counter(said.values()).most_common(1)[0]
    first = [usual] if times > 1 or len(said) == 1 else []
    others = [f"{label}: {counts}" for label, counts in said.items() if not first or counts != usual]
    return f"Clusters with treated rows, of all: {'; '.join([*first, *others])}."


def _named(text: str, effects: Effects, labels: Mapping[str, str]) -> str:
    """Write the label of the clusters for their column."""
    name = str(effects.clusters.name)
    return text.replace(name, in_sentence(labels.get(name, name)))


def _treatment(part: Specification, labels: Mapping[str, str]) -> str:
    if not part.dose:
        return labels["treated"]
    lag = part.options.get("lag", "0")
    return labels[part.dose] + (f", lagged by {lag}" if lag != "0" else "")


def _effects_rows(
    parts: list[Specification], labels: Mapping[str, str], roles: Mapping[str, str]
) -> dict[str, list[str]]:
    """Rows that say which fixed effects a column has."""
    used = [_effects(part, roles) for part in parts]
    return {
        f"{effect_label(effect, labels)} effects": ["Yes" if effect in names else "No" for names in used]
        for effect in dict.fromkeys(name for names in used for name in names)
    }


def _effects(part: Specification, roles: Mapping[str, str]) -> tuple[str, ...]:
    return part.fixed_effects or (roles["unit"], roles["time"])


def effect_label(effect: str, labels: Mapping[str, str]) -> str:
    """Call a fixed effect by the labels of its columns, as ``Industry × year``."""
    first, *others = (labels[name] for name in effect.split("^"))
    return " × ".join([first, *map(in_sentence, others)])


def choices(results: Results, labels: Mapping[str, str], roles: Mapping[str, str]) -> pd.DataFrame:
    """Say in words what was chosen in each specification.

    A sample is called by the specification's group, where it has one.

    Returns
    -------
    DataFrame
        One row a specification, indexed by id; columns Estimator, Outcome, Treatment, Controls, Fixed effects, Sample,
        Clusters and, where they are no mere consequence of the estimator, Options.
    """

    def said(names: Iterable[str], otherwise: str) -> str:
        return ", ".join(labels.get(name, name) for name in names) or otherwise

    own = labels["treated"]
    rows = {
        part.id: {
            "Estimator": part.method.label,
            "Outcome": labels[part.outcome],
            "Treatment": _treatment(part, labels) if part.dose else said(filter(None, [part.cohort]), own),
            "Controls": said(part.covariates, "none"),
            "Fixed effects": ", ".join(effect_label(name, labels) for name in _effects(part, roles)),
            "Sample": part.group or part.sample or "all rows",
            "Clusters": said(part.cluster, labels[roles["cluster"]]),
            "Options": ", ".join(f"{key} {value}" for key, value in part.options.items()) or "default",
        }
        for part in results.estimated
    }
    table = pd.DataFrame.from_dict(rows, orient="index")
    idle = (table.groupby("Estimator")["Options"].nunique() == 1).all()
    return table.drop(columns="Options") if idle else table


def outcome_label(results: Results, labels: Mapping[str, str]) -> str:
    """Label of the outcome where all specifications have one, else "the outcome"."""
    outcomes = {part.outcome for part in results.estimated}
    return in_sentence(labels[outcomes.pop()]) if len(outcomes) == 1 else "the outcome"
