"""Runs of the workflow that are killed, interrupted or started twice."""

import os
import signal
import subprocess
import time
import zlib
from pathlib import Path

import numpy as np
import pytest

from .project import DRAWS, PANEL, PDF, RESULTS, one_line

pytestmark = pytest.mark.slow
fault = pytest.mark.fault
SMALL = ("simulation={scale: small, n_firms: 60, patents_factor: 0.05}", *DRAWS)
KILLS = 2


def wait_for(log: Path, process: subprocess.Popen) -> None:
    while process.poll() is None and not log.exists():
        time.sleep(0.01)


def kill(process: subprocess.Popen, number=signal.SIGKILL) -> bool:
    at_work = process.poll() is None
    if at_work:
        os.killpg(process.pid, number)
    process.communicate()
    return at_work


COMPLETES = "the next run completes it: same bytes, no unlock"
KILLED = {
    "fetch": (f"{RESULTS}/raw/manifest.csv", "fetch"),
    "panel": (PANEL, "panel"),
    "estimate": (f"{RESULTS}/estimates/baseline", "estimate_baseline"),
    "render_columns": (f"{RESULTS}/tables/baseline.json", "render_baseline"),
    "describe": (f"{RESULTS}/tables/descriptives.json", "describe"),
    "decomposition": (f"{RESULTS}/tables/decomposition.json", "decomposition"),
    "numbers": (f"{RESULTS}/numbers.json", "numbers"),
    "paper": (PDF, "paper"),
    "ledger": (f"{RESULTS}/ledger.json", "ledger"),
    "site": (f"{RESULTS}/site", "site"),
}


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(
            rule,
            marks=fault(f"kill -9 at random moments of {rule}", COMPLETES),
        )
        for rule in KILLED
    ],
)
def test_killed(project, expected, seen, rule):
    target, name = KILLED[rule]
    log = project.folder / f"logs/provinces/{name}.log"
    at_work = 0
    for seconds in np.random.default_rng(zlib.crc32(rule.encode())).uniform(0, 2.5, KILLS):
        log.unlink(missing_ok=True)
        process = project.start(target, "--forcerun", rule)
        wait_for(log, process)
        time.sleep(seconds)
        at_work += kill(process)
        left = project.sums()
        assert left.items() <= expected.items() or rule in ("fetch", "panel")  # those two write more than one file
        project.works(target)
        assert project.sums() == expected
        assert not [path for path in (project.folder / RESULTS).rglob(".*") if path.suffix[1:].isdigit()]
    seen(f"{KILLS} kills, {at_work} while at work; each time the next run gave the same bytes")


@fault("kill -9 at random moments of simulate", COMPLETES)
def test_killed_simulation(project, seen):
    truth = "results/simulated-firms/truth/truth.parquet"
    log = project.folder / "logs/simulated-firms/simulate.log"
    project.works(truth, config=SMALL)
    whole = project.sums("results/simulated-firms")
    at_work = 0
    for seconds in np.random.default_rng(3).uniform(0.5, 6, KILLS):
        log.unlink()
        process = project.start(truth, "--forcerun", "simulate", config=SMALL)
        wait_for(log, process)
        time.sleep(seconds)
        at_work += kill(process)
        project.works(truth, config=SMALL)
        assert project.sums("results/simulated-firms") == whole
    seen(f"{KILLS} kills, {at_work} while at work; each time the next run gave the same bytes")


@fault("kill -9 of snakemake alone: a step lives on", "the next run waits for the step, then completes, same bytes")
def test_step_outlives_its_run(project, expected, seen):
    log = project.folder / "logs/provinces/decomposition.log"
    log.unlink()
    target = f"{RESULTS}/tables/decomposition.json"
    process = project.start(target, "--forcerun", "decomposition")
    wait_for(log, process)
    process.kill()
    said = project.works(target)
    process.communicate()
    assert project.sums() == expected
    waited = "waiting for a step that outlived a killed run" in said
    seen(f"{'waited; ' if waited else 'the step had ended; '}same bytes")


@pytest.mark.parametrize(
    ("number", "name"),
    [
        pytest.param(signal.SIGINT, "interrupted", marks=fault("SIGINT (Ctrl-C) once", "ends; the next run completes")),
        pytest.param(signal.SIGTERM, "terminated", marks=fault("SIGTERM once", "ends; the next run completes")),
    ],
)
def test_signal(project, expected, seen, number, name):
    log = project.folder / "logs/provinces/describe.log"
    log.unlink()
    process = project.start(PDF, "--forcerun", "describe")
    wait_for(log, process)
    os.killpg(process.pid, number)
    said = process.communicate(timeout=120)[0].decode()
    assert process.returncode != 0
    assert "Traceback" not in said
    assert f"error: {name}; run again to go on" in said
    project.works()
    assert project.sums() == expected
    seen(f"exit code {process.returncode}; error: {name}; run again to go on; the next run gave the same bytes")


@fault("two runs of a study at once", "the second stops with one line, the first completes")
def test_two_runs(project, expected, seen):
    log = project.folder / "logs/provinces/decomposition.log"
    log.unlink()
    first = project.start(f"{RESULTS}/tables/decomposition.json", "--forcerun", "decomposition")
    wait_for(log, first)
    line = project.stops(PDF, "--forcerun", "describe")
    first.communicate(timeout=300)
    assert first.returncode == 0
    assert "another run of this study is at work" in line
    project.works(PDF)
    assert project.sums() == expected
    seen(line)


@fault("two runs started at the same moment", "at least one completes, the other stops with one line or completes")
def test_two_starts(project, expected, seen):
    both = [project.start(PDF, "--forcerun", "describe") for _ in range(2)]
    said = [process.communicate(timeout=300)[0].decode() for process in both]
    codes = [process.returncode for process in both]
    assert 0 in codes, said
    for code, text in zip(codes, said, strict=True):
        assert code == 0 or "another run of this study is at work" in one_line(text)
    assert project.sums() == expected
    seen(f"exit codes {sorted(codes)}; same bytes")


@fault("lock files of Snakemake left by an older killed run", "the next run goes on without unlock")
def test_stale_lock(project, expected, seen):
    locks = project.folder / ".snakemake/locks"
    locks.mkdir(exist_ok=True)
    (locks / "0.output.lock").write_text(f"{PDF}\n")
    project.works(PDF, "--forcerun", "paper")
    assert project.sums() == expected
    seen("same bytes")
