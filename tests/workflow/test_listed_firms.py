"""The licensed study: what stands in data/restricted gives the panel, and nothing of it is ever tracked."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pypdf
import pytest

from aigreen.simulate.economy import economy
from aigreen_study.config import read_config

SMALL = "simulation={scale: small}"


def snakemake(root: Path, folder: Path, *arguments: str, timeout: int = 300) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(root / "Snakefile"), "--directory", str(folder)]
    environment = os.environ | {"PYTHONHASHSEED": "0"}
    return subprocess.run(
        [*command, "--cores", "1", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def test_the_two_studies_of_firms_differ_in_their_raw_files_only(repository):
    simulated, listed = (
        read_config({"study": name}, repository / "analysis/config") for name in ("simulated-firms", "listed-firms")
    )
    own = {"study", "title", "simulated", "source", "simulation", "notebooks", "quoted", "online_appendix"}
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


STATEMENTS = ("STK_LISTEDCOINFOANL", "FS_Combas", "FS_Comins", "FS_Comscfd")


def test_a_partial_folder_plans_what_can_be_made(repository, tmp_path):
    for name in (*STATEMENTS, "CNIPA"):
        (path := tmp_path / f"data/restricted/{name}.csv").parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    shutil.copytree(repository / "paper", tmp_path / "paper", ignore=shutil.ignore_patterns("expected"))
    run = snakemake(repository, tmp_path, "--dry-run", "--quiet", "rules", "--config", "study=listed-firms")
    told = run.stdout + run.stderr
    assert run.returncode == 0, told
    jobs = {line.split()[0]: line.split()[-1] for line in told.splitlines() if len(line.split()) == 2}
    assert {"paper", "decomposition", "placebo_links"} <= jobs.keys()
    assert not {"shift_share", "dose_scatter"} & jobs.keys()


@pytest.mark.slow
def test_a_partial_folder_ends_with_a_paper_that_says_what_is_left_out(repository, tmp_path):
    economy.write_raw(tmp_path / "raw", seed=2019, truth_folder=tmp_path / "truth", n_firms=300, patents_factor=0.05)
    for path in [*(tmp_path / "raw/csmar").iterdir(), *(tmp_path / "raw/google").iterdir()]:
        if path.parent.name == "google" or path.name.startswith(STATEMENTS):
            target = tmp_path / "data/restricted" / path.parent.name / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    for name in ("analysis", "src", "paper", "notebooks", "profiles", "data/facts"):  # provenance reads the code there
        shutil.copytree(repository / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Snakefile", "pyproject.toml", "data/sources.csv"):
        shutil.copy(repository / name, tmp_path / name)
    options = ["study=listed-firms", "inference={draws: 199}"]
    run = snakemake(tmp_path, tmp_path, "--config", *options, timeout=5_400)
    assert run.returncode == 0, run.stderr
    pages = pypdf.PdfReader(tmp_path / "results/listed-firms/paper.pdf").pages
    text = " ".join(" ".join(page.extract_text() for page in pages).split())
    assert "Not all raw files are at hand" in text
    assert "Left out: The effect by ownership. It needs ownership, of the raw table HLD_Contrshr." in text
    assert "Appendix B says what is left out" in text and "B What is left out" in text
    assert "Needed: ," not in text and "gives ;" not in text
    assert "\ue000" not in text
