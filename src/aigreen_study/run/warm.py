"""Steps that need not import anything: each is a copy of a process that has imported what most of them need.

A step computes for a second or two, and importing takes as long. On Linux one process of a run imports while Snakemake
looks what is to be done, and is copied (forked) for every step. Elsewhere copies are not safe, and each step is a
program of its own.
"""

from __future__ import annotations

import atexit
import gc
import os
import select
import signal
import socket
import subprocess
import sys
import traceback
from contextlib import suppress
from importlib import import_module
from typing import Any

from aigreen_study.run.interruption import CODE, interrupted
from aigreen_study.run.script import run_script

# What several steps import, in the order in which they need it. Not pyfixest, which starts threads when it is imported:
# these are not in a copy.
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
)
_LONGEST = 1 << 16  # of a path
_NOT_FOUND = 127
_TOLD = 1.0  # seconds within which an interrupt reaches Snakemake after it has ended a step


class Warm:
    """A process that waits, with everything imported, to be copied."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        usual = signal.signal(signal.SIGINT, signal.SIG_IGN)  # which the process inherits
        try:
            command = [sys.executable, "-m", __name__, str(theirs.fileno())]
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()])
        finally:
            signal.signal(signal.SIGINT, usual)
            theirs.close()
        atexit.register(self._process.kill)

    def run(self, file: str) -> int:
        """Run a script in a copy; return its exit code, negative if a signal ended it.

        Raises
        ------
        BrokenPipeError
            Where the process has gone.
        """
        status, told = os.pipe()
        with open(status, "rb") as end:
            try:
                socket.send_fds(self._socket, [os.fsencode(file)], [told])
            finally:
                os.close(told)
            return int(end.read() or -signal.SIGKILL)


def serve(commands: socket.socket) -> None:
    """Import, and make a copy for each script whose path arrives, until the other end closes."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the copies that wait for a script
    for name in PRELOADED:
        while select.select([commands], [], [], 0)[0]:
            if not _answer(commands):
                return
        with suppress(ImportError):  # the step that needs it says so
            import_module(name)
    gc.freeze()
    while _answer(commands):
        pass


def _answer(commands: socket.socket) -> bool:
    file, told, *_ = socket.recv_fds(commands, _LONGEST, 1)
    if not file:
        return False
    if os.fork() == 0:
        commands.close()
        _wait_for_copy(os.fsdecode(file), told[0])
    os.close(told[0])
    return True


def _wait_for_copy(file: str, told: int) -> None:
    """Run the script in one more copy, and tell its exit code however it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # An interrupt that comes before the copy has a handler waits for it.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    if (copy := os.fork()) == 0:
        os.close(told)
        _become(file)
    code = os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1])
    with suppress(OSError):
        os.write(told, str(code).encode())
    os._exit(0)


def _become(file: str) -> None:
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        code = run_script(file)
    except KeyboardInterrupt:
        code = CODE
    except BaseException:
        traceback.print_exc()
    with suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def warm_scripts() -> None:
    """Let Snakemake run the Python scripts of rules in this environment as copies of one process."""
    from snakemake.script import PythonScript

    usual = PythonScript.execute_script
    if hasattr(usual, "warm"):
        return
    warm = Warm() if sys.platform == "linux" else None

    def execute(script: Any, fname: str, edit: bool = False) -> None:
        if script.container_img or script.conda_env or script.env_modules or script.bench_record:
            usual(script, fname, edit)
            return
        if code := _run(fname, warm):
            if code == CODE:
                interrupted.wait(_TOLD)
            raise subprocess.CalledProcessError(code, [sys.executable, fname])

    execute.warm = warm
    PythonScript.execute_script = execute


def _run(file: str, warm: Warm | None) -> int:
    with suppress(OSError):  # the process has gone
        if warm:
            return warm.run(file)
    with suppress(OSError):  # Python has gone, as `aigreen_study.run.terminal` says
        return subprocess.call([sys.executable, "-m", run_script.__module__, file])
    return _NOT_FOUND


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as end:
        end.set_inheritable(False)
        serve(end)
