"""A release in a small checkout: refused where files disagree or have changed; else wheel, sdist, metadata, sums."""

import json
import shutil
import subprocess
import tarfile
import zipfile

import pytest

from aigreen.cli import main
from aigreen.data.registry.registry import sha256
from aigreen.errors import ReportError
from aigreen_study.release.release import by_hand, release
from aigreen_study.release.versions import DATES, VERSIONS, disagreements, version

PACKED = ("src", "data/facts", "analysis", "paper/sections", "profiles")


def git(folder, *arguments):
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    return subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True)


@pytest.fixture
def checkout(tmp_path, repository):
    """The files that a release reads and packs, committed; no change is without a version."""
    for name in PACKED:
        shutil.copytree(repository / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    files = {*VERSIONS, *DATES, "README.md", "LICENSE", ".gitignore", "Snakefile", "data/sources.csv"}
    files |= {f"paper/{path.name}" for path in (repository / "paper").glob("*.typ")} | {"paper/references.bib"}
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(repository / name, tmp_path / name)
    changes = (tmp_path / "CHANGELOG.md").read_text("utf-8")
    start, end = changes.index("## [Unreleased]"), changes.index("## [0.2.0]")
    (tmp_path / "CHANGELOG.md").write_text(f"{changes[:start]}## [Unreleased]\n\n{changes[end:]}", "utf-8")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "all")
    return tmp_path


def change(path, old, new):
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def test_versions_and_dates_agree_here(repository):
    faults = [fault for fault in disagreements(repository) if "[Unreleased]" not in fault]
    assert faults == []
    assert version(repository) == "0.2.0"


@pytest.mark.parametrize("name", VERSIONS)
def test_a_file_with_another_version_is_named(checkout, name):
    change(checkout / name, "0.2.0", "0.2.1")
    (fault,) = [fault for fault in disagreements(checkout) if fault.startswith("the version")]
    assert f"{name} has 0.2.1" in fault


@pytest.mark.parametrize("name", DATES)
def test_a_file_with_another_date_is_named(checkout, name):
    change(checkout / name, "2026-11-30", "2026-12-01")
    (fault,) = [fault for fault in disagreements(checkout) if fault.startswith("the date")]
    assert f"{name} has 2026-12-01" in fault


def test_changes_without_a_version_and_changed_files_stop_a_release(checkout):
    text = (checkout / "CHANGELOG.md").read_text("utf-8")
    (checkout / "CHANGELOG.md").write_text(text.replace("## [Unreleased]\n", "## [Unreleased]\n\n- More.\n\n", 1))
    with pytest.raises(
        ReportError, match=r"under \[Unreleased\].*; 1 files differ from the last commit: CHANGELOG.md$"
    ):
        release(checkout, None)
    assert not (checkout / "dist").exists()


def test_a_folder_that_is_no_checkout_is_refused(tmp_path, checkout):
    shutil.rmtree(checkout / ".git")
    with pytest.raises(ReportError, match="not a git checkout"):
        release(checkout, None)


def test_the_files_of_a_release(checkout, monkeypatch, capsys):
    (checkout / "src/aigreen/untracked.pyc").write_text("left behind")
    monkeypatch.chdir(checkout)
    assert main(["release", "--no-bundle"]) == 0
    dist = checkout / "dist"
    names = {path.name for path in dist.iterdir()}
    assert names == {"aigreen-0.2.0-py3-none-any.whl", "aigreen-0.2.0.tar.gz", "zenodo.json", "SHA256SUMS"}
    wheel = zipfile.ZipFile(dist / "aigreen-0.2.0-py3-none-any.whl").namelist()
    assert {"aigreen/__init__.py", "aigreen_study/project/Snakefile", "aigreen/data/registry/sources.csv"} <= set(wheel)
    with tarfile.open(dist / "aigreen-0.2.0.tar.gz") as archive:
        packed = archive.getnames()
    assert {"aigreen-0.2.0/pyproject.toml", "aigreen-0.2.0/LICENSE", "aigreen-0.2.0/data/sources.csv"} <= set(packed)
    assert not [name for name in (*wheel, *packed) if "untracked" in name]
    assert json.loads((dist / "zenodo.json").read_bytes())["metadata"]["version"] == "0.2.0"
    sums = dict(line.split("  ")[::-1] for line in (dist / "SHA256SUMS").read_text().splitlines())
    assert sums == {name: sha256(dist / name) for name in names - {"SHA256SUMS"}}
    said = capsys.readouterr().out
    assert all(name in said for name in names)
    assert [line for line in by_hand(checkout, None) if line not in said] == []
    assert "DOI" in said and "v0.2.0" in said
