"""Rooms whose files are changed, and the fast tests that hold them: those of the file's own name first."""

from __future__ import annotations

from pathlib import PurePosixPath

from .mutants import ROOT

# Room, and folders or files of the tests that hold it, nearest first; those of the room itself come before them.
ESTIMATORS = {
    "aigreen/counterfactual": ("tests/aigreen/did", "tests/aigreen/spillover", "tests/aigreen/decomposition"),
    "aigreen/decomposition": ("tests/reference/test_additivity.py", "tests/reference/test_decomposition.py"),
    "aigreen/did": ("tests/reference",),
    "aigreen/effects": ("tests/aigreen/did", "tests/aigreen/inference"),
    "aigreen/exposure": ("tests/aigreen/spillover", "tests/aigreen/decomposition"),
    "aigreen/inference": ("tests/reference",),
    "aigreen/linalg": ("tests/aigreen/regression", "tests/aigreen/did", "tests/aigreen/decomposition"),
    "aigreen/mediation": ("tests/reference",),
    "aigreen/panel": ("tests/aigreen/did", "tests/aigreen/test_bad_input.py", "tests/aigreen/test_awkward_input.py"),
    "aigreen/regression": ("tests/reference", "tests/aigreen/mediation"),
    "aigreen/spillover": ("tests/reference/test_spillover.py",),
}
ROOMS = {
    "estimators": ESTIMATORS,
    "assembly": {"aigreen/data/assemble": ("tests/aigreen/data", "tests/workflow/test_build.py")},
    "report": {
        "aigreen_study/numbers": ("tests/aigreen_study/specification", "tests/aigreen_study/tables"),
        "aigreen_study/tables": ("tests/aigreen_study/paper", "tests/aigreen_study/specification"),
    },
    "trust": {
        "aigreen_study/bundle": ("tests/aigreen_study/trust",),
        "aigreen_study/trust": ("tests/aigreen_study/bundle", "tests/workflow/test_checklist.py"),
    },
}

SAMPLE = {"estimators": 170, "assembly": 55, "report": 50, "trust": 45}


def group_of(path: str) -> str:
    """Group that a file belongs to; empty for one of none."""
    return next((group for group, rooms in ROOMS.items() for room in rooms if f"src/{room}/" in path), "")


def files_of(group: str) -> list[str]:
    """Files of a group of rooms that hold code."""
    found = [path for room in ROOMS[group] for path in sorted((ROOT / "src" / room).rglob("*.py"))]
    return [path.relative_to(ROOT).as_posix() for path in found if path.name != "__init__.py"]


def held_by(path: str, *, nearest: bool = False) -> list[str]:
    """Tests that hold a file, in the order in which they are run; the nearest are those of its own room."""
    folder = PurePosixPath(path).relative_to("src").parent
    room, more = next(
        ((room, more) for rooms in ROOMS.values() for room, more in rooms.items() if f"src/{room}/" in path),
        (folder.as_posix(), ()),
    )
    own = (f"tests/{folder}/test_{PurePosixPath(path).stem}.py", f"tests/{folder}", f"tests/{room}")
    return [test for test in dict.fromkeys(own if nearest else (*own, *more)) if (ROOT / test).exists()]
