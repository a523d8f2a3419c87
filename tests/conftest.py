import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
NO_CHROMIUM = "no Chromium"
GET_CHROMIUM = "apt-get install chromium-headless-shell, or see CONTRIBUTING.md"


@pytest.fixture(scope="session")
def repository() -> Path:
    """Top of the repository."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of public test data (AIGREEN_SHARED, else `shared` next to the repository)."""
    folder = Path(os.environ.get("AIGREEN_SHARED") or REPOSITORY.parent / "shared").resolve()
    if not (folder / "data").is_dir():
        pytest.skip(f"no public test data at {folder}; set AIGREEN_SHARED to the folder that holds data/")
    return folder


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter):
    """Say, directly above the closing line, how many tests of the web edition no browser was there for."""
    yield
    reasons = [report.longrepr[2] for report in terminalreporter.stats.get("skipped", [])]
    count = sum(NO_CHROMIUM in reason for reason in reasons)
    if count:
        terminalreporter.write_line(
            f"{count} tests of the web edition were skipped, there is no Chromium: {GET_CHROMIUM}", yellow=True
        )
