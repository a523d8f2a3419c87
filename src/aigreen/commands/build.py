"""Make the firm-year panel of a study from its raw files."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from aigreen.errors import SourceError
from aigreen.study import CONFIG, DEFAULT, read_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take a study and, where they are not its own, the folders to read from and write to."""
    parser.add_argument("--study", default=DEFAULT, help="file in analysis/config (default: %(default)s)")
    parser.add_argument("--raw", type=Path, help="folder of raw files (default: results/STUDY/raw)")
    parser.add_argument("--out", type=Path, help="folder to write to (default: results/STUDY)")


def run(given: argparse.Namespace) -> int:
    """Build the firm-year panel of a study and print its sample flow."""
    from aigreen.assemble.build import BuildOptions, build
    from aigreen.assemble.firm_years import Options
    from aigreen.sources.adapter import load_mapping

    config = read_config({"study": given.study}, CONFIG)
    if config.get("panel", {}).get("unit") != "firm_id":
        raise SourceError(f"study {given.study!r} is no study of firms: snakemake makes its data")
    chosen = dict(config.get("build", {}))
    outer = {name: chosen.pop(name) for name in ("office", "keywords", "memory_limit", "threads") if name in chosen}
    if "mapping" in chosen:
        outer["mapping"] = load_mapping(chosen.pop("mapping"))
    if "years" in chosen:
        chosen["years"] = tuple(chosen["years"])
    options = BuildOptions(panel=Options(timing=config["panel"]["timing"], **chosen), **outer)
    folder = Path("results") / given.study
    built = build(given.raw or folder / "raw", given.out or folder, options, progress=sys.stderr.isatty())
    print(built.assembled.flow.to_string(index=False))
    return 0
