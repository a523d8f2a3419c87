"""The page on raw files: every kind has a test, and every test that it names is there."""

import re

import pytest

ROW = re.compile(r"^\| (.+) \|$", re.MULTILINE)


def rows(page):
    """Kind and named tests of each row of the tables of kinds."""
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)] for row in ROW.findall(page)]
    return [(row[0], row[4]) for row in cells if len(row) == 5 and row[0] != "kind"]


def named(cell):
    """Files with the beginnings of the names of their tests."""
    for part in cell.split("; "):
        files, _, names = part.rpartition(": ")
        starts = [name.strip().removesuffix("...") for name in names.split(",")]
        yield re.findall(r"`(\w+)`", files), starts


@pytest.fixture(scope="module")
def tests(repository):
    """Names of tests by file."""
    found = {}
    for path in (repository / "tests").rglob("test_*.py"):
        names = re.findall(r"^ *def test_(\w+)", path.read_text("utf-8"), re.MULTILINE)
        found.setdefault(path.stem.removeprefix("test_"), []).extend(names)
    return found


def test_every_kind_has_a_test_that_is_there(repository, tests):
    kinds = rows((repository / "docs/raw-files.md").read_text("utf-8"))
    assert len(kinds) >= 57
    before, lost = "", []
    for kind, cell in kinds:
        cell = before if cell == "the same" else cell
        before = cell
        for files, starts in named(cell):
            held = [name for file in files for name in tests.get(file, [])]
            lost += [(kind, start) for start in starts if not any(name.startswith(start) for name in held)]
    assert lost == []
