"""Steps that need not import anything: each is a copy of a process that has imported what most of them need.

A step computes for a second or two, and importing takes as long. On Linux one process of a run, the fork server of
`multiprocessing`, imports while Snakemake starts and looks what is to be done, and is copied for every step. Elsewhere
copies are not safe, and each step is a program of its own.
"""

from __future__ import annotations

import atexit
import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from multiprocessing import forkserver
from multiprocessing.connection import wait
from typing import Any

from aigreen_study.run.interruption import CODE, interrupted
from aigreen_study.run.same_numbers import same_numbers
from aigreen_study.run.script import run_script

# What several steps import, in the order in which they need it. Not what starts threads when it is imported, as polars
# does: these are not in a copy. Nor `ipykernel.kernelapp`, which then asks for its parent. `tqdm.auto` stands before
# `ipykernel`, beside which it takes every process for a notebook and warns.
PRELOADED = (
    "snakemake.io",
    "snakemake.iocontainers",
    "aigreen_study.run.step",
    "pyarrow.parquet",
    "aigreen_study.specification.estimate",
    "aigreen_study.specification.results",
    "aigreen_study.tables.exhibits",
    "aigreen_study.tables.render",
    "matplotlib.pyplot",
    "matplotlib.backends.backend_pdf",
    "matplotlib.backends.backend_svg",
    "seaborn",
    "aigreen_study.figures",
    "aigreen_study.specification.registry",
    "aigreen_study.specification.known",
    "diff_diff",
    "tqdm.auto",
    "nbconvert.nbconvertapp",
    "nbconvert.exporters.html",
    "ipykernel.ipkernel",
    "ipykernel.zmqshell",
)
WARM = sys.platform == "linux"
# The start of a process asks all others whether they have ended, and only one thread may read the answer.
_ONE = threading.Lock()
_NOT_FOUND = 127
_ALLOCATIONS = 20_000  # before Python looks for garbage; steps make tables, whose cells are no objects of their own
_TOLD = 1.0  # seconds within which an interrupt reaches Snakemake after it has ended a step


def start_importing() -> None:
    """Start the process that is copied, unless it is there or the system is not Linux; Ctrl-C does not reach it.

    It ends with this one, also where it is still importing.
    """
    if not WARM:
        return
    same_numbers()  # it keeps the environment of its start
    multiprocessing.get_context("forkserver").set_forkserver_preload(list(PRELOADED))
    usual = signal.signal(signal.SIGINT, signal.SIG_IGN)  # which the process inherits
    try:
        forkserver.ensure_running()
    finally:
        signal.signal(signal.SIGINT, usual)
    atexit.register(_end)


def _end() -> None:
    if pid := forkserver._forkserver._forkserver_pid:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def run_copy(file: str) -> int:
    """Run a script in a copy; return its exit code, negative if a signal ended it."""
    copy = multiprocessing.get_context("forkserver").Process(target=_run_here, args=(file, os.getcwd()))
    with _ONE:
        copy.start()
    wait([copy.sentinel])
    with _ONE:
        copy.join()
    return copy.exitcode or 0


def _run_here(file: str, folder: str) -> None:
    # What was imported is no garbage: a look at it would take time and copy its memory.
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS)
    os.chdir(folder)
    sys.exit(run_script(file))


def warm_scripts() -> None:
    """Let Snakemake run the Python scripts of rules in this environment as copies of one process."""
    from snakemake.script import PythonScript

    usual = PythonScript.execute_script
    if hasattr(usual, "warm"):
        return
    start_importing()

    def execute(script: Any, fname: str, edit: bool = False) -> None:
        if script.container_img or script.conda_env or script.env_modules or script.bench_record:
            usual(script, fname, edit)
            return
        if code := run_copy(fname) if WARM else _run_program(fname):
            if code == CODE:
                interrupted.wait(_TOLD)
            raise subprocess.CalledProcessError(code, [sys.executable, fname])

    execute.warm = WARM
    PythonScript.execute_script = execute


def _run_program(file: str) -> int:
    with suppress(OSError):  # Python has gone, as `aigreen_study.run.terminal` says
        return subprocess.call([sys.executable, "-m", run_script.__module__, file])
    return _NOT_FOUND
