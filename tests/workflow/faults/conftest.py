"""The table of faults: what each is expected to lead to, and what it led to.

``pytest -m "" -s tests/workflow/faults`` prints it; with AIGREEN_WRITE_FAULTS=1 in the environment, docs/faults.md is
brought up to date as well.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from .project import Project, build_project

PAGE = Path(__file__).parents[3] / "docs/faults.md"
FAULTS = pytest.StashKey[dict]()
SEEN = pytest.StashKey[dict]()
ROW = re.compile(r"^\| (?P<fault>[^|]+) \| (?P<expected>[^|]+) \| (?P<seen>[^|]*) \|$", re.MULTILINE)
HEAD = """# Faults

Each row is a fault that a test in `tests/workflow/faults` puts in, what is expected of it, and what was seen. In all of
them nothing is lost, and no file that is cut, damaged or half-written is taken for a whole one. "Same bytes" means that
all results are those of a run without the fault. Paths of the test's own folder are shown as `…`.

    python3 run.py test -n 0 -m "" -s tests/workflow/faults

prints the table, and rewrites it here where AIGREEN_WRITE_FAULTS=1 is in the environment. The tests check that the
faults listed here are those that are put in.

| fault | expected | seen |
|---|---|---|
"""
REST = "\n## "  # what follows the table is written by hand


def pytest_configure(config):
    config.addinivalue_line("markers", "fault(what, expected): a row of the table of faults")
    config.stash[FAULTS], config.stash[SEEN] = {}, {}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    for item in items:
        if marker := item.get_closest_marker("fault"):
            what, expected = marker.args
            assert config.stash[FAULTS].setdefault(what, expected) == expected
            assert "|" not in what + expected


@pytest.fixture
def seen(request):
    """Note what a fault led to; places are left out."""
    what, _ = request.node.get_closest_marker("fault").args

    def note(text):
        short = " ".join(re.sub(r"\S*/pytest-of-[^/\s]+/pytest-\d+/[^/\s]+", "…", text).split())
        request.config.stash[SEEN][what] = short.replace("|", "/")[:260]

    return note


@pytest.fixture(scope="session")
def faults(pytestconfig):
    """Expected behaviour by fault, of all tests collected."""
    return pytestconfig.stash[FAULTS]


def rows_of_the_page():
    """Expected and seen behaviour by fault, as docs/faults.md has them."""
    found = ROW.finditer(PAGE.read_text(encoding="utf-8")) if PAGE.is_file() else []
    return {row["fault"]: (row["expected"], row["seen"]) for row in found if row["fault"] != "fault"}


@pytest.fixture(scope="session")
def page():
    return rows_of_the_page()


@pytest.fixture(scope="session")
def built(repository, shared, once_a_run):
    """The study of provinces, built once; each fault gets a copy of it."""
    mirror = shared / "data"
    return Project(once_a_run("built", lambda folder: build_project(repository, folder, mirror)), mirror)


@pytest.fixture
def project(built, tmp_path):
    """A copy of the built study, for one fault."""
    shutil.copytree(built.folder, tmp_path / "project", symlinks=True)
    return Project(tmp_path / "project", built.mirror)


@pytest.fixture
def expected(built):
    """Hashes of all results without a fault."""
    return built.sums()


@pytest.fixture
def mounts():
    """Skip where nothing may be mounted."""
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        pytest.skip("needs the right to mount (root)")


def pytest_terminal_summary(terminalreporter, config):
    seen, faults = config.stash[SEEN], config.stash[FAULTS]
    if not seen:
        return
    terminalreporter.section(f"{len(seen)} faults")
    for what, text in seen.items():
        terminalreporter.write_line(f"{what}\n    expected: {faults[what]}\n    seen:     {text}")
    if os.environ.get("AIGREEN_WRITE_FAULTS"):
        known = rows_of_the_page()
        rows = {what: (expected, seen.get(what, known.get(what, ("", ""))[1])) for what, expected in faults.items()}
        rows |= {what: row for what, row in known.items() if what not in rows and len(faults) < len(known)}
        lines = [f"| {what} | {expected} | {text} |" for what, (expected, text) in rows.items()]
        _, mark, rest = PAGE.read_text(encoding="utf-8").partition(REST) if PAGE.is_file() else ("", "", "")
        PAGE.write_text(HEAD + "\n".join(lines) + "\n" + mark + rest, encoding="utf-8")
