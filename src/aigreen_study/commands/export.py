"""Write the tables and figures of a paper as a folder for LaTeX (Overleaf), Word or a spreadsheet."""

from __future__ import annotations

import argparse
from pathlib import Path

from aigreen_study.config import MEANT, default_study
from aigreen_study.run.project import sources

FORMATS = ("latex", "docx", "csv")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take a format, a study and a folder."""
    parser.add_argument("--format", required=True, choices=FORMATS, help="what the folder is for")
    parser.add_argument("--study", help=f"study whose results are meant {MEANT}")
    parser.add_argument("--out", type=Path, help="the folder (default: dist/STUDY-FORMAT)")


def run(given: argparse.Namespace) -> int:
    """Print the folder and what is in it."""
    from aigreen_study.own.paper import paper_config
    from aigreen_study.paper.export import export

    study = given.study or default_study()
    project, papers = Path.cwd(), sources()
    config = paper_config(study, papers)
    folder = given.out or project / "dist" / f"{study}-{given.format}"
    files = export(project, config, given.format, folder, papers=papers)
    print(f"{folder}: {len(files)} files")
    return 0
