"""The file of a new study, with what was found in the data and what was assumed as comments."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from aigreen.errors import counted
from aigreen_study.own.letters import printable, rule
from aigreen_study.own.look import Look
from aigreen_study.run.periods import IN_A_YEAR, WORDS
from aigreen_study.words import listed

HEAD = """\
# A study of {file}. Lines that begin with # are comments: take the mark away to use one. Each key stands only once.
# In the data: {rows} of {units} from {first} to {last}{gaps}.
# Units by first treated period: {cohorts}; never treated: {never:,}.{always}{missing}
"""


def outline(
    found: Look,
    roles: Mapping[str, str],
    outcome: str,
    file: str,
    year: str,
    labels: Mapping[str, str] | None = None,
) -> str:
    """Write a study's file: what it needs, what was assumed, and what could be added.

    Parameters
    ----------
    found : Look
    roles : mapping
        Columns unit, time and cohort.
    outcome : str
    file : str
        Of the data, as the study shall name it.
    year : str
        Date of the paper.
    labels : mapping of column to label, optional
        As the data give them; those of columns that the study may use, and papers can print, are taken.
    """
    named: dict[str, object] = {**roles, **({"name": found.name} if found.name else {}), "unit_label": "Units"}
    named |= {"freq": found.freq} if found.freq != "Y" else {}
    word, unit = WORDS[found.freq], roles["unit"]
    level = next((column for column, sizes in found.clusters.items() if sizes.enough), "")
    named |= {"cluster": level} if level else {}
    low, high = found.horizons
    printed = {"unit": unit, "period": roles["time"], "outcome": outcome} | ({"cluster": level} if level else {})
    foreign = {column: word.capitalize() for word, column in printed.items() if not printable(column)}
    used = [outcome, unit, roles["time"], level, *found.controls, *found.steady, *found.groups]
    given = {column: (labels or {}).get(column, "") for column in used}
    given = {column: label for column, label in given.items() if label and printable(label)}
    lines = [
        HEAD.format(
            file=file,
            rows=counted(found.rows, "row"),
            units=counted(found.units, "unit"),
            first=found.periods[0],
            last=found.periods[1],
            gaps=f", {found.gaps:,} units and periods without a row" if found.gaps else ", without a gap",
            cohorts=", ".join(f"{time} ({units:,})" for time, units in found.cohorts.items()) or "nobody",
            never=found.never,
            always=f"\n# Left out: {counted(found.always, 'unit')} treated from the first period on."
            if found.always
            else "",
            missing=f"\n# Left out: {counted(found.missing, 'row')} without the outcome." if found.missing else "",
        ),
        f"title: {_text('The effect of treatment on ' + ('the outcome' if outcome in foreign else outcome))}",
        'authors: ["Your name"]',
        f"date: {_text(year)}",
        f"source: {{file: {_text(file)}}}",
        f"panel: {_flow(named)}",
        *([f"# Assumed: of the dates in {' and '.join(found.dates)} the {word} counts."] if found.dates else []),
        *([f"# Assumed: a period is a {word}; horizons count {word}s."] if found.freq in IN_A_YEAR else []),
        *(["# Assumed: periods are numbered; freq: Y if they are years."] if found.freq == 1 else []),
        *_clustered(found, unit, level),
        f"outcome: {_text(outcome)}",
    ]
    if found.counts:
        lines += ["# Assumed: the outcome is a count, so that Poisson regressions stand beside the linear ones.",
                  f"counts: {_text(outcome)}"]  # fmt: skip
    lines += [
        *([f"# Assumed: {', '.join(foreign)} are printed as labels says, as {rule()}."] if foreign else []),
        f"labels: {_flow({outcome: outcome} | foreign | given)}",
        f"event_study: {{horizons: [{low}, {high}]}}",
        "# Assumed: controls are units not yet treated; nobody acts before treatment.",
        "# The braces of event_study also take: control_group: never_treated, anticipation: 1, covariates: [...]",
    ]
    if found.steady:
        lines.append(
            "# Known before treatment, for trends that depend on it, in the braces of event_study: "
            f"covariates: {_list(found.steady)}"
        )
    if found.controls:
        lines += ["# Controls that move within units. Treatment should not move them: choose, do not take all.",
                  f"# covariates: {_list(found.controls)}"]  # fmt: skip
    if found.weights:
        lines += [
            "# Estimates are not weighted. Weighted ones beside them: rows of specifications.csv, beside this file,",
            f"# with the option weights={found.weights[0]}"
            + (f"; also {listed(found.weights[1:])}" if found.weights[1:] else ""),
        ]
    lines += [
        f"# Assumed: groups of {column} are without {listed(list(map(str, values)))}, where not both treated and "
        "untreated units are."
        for column, values in found.alone.items()
    ]
    if found.groups:
        lines.append("# groups:")
    for column, values in found.groups.items():
        pairs = {value if isinstance(value, str) else f"{column} {value}": value for value in values}
        lines.append(f"#   {column}: {_flow(pairs)}")
    if found.coordinates:
        latitude, longitude = found.coordinates
        lines += [
            f"coordinates: {_flow({'latitude': latitude, 'longitude': longitude})}",
            "# polygons: borders.geojson",
        ]
    near = "near: {within_km: 100}, " if found.coordinates else ""
    lines += [
        "# channels: [...]  # columns through which treatment may act",
        f"# exposures: {{{near}partners: {{links: links.csv}}}}  # links: pairs of units and a weight",
        "# dose: ...  # how much treatment, 0 where there is none",
    ]
    return "\n".join(lines) + "\n"


def _clustered(found: Look, unit: str, level: str) -> list[str]:
    """Say by what errors are clustered, and by what they could be where treatment varies above the unit."""
    if not found.clusters:
        return [f"# Assumed: errors are clustered by {unit}. Another column: add cluster to panel."]
    units = f"{unit} ({found.units - found.always:,}, {found.treated:,} of them treated)"
    other = level or next(iter(found.clusters))
    above = f"{other} ({found.clusters[other].groups:,}, {found.clusters[other].treated:,} of them treated)"
    shared = "all units share their first treated period"
    if level:
        return [
            f"# Assumed: errors are clustered by {above}, in each of which {shared}. Without cluster in the braces of "
            f"panel they are clustered by {units}, as if treatment fell on each by itself.",
        ]
    return [
        f"# Assumed: errors are clustered by {units}. In each {above} {shared}: errors by the level of treatment, of "
        f"few groups, are those with cluster: {_text(other)} added to the braces of panel above.",
    ]


def _list(columns: Iterable[str]) -> str:
    return f"[{', '.join(map(_text, columns))}]"


def _flow(values: Mapping[str, object]) -> str:
    pairs = (
        f"{_text(key)}: {_flow(value) if isinstance(value, Mapping) else _text(value)}" for key, value in values.items()
    )
    return "{" + ", ".join(pairs) + "}"


def _text(value: object) -> str:
    """Write a value for YAML, in quotes where it could be read as something else."""
    if not isinstance(value, str):
        return str(value)
    plain = value.replace("_", "").replace(".", "")
    safe = plain.isascii() and plain.isalnum() and not plain[0].isdigit()
    return value if safe and value.lower() not in _WORDS else json.dumps(value, ensure_ascii=False)


_WORDS: Iterable[str] = {"y", "n", "yes", "no", "true", "false", "on", "off", "null"}
