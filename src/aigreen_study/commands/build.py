"""Make the firm-year panel of a study from its raw files."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from aigreen.errors import SourceError
from aigreen_study.config import CONFIG, DEFAULT, read_config
from aigreen_study.run.project import checkout


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take a study and, where they are not its own, the folders to read from and write to."""
    parser.add_argument("--study", default=DEFAULT, help="file in analysis/config (default: %(default)s)")
    parser.add_argument("--raw", type=Path, help="folder of raw files (default: results/STUDY/raw)")
    parser.add_argument("--out", type=Path, help="folder to write to (default: results/STUDY)")


def run(given: argparse.Namespace) -> int:
    """Build the firm-year panel of a study and print its sample flow."""
    from aigreen.data.assemble.build import build
    from aigreen.data.assemble.options import UNIT, from_config

    config = read_config({"study": given.study}, checkout("build") / CONFIG)
    if config.get("panel", {}).get("unit") != UNIT:
        raise SourceError(f"study {given.study!r} is no study of firms: snakemake makes its data")
    options = from_config(config)
    folder = Path("results") / given.study
    built = build(given.raw or folder / "raw", given.out or folder, options, progress=sys.stderr.isatty())
    print(built.assembled.flow.to_string(index=False))
    return 0
