"""An environment whose path has spaces, as in a checkout below `My Documents`: scripts are run all the same."""

import os
import shutil
import subprocess
import sys

import pytest

from aigreen_study.trust.rebuild import MADE


@pytest.mark.skipif(os.name == "nt", reason="stands in for the environment by a symbolic link")
def test_a_rule_runs_with_a_python_below_a_folder_with_spaces(repository, tmp_path):
    made = {repository / name for name in MADE}
    project = tmp_path / "my project 绿色"
    shutil.copytree(
        repository,
        project,
        ignore=lambda where, names: [n for n in names if repository / where / n in made or n == "__pycache__"],
    )
    (project / ".venv").symlink_to(sys.prefix, target_is_directory=True)
    python = project / ".venv/bin/python"
    environment = os.environ | {
        "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(project / "src"),
        "PYTHONHASHSEED": "0",
    }
    target = "results/replications/found/jobs.csv"
    command = [str(python), "-m", "snakemake", "--cores", "1", "--config", "study=replications", "--", target]
    run = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr
    assert (project / target).is_file()
