"""The log of a rule: machine, versions, time, memory, warnings, and one clear line for an error made by the input."""

from __future__ import annotations

import logging
import os
import platform
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from aigreen.errors import AigreenError

_PACKAGES = ("aigreen", "numpy", "pandas", "pyfixest")


@contextmanager
def logged(path: str | Path) -> Iterator[logging.Logger]:
    """Log a script's run to a file.

    Warnings go to the log. An `AigreenError` is printed as one line and ends the process with code 1; any other error
    keeps its traceback.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("aigreen.run")
    logger.setLevel(logging.INFO)
    logger.handlers, logger.propagate = [handler], False

    def show(message: Warning | str, category: type[Warning], *_: object) -> None:
        logger.warning("%s: %s", category.__name__, message)

    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    logger.info("start; Python %s on %s, %s; %s", platform.python_version(), platform.platform(), _machine(), packages)
    started = time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.showwarning = show
        try:
            yield logger
        except AigreenError as error:
            logger.error("%s: %s", type(error).__name__, error)
            print(f"error: {error}", file=sys.stderr)
            raise SystemExit(1) from None
        except Exception:
            logger.exception("stopped")
            raise
        finally:
            logger.info("end after %.1f s%s", time.monotonic() - started, _peak_memory())
            handler.close()


def _machine() -> str:
    """Cores and memory, where the system tells them."""
    memory = ""
    if hasattr(os, "sysconf"):
        memory = f", {os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GB"
    return f"{os.cpu_count()} cores{memory}"


def _peak_memory() -> str:
    """Largest memory that this process or one of its children held, where the system tells it."""
    try:
        import resource
    except ImportError:  # Windows
        return ""
    unit = 1 if sys.platform == "darwin" else 1024
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return f", peak memory {peak * unit / 1e6:.0f} MB"
