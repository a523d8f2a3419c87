"""What Snakemake shows of a failure: one line that says why and where the log is, not its own report of the job."""

from __future__ import annotations

import atexit
import logging
import re
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

_HEADER = re.compile(
    r"^\w+( in rule \w+)?( in file \"[^\n]*\", line \d+)?:\s*|\n\s*File \"[^\n]*\", line \d+, in [\w<>]+$"
)
_OF_THE_JOB = ("RuleException", "CalledProcessError")
INTERRUPTED = "error: interrupted; run again to go on"
_ENDING = {
    "Terminating processes on user request": INTERRUPTED,
    "Will exit after finishing currently running jobs": "error: terminated; run again to go on",
}
_AFTER = re.compile(r"(Shutting down, this|Exiting because a job|Complete log|WorkflowError:\s+At least one job)")


def one_line_errors() -> None:
    """Make Snakemake's messages on the terminal short; its own log file keeps all of them."""
    from snakemake.logging import logger

    for handler in logger.handlers:
        if handler.name == "DefaultStreamHandler" and not isinstance(handler.formatter, OneLine):
            handler.setFormatter(OneLine(handler.formatter))
            _tell_of_interruption(handler.formatter)


def _tell_of_interruption(form: OneLine) -> None:
    """Say at the end that the run was interrupted where Snakemake, caught between two of its steps, said nothing."""
    interrupted = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        interrupted.set()
        signal.default_int_handler(number, frame)

    def tell() -> None:
        if interrupted.is_set() and not form.told:
            print(INTERRUPTED, file=sys.stderr)

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, note)
        atexit.register(tell)


class OneLine(logging.Formatter):
    """Formats errors as one line and leaves all else to Snakemake's own formatter.

    A step prints its own line (`aigreen_study.run.log`); a step that was killed could not, so it gets one here.
    """

    def __init__(self, usual: logging.Formatter | None) -> None:
        super().__init__()
        self._usual = usual or logging.Formatter()
        self.told = False

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; an empty one is not shown."""
        event = getattr(getattr(record, "event", None), "value", None)
        text = str(record.msg)
        if ended := next((line for start, line in _ENDING.items() if text.startswith(start)), ""):
            told, self.told = self.told, True
            return "" if told else ended
        if event == "job_error":
            return "" if self.told else _of_a_job(record)
        if _AFTER.match(text) or getattr(record, "exception", None) in _OF_THE_JOB:
            return ""
        if event == "error":
            last = text.strip().splitlines()[-1:] if "Traceback (most recent" in text else [_HEADER.sub("", text)]
            return "error: " + " ".join(" ".join(last).split())
        return self._usual.format(record)


def _of_a_job(record: logging.LogRecord) -> str:
    logs = [str(log) for log in getattr(record, "log", None) or ()]
    if any(_told(Path(log)) for log in logs):
        return ""
    rule = getattr(record, "rule_name", "")
    where = f" (log: {', '.join(logs)})" if logs else ""
    return f"error: rule {rule}: stopped from outside, as by kill or for want of memory; run again{where}"


def _told(log: Path) -> bool:
    """Whether the step came to say what stopped it: then its log ends with an error and the time."""
    try:
        return " ERROR " in log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
