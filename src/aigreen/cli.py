"""Command line: `aigreen doctor` says which studies can run here and how to get what they lack."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from aigreen.errors import AigreenError, SourceError
from aigreen.sources.registry import MIRROR, registry, sha256
from aigreen.study import read_config, studies

CONFIG = Path("analysis/config")


def main(argv: list[str] | None = None) -> int:
    """Run a command; return the exit code (1 for an error made by the input)."""
    parser = argparse.ArgumentParser(prog="aigreen", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("doctor", help="which studies can run here, and where the missing inputs come from")
    parser.parse_args(argv)
    try:
        return doctor()
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
        for row in sources[sources["source"] == config["source"]].to_dict("records"):
            for line in _state(row, root / "data/raw", mirror):
                print(f"  {line}")
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
