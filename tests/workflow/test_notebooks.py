"""Committed notebooks: valid, without outputs, readable from anywhere. The workflow executes them."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml

from aigreen.data import facts
from aigreen.data.assemble.facilities import facilities

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
CONFIGS = sorted((ROOT / "analysis/config").glob("*.yaml"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request):
    return request.param


def code(path: Path) -> list[str]:
    cells = nbformat.read(path, as_version=4).cells
    return [
        "\n".join(line for line in cell.source.splitlines() if not line.startswith("%"))
        for cell in cells
        if cell.cell_type == "code"
    ]


def test_they_are_in_order():
    named = ["01_panel", "02_did", "03_channels", "04_spillovers", "05_new_study", "06_real_evidence"]
    assert [path.stem for path in NOTEBOOKS] == named


def test_a_notebook_is_valid_with_the_ids_that_its_format_asks_for(path):
    stored = json.loads(path.read_text(encoding="utf-8"))
    nbformat.validate(stored)
    assert (stored["nbformat"], stored["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in stored["cells"]]
    assert len(set(ids)) == len(ids)


def test_a_notebook_is_committed_without_outputs(path):
    for cell in nbformat.read(path, as_version=4).cells:
        assert not cell.metadata
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


def test_code_parses_and_every_cell_of_it_is_told_about(path):
    for source in code(path):
        ast.parse(source)
    kinds = [cell.cell_type for cell in nbformat.read(path, as_version=4).cells]
    assert kinds[0] == "markdown"
    assert kinds.count("markdown") >= kinds.count("code") / 2


def test_a_notebook_says_what_is_simulated_and_what_is_real(path):
    first = nbformat.read(path, as_version=4).cells[0].source
    assert "**simulated**" in first or "**generated**" in first


def test_a_new_study_takes_fewer_than_thirty_lines():
    source = "\n".join(code(ROOT / "notebooks/05_new_study.ipynb"))
    assert sum(bool(line.strip()) for line in source.splitlines()) < 30


@pytest.fixture
def project(tmp_path):
    """Folder with configuration and the notebook on real evidence, without any panel."""
    shutil.copytree(ROOT / "analysis/config", tmp_path / "analysis/config")
    (tmp_path / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks/06_real_evidence.ipynb", tmp_path / "notebooks")
    return tmp_path


def without_study() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "AIGREEN_STUDY"}


@pytest.mark.slow
def test_real_evidence_runs_where_only_the_facilities_are_built(project):
    """The parts that it shows are the accepted ones."""
    (project / "results/us-facilities").mkdir(parents=True)
    tables = ("us_facility_emissions", "us_report_words", "us_ai_patents")
    facilities(*map(facts.table, tables)).frame.to_parquet(project / "results/us-facilities/panel.parquet")
    command = [
        sys.executable,
        "-m",
        "nbconvert",
        "--execute",
        "--to",
        "notebook",
        "--inplace",
        "06_real_evidence.ipynb",
    ]
    where = {"cwd": project / "notebooks", "env": without_study()}
    run = subprocess.run(command, **where, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    cells = nbformat.read(project / "notebooks/06_real_evidence.ipynb", as_version=4).cells
    shown = [output for cell in cells if cell.cell_type == "code" for output in cell.outputs]
    words = "".join(output.get("text", "") for output in shown)
    for study in ("city-industries", "ets-firms", "us-listed-firms"):
        assert f"Not shown: {study} (`python3 run.py snakemake --config study={study}`)" in words
    split, before = (output.data["text/plain"] for output in shown if output.output_type == "execute_result")
    known = json.loads((ROOT / "paper/expected/us-facilities/numbers.json").read_text("utf-8"))
    for part in ("total", "direct", "ln_facilities", "concentration", "spillover"):
        found = re.search(rf"\b{part} +(-?[\d.]+) +([\d.]+)", split)
        assert [float(x) for x in found.groups()] == pytest.approx(
            [known[f"dec_{part}{end}"]["value"] for end in ("", "_se")], abs=1e-6
        )
    found = re.search(r"\n.* -1 +(-?[\d.]+)", before)
    assert float(found[1]) == pytest.approx(known["event_study_before_1"]["value"], abs=1e-6)


@pytest.mark.parametrize(("study", "named"), [({}, 4), ({"AIGREEN_STUDY": "ets-firms"}, 1)])
def test_real_evidence_says_what_it_needs(project, study, named):
    command = [sys.executable, "-c", code(project / "notebooks/06_real_evidence.ipynb")[0]]
    environment = without_study() | {"MPLBACKEND": "Agg"} | study
    run = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=120)
    (said,) = run.stderr.splitlines()
    assert said.startswith("there is no panel yet: run `python3 run.py snakemake --config study=")
    assert said.count("python3 run.py snakemake --config study=") == named


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_a_study_lists_notebooks_that_exist(config):
    listed = yaml.safe_load(config.read_text(encoding="utf-8")).get("notebooks", [])
    assert set(listed) <= {path.stem for path in NOTEBOOKS}
