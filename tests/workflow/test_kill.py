"""Kill -9 at seeded random moments of the build: nothing half-written is left, and a rerun gives the same bytes."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from aigreen.simulate.economy import economy

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
STUDY = "simulated-firms"
SMALL = ["--config", "simulation={n_firms: 300, patents_factor: 0.05}"]
PANEL = f"results/{STUDY}/panel.parquet"


def digests(folder: Path) -> dict[str, str]:
    """Hashes of the files that a reader would find: not what stands aside under a name with a dot in front."""
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    seen = [file for file in files if not any(part.startswith(".") for part in file.relative_to(folder).parts)]
    return {file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in seen}


def start(command, folder=ROOT, **environment) -> subprocess.Popen:
    environment = os.environ | {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"} | environment
    return subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def kill_after(process: subprocess.Popen, seconds: float) -> bool:
    """Kill the process and all that it started; tell whether it was still at work."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True
    return False


def test_the_command_on_a_large_economy(tmp_path):
    """Ten moments over the whole build of 1,500 firms and 190,000 publications, each from an empty folder."""
    economy.write_raw(tmp_path / "raw", seed=2019, truth_folder=tmp_path / "truth", n_firms=1500, patents_factor=0.2)
    raw = digests(tmp_path / "raw")
    command = ["aigreen.cli", "build", "--study", STUDY, "--raw", str(tmp_path / "raw"), "--out"]
    began = time.monotonic()
    assert start([*command, str(tmp_path / "whole")]).wait() == 0
    whole, expected = time.monotonic() - began, digests(tmp_path / "whole")
    assert len(expected) > 15
    at_work, tables = [], []
    for k, share in enumerate(np.random.default_rng(9).uniform(0.1, 1, 10)):
        out = tmp_path / f"out{k}"
        at_work.append(kill_after(start([*command, str(out)]), share * whole))
        left = digests(out)
        assert left.items() <= expected.items(), f"half-written after {share:.2f} of the build"
        tables.append(len(left))
        assert start([*command, str(out)]).wait() == 0
        assert digests(out) == expected
        assert not list(out.rglob("*.part"))
        shutil.rmtree(out)
    print(f"\nbuild {whole:.1f} s; files there at the ten kills: {sorted(tables)} of {len(expected)}")
    assert sum(at_work) >= 8
    assert len(set(tables)) >= 4  # kills fell into several stages
    assert digests(tmp_path / "raw") == raw


@pytest.fixture
def checkout(tmp_path):
    """Copy what git tracks or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tmp_path / name)
    return tmp_path


def test_the_rule_of_the_workflow(checkout):
    """Three moments of the rule `panel`, snakemake and all its children killed; then unlocked and run again."""
    results, log = checkout / f"results/{STUDY}", checkout / f"logs/{STUDY}/panel.log"

    def snakemake(*arguments):
        return start(["snakemake", *arguments, *SMALL], checkout, PYTHONPATH=str(checkout / "src"))

    assert snakemake(f"results/{STUDY}/truth/truth.parquet").wait() == 0
    assert snakemake(PANEL).wait() == 0
    expected = digests(results)
    assert {"panel.parquet", "codebook.csv", "canonical/counts.parquet"} <= set(expected)
    killed = 0
    for seconds in np.random.default_rng(4).uniform(0, 4, 3):
        for name in ("panel.parquet", "codebook.csv", "sample_flow.csv", "source_flow.csv"):
            (results / name).unlink()
        shutil.rmtree(results / "canonical")
        log.unlink()
        run = snakemake(PANEL)
        while run.poll() is None and not log.exists():
            time.sleep(0.01)
        killed += kill_after(run, seconds)
        assert digests(results).items() <= expected.items()
        assert snakemake("--unlock").wait() == 0
        assert snakemake(PANEL).wait() == 0
        assert digests(results) == expected
    assert killed >= 2
