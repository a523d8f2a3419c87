"""The log of a step: start, end, versions, warnings; whole inputs before it, and one line for whatever stops it."""

from __future__ import annotations

import logging
import platform
import sys
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from aigreen.errors import AigreenError, rows_withheld
from aigreen_study.run import machine
from aigreen_study.run.one_run import step
from aigreen_study.trust.identifiers import is_licensed, masked
from aigreen_study.trust.sums import check_sums, keep_sums

_PACKAGES = ", ".join(f"{name} {version(name)}" for name in ("aigreen", "numpy", "pandas", "pyfixest"))


class Job(Protocol):
    """What Snakemake tells a script about its job."""

    log: Sequence[str]
    input: Iterable[str]
    output: Iterable[str]
    config: Mapping[str, Any]


@contextmanager
def logged(job: Job | str | Path) -> Iterator[logging.Logger]:
    """Log a script's run to a file.

    Inputs are compared with what earlier steps wrote, and the sha256 of the outputs is kept. Warnings go to the log.
    Whatever stops the script is printed as one line that names the log, and ends the process with code 1 (an interrupt:
    no line and code 130); for an error that is not about the input or the file system, the log has the traceback.

    In a study on licensed data neither the log nor a result names a row; the line on the terminal does.

    Parameters
    ----------
    job : Job or path
        The script's `snakemake`; or a path, to log and nothing else.
    """
    path = Path(job if isinstance(job, str | Path) else job.log[0])
    job = None if isinstance(job, str | Path) else job
    logging.raiseExceptions = False  # a full disk stops the script by its outputs, not by its log
    logger = logging.getLogger("aigreen.run")
    licensed = is_licensed(getattr(job, "config", {}))
    try:
        with (
            _written(logger, path, licensed),
            rows_withheld() if licensed else nullcontext(),
            step(job.output if job else ()),
        ):
            if job:
                check_sums(job.input)
            yield logger
            if job:
                keep_sums(job.output)
    except AigreenError as error:
        _stop(path, _with_rows(error) if licensed else str(error), 1)
    except OSError as error:
        _stop(path, f"{error.strerror}: {error.filename}" if error.filename else str(error), 1)
    except MemoryError:
        _stop(path, "no memory left", 1)
    except KeyboardInterrupt:
        raise SystemExit(130) from None  # Snakemake says so, for all steps at once
    except Exception as error:
        _stop(path, machine.environment_gone() or f"unexpected {type(error).__name__}: {error}", 1)


def _with_rows(error: AigreenError) -> str:
    """Give the message with the first offenders that were withheld from it."""
    first = ", ".join(map(str, getattr(error, "first", ())))
    return f"{error}; first: {first}" if first and first not in str(error) else str(error)


class _Masked(logging.Formatter):
    """Formatter that names no rows."""

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))


@contextmanager
def _written(logger: logging.Logger, path: Path, licensed: bool) -> Iterator[None]:
    """Send the logger and all warnings to a file; note versions, times and errors there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, mode="w", encoding="utf-8")
    formatter = _Masked if licensed else logging.Formatter
    handler.setFormatter(formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.setLevel(logging.INFO)
    logger.handlers, logger.propagate = [handler], False

    def show(message: Warning | str, category: type[Warning], *_: object) -> None:
        logger.warning("%s: %s", category.__name__, message)

    started = time.monotonic()
    try:
        logger.info("start; Python %s on %s; %s", platform.python_version(), machine.describe(), _PACKAGES)
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.showwarning = show
            yield
    except AigreenError as error:
        logger.error("%s: %s", type(error).__name__, error)
        raise
    except BaseException:
        logger.exception("stopped")
        raise
    finally:
        took = time.monotonic() - started
        logger.info("end after %.1f s%s%s", took, machine.peak_memory(), machine.processor_time())
        with suppress(OSError):
            handler.close()


def _stop(path: Path, reason: str, code: int) -> None:
    clear = "\r\033[K" if sys.stderr.isatty() else ""  # the line that shows what runs
    print(f"{clear}error: {' '.join(reason.split())} (log: {path})", file=sys.stderr, flush=True)
    raise SystemExit(code) from None
