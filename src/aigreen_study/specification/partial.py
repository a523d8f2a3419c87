"""A study of licensed files without some of its tables: what can be shown all the same, and what is left out."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from aigreen.errors import ConfigError
from aigreen_study.numbers.slug import slug
from aigreen_study.specification.registry import read_answers, read_registry
from aigreen_study.specification.specification import Exhibit, Specification

RESTRICTED = Path("data/restricted")
FOUND = "AIGREEN_ABSENT"
Absent = Mapping[str, list[str]]
CHECKS = {
    "placebo_links": ("tables/placebo_links",),
    "shift_share": ("tables/shift_share",),
    "dose_scatter": ("figures/dose_scatter",),
    "adoption": ("tables/adoption_parts", "tables/adoption_thresholds", "tables/adoption_margins",
                 "figures/adoption_doses"),
}  # fmt: skip
PREFIXES = {"placebo_links": "links_", "adoption": "adopt_"}  # of their numbers, where not that of the check
OF_CHANNELS = ("tables/sensitivity", "figures/rho")


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """An exhibit, or lines of one, that raw files do not bear.

    Attributes
    ----------
    place : str
        ``tables/links``.
    title : str
        Printed.
    lines : tuple of str
        What is left out of an exhibit that is shown otherwise; empty where nothing of it is shown.
    columns : tuple of str
        Columns of the panel that it needs and that are not there.
    tables : tuple of str
        Raw tables that would give them.
    keys : tuple of str
        Beginnings of the keys of numbers that there are not.
    """

    place: str
    title: str
    lines: tuple[str, ...] = ()
    columns: tuple[str, ...]
    tables: tuple[str, ...]
    keys: tuple[str, ...]

    def __str__(self) -> str:
        what = f"{self.place} without {len(self.lines)} of its lines" if self.lines else self.place
        return f"{what}: needs {', '.join(self.columns)} (tables {', '.join(self.tables)})"

    def record(self) -> dict[str, Any]:
        """Plain values, as a parameter of a rule."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


def absent_columns() -> dict[str, list[str]]:
    """Columns that the licensed files at hand do not give (`aigreen.data.assemble.inventory.absent_columns`).

    Jobs of a run take what its first process found: files do not change meanwhile, and reading them needs many modules.
    """
    if FOUND not in os.environ:
        from aigreen.data.assemble import inventory

        os.environ[FOUND] = json.dumps(inventory.absent_columns(RESTRICTED))
    return json.loads(os.environ[FOUND])


def read_partial(
    folder: Path, config: Mapping[str, Any], absent: Absent
) -> tuple[dict[str, Any], dict[str, Exhibit], list[LeftOut]]:
    """Read what a study shows without columns that its panel does not have.

    Lines that name such a column are left out. With fewer than two lines, or without its first, a group of a contrast
    is left out, and so is a curve without its first line, the preferred one, and an exhibit without any.

    Parameters
    ----------
    folder : Path
        Of `aigreen_study.specification.registry.read_registry`.
    config : mapping
        The study's configuration.
    absent : mapping
        Columns that the panel does not have, each with the raw tables that would give it
        (`aigreen.data.assemble.inventory.absent_columns`).

    Returns
    -------
    config : dict
        Without what rests on these columns.
    exhibits : dict of str to Exhibit
        Those that can be made, with the lines that can.
    left_out : list of LeftOut

    Raises
    ------
    ConfigError
        The study's outcome, or its main exposure, is among the columns.
    """
    if not absent:
        return dict(config), read_registry(folder, config), []
    adapted, left_out = _adapted(config, absent, read_answers(folder))
    kept: dict[str, Exhibit] = {}
    for name, exhibit in read_registry(folder, adapted).items():
        lines = _kept(exhibit, absent)
        if lines:
            kept[name] = replace(exhibit, specifications=lines)
        if gone := [line for line in exhibit.specifications if line not in lines]:
            left_out.append(_of_exhibit(exhibit, gone, absent, whole=not lines))
            if lines:
                kept[name] = replace(kept[name], notes=f"{exhibit.notes} {_word(left_out[-1])}".strip())
    return adapted, kept, left_out


