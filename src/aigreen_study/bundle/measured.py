"""What a run took: time, memory and machine, as the logs of its rules recorded them. Nothing is measured here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

_START = re.compile(r"^(\S+ \S+) INFO start; Python (\S+) on (.+?); ", re.MULTILINE)
_END = re.compile(r"^(\S+ \S+) INFO end after ([\d.]+) s(?:, peak memory (\d+) MB)?", re.MULTILINE)


@dataclass(frozen=True)
class Job:
    """One job, as its log tells it.

    Parameters
    ----------
    name : str
        Of the log: the rule, with what it was for.
    started, ended : datetime
        By the clock of the machine.
    python, system : str
    seconds : float
    memory : int or None
        Peak in MB; None where the system does not tell it.
    """

    name: str
    started: datetime
    ended: datetime
    python: str
    system: str
    seconds: float
    memory: int | None


@dataclass(frozen=True)
class Measured:
    """The jobs of a study, in order of their start."""

    jobs: tuple[Job, ...]

    @property
    def seconds(self) -> float:
        """Time of all jobs one after another."""
        return sum(job.seconds for job in self.jobs)

    @property
    def elapsed(self) -> float | None:
        """Seconds from the first start to the last end; None where the jobs are of several runs."""
        if not self.jobs:
            return None
        span = (max(job.ended for job in self.jobs) - min(job.started for job in self.jobs)).total_seconds()
        return span if span <= 2 * self.seconds + 60 else None

    @property
    def memory(self) -> int | None:
        """Largest peak of a job in MB."""
        return max((job.memory for job in self.jobs if job.memory is not None), default=None)

    @property
    def systems(self) -> list[str]:
        """Machines and Python versions of the run."""
        return sorted({f"Python {job.python} on {job.system}" for job in self.jobs})


def measured(logs: Iterable[Path]) -> Measured:
    """Read the logs of rules; one without an end (a job that was killed) is passed over."""
    jobs = [
        job for path in sorted(logs) if (job := _job(path.stem, path.read_text(encoding="utf-8", errors="replace")))
    ]
    return Measured(tuple(sorted(jobs, key=lambda job: (job.started, job.name))))


def duration(seconds: float) -> str:
    """Write seconds for people."""
    return f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.1f} minutes"


def _job(name: str, text: str) -> Job | None:
    start, end = _START.search(text), _END.search(text)
    if not (start and end):
        return None
    memory = None if end[3] is None else int(end[3])
    return Job(name, _when(start[1]), _when(end[1]), start[2], start[3], float(end[2]), memory)


def _when(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S,%f")
