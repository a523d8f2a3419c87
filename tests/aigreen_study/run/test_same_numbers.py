import os
import subprocess
import sys

import pytest

from aigreen_study.run.same_numbers import VARIABLES, same_numbers


@pytest.mark.parametrize("seed", ["12345", "random"])
def test_processes_started_afterwards_walk_sets_in_one_order(monkeypatch, seed):
    for name in VARIABLES:
        monkeypatch.setenv(name, "3")
    monkeypatch.setenv("PYTHONHASHSEED", seed)
    command = [sys.executable, "-c", "import os; print(list({*'poisson'}), os.environ['RAYON_NUM_THREADS'])"]
    fixed = subprocess.run(command, env=os.environ | VARIABLES, capture_output=True, text=True, check=True).stdout
    same_numbers()
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == fixed
    assert fixed.endswith(" 1\n")


def test_the_workflow_calls_it_before_the_rules(repository):
    text = (repository / "Snakefile").read_text("utf-8")
    assert text.index("\nsame_numbers()\n") < text.index("include:")
