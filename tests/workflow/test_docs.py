"""The documentation: every public name in the reference, links that lead somewhere, formulas without a script."""

import importlib
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import unquote

import pandas as pd
import pytest

import aigreen
from aigreen.data.assemble.simulated_firms import firm_year
from aigreen.simulate.us_patent_files import write
from aigreen.simulate.us_patents import draw
from aigreen.simulate.world import firm_panel

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(<?([^)>\s]+)>?\)")
PROSE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def headings(path: Path) -> set[str]:
    found = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in found}


def broken(path: Path) -> list[str]:
    """Links of a page to files or headings that are not there."""
    lost = []
    for link in LINK.findall(PROSE.sub("", path.read_text("utf-8"))):
        file, _, place = unquote(link).partition("#")
        if "://" in link or link.startswith("mailto:"):
            continue
        target = path.parent / file if file else path
        if not target.exists() or (place and target.suffix == ".md" and place not in headings(target)):
            lost.append(link)
    return lost


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_to_files_and_headings(path):
    assert broken(path) == []


def test_a_broken_link_is_found(tmp_path):
    (tmp_path / "a.md").write_text("# One two\n[a](b.md) [b](#one-two) [c](#three) [d](a.md#one-two) `[e](f.md)`\n")
    assert broken(tmp_path / "a.md") == ["b.md", "#three"]


def places(text: str) -> list[object]:
    """What the blocks of the reference show."""
    found = []
    for place in re.findall(r"^::: (\S+)$", text, re.MULTILINE):
        try:
            found.append(importlib.import_module(place))
        except ModuleNotFoundError:
            module, _, name = place.rpartition(".")
            found.append(getattr(importlib.import_module(module), name))
    return found


def absent(text: str) -> list[str]:
    """Public names that no block of the reference shows, by itself or with its module."""
    shown = places(text)
    modules = {vars(place)["__name__"] for place in shown if isinstance(place, type(importlib))}
    public = {name: getattr(aigreen, name) for name in aigreen.__all__}
    return [name for name, thing in public.items() if thing not in shown and thing.__module__ not in modules]


def test_the_reference_has_every_public_name():
    text = (ROOT / "docs/reference.md").read_text("utf-8")
    assert absent(text) == []
    assert absent(re.sub(r"::: \S+Spillover\n", "", text)) == ["Spillover"]


def test_a_notebook_copied_elsewhere_says_what_it_needs(tmp_path):
    for path in sorted((ROOT / "notebooks").glob("0[1-46]*.ipynb")):
        cells = [cell["source"] for cell in json.loads(path.read_text("utf-8"))["cells"] if cell["cell_type"] == "code"]
        code = "".join(line for line in cells[0] if not line.startswith("%"))
        command, environment = [sys.executable, "-c", code], {**os.environ, "MPLBACKEND": "Agg"}
        run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
        assert run.returncode == 1
        assert run.stderr.strip().splitlines() == [
            f"{tmp_path} is not in a checkout of aigreen: this notebook reads its analysis/ and results/"
        ]


def blocks(path: Path) -> list[str]:
    """Blocks of code of a page that are run or copied: commands, settings."""
    return re.findall(r"^```(?:sh|yaml)\n.*?^```$", path.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def commands(path: Path) -> list[str]:
    return [line for block in blocks(path) for line in block.splitlines() if line.startswith(("python3 ", "aigreen "))]


CHINESE = {"README.md": ROOT / "README.md", "licensed-data.md": ROOT / "docs/licensed-data.md"}


@pytest.mark.parametrize("name", CHINESE)
def test_chinese_pages_have_the_commands_of_the_english_ones_and_no_others(name):
    page, english = ROOT / "docs/zh" / name, CHINESE[name].read_text("utf-8")
    spans = {" ".join(span.split()) for span in re.findall(r"`([^`]+)`", english)}
    assert len(commands(page)) == {"README.md": 7, "licensed-data.md": 3}[name]
    assert set(commands(page)) <= {*commands(CHINESE[name]), *spans}
    assert [block for block in blocks(page) if block.startswith("```yaml") and block not in english] == []


@pytest.mark.parametrize("name", CHINESE)
def test_chinese_pages_name_the_files_and_columns_of_the_english_ones(name):
    names = re.compile(r"`([\w./()<>-]*[\w)>/])`")
    here = set(names.findall((ROOT / "docs/zh" / name).read_text("utf-8")))
    there = "".join(path.read_text("utf-8") for path in CHINESE.values())
    assert {word for word in here if word not in there and not (ROOT / word).exists()} == set()


@pytest.mark.parametrize("name", CHINESE)
def test_chinese_pages_say_that_nobody_else_checked_them_and_can_be_found(name):
    assert "除开发者外没有任何人核对过" in (ROOT / "docs/zh" / name).read_text("utf-8")
    assert f"](docs/zh/{name})" in (ROOT / "README.md").read_text("utf-8")
    assert f"zh/{name}" in (ROOT / "mkdocs.yml").read_text("utf-8")


def code(path: Path) -> list[str]:
    """Blocks of Python of a page that are no doctests, which pytest runs by itself (`--doctest-glob`)."""
    found = re.findall(r"^```py(?:thon)?\n(.*?)^```$", path.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return [block for block in found if ">>>" not in block]


SCRIPTS = {"README.md": 2, "docs/from-csv-to-paper.md": 1, "docs/open-us-data.md": 1}


def test_blocks_of_python_are_doctests_or_run_here():
    doctests = {"docs", "--doctest-glob=*.md"}
    options = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["pytest"]["ini_options"]
    assert doctests <= {*options["testpaths"], *options["addopts"]}
    pages = [
        path for path in PAGES if path.name != "CONTRIBUTING.md"
    ]  # whose code tests/workflow/test_recipes.py carries out
    found = {path.relative_to(ROOT).as_posix(): len(code(path)) for path in pages if code(path)}
    assert found == SCRIPTS
    assert [path.name for path in pages if ">>>" in path.read_text("utf-8") and "docs" not in path.parts] == []


@pytest.fixture(scope="module")
def firms(tmp_path_factory) -> Path:
    """A folder with simulated firms as README and the page from CSV to paper name their columns."""
    folder = tmp_path_factory.mktemp("firms")
    frame = firm_year(firm_panel(seed=1, n_firms=300)[0]).frame
    names = {"firm_id": "firm", "zone_year": "first_treated", "city_code": "city"}
    pd.concat([frame, frame[list(names)].rename(columns=names)], axis=1).to_csv(folder / "firms.csv", index=False)
    return folder


@pytest.mark.parametrize("name", ["README.md", "docs/from-csv-to-paper.md"])
def test_scripts_on_a_file_of_firms_run(name, firms):
    script = "import warnings; warnings.simplefilter('ignore')\n" + "\n".join(code(ROOT / name))
    environment = {**os.environ, "MPLBACKEND": "Agg"}
    run = subprocess.run([sys.executable, "-c", script], cwd=firms, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]
    told = {"README.md": ["ATT", "total", "spillover"], "docs/from-csv-to-paper.md": ["Estimate", "Std. Error"]}
    assert [word for word in told[name] if word not in run.stdout] == []


def test_the_script_on_open_files_runs_on_generated_ones(tmp_path):
    (block,) = code(ROOT / "docs/open-us-data.md")
    write(draw(seed=1, n_firms=150, patents_factor=0.2), tmp_path / "data/raw/us_patents", seed=1)
    script = block + "\nprint(len(panel.frame) > 100, len(panel.flow) > 1, len(panel.codebook) > 5)\n"
    run = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert (run.stdout, run.returncode) == ("True True True\n", 0), run.stderr[-2000:]
