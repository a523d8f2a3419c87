"""What Snakemake spends a second on beside the steps, and a workflow on one machine can do without."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any


def lean() -> None:
    """Let Snakemake compare parameters without pandas, ask once how large an input is, and end without a clock.

    Where it knows pandas it asks it whether a parameter is a table, and imports it for that; parameters here are words,
    numbers and lists. It looks again for work when a step ends and a second after it has started one, and each time at
    all inputs of all steps that could start, which are there by then; and a run would not end before that second.
    """
    from snakemake import persistence

    for kind in vars(persistence).values():
        if hasattr(kind, "_serialize_param_pandas"):
            kind._serialize_param_pandas = kind._serialize_param_builtin
    with suppress(ImportError):
        from snakemake.scheduling.job_scheduler import JobScheduler

        JobScheduler._schedule_reevalutation = _look_again
        if JobScheduler.update_input_sizes.__module__ != __name__:
            JobScheduler.update_input_sizes = _sizes_once(JobScheduler.update_input_sizes)


def _look_again(scheduler: Any, delay: float) -> None:
    clock = threading.Timer(delay, scheduler._open_jobs.release)
    clock.daemon = True
    clock.start()


def _sizes_once(usual: Callable[[Any, Iterable[Any]], Awaitable[None]]) -> Callable[[Any, Iterable[Any]], Any]:
    async def update_input_sizes(scheduler: Any, jobs: Iterable[Any]) -> None:
        known = scheduler._input_sizes
        await usual(scheduler, [job for job in jobs if any(path not in known for path in job.input)])

    return update_input_sizes
