import shutil
from pathlib import Path

import pytest

from aigreen.cli import main
from aigreen.simulate.economy import economy

from .spoilt import digests


@pytest.fixture(scope="session")
def world(tmp_path_factory, repository):
    """Raw files, and the tables and the panel made of them."""
    folder = tmp_path_factory.mktemp("world")
    economy.write_raw(folder / "raw", seed=7, truth_folder=folder / "truth", scale="small")
    command = ["build", "--study", "simulated-firms", "--raw", str(folder / "raw"), "--out", str(folder / "out")]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(repository)
        assert main(command) == 0
    return folder


@pytest.fixture
def run(world, repository, tmp_path, monkeypatch, capsys):
    """Spoil a copy of the raw files and build from it, beside the tables of an earlier build."""
    monkeypatch.chdir(repository)

    def build(spoil):
        raw = Path(shutil.copytree(world / "raw", tmp_path / "data/raw"))
        shutil.copytree(world / "out/canonical", tmp_path / "out/canonical")
        spoil(raw)
        before = digests(tmp_path / "data")
        code = main(["build", "--study", "simulated-firms", "--raw", str(raw), "--out", str(tmp_path / "out")])
        assert digests(tmp_path / "data") == before
        return code, *capsys.readouterr()

    return build
