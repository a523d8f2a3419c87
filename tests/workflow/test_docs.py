"""The documentation: every public name in the reference, links that lead somewhere, formulas without a script."""

import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

import aigreen

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
    for path in sorted((ROOT / "notebooks").glob("0[1-4]*.ipynb")):
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
    assert len(commands(page)) == {"README.md": 7, "licensed-data.md": 3}[name]
    spoken = " ".join(english.split())
    assert [line for line in commands(page) if line not in spoken and " ".join(line.split()) not in spoken] == []
    assert [block for block in blocks(page) if block.startswith("```yaml") and block not in english] == []


@pytest.mark.parametrize("name", CHINESE)
def test_chinese_pages_name_the_files_and_columns_of_the_english_ones(name):
    names = re.compile(r"`([\w./()<>-]*[\w)>/])`")
    here = set(names.findall((ROOT / "docs/zh" / name).read_text("utf-8")))
    there = {word for path in CHINESE.values() for word in names.findall(path.read_text("utf-8"))}
    assert {word for word in here - there if not (ROOT / word).exists()} == set()


@pytest.mark.parametrize("name", CHINESE)
def test_chinese_pages_say_that_nobody_else_checked_them_and_can_be_found(name):
    assert "除开发者外没有任何人核对过" in (ROOT / "docs/zh" / name).read_text("utf-8")
    assert f"](docs/zh/{name})" in (ROOT / "README.md").read_text("utf-8")
    assert f"zh/{name}" in (ROOT / "mkdocs.yml").read_text("utf-8")
