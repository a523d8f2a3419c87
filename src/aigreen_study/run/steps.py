"""The steps of a run as lines: which runs, its number of how many, and the time left."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable

from rich.console import Console
from rich.live import Live
from rich.text import Text

from aigreen_study.run.forecast import Forecast
from aigreen_study.run.interruption import interrupted

_REASONS = {
    "Missing output files": "output missing",
    "Input files updated by another job": "input made again",
    "Updated input files": "input newer",
    "Code has changed": "code changed",
    "Params have changed": "code or settings changed",
    "Set of input files has changed": "other inputs",
    "Forced execution": "forced",
    "Rules with a run or shell": "always",
}


class Steps:
    """Counts the steps of a run and says which one runs.

    On a terminal a line is printed when a step ends, and the last line shows what runs. In a log a line is printed when
    a step starts, so that the last one names what is at work.

    Parameters
    ----------
    dry : bool
        Whether nothing runs, and each step is listed with the reason to run it.
    plan : callable, optional
        Gives the durations of the steps, once it is settled which run; without it, no time left is shown.
    """

    EVENTS = ("run_info", "job_info", "job_started", "job_finished", "progress", "resources_info", "workflow_started")

    def __init__(self, *, dry: bool = False, plan: Callable[[], Forecast] | None = None) -> None:
        self._dry, self._plan_of = dry, plan
        self._forecast: Forecast | None = None
        self._console = Console(file=sys.stdout if dry else sys.stderr, highlight=False, soft_wrap=True)
        self._live: Live | None = None
        self._total = 0
        self._numbers: dict[int, int] = {}  # of a step that is tried again, the same
        self._done: set[int] = set()
        self._running: dict[int, tuple[str, float]] = {}

    @property
    def complete(self) -> bool:
        """Whether all steps are done."""
        return 0 < self._total == len(self._done)

    def say(self, text: str) -> None:
        """Print lines, above the one that shows what runs."""
        self._console.print(text, markup=False)

    def close(self) -> None:
        """Take away the line that shows what runs."""
        if self._live:
            self._live.stop()
            self._live = None

    def take(self, event: str, record: logging.LogRecord) -> str:
        """Note an event of Snakemake's and return the line to print, if any."""
        if event == "run_info":
            return self._plan(record)
        if event == "job_info":
            return self._start(record)
        if event == "job_finished":
            return self._end(record)
        return ""

    def _plan(self, record: logging.LogRecord) -> str:
        """Begin with the number of steps; a dry run, which says it twice, ends with the table of rules."""
        if self._dry and self._total:
            return str(record.msg).strip()
        self._total = record.__dict__["stats"]["total"]
        if not self._dry and self._plan_of:
            self._forecast = self._plan_of()
        if not self._dry and self._console.is_terminal and not self._console.is_dumb_terminal:
            self._live = Live(
                console=self._console, get_renderable=self._status, refresh_per_second=2, transient=True,
                redirect_stdout=False, redirect_stderr=False,
            )  # fmt: skip
            self._live.start()
        return "1 step" if self._total == 1 else f"{self._total} steps"

    def _start(self, record: logging.LogRecord) -> str:
        values = record.__dict__
        name = " ".join([values["rule_name"], *map(str, dict(values["wildcards"] or {}).values())])
        number = self._number(self._numbers.setdefault(values["jobid"], len(self._numbers) + 1))
        if self._dry:
            return f"{number} {name}: {_reason(values['reason'])}"
        self._running[values["jobid"]] = name, time.monotonic()
        return "" if self._live else f"{number} {name}{self._left()}"

    def _end(self, record: logging.LogRecord) -> str:
        step = record.__dict__["job_id"]
        self._done.add(step)
        name, began = self._running.pop(step, ("", 0.0))
        if not name:
            return ""
        took = time.monotonic() - began
        if self._forecast:
            self._forecast.took[step] = took
        if not self._live:
            return ""
        line = f"{self._number(len(self._done))} {name}  {took:.1f} s"
        if self.complete:
            self.close()
        return line

    def _number(self, i: int) -> str:
        return f"[{i:>{len(str(self._total))}}/{self._total}]" if self._total else f"[{i}]"

    def _left(self) -> str:
        now = time.monotonic()
        running = {step: now - began for step, (_, began) in list(self._running.items())}
        seconds = self._forecast.seconds(self._done, running) if self._forecast else None
        return "" if seconds is None else f", about {int(seconds) // 60}:{int(seconds) % 60:02} left"

    def _status(self) -> Text:
        names = ", ".join(name for name, _ in list(self._running.values())) or "starting"
        done, left = f"{len(self._done)} of {self._total} done", self._left()
        if interrupted.is_set():
            done, left = "ending", ""
        room = max(self._console.width - len(done) - len(left) - 8, 10)
        names = names if len(names) <= room else names[: room - 1] + "…"
        return Text(f"{done}{left}: {names}", no_wrap=True, overflow="ellipsis")


def _reason(text: str) -> str:
    """Reasons to run a step, in a few words and without files."""
    found = [words for start, words in _REASONS.items() if start.lower() in text.lower()]
    return ", ".join(found) or text.split(":")[0]
