"""What a broken input leaves behind: the command as a process, and the panel of an earlier build."""

import shutil
import subprocess
import sys
from pathlib import Path

from aigreen.cli import main

from .spoilt import ASSETS, GOOGLE, cell, content, digests


def test_the_command_itself_from_an_empty_folder(world, repository, tmp_path):
    """As a process: exit code, one line on standard error, and no table of the broken file."""
    raw = Path(shutil.copytree(world / "raw", tmp_path / "raw"))
    cell(ASSETS, "-5")(raw)
    command = [sys.executable, "-m", "aigreen.cli", "build", "--study", "simulated-firms", "--raw", str(raw)]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "out")], cwd=repository, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: FS_Combas: column A001000000: 1 cells are not numbers from 0")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_broken_input_leaves_the_earlier_panel_alone(world, repository, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(repository)
    shutil.copytree(world, tmp_path / "w")
    content(GOOGLE, lambda data: data[:-100])(tmp_path / "w/raw")
    before = digests(tmp_path / "w")
    code = main(["build", "--raw", str(tmp_path / "w/raw"), "--out", str(tmp_path / "w/out")])
    assert (code, digests(tmp_path / "w")) == (1, before)
    assert "publications-0000.parquet" in capsys.readouterr().err
