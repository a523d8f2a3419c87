"""results.md and results.json from what was measured: ratios first."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import panel_report
from jobs import JOBS
from panel_report import KEY, replace

GOAL_SIZES = (75_000, 750_000)
HEAD = """# Speed

Written by `python3 run.py benchmark`; [README.md](README.md) says how to read it.

{date}; {processor}, {cores} cores, {memory_gb} GB; {system}. One thread a process. {versions}.

"""


def write(folder: Path, done: dict[tuple, Any], machine: dict[str, Any], options: argparse.Namespace) -> None:
    """Write both files, each whole or not at all."""
    records = [_record(entry) for entry in done.values()]
    settings = {"repeat": options.repeat, "limit_seconds": options.limit}
    panel = panel_report.recorded(folder)
    whole = {"machine": machine, "settings": settings, "measurements": records} | ({KEY: panel} if panel else {})
    replace(folder / "results.json", json.dumps(whole, indent=1) + "\n")
    replace(folder / "results.md", f"{markdown(done, machine)}\n{panel_report.section(panel)}".rstrip() + "\n")


def markdown(done: dict[tuple, Any], machine: dict[str, Any]) -> str:
    """The page."""
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    sizes = sorted({rows for _, _, rows in done})
    names = list(dict.fromkeys(name for name, _, _ in done))
    parts = [HEAD.format(**{**machine, "versions": versions}), _ratios(names, sizes, done)]
    parts += [_seconds(rows, names, done) for rows in sizes]
    parts.append(_differences(done))
    return "\n".join(parts)


def _entries(name: str, rows: int, done: dict[tuple, Any]) -> list[Any]:
    return [entry for (job, _, size), entry in done.items() if job == name and size == rows]


def ratio(entries: list[Any]) -> tuple[float, str] | None:
    """Best other package's CPU time over ours, and how to write it; packages that disagree do not count.

    Where no other package came to an end in the time allowed, that time over ours is a lower bound.
    """
    if len(entries) < 2 or not entries[0].rounds:
        return None
    own = entries[0].value("cpu")
    fair = [e for e in entries[1:] if e.rounds and all(c.accepted for c in e.comparisons)]
    if fair:
        best = min(fair, key=lambda e: e.value("cpu"))
        number = best.value("cpu") / own
        return number, f"{number:.3g} ({best.label})"
    stopped = [e.at_least / own for e in entries[1:] if e.at_least]
    return (min(stopped), f"more than {min(stopped):.3g} (none ended)") if stopped else None


def _ratios(names: list[str], sizes: list[int], done: dict[tuple, Any]) -> str:
    lines = [
        "## How many times faster than the best other package",
        "",
        "| job | " + " | ".join(f"{rows:,} rows" for rows in sizes) + " | goal | reached |",
        "|---|" + "---:|" * len(sizes) + "---:|---|",
    ]
    for name in names:
        found = {rows: ratio(_entries(name, rows, done)) for rows in sizes}
        cells = [r[1] if r else "" for r in found.values()]
        goal = JOBS[name].goal
        judged = [found[rows][0] >= goal for rows in GOAL_SIZES if goal and found.get(rows)]
        reached = "" if not judged else "yes" if all(judged) else "no" if not any(judged) else "in part"
        goal_text = f"{goal:g}" if goal else "none"
        lines.append(f"| {JOBS[name].title} | {' | '.join(cells)} | {goal_text} | {reached} |")
    return "\n".join([*lines, ""])


def _seconds(rows: int, names: list[str], done: dict[tuple, Any]) -> str:
    lines = [
        f"## {rows:,} rows",
        "",
        "| job | package | CPU s | of which fit | wall s | memory above data, MB | times the data | numbers |",
        "|---|---|---:|---:|---:|---:|---:|---|",
    ]
    for name in names:
        for i, entry in enumerate(_entries(name, rows, done)):
            title = "" if i else JOBS[name].title
            if not entry.rounds or entry.problem:
                lines.append(f"| {title} | {entry.label} | | | | | | {entry.problem} |")
                continue
            cpu, fit, wall, memory, size = (entry.value(k) for k in ("cpu", "fit_cpu", "wall", "memory", "input"))
            cells = f"{cpu:.3g} | {fit:.3g} | {wall:.3g} | {memory / 1e6:.0f} | {memory / size:.1f}"
            lines.append(f"| {title} | {entry.label} | {cells} | {_agreement(entry, first=not i)} |")
    return "\n".join([*lines, ""])


def _agreement(entry: Any, *, first: bool) -> str:
    if first:
        return ""
    if any(not c.accepted for c in entry.comparisons):
        return "**differ**, see below"
    return "agree" if all(c.agrees for c in entry.comparisons) else "agree up to conventions, see below"


def _differences(done: dict[tuple, Any]) -> str:
    """Every kind of number that does not agree, once a package and job, at the largest size measured."""
    last: dict[tuple, tuple[int, Any]] = {}
    for (name, _, rows), entry in done.items():
        for c in entry.comparisons:
            if not c.agrees:
                last[name, entry.label, c.kind] = (rows, c)
    lines = ["## Numbers that differ", ""]
    for (name, label, _), (rows, c) in last.items():
        lines.append(f"- {JOBS[name].title}, {label}, {c}, {rows:,} rows: {c.convention or '**not explained**'}.")
    if not last:
        lines.append("None.")
    measured = {name for name, _, _ in done}
    notes = [f"- {job.title}: {job.note}." for name, job in JOBS.items() if job.note and name in measured]
    if notes:
        lines += ["", "## Notes", "", *notes]
    return "\n".join([*lines, ""])


def _record(entry: Any) -> dict[str, Any]:
    names = ("cpu", "fit_cpu", "wall", "memory", "input")
    measured = {name: entry.value(name) for name in names} if entry.rounds else {}
    differences = {c.kind: c.difference for c in entry.comparisons}
    return {
        "job": entry.job,
        "package": entry.label,
        "rows": entry.rows,
        **measured,
        "rounds": [round(r["cpu"], 5) for r in entry.rounds],
        "problem": entry.problem,
        "differences": differences,
    }
