"""What Snakemake shows: a line for a step, one for a failure that says why and where the log is, and what was made."""

from __future__ import annotations

import atexit
import logging
import os
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from aigreen_study.run.forecast import forecast
from aigreen_study.run.interruption import MESSAGE, interrupted, on_interrupt, tell, told
from aigreen_study.run.machine import environment_gone
from aigreen_study.run.steps import Steps

_HEADER = re.compile(
    r"^\w+( in rule \w+)?( in file \"[^\n]*\", line \d+)?:\s*|\n\s*File \"[^\n]*\", line \d+, in [\w<>]+$"
)
_OF_THE_JOB = ("RuleException", "CalledProcessError")
_ENDING = {
    "Terminating processes on user request": MESSAGE,
    "Will exit after finishing currently running jobs": "error: terminated; run again to go on",
}
_ROUTINE = re.compile(
    r"$|None$|Using (workflow specific profile|shell)|Assuming unrestricted|Building DAG|Provided cores|"
    r"Rules claiming more|Select jobs|Complete log|Reasons:|Elapsed time|Some jobs were triggered by provenance|"
    r"Rules with provenance|\d+ jobs have (missing|outdated) provenance|host: |"
    # of the executors for clusters
    r"SLURM run ID|No SLURM account given|No account was given|\s*Unable to guess SLURM|Cleaning up SLURM|"
    r"\s*\[.*\] Group job"
)
_AFTER = re.compile(r"(Shutting down, this|Exiting because a job|Complete log|WorkflowError:\s+At least one job)")


def short_messages(workflow: Any) -> None:
    """Make Snakemake's messages on the terminal short; its own log file keeps all of them.

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow
        As the Snakefile sees it.
    """
    from snakemake.logging import logger

    os.environ["TQDM_DISABLE"] = "1"  # bars of steps: the last line of the terminal says which of them runs
    for handler in logger.handlers:
        if handler.name == "DefaultStreamHandler" and not isinstance(handler.formatter, Short):
            form = Short(
                handler.formatter, Steps(dry=workflow.output_settings.dryrun, plan=partial(forecast, workflow))
            )
            short = _Terminal(form)
            for condition in handler.filters:
                short.addFilter(condition)
            logger.removeHandler(handler)
            logger.addHandler(short)
            _tell_of_interruption(form)


def name_results(paths: Mapping[str, str]) -> None:
    """Say at the end of a run where these files are, under these names; those that are absent are left out."""
    from snakemake.logging import logger

    for handler in logger.handlers:
        if isinstance(handler.formatter, Short):
            handler.formatter.results = paths


def _tell_of_interruption(form: Short) -> None:
    """Say at the end that the run was interrupted where Snakemake, caught between two of its steps, said nothing.

    A second interrupt ends the run at once; what its steps leave unfinished the next run makes again.
    """

    def last() -> None:
        form.steps.close()
        tell()

    on_interrupt(last)
    atexit.register(last)


class _Terminal(logging.Handler):
    """Prints lines above the one that shows what runs."""

    def __init__(self, form: Short) -> None:
        super().__init__()
        self.name = "DefaultStreamHandler"
        self._steps = form.steps
        self.setFormatter(form)

    def emit(self, record: logging.LogRecord) -> None:
        """Print the record's line, if it has one."""
        try:
            if text := self.format(record):
                self._steps.say(text)
        except BrokenPipeError:
            raise
        except Exception:
            self.handleError(record)


class Short(logging.Formatter):
    """Formats steps and errors as one line each and leaves all else to Snakemake's own formatter.

    A step prints its own error (`aigreen_study.run.log`); a step that was killed could not, so it gets one here.
    """

    def __init__(self, usual: logging.Formatter | None, steps: Steps) -> None:
        super().__init__()
        self._usual = usual or logging.Formatter()
        self.steps = steps
        self.results: Mapping[str, str] = {}

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; an empty one is not shown."""
        event = getattr(getattr(record, "event", None), "value", None)
        text = str(record.msg)
        if ended := next((line for start, line in _ENDING.items() if text.startswith(start)), ""):
            before = told.is_set()
            told.set()
            return "" if before else ended
        if event == "group_info":  # of a dry run; its steps are listed
            return ""
        if event == "job_error":
            return "" if told.is_set() or interrupted.is_set() else _of_a_job(record)
        if _AFTER.match(text) or getattr(record, "exception", None) in _OF_THE_JOB:
            return ""
        if event == "error":
            last = text.strip().splitlines()[-1:] if "Traceback (most recent" in text else [_HEADER.sub("", text)]
            return "error: " + " ".join(" ".join(last).split())
        if event in Steps.EVENTS:
            line = self.steps.take(event, record)
            return self._made() if event == "progress" and self.steps.complete else line
        if text.startswith("Nothing to be done"):
            return f"{text}\n{self._made()}".strip()
        return "" if _ROUTINE.match(text) else self._usual.format(record)

    def _made(self) -> str:
        there = {name: path for name, path in self.results.items() if Path(path).exists()}
        return "\n".join(f"{name:<14}{path}" for name, path in there.items())


def _of_a_job(record: logging.LogRecord) -> str:
    logs = [str(log) for log in getattr(record, "log", None) or ()]
    if any(_told(Path(log)) for log in logs):
        return ""
    rule = getattr(record, "rule_name", "")
    if gone := environment_gone():
        return f"error: rule {rule}: {gone}"
    where = f" (log: {', '.join(logs)})" if logs else ""
    return f"error: rule {rule}: stopped from outside, as by kill or for want of memory; run again{where}"


def _told(log: Path) -> bool:
    """Whether the step came to say what stopped it: then its log ends with an error and the time."""
    try:
        return " ERROR " in log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
