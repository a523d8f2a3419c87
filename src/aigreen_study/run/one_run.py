"""One run of a study at a time, whatever became of the last one.

Snakemake's own lock is a file that a killed run leaves behind, and that a user has to remove. The locks here belong to
processes: the system gives them up when the process ends, however it ends, and they hold across machines that share the
folder. A run holds ``.lock`` of its results folder; each of its steps shares ``.steps.lock``, so that a run that starts
after a killed one waits for steps that outlived it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from aigreen.disk import lock, remove_unfinished
from aigreen.errors import ReportError

RUN, STEPS = ".lock", ".steps.lock"
_HELD: list[TextIO] = []  # until the process ends


def only_run(results: str | Path) -> None:
    """Hold the results folder of a study until this process ends, and clear what killed steps left in it.

    Raises
    ------
    ReportError
        Where another run holds it, or where it cannot be written.
    """
    folder = Path(results)
    run = _opened(folder / RUN)
    if not lock(run, wait=False):
        raise ReportError(f"{folder}: another run of this study is at work; wait for its end, then run again")
    _HELD.append(run)
    with _opened(folder / STEPS) as steps:
        if not lock(steps, wait=False):
            print(f"{folder}: waiting for a step that outlived a killed run", file=sys.stderr, flush=True)
            lock(steps)
        remove_unfinished(folder)


@contextmanager
def step(outputs: Iterable[str]) -> Iterator[None]:
    """Let the next run know that a step is at work on these results."""
    folder = next((Path(*parts[:2]) for name in outputs if (parts := Path(name).parts)[0] == "results"), None)
    if folder is None:
        yield
        return
    with _opened(folder / STEPS) as steps:
        lock(steps, shared=True)
        yield


def _opened(path: Path) -> TextIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("a+", encoding="ascii")
    except OSError as error:
        raise ReportError(f"{path.parent}: cannot be written ({error.strerror})") from None
