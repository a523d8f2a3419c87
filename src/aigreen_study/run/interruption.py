"""Ctrl-C: the first ends a run in order, the second at once, and neither shows a traceback."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

CODE = 130  # of a program that Ctrl-C ended
MESSAGE = "error: interrupted; run again to go on"
interrupted = threading.Event()
told = threading.Event()  # what ended the run


def on_interrupt(last: Callable[[], None] = lambda: None) -> None:
    """Raise KeyboardInterrupt at the first Ctrl-C; at the second call `last` and end the process.

    Does nothing outside the main thread, where Python takes no handlers.
    """

    def note(number: int, frame: FrameType | None) -> None:
        if interrupted.is_set():
            last()
            os._exit(CODE)
        interrupted.set()
        signal.default_int_handler(number, frame)

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, note)


def tell() -> None:
    """Say that the run was interrupted, if it was and nothing has said so."""
    if interrupted.is_set() and not told.is_set():
        told.set()
        print(MESSAGE, file=sys.stderr, flush=True)
