"""Which study is meant where none is named."""

from pathlib import Path

import pytest
import yaml

from aigreen.cli import main
from aigreen_study.config import default_study

STUDY = {"title": "Firms", "source": {"file": "firms.csv"}, "outcome": "y"}
COMMANDS = (
    ["verify"],
    ["lint"],
    ["bundle"],
    ["diff", "HEAD"],
    ["accept", "--reason", "x"],
    ["export", "--format", "csv"],
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def own(*names):
    for name in names:
        Path(f"{name}.yaml").write_text(yaml.safe_dump(STUDY))


def test_the_only_study_of_the_folder_or_the_only_one_with_results(folder):
    own("firms")
    Path("other.yaml").write_text("a: 1\n")
    assert default_study() == "firms"
    own("copy")
    Path("results/firms").mkdir(parents=True)
    assert default_study() == "firms"


@pytest.mark.parametrize("command", COMMANDS)
def test_of_several_studies_one_must_be_named(folder, command, capsys):
    own("one", "two")
    assert main(command) == 1
    assert capsys.readouterr().err == f"error: 2 studies in {folder}; say which is meant by --study: one, two\n"


def test_a_folder_without_studies_is_told_so_and_a_checkout_has_a_default(folder, capsys):
    assert main(["verify"]) == 1
    assert capsys.readouterr().err.startswith(f"error: no study in {folder}: a study is a YAML file")
    Path("analysis/config").mkdir(parents=True)
    assert default_study() == "simulated-firms"
