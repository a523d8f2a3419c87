"""The replications study from the registry to the paper: with the mirror, and without any data."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
NEEDED = ["Snakefile", "analysis", "paper", "profiles", "src", "data/facts", "data/sources.csv"]


@pytest.fixture
def checkout(tmp_path):
    for name in NEEDED:
        source, target = ROOT / name, tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target)
    return tmp_path


def run(folder: Path, mirror: Path) -> tuple[pd.DataFrame, dict, str]:
    environment = os.environ | {"PYTHONPATH": str(folder / "src"), "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"}
    environment["AIGREEN_DATA_MIRROR"] = str(mirror)
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--config", "study=replications"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    results = folder / "results/replications"
    assert (results / "paper.pdf").read_bytes().startswith(b"%PDF")
    numbers = json.loads((results / "numbers.json").read_text(encoding="utf-8"))
    return pd.read_csv(results / "comparison.csv"), numbers, done.stderr


def test_with_the_mirror_every_number_agrees(checkout, shared):
    comparison, numbers, _ = run(checkout, shared / "data")
    assert (comparison["verdict"] == "yes").all() and len(comparison) == 44
    assert numbers["n_agree"]["value"] == 44 and numbers["n_absent"]["value"] == 0
    assert numbers["adh_manufacturing_ours"]["text"] == "−0.596"


def test_without_data_every_row_says_so_and_data_that_arrive_are_taken_up(checkout, shared):
    mirror = checkout / "mirror"
    mirror.mkdir()
    comparison, numbers, _ = run(checkout, mirror)
    assert (comparison["verdict"] == "data not here").all() and comparison["ours"].isna().all()
    assert numbers["mpdta_state"]["text"].startswith("The data are not here. Set AIGREEN_DATA_MIRROR")
    assert str(checkout) not in (checkout / "results/replications/numbers.json").read_text(encoding="utf-8")

    shutil.copytree(shared / "data/did_mpdta", mirror / "did_mpdta")
    comparison, numbers, log = run(checkout, mirror)
    assert comparison.set_index("replication")["verdict"].value_counts().to_dict() == {"data not here": 40, "yes": 4}
    assert log.count("] replicate_published") == 1
    assert numbers["mpdta_group_ours"]["text"] == "−0.0310"
