"""What stands beside a file while it is written."""

import errno
import os
import platform
import subprocess
import sys
import time

import pytest

from aigreen.disk import beside, lock, remove_unfinished
from aigreen.errors import ReportError


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    here = f"{ended.pid}@{platform.node()}"
    (tmp_path / f"results/.site.{here}/figures").mkdir(parents=True)
    (tmp_path / f"results/.site.{here}/figures/a.svg").write_text("half")
    (tmp_path / "results/tables").mkdir()
    (tmp_path / f"results/tables/.main.json.{here}").write_text("half")
    kept = ["results/.lock", "results/.site", "results/tables/.2020", f"results/tables/main.{here}"]
    for name in kept:
        (tmp_path / name).write_text("whole")
    at_work = beside(tmp_path / "results/tables/other.json")
    assert at_work.name == f".other.json.{os.getpid()}@{platform.node()}"
    at_work.write_text("half")
    remove_unfinished(tmp_path / "results")
    left = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert left == sorted([*kept, at_work.relative_to(tmp_path).as_posix()])


def test_what_another_machine_left_is_removed_when_it_is_a_day_old(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    old, new = (tmp_path / f".{name}.json.{ended.pid}@other.node" for name in ("old", "new"))
    for path, age in ((old, 86_401), (new, 86_000)):
        path.write_text("half")
        os.utime(path, (time.time() - age,) * 2)
    remove_unfinished(tmp_path)
    assert list(tmp_path.iterdir()) == [new]


@pytest.mark.skipif(os.name == "nt", reason="no locks there")
def test_a_file_system_without_locks(tmp_path, monkeypatch):
    import fcntl

    def none(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", none)
    with (tmp_path / "held").open("a+") as held, pytest.raises(ReportError, match="held: this file system keeps no"):
        lock(held)
