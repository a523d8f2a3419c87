"""The licensed study: what stands in data/restricted gives the panel, and nothing of it is ever tracked."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aigreen_study.config import read_config

SMALL = "simulation={scale: small}"


def snakemake(root: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(root / "Snakefile"), "--directory", str(folder)]
    environment = os.environ | {"PYTHONHASHSEED": "0"}
    return subprocess.run(
        [*command, "--cores", "1", *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )


def test_the_two_studies_of_firms_differ_in_their_raw_files_only(repository):
    simulated, listed = (
        read_config({"study": name}, repository / "analysis/config") for name in ("simulated-firms", "listed-firms")
    )
    own = {"study", "title", "simulated", "source", "simulation", "notebooks", "quoted"}
    assert {key: listed[key] for key in listed.keys() - own} == {key: simulated[key] for key in simulated.keys() - own}
    assert (listed["simulated"], listed["source"]) == (False, "licensed")


def test_without_files_one_line_names_the_doctor(repository, tmp_path):
    run = snakemake(repository, tmp_path, "--config", "study=listed-firms")
    assert run.returncode != 0
    [line] = [line for line in run.stderr.splitlines() if "doctor" in line]
    assert "data/restricted" in line and "`aigreen doctor --study listed-firms`" in line
    assert "Traceback" not in run.stderr


def test_the_same_files_give_the_same_panel_as_the_simulated_study(repository, tmp_path):
    def panel(study: str, *more: str) -> str:
        target = f"results/{study}/panel.parquet"
        run = snakemake(repository, tmp_path, "--config", f"study={study}", *more, "--", target)
        assert run.returncode == 0, run.stderr
        return hashlib.sha256((tmp_path / target).read_bytes()).hexdigest()

    simulated = panel("simulated-firms", SMALL)
    shutil.copytree(tmp_path / "results/simulated-firms/raw", tmp_path / "data/restricted")
    assert panel("listed-firms") == simulated
    assert not (tmp_path / "results/listed-firms/truth").exists()


@pytest.mark.parametrize("name", ["csmar/FS_Combas.csv", "cnrds/GPRD.xlsx", "google/publications-0000.parquet"])
def test_git_never_tracks_a_licensed_file(repository, name):
    if not (repository / ".git").exists():
        pytest.skip("not a git checkout")
    path = f"data/restricted/{name}"
    ignored = subprocess.run(["git", "check-ignore", "--quiet", path], cwd=repository)
    assert ignored.returncode == 0
    tracked = subprocess.run(
        ["git", "ls-files", "data/restricted"], cwd=repository, capture_output=True, text=True, check=True
    )
    assert tracked.stdout == ""


def test_a_mapping_outside_the_project_stops_the_dry_run(repository, tmp_path):
    run = snakemake(repository, tmp_path, "--dry-run", "--config", "build={mapping: ../names.yaml}")
    assert run.returncode != 0
    told = run.stdout + run.stderr  # a dry run speaks on the first
    assert "build.mapping: ../names.yaml is not below" in told
    assert "Traceback" not in told
