"""Which studies can run here, and where the missing inputs come from."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from aigreen.errors import SourceError
from aigreen.sources.registry import MIRROR, registry, sha256
from aigreen.study import CONFIG, read_config, studies


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take no options."""


def run(given: argparse.Namespace) -> int:
    """Print each study with the state of its inputs; return 0 when the default study can run."""
    folder = Path.cwd() / CONFIG
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
            for line in _state(row, Path.cwd() / "data/raw", mirror):
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
