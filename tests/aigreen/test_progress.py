import io
import os
import subprocess
import sys
from contextlib import suppress

import pytest

from aigreen.progress import progress

pty, termios = (pytest.importorskip(name) for name in ("pty", "termios"))  # not on Windows
PROGRAM = """
import time
from aigreen.progress import progress
for _ in progress(range(3), "wild bootstrap"):
    time.sleep(0.6)
"""


def test_items_pass_and_a_log_stays_quiet(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    assert list(progress(range(5), "draws")) == [0, 1, 2, 3, 4]
    assert stream.getvalue() == ""


@pytest.mark.parametrize(("disabled", "shown"), [("", True), ("1", False)])
def test_a_terminal_sees_a_bar_when_it_takes_a_while(disabled, shown):
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    environment = {**os.environ, "TQDM_DISABLE": disabled}
    done = subprocess.run([sys.executable, "-c", PROGRAM], stderr=theirs, env=environment)
    os.close(theirs)
    os.set_blocking(ours, False)
    said = b""
    with suppress(OSError):
        said = os.read(ours, 10_000)
    os.close(ours)
    assert done.returncode == 0
    assert (b"wild bootstrap:" in said) == shown
