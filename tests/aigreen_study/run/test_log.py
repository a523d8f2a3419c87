import sys

import pytest

from aigreen_study.run.log import logged


def stopped_by(error, log, capsys):
    with pytest.raises(SystemExit) as end, logged(log):
        raise error
    assert end.value.code == 1
    return capsys.readouterr().err


def test_what_nobody_expected_is_one_line_with_its_kind(tmp_path, capsys):
    told = stopped_by(KeyError("x"), tmp_path / "step.log", capsys)
    assert told == f"error: unexpected KeyError: 'x' (log: {tmp_path / 'step.log'})\n"
    assert "Traceback" in (tmp_path / "step.log").read_text()


def test_a_step_whose_environment_was_removed_says_that(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    told = stopped_by(ModuleNotFoundError("No module named 'docx'"), tmp_path / "step.log", capsys)
    assert told.startswith(f"error: {tmp_path / 'python'} has gone in mid-run; `python3 run.py` makes it again")
    assert told.count("\n") == 1
