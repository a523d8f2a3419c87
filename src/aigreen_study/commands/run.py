"""Run a study of your own data: its paper, tables, figures and page, below results/ beside its file."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from aigreen.errors import SourceError, did_you_mean
from aigreen_study.config import CONFIG
from aigreen_study.run.project import project
from aigreen_study.run.same_numbers import VARIABLES

DRAWN_ALIKE = {"PYTHONUTF8": "1", "MPLBACKEND": "Agg", "SOURCE_DATE_EPOCH": "1577836800"}  # as in run.py


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take a study's file and options of Snakemake."""
    parser.add_argument("file", type=Path, help="file of the study, as `aigreen new-study` writes it")
    parser.add_argument("options", nargs=argparse.REMAINDER, help="passed to snakemake, as --cores 2 or --dry-run")


def run(given: argparse.Namespace) -> int:
    """Call Snakemake in the folder of the study's file; return its exit code.

    Raises
    ------
    SourceError
        No such file, or one of data.
    """
    if not given.file.is_file():
        known = [path.name for path in given.file.absolute().parent.glob("*.yaml")]
        raise SourceError(f"{given.file}: no such file{did_you_mean(given.file.name, known)}")
    if given.file.suffix != ".yaml":
        raise SourceError(
            f"{given.file} is no study: aigreen new-study {given.file} --unit ... --time ... --cohort ... --outcome ..."
            " writes the YAML to be run"
        )
    top, folder = project(), given.file.absolute().parent
    if folder == top / CONFIG:  # a study among those of a checkout runs at its top
        folder = top
    command = [sys.executable, "-m", "aigreen_study.run.engine", "--snakefile", str(top / "Snakefile")]
    command += ["--workflow-profile", str(top / "profiles/default")]
    command += ["--directory", str(folder), *given.options]
    command += ["--config", f"study={given.file.stem}"]
    done = subprocess.run(command, env=os.environ | VARIABLES | DRAWN_ALIKE)
    if done.returncode == 0 and folder != Path.cwd():
        print(f"these files are below {folder}")
    return done.returncode
