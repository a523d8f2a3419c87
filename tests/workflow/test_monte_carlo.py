"""The Monte Carlo study, a few replications of it, from designs to the paper, in a copy of the repository."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from aigreen.simulate.designs import COUNT_DESIGNS, DESIGNS

ROOT = Path(__file__).parents[2]
NEEDED = ["Snakefile", "analysis", "paper", "profiles", "src", "data/facts", "data/sources.csv"]
SETTING = ["--config", "study=monte-carlo", "replications=4", "economies=2", "contrasts=2"]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkout")
    for name in NEEDED:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target)
    return folder


def snakemake(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"PYTHONPATH": str(folder / "src"), "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "snakemake", "--set-scatter", "blocks=2", *arguments, *SETTING]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)


def test_the_study_runs_from_designs_to_paper_and_resumes(checkout):
    results = checkout / "results/monte-carlo"
    run = snakemake(checkout, "--cores", "2")
    assert run.returncode == 0, run.stderr
    assert {path.stem for path in (results / "draws").iterdir()} == {*DESIGNS, *COUNT_DESIGNS}
    assert (results / "paper.pdf").read_bytes().startswith(b"%PDF")
    numbers = json.loads((results / "numbers.json").read_text(encoding="utf-8"))
    assert numbers["n_replications"]["value"] == 4
    summary = pd.read_csv(results / "summary.csv", index_col=["design", "estimator", "part"])
    assert summary["n"].eq(4).all() and summary["failed"].eq(0).all()
    shown = numbers["all_decomposition_total_bias"]["value"]
    assert shown == pytest.approx(summary.loc[("all", "decomposition", "total"), "bias"])
    assert not list(results.glob("panel*"))

    draws = results / "draws/all/1-of-2.parquet"
    before = draws.read_bytes()
    others = {path: path.stat().st_mtime_ns for path in (results / "draws").rglob("*.parquet") if path != draws}
    assert len(others) == 2 * len([*DESIGNS, *COUNT_DESIGNS]) - 1
    # what a run that was broken off leaves
    for path in (draws, results / "summary.csv", results / "paper.pdf"):
        path.unlink()
    again = snakemake(checkout, "--cores", "1")
    assert again.returncode == 0, again.stderr
    assert draws.read_bytes() == before and (results / "paper.pdf").exists()
    assert {path: path.stat().st_mtime_ns for path in others} == others


def test_results_are_the_same_in_any_number_of_blocks(checkout):
    results = checkout / "results/monte-carlo"
    shown = ("summary.csv", "numbers.json", "paper.pdf")
    before = {name: (results / name).read_bytes() for name in shown}
    run = snakemake(checkout, "--cores", "2", "--set-scatter", "blocks=1")
    assert run.returncode == 0, run.stderr
    assert {path.name for path in (results / "economies").iterdir()} >= {"1-of-1.parquet"}
    assert {name: (results / name).read_bytes() for name in shown} == before


def test_more_blocks_than_draws(checkout):
    run = snakemake(checkout, "--cores", "1", "--set-scatter", "blocks=3")
    assert run.returncode != 0
    assert "3 blocks of 2 economies: fewer blocks" in run.stderr + run.stdout
