"""A notebook executed and converted by copies of the process of the step, which need not import anything."""

from __future__ import annotations

import io
import os
import runpy
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Mapping, Sequence
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection
from typing import Any

from aigreen_study.run.warm import WARM

STDERR = 2
_FILTERS, _SHOW = list(warnings.filters), warnings.showwarning  # before the step sends warnings to its log


def convert(arguments: Sequence[str], settings: Mapping[str, str]) -> tuple[int, str]:
    """Run nbconvert; return its exit code, and what it and the kernel wrote to standard error.

    Parameters
    ----------
    arguments : sequence of str
        Of the command line.
    settings : mapping of str to str
        Variables of the environment of both.
    """
    if not WARM or threading.active_count() > 1:  # a copy of a process with threads may wait for ever
        command = [sys.executable, "-m", "nbconvert", *arguments]
        run = subprocess.run(command, stderr=subprocess.PIPE, text=True, env=os.environ | settings)
        return run.returncode, run.stderr
    said, saying = os.pipe()
    copy = get_context("fork").Process(target=_convert, args=(list(arguments), dict(settings), saying))
    copy.start()
    os.close(saying)
    try:
        with open(said, encoding="utf-8", errors="replace") as lines:
            told = lines.read()
        copy.join()
    except BaseException:
        copy.kill()
        raise
    return copy.exitcode or 0, told


def _convert(arguments: list[str], settings: dict[str, str], saying: int) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(saying, STDERR)
    sys.stderr = os.fdopen(saying, "w", buffering=1)
    os.environ.update(settings)
    warnings.resetwarnings()
    warnings.filters.extend(_FILTERS)
    warnings.showwarning = _SHOW
    kernel = _Kernel()
    from jupyter_client import launcher

    launcher.Popen = kernel.begin
    sys.argv = ["nbconvert", *arguments]
    runpy.run_module("nbconvert", run_name="__main__", alter_sys=True)


class _Kernel:
    """A copy of this process that becomes a kernel when it is told the command of one; to Jupyter, a `Popen`."""

    stdout = stderr = None

    def __init__(self) -> None:
        self.stdin = io.BytesIO()
        self._order, heard = Pipe()
        self._copy = get_context("fork").Process(target=_be_kernel, args=(heard, self._order))
        self._copy.start()
        self._order.recv()  # that it leads a group of processes of its own, by which Jupyter ends it
        self.pid = self._copy.pid or 0

    def begin(self, command: list[str], *, env: dict[str, str], cwd: str | None = None, **_: Any) -> _Kernel:
        """Take the place of `Popen`."""
        self._order.send((command, env, cwd))
        return self

    def poll(self) -> int | None:
        """Exit code, if it has ended."""
        return self._copy.exitcode

    def wait(self) -> int | None:
        """Exit code, when it has ended."""
        self._copy.join()
        return self._copy.exitcode

    def send_signal(self, number: int) -> None:
        """Send a signal."""
        os.kill(self.pid, number)


def _be_kernel(heard: Connection, order: Connection) -> None:
    order.close()
    os.setsid()
    heard.send(True)
    try:
        command, env, cwd = heard.recv()
    except EOFError:  # nbconvert ended without a kernel
        return
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd or ".")
    module = command.index("-m") + 1
    sys.argv = command[module:]
    runpy.run_module(command[module], run_name="__main__", alter_sys=True)
