"""Where a browser is looked for, and what is said where there is none."""

import subprocess
import sys

import pytest

from .conftest import NAMES, chromium


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    for name in ("AIGREEN_CHROMIUM", "PLAYWRIGHT_BROWSERS_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_the_newest_of_playwright_serves_where_none_is_on_the_path(nowhere, monkeypatch):
    assert chromium() is None
    for version in ("1148", "1200"):
        shell = nowhere / f".cache/ms-playwright/chromium_headless_shell-{version}/chrome-linux/headless_shell"
        shell.parent.mkdir(parents=True)
        shell.write_text("")
    assert chromium() == str(shell)
    own = nowhere / "bin" / NAMES[1]
    own.parent.mkdir()
    own.write_text("")
    own.chmod(0o755)
    assert chromium() == str(own)
    monkeypatch.setenv("AIGREEN_CHROMIUM", "/mine")
    assert chromium() == "/mine"


def test_the_line_above_the_closing_one_counts_what_was_skipped(nowhere, repository):
    tests = "tests/workflow/site/test_site.py"
    options = ["-m", "pytest", "-n", "0", "-q", "-p", "no:cacheprovider", tests]
    run = subprocess.run([sys.executable, *options], cwd=repository, capture_output=True, text=True)
    *_, line, closing = run.stdout.splitlines()
    skipped = int(closing.split(" skipped")[0].split()[-1])
    assert line.startswith(f"{skipped} tests of the web edition were skipped, there is no Chromium: apt-get install")
    assert skipped >= 10
