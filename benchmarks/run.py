"""Measure aigreen against other packages: `python3 run.py benchmark --help` at the top of the repository."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from compare import Comparison, compare
from jobs import JOBS
from machine import describe
from report import write

import data

HERE = Path(__file__).resolve().parent
SIZES = (15_000, 75_000, 750_000, 7_500_000)
WARM_UP_ROWS = 15_000
THREADS = "OMP_NUM OPENBLAS_NUM MKL_NUM BLIS_NUM VECLIB_MAXIMUM NUMEXPR_NUM NUMBA_NUM RAYON_NUM POLARS_MAX"


@dataclass
class Entry:
    """What is known of one call at one size."""

    job: str
    number: int
    rows: int
    label: str
    rounds: list[dict[str, Any]] = field(default_factory=list)
    problem: str = ""
    at_least: float | None = None
    """Seconds that the call itself had taken when it was stopped."""
    comparisons: list[Comparison] = field(default_factory=list)

    def value(self, name: str) -> float | None:
        """Median over rounds."""
        return median(r[name] for r in self.rounds) if self.rounds else None


def measure(entry: Entry, files: dict[int, Path], folder: Path, options: argparse.Namespace) -> None:
    """Run one round of `entry` in a new process and watch its time and memory."""
    result, began, errors = folder / "result.json", folder / "result.began", folder / "errors.txt"
    result.unlink(missing_ok=True)
    began.unlink(missing_ok=True)
    arguments = [entry.job, str(entry.number), str(files[entry.rows]), str(files[WARM_UP_ROWS]), str(result)]
    environment = {**os.environ, **{name + "_THREADS": "1" for name in THREADS.split()}, "PYTHONHASHSEED": "0"}
    most = options.memory * psutil.virtual_memory().total
    started = time.monotonic()
    with open(errors, "w") as stream:
        child = subprocess.Popen(
            [sys.executable, str(HERE / "measure.py"), *arguments, str(options.seconds)],
            env=environment,
            cwd=HERE,
            stdout=subprocess.DEVNULL,
            stderr=stream,
            start_new_session=True,
        )
        try:
            while child.poll() is None:
                time.sleep(0.05)
                if time.monotonic() - started > options.limit:
                    entry.problem = f"more than {options.limit:g} s"
                    entry.at_least = time.time() - began.stat().st_mtime if began.exists() else None
                elif _resident(child.pid) > most:
                    entry.problem = f"more than {most / 1e9:.0f} GB of memory"
                if entry.problem:
                    break
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
    if entry.problem:
        return
    if result.exists():
        entry.rounds.append(json.loads(result.read_text()))
        return
    lines = [line for line in errors.read_text().splitlines() if line.strip()]
    entry.problem = "fails: " + (lines[-1][:160] if lines else f"exit code {child.returncode}")


def _resident(pid: int) -> int:
    try:
        return psutil.Process(pid).memory_info().rss
    except psutil.Error:
        return 0


def foreseen(entry: Entry, smaller: Entry | None, limit: float) -> str:
    """Why a call need not be tried at this size, judging by the size before."""
    if smaller is None or not (smaller.rounds or smaller.problem):
        return ""
    if smaller.problem:
        return f"not tried: {smaller.problem} at {smaller.rows:,} rows"
    likely = smaller.value("wall") * entry.rows / smaller.rows
    return f"not tried: about {likely:,.0f} s to be expected" if likely > limit else ""


def run_job(name: str, rows: int, done: dict[tuple, Entry], context: tuple, say) -> None:
    """Measure all calls of a job at one size, in turn, round by round."""
    files, folder, options = context
    job = JOBS[name]
    entries = [Entry(name, i, rows, call.label) for i, call in enumerate(job.calls[: 1 if options.only_ours else None])]
    sizes = [size for size in options.rows if size < rows]
    for entry in entries:
        smaller = done.get((name, entry.number, sizes[-1])) if sizes else None
        entry.problem = foreseen(entry, smaller, options.limit)
        done[name, entry.number, rows] = entry
    for turn in range(options.repeat if rows <= 750_000 else min(options.repeat, 2)):
        for entry in entries:
            if entry.problem:
                if not turn:
                    say(f"{rows:>9,} rows  {name:<20} {entry.label:<32} {entry.problem}")
                continue
            measure(entry, files, folder, options)
            last = f"{entry.rounds[-1]['cpu']:.4g} s" if entry.rounds else ""
            say(f"{rows:>9,} rows  {name:<20} {entry.label:<32} {entry.problem or last}")
    own = entries[0]
    for entry, call in zip(entries[1:], job.calls[1:], strict=False):
        if own.rounds and entry.rounds:
            pair = own.rounds[0]["numbers"], entry.rounds[0]["numbers"]
            entry.comparisons = compare(*pair, job.tolerance, call.differs)
            for c in [c for c in entry.comparisons if not c.agrees]:
                say(f"    {entry.label} differs from ours, {c}: {c.convention or 'NOT EXPLAINED'}")


def main() -> None:
    """Read the options, measure, write results.md and results.json."""
    parser = argparse.ArgumentParser(prog="run.py benchmark", description=__doc__)
    add = parser.add_argument
    add("--rows", type=int, nargs="+", default=list(SIZES), help="sizes (default: %(default)s)")
    add("--jobs", nargs="+", choices=sorted(JOBS), default=list(JOBS), metavar="JOB", help=", ".join(JOBS))
    add("--repeat", type=int, default=3, help="rounds, each with a new process for every call (default: %(default)s)")
    add("--seconds", type=float, default=1.0, help="short calls are repeated for this long in a process")
    add("--limit", type=float, default=300, help="seconds a process may take (default: %(default)s)")
    add("--memory", type=float, default=0.7, help="share of the machine's memory a process may take")
    add("--only-ours", action="store_true", help="leave the other packages out")
    add("--output", type=Path, default=HERE, help="folder of results.md and results.json")
    options = parser.parse_args()
    options.rows = sorted(set(options.rows))
    options.output.mkdir(parents=True, exist_ok=True)
    full = options.rows == list(SIZES)

    done: dict[tuple, Entry] = {}
    terminal = sys.stderr.isatty()

    def say(text: str) -> None:
        minutes = (time.monotonic() - started) / 60
        print(f"[{minutes:5.1f} min] {text}" if terminal else text, file=sys.stderr, flush=True)

    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # so that the child and the files go too
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        files = {rows: folder / f"{rows}.parquet" for rows in {*options.rows, WARM_UP_ROWS}}
        data.make(WARM_UP_ROWS).to_parquet(files[WARM_UP_ROWS])
        try:
            for rows in options.rows:
                if not files[rows].exists():
                    data.make(rows).to_parquet(files[rows])
                for name in options.jobs:
                    if full and rows > JOBS[name].largest:
                        continue
                    run_job(name, rows, done, (files, folder, options), say)
                    write(options.output, done, describe(), options)
        except KeyboardInterrupt:
            say("interrupted; what was measured is in results.md")


if __name__ == "__main__":
    main()
