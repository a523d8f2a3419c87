"""Tests of a room run on changed files: one process a change, forked from one that has imported the packages.

The change is made where Python reads the source, not on disk, so that a run that is killed leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import io
import os
import resource
import signal
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader

from .mutants import ROOT, Mutant
from .rooms import held_by

CPU_SECONDS, SECONDS = 300, 3600  # of one change: at work, and by the clock
DONE = "done "
_IMPORTED = "ignore:Module already imported:pytest.PytestAssertRewriteWarning"
PACKAGES = ("duckdb", "hypothesis", "ibis", "linearmodels", "matplotlib.pyplot", "pandas", "pandera.pandas")
PACKAGES += ("pyarrow.parquet", "pyfixest", "pytest", "scipy.stats", "statsmodels.api", "yaml")


@dataclass(frozen=True)
class Outcome:
    """What became of a change: the first test that fails, or none."""

    mutant: Mutant
    killed_by: str
    seconds: float

    @property
    def survived(self) -> bool:
        """Whether no test failed."""
        return not self.killed_by


def run(mutants: Iterable[Mutant], *, nearest: bool = False) -> Iterator[Outcome]:
    """Run the tests of each change; one that makes them work for `CPU_SECONDS`, or crash, counts as seen.

    Parameters
    ----------
    mutants : iterable of Mutant
    nearest : bool
        Run the tests of the room itself, not those of other rooms that stand on it.
    """
    for package in PACKAGES:
        __import__(package)
    killers: dict[str, list[str]] = {}
    for mutant in mutants:
        first = killers.setdefault(mutant.path, [])
        started = time.monotonic()
        killed = _run_one(mutant, [mutant.test] if mutant.test else [*first, *held_by(mutant.path, nearest=nearest)])
        if "::" in killed and killed not in first:
            first.insert(0, killed)
        yield Outcome(mutant, killed, time.monotonic() - started)


def _run_one(mutant: Mutant, tests: list[str]) -> str:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        os.setsid()
        _in_child(mutant, tests, writing)
    os.close(writing)
    with contextlib.ExitStack() as stack:
        answer = stack.enter_context(os.fdopen(reading))
        signal.signal(signal.SIGALRM, lambda *_: os.killpg(child, signal.SIGKILL))
        signal.alarm(SECONDS)
        said = answer.read()
        _, status = os.waitpid(child, 0)
        signal.alarm(0)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    if os.WIFSIGNALED(status):
        return "no end" if os.WTERMSIG(status) in (signal.SIGKILL, signal.SIGXCPU) else "a crash"
    if not said.startswith(DONE):
        raise RuntimeError(f"{mutant}: the tests could not be run")
    return said.removeprefix(DONE)


def _in_child(mutant: Mutant, tests: list[str], writing: int) -> None:
    """Run pytest on the changed file and write the first failure."""
    import pytest

    place = str(ROOT / mutant.path)
    read = SourceFileLoader.get_code

    def changed(loader: SourceFileLoader, name: str):
        return compile(mutant.source, place, "exec") if loader.path == place else read(loader, name)

    SourceFileLoader.get_code = changed
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 10))
    os.chdir(ROOT)
    seen = _FirstFailure()
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    options = ["-x", "-q", "-n", "0", "-p", "no:cacheprovider", "-W", _IMPORTED]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        code = pytest.main([*options, *dict.fromkeys(tests)], plugins=[seen])
    failed = seen.first or ("" if code == pytest.ExitCode.OK else f"code {int(code)}")
    os.write(writing, (DONE + failed).encode())
    os._exit(0)


class _FirstFailure:
    """The first test, or collection, that fails."""

    first = ""

    def pytest_runtest_logreport(self, report) -> None:
        if report.failed and not self.first:
            self.first = report.nodeid

    def pytest_collectreport(self, report) -> None:
        if report.failed and not self.first:
            self.first = f"collection of {report.nodeid}"
