import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


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
