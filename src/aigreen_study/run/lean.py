"""What Snakemake spends a second on beside the steps, and a workflow on one machine can do without."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any


def lean() -> None:
    """Let Snakemake compare parameters without pandas, and end without waiting for a clock.

    Where it knows pandas it asks it whether a parameter is a table, and imports it for that; parameters here are words,
    numbers and lists. It looks again for work a second after it has started a job, and a run would not end before.
    """
    from snakemake import persistence

    for kind in vars(persistence).values():
        if hasattr(kind, "_serialize_param_pandas"):
            kind._serialize_param_pandas = kind._serialize_param_builtin
    with suppress(ImportError):
        from snakemake.scheduling.job_scheduler import JobScheduler

        JobScheduler._schedule_reevalutation = _look_again


def _look_again(scheduler: Any, delay: float) -> None:
    clock = threading.Timer(delay, scheduler._open_jobs.release)
    clock.daemon = True
    clock.start()
