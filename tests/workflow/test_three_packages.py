"""The comparison of three packages in the documentation: what the script gives, but for seconds."""

import re
import subprocess
import sys

import pytest

SECONDS = re.compile(r"; [\d.]+, [\d.]+ s|^\| loading.*$", re.MULTILINE)


def rows(text: str) -> list[str]:
    """Lines of the table, without seconds and versions."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [line for line in map(str.strip, SECONDS.sub("", "\n".join(lines)).splitlines()) if line]


@pytest.mark.slow
def test_the_documentation_shows_what_the_script_gives(repository):
    page = (repository / "docs/from-csv-to-paper.md").read_text("utf-8").partition("## Three packages")[2]
    script = [sys.executable, str(repository / "benchmarks/three_packages.py")]
    found = subprocess.run(script, cwd=repository, capture_output=True, text=True, check=True).stdout
    assert len(rows(found)) == 7
    assert rows(page) == rows(found)
