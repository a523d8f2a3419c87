"""A study built, bundled, unpacked elsewhere and verified there; the accepted tables of all studies set by TeX."""

import json
import os
import shutil
import subprocess
import sys
import zipfile

import pytest

from aigreen.data.registry.registry import MIRROR
from aigreen_study.paper.export_latex import document
from aigreen_study.tables.render import latex
from aigreen_study.tables.table import Table
from aigreen_study.trust.accepted import EXPECTED
from aigreen_study.trust.rebuild import MADE, rebuild

STUDY = "replications"


def aigreen(folder, *arguments):
    """Run a command of the copy of aigreen in a folder."""
    environment = os.environ | {"PYTHONPATH": str(folder / "src"), "PYTHONHASHSEED": "0"}
    command = [sys.executable, "-m", "aigreen.cli", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
def test_a_bundle_unpacked_elsewhere_verifies_and_gives_itself_again(repository, shared, tmp_path, monkeypatch):
    with monkeypatch.context() as here:
        here.chdir(repository)
        here.setenv(MIRROR, os.path.relpath(shared / "data", repository))  # as a user in the project would write it
        built = rebuild(repository, STUDY, tmp_path / "first").parents[1]
    numbers = json.loads((built / "results" / STUDY / "numbers.json").read_text(encoding="utf-8"))
    assert numbers["n_absent"]["value"] == 0
    run = aigreen(built, "bundle", "--study", STUDY, "--out", str(tmp_path / "1.zip"))
    assert run.returncode == 0, run.stderr
    with zipfile.ZipFile(tmp_path / "1.zip") as archive:
        archive.extractall(tmp_path / "elsewhere 别处")
    (top,) = (tmp_path / "elsewhere 别处").iterdir()
    made = {name for name in MADE if (top / name).exists()}
    assert made == {"results", "logs", "data/raw"}
    run = aigreen(top, "verify", "--study", STUDY)
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"{STUDY}: full (" in run.stdout
    (top / "results" / STUDY / "certificate.json").unlink()
    (top / "results" / STUDY / "certificate.md").unlink()
    run = aigreen(top, "bundle", "--study", STUDY, "--out", str(tmp_path / "2.zip"))
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "1.zip").read_bytes() == (tmp_path / "2.zip").read_bytes()


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no TeX here: pdflatex with siunitx 3 is needed")
def test_all_accepted_tables_are_set_by_tex(repository, tmp_path):
    paths = sorted((repository / EXPECTED).glob("*/tables/*.json"))
    assert paths
    tables = [latex(Table.from_json(path.read_text(encoding="utf-8"))) for path in paths]
    (tmp_path / "all.tex").write_text(document("All tables", "\\clearpage\n".join(tables)), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=300)
    log = run.stdout.decode("latin-1")
    assert run.returncode == 0, log[-2000:]
    assert [line for line in log.splitlines() if line.startswith("Overfull \\hbox")] == []
