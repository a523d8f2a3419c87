import os
import shutil
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


@pytest.fixture(scope="session")
def once_a_run(tmp_path_factory):
    """Make a folder that all workers of a run read: `once_a_run(name, make)` calls `make(folder)` in the first."""
    top = tmp_path_factory.getbasetemp()
    top = top.parent if "PYTEST_XDIST_WORKER" in os.environ else top

    def made(name, make):
        import fcntl

        folder, whole = top / name, top / f"{name}.whole"
        with open(top / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not whole.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                make(folder)
                whole.touch()
        return folder

    return made


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
