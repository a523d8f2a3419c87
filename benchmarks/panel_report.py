"""What `panel_build.py` measured: kept in results.json, and shown as a section of results.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from machine import describe

KEY = "panel_build"
TITLE = "## Firm-year panel from patent records"
TEXT = """
Written by `python3 run.py python benchmarks/panel_build.py`. Parquet files of patents, applicants and matched names
become the patent columns of a firm-year panel; all engines give the same numbers, which the command compares. Only
aigreen also counts what is left out, by reason, and the months to publication and grant. Seconds of a new process,
without imports (medians of the rounds), by the clock and of both processors together; 'times ours' compares the latter,
which other work on the machine changes less (blank: an earlier run, on an idle machine). Peak resident memory of the whole process (largest of the rounds); 'limit'
is what aigreen and DuckDB were allowed for their buffers.
"""
PACKAGES = ("aigreen", "duckdb", "ibis-framework", "polars", "pandas", "pyarrow", "numpy")


def recorded(folder: Path) -> dict[str, Any]:
    """Give what stands in results.json: settings and measurements, or nothing."""
    path = folder / "results.json"
    return json.loads(path.read_text("utf-8")).get(KEY, {}) if path.is_file() else {}


def section(found: dict[str, Any]) -> str:
    """Show the measurements."""
    if not found:
        return ""
    rows = found["measurements"]
    lines = [TITLE, TEXT, f"{found['machine']}", ""]
    lines += ["| patents | Parquet GB | engine | seconds | CPU seconds | times ours | peak GB | limit | rounds |"]
    lines += ["|---:|---:|---|---:|---:|---:|---:|---:|---:|"]
    for size in sorted({row["patents"] for row in rows}):
        same = [row for row in rows if row["patents"] == size]
        own = next((row.get("cpu_seconds") for row in same if row["engine"] == "aigreen"), None)
        for row in same:
            start = f"| {size:,} | {row['parquet_gb']:.2f} | {row['engine']} |"
            if row["problem"]:
                lines.append(f"{start} {row['problem']} | | | | {row['limit']} | {row['rounds']} |")
                continue
            worked = row.get("cpu_seconds")
            ratio = f"{worked:.1f} | {worked / own:.2f}" if worked and own else " | "
            cost = f"{row['seconds']:.1f} | {ratio} | {row['peak_gb']:.2f}"
            lines.append(f"{start} {cost} | {row['limit']} | {row['rounds']} |")
    return "\n".join([*lines, ""])


def store(folder: Path, measured: list[dict[str, Any]]) -> None:
    """Put measurements in place of those of the same sizes and engines, in results.json and results.md."""
    folder.mkdir(parents=True, exist_ok=True)
    path, page = folder / "results.json", folder / "results.md"
    whole = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    again = {(row["patents"], row["engine"]) for row in measured}
    kept = recorded(folder).get("measurements", [])
    before = [row for row in kept if (row["patents"], row["engine"]) not in again]
    rows = sorted([*before, *measured], key=lambda row: (row["patents"], row["engine"] != "aigreen", row["engine"]))
    whole[KEY] = {"machine": _machine(), "measurements": rows}
    text = page.read_text("utf-8") if page.is_file() else ""
    replace(path, json.dumps(whole, indent=1) + "\n")
    replace(page, f"{_without(text).rstrip()}\n\n{section(whole[KEY])}".lstrip())


def replace(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    partial = path.with_suffix(path.suffix + ".partial")
    partial.write_text(text, "utf-8")
    partial.replace(path)


def _without(text: str) -> str:
    """Page without the section."""
    head, found, rest = text.partition(TITLE)
    return head + rest[rest.find("\n## ") :].lstrip("\n") if found and "\n## " in rest else head


def _machine() -> str:
    facts = describe(PACKAGES)
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    return "{date}; {processor}, {cores} cores, {memory_gb} GB; {system}. ".format(**facts) + f"{versions}."
