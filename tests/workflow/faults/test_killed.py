"""Runs of the workflow that are killed, interrupted or started twice."""

import os
import re
import signal
import subprocess
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from aigreen.disk import lock
from aigreen_study.run.one_run import STEPS

from .project import DRAWS, PANEL, PDF, RESULTS, Project, one_line

pytestmark = pytest.mark.slow
fault = pytest.mark.fault
SMALL = ("simulation={scale: small, n_firms: 60, patents_factor: 0.05}", *DRAWS)
KILLS = 2
DECOMPOSITION = "logs/provinces/decomposition.log"


def wait_for(log: Path, process: subprocess.Popen) -> None:
    while process.poll() is None and not log.exists():
        time.sleep(0.01)


def _step_at_work(results: Path) -> bool:
    with (results / STEPS).open("a") as steps:
        return not lock(steps, wait=False)


@contextmanager
def held_in_a_step(project: Project, process: subprocess.Popen) -> Iterator[None]:
    """Halt a run and its step, the decomposition, in the middle of the step; let them go on afterwards."""
    wait_for(project.folder / DECOMPOSITION, process)
    while not _step_at_work(project.folder / RESULTS):
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGCONT)


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
    at_work, took = 0, float(re.search(r"end after ([0-9.]+) s", log.read_text(encoding="utf-8"))[1])
    for seconds in np.random.default_rng(zlib.crc32(rule.encode())).uniform(0, took, KILLS):
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
    target = f"{RESULTS}/tables/decomposition.json"
    (project.folder / DECOMPOSITION).unlink()
    first = project.start(target, "--forcerun", "decomposition")
    with held_in_a_step(project, first):
        first.kill()
        second = project.start(target)
        said = b""
        while b"waiting for a step that outlived a killed run" not in said:
            line = second.stdout.readline()
            assert line, said.decode()
            said += line
    said += second.communicate(timeout=600)[0]
    first.communicate()
    assert second.returncode == 0, said.decode()
    assert project.sums() == expected
    seen("waited; same bytes")


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
    (project.folder / DECOMPOSITION).unlink()
    first = project.start(f"{RESULTS}/tables/decomposition.json", "--forcerun", "decomposition")
    with held_in_a_step(project, first):
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