def _adapted(
    config: Mapping[str, Any], absent: Absent, answers: Mapping[str, Mapping[str, str]]
) -> tuple[dict[str, Any], list[LeftOut]]:
    parts, outcomes = config["decomposition"], config["outcomes"]
    for column in (*outcomes.values(), parts["outcome"], parts["exposure"]):
        if column in absent:
            raise ConfigError(
                f"study {config['study']!r}: no column {column!r} without one of the raw tables "
                f"{', '.join(absent[column])}; `aigreen doctor --study {config['study']}` says more"
            )
    left: list[LeftOut] = []

    def without(place: str, title: str, columns: Iterable[str], keys: Iterable[str] = (), *, whole: bool) -> None:
        if gone := [column for column in columns if column in absent]:
            lines = () if whole else tuple(gone)
            left.append(_left(place, title, lines, gone, absent, keys))

    def given(columns: Iterable[str]) -> list[str]:
        return [column for column in columns if column not in absent]

    without("tables/descriptives", "Descriptive statistics", config["describe"], whole=False)
    controls = config["event_study"].get("covariates", [])
    without("figures/event_study", answers["figures/event_study"]["title"], controls, whole=False)
    channels = [column for column in parts["channels"] if column in absent]
    keys = [f"{kind}_{column}" for kind in ("dec", "move", "sensitivity") for column in channels]
    title = answers["tables/decomposition"]["title"]
    without("tables/decomposition", title, [*channels, *parts.get("alternatives", [])], keys, whole=False)
    if not given(parts["channels"]):
        for place in OF_CHANNELS:
            without(place, answers[place]["title"], channels, ["sensitivity_"], whole=True)
    checks = {}
    for name, options in config.get("checks", {}).items():
        named = _named(options) if name in CHECKS else []
        if given(named) == named:
            checks[name] = options
        else:
            for place in CHECKS[name]:
                without(place, answers[place]["title"], named, [PREFIXES.get(name, f"{name}_")], whole=True)
    adapted = {
        **config,
        "describe": given(config["describe"]),
        "event_study": {**config["event_study"], "covariates": given(controls)},
        "decomposition": {**parts, "channels": given(parts["channels"])},
        "checks": checks,
    }
    if "alternatives" in parts:
        adapted["decomposition"]["alternatives"] = given(parts["alternatives"])
    return adapted, left


def _named(options: Mapping[str, Any]) -> list[str]:
    """Columns among the options of a check."""
    found = [value if isinstance(value, list) else [value] for value in options.values()]
    return [name for names in found for name in names if isinstance(name, str)]


def _kept(exhibit: Exhibit, absent: Absent) -> tuple[Specification, ...]:
    lines = exhibit.specifications
    there = [line for line in lines if not set(line.columns) & set(absent)]
    if exhibit.kind == "curve" and there[:1] != list(lines[:1]):
        return ()
    if exhibit.kind == "contrast":
        before, after = (Counter(line.group for line in some) for some in (lines, there))
        first = {line.group: line for line in reversed(lines)}
        whole = [name for name in after if first[name] in there and (after[name] > 1 or before[name] == 1)]
        there = [line for line in there if line.group in whole]
    return tuple(there)


def _of_exhibit(exhibit: Exhibit, gone: list[Specification], absent: Absent, *, whole: bool) -> LeftOut:
    place = f"{'figures' if exhibit.drawn else 'tables'}/{exhibit.exhibit}"
    columns = dict.fromkeys(column for line in gone for column in line.columns if column in absent)
    named = [exhibit.quoted_as] if exhibit.quoted_as else []
    if whole:
        keys = [f"{exhibit.exhibit}_", *(name.partition("{id}")[0] for name in named)]
        return _left(place, exhibit.title, (), columns, absent, keys)
    keys = [key.format(id=line.id) for key in (f"{exhibit.exhibit}_{{id}}", *named) for line in gone]
    if exhibit.kind == "contrast":
        keys += [f"{exhibit.exhibit}_{slug(line.group)}_" for line in gone]
    times = Counter(map(_called, exhibit.specifications))
    lines = []
    for line in gone:
        what = ", ".join(name for name in line.columns if name in absent)
        lines.append(_called(line) + (f" with {what}" if what and times[_called(line)] > 1 else ""))
    lines = dict.fromkeys(lines)
    return _left(place, exhibit.title, tuple(lines), columns, absent, keys)


def _left(
    place: str, title: str, lines: tuple[str, ...], columns: Iterable[str], absent: Absent, keys: Iterable[str]
) -> LeftOut:
    columns = tuple(columns)
    tables = dict.fromkeys(table for column in columns for table in absent[column])
    return LeftOut(place=place, title=title, lines=lines, columns=columns, tables=tuple(tables), keys=tuple(keys))


def _word(left: LeftOut) -> str:
    return f"No raw table gives {', '.join(left.columns)}; left out: {'; '.join(left.lines)}."


def _called(line: Specification) -> str:
    return " ".join(filter(None, [line.group, line.label])) or line.id
