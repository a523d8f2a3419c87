import subprocess
import sys

import pytest

PROGRAM = """
import os, signal
from snakemake.logging import logger
import logging
handler = logging.StreamHandler()
handler.name = "DefaultStreamHandler"
logger.addHandler(handler)
from aigreen_study.run.terminal import one_line_errors
one_line_errors()
try:
    os.kill(os.getpid(), {number})
    signal.pause()
except KeyboardInterrupt:
    {then}
"""
LOG = 'logger.error("Terminating processes on user request, this might take some time.")'


@pytest.mark.parametrize("then", [LOG, "pass"], ids=["told by Snakemake", "swallowed"])
def test_an_interrupted_run_says_so_once(then):
    program = PROGRAM.format(number="signal.SIGINT", then=then)
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert run.stderr.splitlines() == ["error: interrupted; run again to go on"]
