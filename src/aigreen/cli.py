"""Command line: which studies can run here (`doctor`), raw files to a panel (`build`), its columns (`codebook`)."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from aigreen import tables
from aigreen.errors import AigreenError, SourceError, did_you_mean
from aigreen.sources.registry import MIRROR, registry, sha256
from aigreen.study import DEFAULT, read_config, studies

CONFIG = Path("analysis/config")


def main(argv: list[str] | None = None) -> int:
    """Run a command; return the exit code (1 for an error made by the input)."""
    parser = argparse.ArgumentParser(prog="aigreen", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("doctor", help="which studies can run here, and where the missing inputs come from")
    panel = commands.add_parser("build", help="make the firm-year panel of a study from its raw files")
    panel.add_argument("--study", default=DEFAULT, help="file in analysis/config (default: %(default)s)")
    panel.add_argument("--raw", type=Path, help="folder of raw files (default: results/STUDY/raw)")
    panel.add_argument("--out", type=Path, help="folder to write to (default: results/STUDY)")
    book = commands.add_parser("codebook", help="print the codebook of a panel, or the columns of the canonical tables")
    book.add_argument("--study", help="study whose panel is meant; without it, the canonical tables")
    given = parser.parse_args(argv)
    try:
        if given.command == "build":
            return build_panel(given.study, given.raw, given.out)
        return codebook(given.study) if given.command == "codebook" else doctor()
    except AigreenError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def doctor(root: Path | None = None) -> int:
    """Print each study with the state of its inputs; return 0 when the default study can run."""
    root = root or Path.cwd()
    folder = root / CONFIG
    if not (folder / "schema.json").is_file():
        raise SourceError(f"no studies here: {CONFIG} is not in this folder; run from the top of the repository")
    mirror = os.environ.get(MIRROR)
    print(f"{MIRROR}: {mirror or 'not set; public files are downloaded'}")
    for name in studies(folder):
        config = read_config({"study": name}, folder)
        print(f"{name}: {config['title']}")
        if config["source"] == "simulated":
            print("  ready: simulated, needs no input")
            continue
        sources = registry()
        needed = sources[sources["source"] == config["source"]]
        if "file" in config:
            needed = needed[needed["file"] == config["file"]]
        for row in needed.to_dict("records"):
            for line in _state(row, root / "data/raw", mirror):
                print(f"  {line}")
    return 0


def build_panel(study: str, raw: Path | None, out: Path | None) -> int:
    """Build the firm-year panel of a study and print its sample flow."""
    from aigreen.assemble.build import BuildOptions, build
    from aigreen.assemble.firm_years import Options
    from aigreen.sources.adapter import load_mapping

    config = read_config({"study": study}, CONFIG)
    if config.get("panel", {}).get("unit") != "firm_id":
        raise SourceError(f"study {study!r} is no study of firms: snakemake makes its data")
    chosen = dict(config.get("build", {}))
    outer = {name: chosen.pop(name) for name in ("office", "keywords", "memory_limit", "threads") if name in chosen}
    if "mapping" in chosen:
        outer["mapping"] = load_mapping(chosen.pop("mapping"))
    if "years" in chosen:
        chosen["years"] = tuple(chosen["years"])
    options = BuildOptions(panel=Options(timing=config["panel"]["timing"], **chosen), **outer)
    folder = Path("results") / study
    built = build(raw or folder / "raw", out or folder, options, progress=sys.stderr.isatty())
    print(built.assembled.flow.to_string(index=False))
    return 0


def codebook(study: str | None) -> int:
    """Print the codebook of a built panel, or the columns of the canonical tables, as csv."""
    if study is None:
        print(tables.describe().to_csv(index=False), end="")
        return 0
    path = Path("results") / study / "codebook.csv"
    if not path.is_file():
        known = studies(CONFIG)
        near = did_you_mean(study, known) if study not in known else f"; build the panel of {study!r} first"
        raise SourceError(f"no file {path}{near}")
    print(path.read_text(encoding="utf-8"), end="")
    return 0


def _state(row: dict[str, str], raw: Path, mirror: str | None) -> list[str]:
    """Whether a registered file is here, whole, or can be had."""
    for place in filter(None, [raw, Path(mirror) if mirror else None]):
        path = place / row["file"]
        if path.is_file():
            good = sha256(path) == row["sha256"]
            return [f"{'ready' if good else 'wrong content (sha256 differs)'}: {row['file']}"]
    lines = [f"missing: {row['file']} ({int(row['bytes']):,} bytes; licence: {row['licence']})"]
    return [*lines, f"  from {row['url']}" if row["access"] == "public" else f"  {row['obtain']}"]


if __name__ == "__main__":
    sys.exit(main())
