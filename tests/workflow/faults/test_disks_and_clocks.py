"""Disks that are full, read-only or linked, and clocks that were set back, while the workflow runs."""

import os
import re
import shutil
import time

import pytest

from .project import AGAIN, PANEL, PDF, RESULTS, in_mounts

pytestmark = pytest.mark.slow
fault = pytest.mark.fault


@fault("read-only results folder", "one line; nothing is lost")
def test_read_only_results(project, expected, mounts, seen):
    inside = in_mounts("mount --bind results results", "mount -o remount,ro,bind results")
    line = project.stops(*AGAIN, inside=inside)
    assert "protected output" in line or "Read-only file system" in line
    assert project.sums() == expected
    seen(line)


@fault("disk full while figures are written", "one line; with room, the next run completes, same bytes")
def test_full_disk(project, expected, mounts, seen):
    shutil.rmtree(project.folder / RESULTS / "figures")
    (project.folder / RESULTS / "figures").mkdir()
    figures = f"{RESULTS}/figures"
    inside = in_mounts(f"mount -t tmpfs -o size=8k tmpfs {figures}", f"touch {figures}/other")
    line = project.stops(f"{RESULTS}/tables/descriptives.json", "--forcerun", "describe", inside=inside)
    assert "No space left on device" in line
    project.works()
    assert project.sums() == expected
    seen(line)


@fault("limit on file size (quota) while the paper is written", "one line; without it, same bytes")
def test_quota(project, expected, seen):
    size = (project.folder / PDF).stat().st_size
    line = project.stops(PDF, "--forcerun", "paper", inside=("prlimit", f"--fsize={size // 2}"))
    assert "File too large" in line
    assert not list((project.folder / RESULTS).glob(".paper.pdf.*"))
    project.works(PDF)
    assert project.sums() == expected
    seen(line)


@fault("a file called results", "one line")
def test_results_is_a_file(project, seen):
    shutil.rmtree(project.folder / "results")
    (project.folder / "results").write_bytes(b"")
    line = project.stops(PANEL)
    assert line == "error: results/provinces: cannot be written (Not a directory)"
    seen(line)


@fault("results is a symbolic link to a folder elsewhere", "works; same bytes")
def test_linked_results(project, tmp_path, expected, seen):
    shutil.move(project.folder / "results", tmp_path / "elsewhere")
    (project.folder / "results").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    project.works(*AGAIN)
    assert project.sums() == expected
    seen("same bytes")


@fault("clock set back: inputs lie in the future", "works; same bytes")
def test_inputs_in_the_future(project, expected, seen):
    later = time.time() + 86_400
    for path in (project.folder / PANEL, project.folder / "paper/references.bib"):
        os.utime(path, (later, later))
    project.works(PDF)
    assert project.sums() == expected
    seen("same bytes")


@fault("clock set back: all results lie in the future", "one line about the clock; touched, works: same bytes")
def test_results_in_the_future(project, expected, seen):
    def set_times(later):
        for path in (project.folder / RESULTS).rglob("*"):
            os.utime(path, (later, later))

    set_times(time.time() + 86_400)
    line = project.stops(*AGAIN)
    assert "clock" in line
    set_times(time.time())
    project.works(*AGAIN)
    project.works("--touch")
    assert project.sums() == expected
    seen(re.sub(r"in file \S+ ", "", line))
