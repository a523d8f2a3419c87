"""One measurement in a process of its own: `python measure.py job call data warm_up result seconds`."""

from __future__ import annotations

import gc
import json
import resource
import sys
import time
import warnings
from pathlib import Path
from statistics import median

import pandas as pd
import psutil
from jobs import JOBS

MOST_CALLS = 9


def cpu_seconds() -> float:
    """CPU time of this process and of the children it has waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def resident() -> int:
    """Resident memory now, bytes."""
    return psutil.Process().memory_info().rss


def reset_peak() -> bool:
    """Forget the peak so far, where the system can (Linux)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def peak_resident(was_reset: bool) -> int:
    """Largest resident memory since `reset_peak`, else since the start, bytes."""
    if was_reset:
        status = Path("/proc/self/status").read_text()
        return 1024 * int(status.split("VmHWM:")[1].split()[0])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def main(job: str, number: str, data: str, warm_up: str, result: str, seconds: str) -> None:
    """Warm up on a small panel, then call until `seconds` have passed (once at least), and write what was found."""
    warnings.simplefilter("ignore")
    columns = list(JOBS[job].columns)
    call = JOBS[job].calls[int(number)]
    prepare = call.prepare or (lambda frame: frame)
    small = pd.read_parquet(warm_up, columns=columns)
    call.run(prepare(small))
    frame = pd.read_parquet(data, columns=columns)
    gc.collect()
    before, was_reset = resident(), reset_peak()

    Path(result).with_suffix(".began").touch()
    times = {"cpu": [], "wall": [], "fit_cpu": []}
    peak = 0
    while not times["wall"] or (sum(times["wall"]) < float(seconds) and len(times["wall"]) < MOST_CALLS):
        cpu, wall = cpu_seconds(), time.perf_counter()
        prepared = prepare(frame)
        ready = cpu_seconds()
        numbers = call.run(prepared)
        done = cpu_seconds()
        times["wall"].append(time.perf_counter() - wall)
        times["cpu"].append(done - cpu)
        times["fit_cpu"].append(done - ready)
        peak = peak or peak_resident(was_reset)
        numbers = {kind: {str(k): float(v) for k, v in series.items()} for kind, series in numbers.items()}
        del prepared
        gc.collect()
    found = {name: median(values) for name, values in times.items()}
    found |= {
        "calls": len(times["wall"]),
        "memory": max(peak - before, 0),
        "input": int(frame.memory_usage(index=False).sum()),
        "rows": len(frame),
        "numbers": numbers,
    }
    Path(result).write_text(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
