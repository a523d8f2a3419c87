"""Committed notebooks: valid, without outputs, readable from anywhere. The workflow executes them."""

import ast
import json
from pathlib import Path

import nbformat
import pytest
import yaml

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


def test_there_are_five_in_order():
    assert [path.stem for path in NOTEBOOKS] == ["01_panel", "02_did", "03_channels", "04_spillovers", "05_new_study"]


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


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_a_study_lists_notebooks_that_exist(config):
    listed = yaml.safe_load(config.read_text(encoding="utf-8")).get("notebooks", [])
    assert set(listed) <= {path.stem for path in NOTEBOOKS}
