"""Files that changed after the workflow wrote them, and what `aigreen verify` makes of them."""

import shutil

import pytest

from aigreen.cli import main
from aigreen.errors import ChecksumError
from aigreen_study.trust.sums import changed_results, check_sums, keep_sums

PAPER, NUMBERS = "results/small/paper.pdf", "results/small/numbers.json"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Study `small` whose results are its accepted values, with the sums of two files."""
    (tmp_path / "analysis/config").mkdir(parents=True)
    (tmp_path / "analysis/config/small.yaml").write_text("title: Small\n")
    (tmp_path / "results/small/estimates/main").mkdir(parents=True)
    (tmp_path / PAPER).write_text("%PDF-1.7\n")
    (tmp_path / NUMBERS).write_text('{"att": {"text": "0.5", "value": 0.5, "rule": "numbers"}}')
    monkeypatch.chdir(tmp_path)
    keep_sums([PAPER, NUMBERS, "results/small/estimates/main", "logs/small/x.log", "results/other"])
    assert main(["accept", "--study", "small", "--reason", "first"]) == 0
    return tmp_path


def verify(capsys):
    code = main(["verify", "--study", "small"])
    return code, capsys.readouterr().out.splitlines()


def test_untouched_files_are_as_they_were_written(project, capsys):
    assert changed_results(project / "results/small") == []
    check_sums([PAPER, NUMBERS, "results/small/never-written.csv", "data/x.csv"])
    code, said = verify(capsys)
    assert code == 0
    assert "small: 0 files changed since the workflow wrote them" in said
    assert said[-1] == "small: full (1 cells and numbers)"


@pytest.mark.parametrize("text", ["%PDF-1.6\n", ""])
def test_a_damaged_file_fails_verify_although_every_cell_is_reproduced(project, capsys, text):
    (project / PAPER).write_text(text)
    code, said = verify(capsys)
    assert code == 1
    assert "  paper.pdf: changed or damaged since the workflow wrote it" in said
    assert "small: 1 files changed since the workflow wrote them" in said
    assert said[-1] == "small: full (1 cells and numbers)"
    with pytest.raises(ChecksumError, match=r"results/small/paper\.pdf: changed or damaged"):
        check_sums([NUMBERS, PAPER])


def test_an_absent_file_fails_verify(project, capsys):
    (project / PAPER).unlink()
    code, said = verify(capsys)
    assert code == 1
    assert "  paper.pdf: absent, although the workflow wrote it" in said


def test_without_the_sums_nothing_is_said_to_be_unchanged(project, capsys):
    shutil.rmtree(project / "results/small/.sums")
    (project / PAPER).write_text("%PDF-1.6\n")
    code, said = verify(capsys)
    assert code == 0
    assert not any("0 files changed" in line for line in said)
    assert any(line.endswith("is not known, for want of results/small/.sums") for line in said)


def test_a_file_added_to_a_written_folder_is_seen(project):
    (project / "results/small/estimates/main/more.json").write_text("{}")
    assert changed_results(project / "results/small") == [
        "estimates/main: changed or damaged since the workflow wrote it"
    ]


def test_sums_are_kept_for_results_alone(project):
    kept = {path.relative_to(project).as_posix() for path in project.rglob("*.sha256")}
    assert kept == {f"results/small/.sums/{name}.sha256" for name in ("paper.pdf", "numbers.json", "estimates/main")}
