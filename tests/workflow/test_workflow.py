"""The workflow in a copy of the repository: clear errors, whole outputs, the same bytes at any core count."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROVINCES = "cn_province_greenpatent_greenfinance/final_data.1.3.4_did.csv"
MAP = "cn_city_geo/prefecture_2024_simplified.geojson"
PANEL = "results/provinces/panel.parquet"
CITIES = "cn_prefecture_lowcarbon/panel_2007_2023_full.xlsx"
SMALL = ["--config", "simulation={n_firms: 300, patents_factor: 0.05}", "inference={draws: 199}", "notebooks=[]"]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """Copy what git tracks or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    folder = tmp_path_factory.mktemp("a checkout 绿色")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def snakemake(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "snakemake", *arguments]
    environment = os.environ | {"PYTHONPATH": str(folder / "src"), "PYTHONHASHSEED": "0"} | environment
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)


def error_of(run: subprocess.CompletedProcess) -> str:
    """Return the one line that says why a run stopped."""
    assert run.returncode != 0
    lines = [line for line in run.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, run.stderr
    assert "Traceback" not in run.stderr
    return lines[0]


def digests(folder: Path) -> dict[str, str]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".html"]
    files += sorted(folder.glob("tables/*.html"))
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("sede=3", "unknown key sede (did you mean 'seed'?)"),
        ("study=provnces", "no study 'provnces' (did you mean 'provinces'?)"),
        ("panel={clutser: x}", "unknown key panel.clutser (did you mean 'cluster'?)"),
    ],
)
def test_a_typo_in_the_configuration_stops_before_any_work(checkout, setting, message):
    run = snakemake(checkout, "--config", setting)
    assert run.returncode != 0
    assert message in run.stderr
    assert "Traceback" not in run.stderr
    assert not (checkout / "results").exists()


def test_a_study_without_its_data_says_how_to_get_them(checkout, tmp_path):
    line = error_of(snakemake(checkout, PANEL, "--config", "study=provinces", AIGREEN_DATA_MIRROR=str(tmp_path)))
    assert PROVINCES in line and "AIGREEN_DATA_MIRROR" in line
    assert not list((checkout / "results").rglob("*.parquet"))


def test_every_step_without_its_data_has_a_line_of_its_own(checkout, tmp_path):
    """The map reads another source than the panel, and may be at work at the same time."""
    run = snakemake(checkout, "--config", "study=provinces", AIGREEN_DATA_MIRROR=str(tmp_path))
    assert run.returncode != 0
    lines = [line for line in run.stderr.splitlines() if line.startswith("error: ")]
    starts = {
        f"error: {Path(file).parent}: no file {file} in the mirror folder {tmp_path}" for file in (PROVINCES, MAP)
    }
    assert lines and {line.partition(" (AIGREEN_DATA_MIRROR) (log: ")[0] for line in lines} <= starts
    assert len(lines) == len(set(lines))
    assert "Traceback" not in run.stderr


def test_a_wrong_checksum_leaves_nothing_behind(checkout, tmp_path):
    copy = tmp_path / PROVINCES
    copy.parent.mkdir()
    copy.write_text("uid,province\n1,Nowhere\n")
    line = error_of(snakemake(checkout, PANEL, "--config", "study=provinces", AIGREEN_DATA_MIRROR=str(tmp_path)))
    assert PROVINCES in line and "sha256" in line
    assert not [path for path in (checkout / "data/raw").rglob("*") if path.is_file()]


def test_the_default_study_gives_the_same_bytes_at_one_and_two_cores(checkout):
    results = checkout / "results/simulated-firms"
    seen = []
    for cores in ("1", "2"):
        shutil.rmtree(checkout / "results", ignore_errors=True)
        run = snakemake(checkout, "--cores", cores, *SMALL)
        assert run.returncode == 0, run.stderr
        seen.append(digests(results))
    assert {"paper.pdf", "numbers.json", "ledger.json", "provenance.json"} <= set(seen[0])
    assert {"tables/baseline.typ", "figures/event_study.pdf"} <= set(seen[0])
    assert seen[0] == seen[1]
    again = snakemake(checkout, "--cores", "2", *SMALL)
    assert "Nothing to be done" in again.stderr + again.stdout


@pytest.mark.parametrize(
    ("study", "file", "sizes", "parts"),
    [
        ("provinces", PROVINCES, (738, 31, 16), ["secondary_share", "green_finance_index"]),
        ("cities", CITIES, (3655, 215, 15), ["industrial_upgrading"]),
    ],
)
def test_a_real_study_builds_from_the_mirror(checkout, shared, study, file, sizes, parts):
    run = snakemake(
        checkout, "--cores", "2", "--config", f"study={study}", "inference={draws: 199}", "notebooks=[]",
        AIGREEN_DATA_MIRROR=str(shared / "data"),
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    results = checkout / "results" / study
    assert (results / "paper.pdf").read_bytes().startswith(b"%PDF")
    fetched = [path for path in (checkout / "data/raw" / Path(file).parent).iterdir() if path.is_file()]
    assert [path.name for path in fetched] == [Path(file).name]
    numbers = json.loads((results / "numbers.json").read_text(encoding="utf-8"))
    assert tuple(numbers[key]["value"] for key in ("n_rows", "n_units", "n_treated_units")) == sizes
    whole = sum(numbers[f"dec_{part}"]["value"] for part in ["direct", *parts, "spillover"])
    assert whole == pytest.approx(numbers["dec_total"]["value"], abs=1e-10)
    assert numbers["dec_total"]["value"] == pytest.approx(numbers[f"move_{outcome(study)}"]["value"], abs=0.01)
    captions = [json.loads(path.read_text("utf-8"))["simulated"] for path in (results / "tables").glob("*.json")]
    assert captions and not any(captions)


def outcome(study: str) -> str:
    return {"provinces": "green_invention_patents_log", "cities": "ln_carbon_intensity"}[study]


def test_doctor_lists_what_each_study_reads(checkout, shared):
    command = [sys.executable, "-m", "aigreen.cli", "doctor"]
    environment = os.environ | {"PYTHONPATH": str(checkout / "src"), "AIGREEN_DATA_MIRROR": str(shared / "data")}
    run = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert f"  ready: {PROVINCES}" in lines
    assert [line for line in lines if "cn_prefecture_lowcarbon" in line] == [f"  ready: {CITIES}"]
