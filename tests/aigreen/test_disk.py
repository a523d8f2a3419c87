"""What stands beside a file while it is written."""

import os
import subprocess
import sys

from aigreen.disk import beside, remove_unfinished


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / f"results/.site.{ended.pid}/figures").mkdir(parents=True)
    (tmp_path / f"results/.site.{ended.pid}/figures/a.svg").write_text("half")
    (tmp_path / "results/tables").mkdir()
    (tmp_path / f"results/tables/.main.json.{ended.pid}").write_text("half")
    kept = ["results/.lock", "results/.site", "results/tables/.2020", f"results/tables/main.{ended.pid}"]
    for name in kept:
        (tmp_path / name).write_text("whole")
    at_work = beside(tmp_path / "results/tables/other.json")
    assert at_work.name == f".other.json.{os.getpid()}"
    at_work.write_text("half")
    remove_unfinished(tmp_path / "results")
    left = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert left == sorted([*kept, at_work.relative_to(tmp_path).as_posix()])
