"""The table of evidence: every public name has rows, and what a row says stands in the test that it names."""

from __future__ import annotations

import argparse
import ast
import re
from pathlib import Path

import pytest

from aigreen.errors import OptionError
from aigreen_study.commands.evidence import add_arguments, run
from aigreen_study.trust.evidence import (
    ALIGNED,
    EXACT,
    KINDS,
    PAGE,
    SIMULATED,
    evidence,
    of,
    page,
    public_names,
    status,
)

ROWS = evidence(Path(__file__).resolve().parents[3])
WORDS = {"equal": ("array_equal", "tolist() ==", "round("), "default": ("assert_allclose", "approx")}


def code_of_test(path: Path, name: str) -> list[ast.AST]:
    """A test or method with the functions and constants of its module that it names, directly or through others."""
    tree = ast.parse(path.read_text("utf-8"))
    known: dict[str, list[ast.AST]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            known.setdefault(node.name, []).append(node)
    for node in tree.body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                for part in ast.walk(target):
                    if isinstance(part, ast.Name):
                        known.setdefault(part.id, []).append(node)
    found: dict[str, list[ast.AST]] = {}
    waiting = [name]
    while waiting:
        this = waiting.pop()
        if this in known and this not in found:
            found[this] = known[this]
            parts = [part for node in known[this] for part in ast.walk(node)]
            waiting += [part.id for part in parts if isinstance(part, ast.Name)]
            waiting += [part.arg for part in parts if isinstance(part, ast.arg)]  # fixtures
    return [node for nodes in found.values() for node in nodes]


def numbers(nodes: list[ast.AST]) -> set[float]:
    values = [part.value for node in nodes for part in ast.walk(node) if isinstance(part, ast.Constant)]
    return {float(v) for v in values if isinstance(v, int | float) or (isinstance(v, str) and re.fullmatch(r"\d+", v))}


def unheld(repository: Path, row: dict[str, str]) -> list[str]:
    """What a row claims and its test does not show."""
    place, _, name = row["test"].partition("::")
    nodes = code_of_test(repository / place, name) if (repository / place).is_file() and name else []
    if not nodes:
        return [f"{row['test']}: no such test"]
    there, text = numbers(nodes), "\n".join(map(ast.unparse, nodes))
    claimed = row["tolerance"].split() + row["samples"].split()
    lacking = [
        claim
        for claim in claimed
        if not (any(word in text for word in WORDS[claim]) if claim in WORDS else float(claim) in there)
    ]
    return [f"{row['test']}: {claim} does not stand in it" for claim in lacking]


def test_every_public_name_has_a_row_and_no_other_has() -> None:
    named = {name for names in ROWS["names"] for name in names.split()}
    assert named == set(public_names())
    assert set(ROWS["kind"]) <= set(KINDS)


def test_every_test_exists_and_shows_tolerance_and_samples(repository: Path) -> None:
    assert [fault for row in ROWS.to_dict("records") for fault in unheld(repository, row)] == []
    assert (ROWS["tolerance"] != "").all()
    assert ((ROWS["samples"] != "") == (ROWS["kind"] == "simulation")).all()


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"test": "tests/reference/test_wild.py::test_gone"}, "no such test"),
        ({"test": "tests/reference/test_gone.py::test_fixest"}, "no such test"),
        ({"tolerance": "1e-8 1e-11"}, "1e-11 does not stand in it"),
        ({"samples": "777"}, "777 does not stand in it"),
        ({"tolerance": "equal", "test": "tests/reference/test_spatial.py::test_fixest"}, "equal does not stand in it"),
    ],
)
def test_a_planted_fault_is_found(repository: Path, change: dict[str, str], fault: str) -> None:
    row = of(ROWS, "conley").iloc[0].to_dict()
    assert unheld(repository, row) == []
    assert fault in " ".join(unheld(repository, row | change))


def test_versions_are_those_of_the_lock_or_stand_where_the_test_or_the_conventions_say(repository: Path) -> None:
    lock = dict(
        re.findall(r"^([\w.-]+)==([\w.]+)", (repository / "requirements.lock").read_text("utf-8"), re.MULTILINE)
    )
    conventions = (repository / "docs/conventions.md").read_text("utf-8")
    for row in ROWS[ROWS["kind"] == "package"].to_dict("records"):
        package, version = row["against"], row["version"]
        if package in lock:
            assert version == lock[package], row
        else:
            text = (repository / row["test"].partition("::")[0]).read_text("utf-8") + conventions
            assert re.search(rf"\b{package} {re.escape(version)}\b", text), row


def test_every_reference_and_coverage_test_of_an_estimator_is_a_row(repository: Path) -> None:
    held = {test.partition("::")[0] for test in ROWS["test"]}
    files = [
        *(repository / "tests/reference").glob("test_*.py"),
        *(repository / "tests/simulation").glob("*coverage.py"),
    ]
    assert {str(path.relative_to(repository)) for path in files} - held == set()


def test_status_follows_from_the_rows() -> None:
    simulated = ROWS[ROWS["kind"] == "simulation"]
    assert status(simulated) == SIMULATED
    assert status(of(ROWS, "conley")) == ALIGNED
    assert status(of(ROWS, "StackedDiD")) == EXACT


def test_the_page_is_the_generated_one(repository: Path) -> None:
    assert (repository / PAGE).read_text("utf-8") == page(ROWS), "run `aigreen evidence --write-docs`"


def test_the_command_prints_a_name_and_suggests_the_nearest(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(repository)
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert run(parser.parse_args(["wild_cluster_bootstrap"])) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"Status: {ALIGNED}.")
    assert "| fwildclusterboot 0.14.3 | 8 clusters, 256 draws" in shown
    assert "bacondecomp" not in shown
    with pytest.raises(OptionError, match="GroupTimeATT"):
        run(parser.parse_args(["GroupTimeATTT"]))
