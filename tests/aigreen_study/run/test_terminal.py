import logging
import re
import shutil
import subprocess
import sys
from threading import Event

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from aigreen_study.run.steps import Steps
from aigreen_study.run.terminal import Short

PROGRAM = """
import os, signal
from snakemake.logging import logger
import logging
handler = logging.StreamHandler()
handler.name = "DefaultStreamHandler"
logger.addHandler(handler)
from aigreen_study.run.terminal import short_messages
from types import SimpleNamespace
short_messages(SimpleNamespace(output_settings=SimpleNamespace(dryrun=False)))
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


TWICE = """
try:
    os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    os.kill(os.getpid(), signal.SIGINT)
    signal.pause()
"""


def test_a_second_interrupt_ends_at_once_and_without_a_traceback():
    program = PROGRAM.partition("try:")[0] + TWICE
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stderr) == (130, "error: interrupted; run again to go on\n")


def test_an_environment_removed_in_mid_run_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    record = logging.makeLogRecord({"msg": "", "event": LogEvent.JOB_ERROR, "rule_name": "paper", "log": []})
    line = Short(None, Steps()).format(record)
    assert line.startswith(f"error: rule paper: {tmp_path / 'python'} has gone in mid-run; ")


SNAKEFILE = """
from aigreen_study.run.terminal import name_results, short_messages
short_messages(workflow)
name_results({"paper": "paper.pdf", "appendix": "appendix.pdf"})
rule all:
    default_target: True
    input: "paper.pdf"
rule estimate:
    output: [f"{{name}}/{'long' * 50}{i}.txt" for i in range(40)]
    group: "together"
    shell: "touch {output}"
rule paper:
    input: [f"main/{'long' * 50}{i}.txt" for i in range(40)]
    output: "paper.pdf"
    group: "together"
    shell: "touch {output}"
"""


def snakemake(folder, *options, text=SNAKEFILE):
    (folder / "Snakefile").write_text(text)
    command = [sys.executable, "-m", "snakemake", "--cores", "1", *options]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    return run.stdout, run.stderr


def test_a_step_is_one_line_in_a_log_and_the_end_names_what_was_made(tmp_path):
    _, told = snakemake(tmp_path)
    told = re.sub(r"about \d+:\d\d left", "about 0:00 left", told)
    assert told.splitlines() == [
        "3 steps",
        "[1/3] estimate main",
        "[2/3] paper, about 0:00 left",
        "[3/3] all, about 0:00 left",
        "paper         paper.pdf",
    ]
    [log] = (tmp_path / ".snakemake/log").glob("*.log")
    assert "longlong" in log.read_text()
    _, told = snakemake(tmp_path)
    assert told.splitlines() == [
        "Nothing to be done (all requested files are present and up to date).",
        "paper         paper.pdf",
    ]


def test_time_left_is_that_of_the_last_run_from_the_first_step_on(tmp_path):
    slow = SNAKEFILE.replace('"touch {output}"', '"sleep 2; touch {output}"', 1)
    _, told = snakemake(tmp_path, text=slow)
    assert told.splitlines()[1] == "[1/3] estimate main"
    (tmp_path / "paper.pdf").unlink()
    shutil.rmtree(tmp_path / "main")
    _, told = snakemake(tmp_path, text=slow)
    minutes, seconds = re.fullmatch(r"\[1/3\] estimate main, about (\d+):(\d\d) left", told.splitlines()[1]).groups()
    assert 60 * int(minutes) + int(seconds) >= 2


def test_the_last_line_of_a_terminal_says_what_runs_and_is_no_longer_than_it(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    steps = Steps()

    def take(event, **facts):
        return steps.take(event, logging.makeLogRecord(facts))

    take("run_info", stats={"total": 3})
    assert steps._status().plain == "0 of 3 done: starting"
    take("job_info", jobid=1, rule_name="estimate", wildcards={"exhibit": "baseline"})
    assert steps._status().plain == "0 of 3 done: estimate baseline"
    take("job_info", jobid=2, rule_name="a_step_with_a_name", wildcards={})
    assert steps._status().plain == "0 of 3 done: estimate baseline, a…"
    take("job_finished", job_id=1)
    assert steps._status().plain == "1 of 3 done: a_step_with_a_name"
    ended = Event()
    ended.set()
    monkeypatch.setattr("aigreen_study.run.steps.interrupted", ended)
    assert steps._status().plain == "ending: a_step_with_a_name"


def test_a_dry_run_names_no_files(tmp_path):
    told, _ = snakemake(tmp_path, "--dry-run")
    assert told.splitlines()[:4] == [
        "3 steps",
        "[1/3] estimate main: output missing",
        "[2/3] paper: output missing, input made again",
        "[3/3] all: input made again",
    ]
    assert max(map(len, told.splitlines())) < 100
