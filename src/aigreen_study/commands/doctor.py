"""Which studies can run here, and where the missing inputs come from."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from aigreen.data.registry.registry import BOUNDARIES, MIRROR, registry, sha256
from aigreen.errors import AigreenError, ConfigError, SourceError, did_you_mean
from aigreen_study.config import CONFIG, read_config, studies
from aigreen_study.own.registry import own_registry
from aigreen_study.own.study import is_own, own_studies
from aigreen_study.run.project import project

RAW, RESTRICTED = Path("data/raw"), Path("data/restricted")
OPEN = RAW / "us_patents"
SHOWN = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take a study."""
    parser.add_argument(
        "--study", help="only this study, with the columns of every table; exit code 1 if it cannot run"
    )


def run(given: argparse.Namespace) -> int:
    """Print each study with the state of its inputs; return 1 when the study asked for cannot run."""
    folder = Path.cwd() / CONFIG
    if not (folder / "schema.json").is_file():
        return _own(given.study)
    mirror = os.environ.get(MIRROR)
    print(f"{MIRROR}: {mirror or 'not set; public files are downloaded'}")
    able = True
    for name in studies(folder) if given.study is None else [given.study]:
        config = read_config({"study": name}, folder)
        print(f"{name}: {config['title']}")
        if is_own(config):
            print(f"  ready: reads {config['source']['file']}, whose columns are those that the study names")
        elif config["source"] == "simulated":
            print("  ready: simulated, needs no input")
        elif config["source"] == "us_patents":
            able = _open_files(config, detailed=given.study is not None)
        elif "facts" in config:
            print(f"  ready: compiled in data/facts ({', '.join(config['facts'])}), needs no input")
        elif config["source"] == "licensed":
            able = _tables(config, detailed=given.study is not None)
        else:
            able = _files(config, Path(mirror) if mirror else None)
    return int(given.study is not None and not able)


def _own(study: str | None) -> int:
    """Print the studies of users' data in the folder at hand; return 1 when the one asked for cannot run."""
    here = own_studies(Path.cwd())
    if not here:
        raise SourceError(
            f"no studies in {Path.cwd()}: `aigreen new-study` writes one of your own data; those of the repository "
            "need its checkout"
        )
    if study is not None and study not in here:
        raise SourceError(f"no study {study!r}{did_you_mean(study, here)}; there are {', '.join(here)}")
    able = True
    for name in here if study is None else [study]:
        try:
            config = read_config({"study": name}, project() / CONFIG)
            own_registry(project() / CONFIG, config)
            built = (Path("results") / name / "provenance.json").is_file()
            print(f"{name}: {config['title']}")
            state = "built" if built else f"build it: aigreen run {name}.yaml"
            print(f"  ready: reads {config['source']['file']}; {state}")
        except AigreenError as fault:
            able = False
            print(f"{name}: cannot run: {fault}")
    return int(study is not None and not able)


def _files(config: Mapping[str, Any], mirror: Path | None) -> bool:
    """Say of each registered file of a public study whether it is here, whole, or can be had.

    Replications run without their files, too: the rows that rest on them say so.
    """
    able = True
    for row in _needed(config):
        here = next((place / row["file"] for place in (RAW, mirror) if place and (place / row["file"]).is_file()), None)
        if here is None:
            print(f"  missing: {row['file']} ({int(row['bytes'] or 0):,} bytes; licence: {row['licence']})")
            public = row["access"] == "public"
            print(f"    from {row['url']}" if public else f"    {row['obtain']}")
            able &= public and mirror is None
        else:
            good = sha256(here) == row["sha256"]
            print(f"  {'ready' if good else 'wrong content (sha256 differs)'}: {row['file']}")
            able &= good
    if config.get("kind") == "replications" and not able:
        print("  ready, but for the rows that rest on these files: they will say that the data are not here")
        return True
    return able


def _needed(config: Mapping[str, Any]) -> list[dict[str, str]]:
    """Rows of the registry that a public study reads; a study of one file draws the map as well."""
    rows = registry()
    named = config["source"] if isinstance(config["source"], list) else [config["source"]]
    if "file" in config:
        rows = rows[rows["file"].isin([config["file"], BOUNDARIES[1]])]
        named = [*named, BOUNDARIES[0]]
    return rows[rows["source"].isin(named)].to_dict("records")


def _open_files(config: Mapping[str, Any], *, detailed: bool) -> bool:
    """Say of each open file on US patents whether it is here, and where it comes from; it can be generated instead."""
    from aigreen.data.assemble import us_build

    options = us_build.from_config(config)
    fault, absent = None, []
    try:
        absent = us_build.lacking(OPEN, options)
    except SourceError as error:
        fault = str(error)
    able = fault is None and set(absent) <= set(us_build.OPTIONAL)
    for what, ways in us_build.needed(options).items() if fault is None else ():
        kind = "optional" if what in us_build.OPTIONAL else "needed"
        print(f"  {what}: {us_build.named(ways)}: {f'missing ({kind})' if what in absent else 'present'}")
    if detailed:
        _print_sources(us_build.SOURCES)
    generated = bool(config["simulated"])
    if generated:
        print(f"  ready: generated in the layouts of these files; with simulated=false they are read from {OPEN}")
    elif fault is not None:
        print(f"  cannot run: {fault}")
    elif not able:
        print(f"  cannot run: files go into {OPEN}")
    return generated or able


def _tables(config: Mapping[str, Any], *, detailed: bool) -> bool:
    """Say of each table of a licensed study whether it is here and can be read."""
    from aigreen.data.assemble import inventory
    from aigreen.data.assemble.options import from_config
    from aigreen_study.specification.partial import read_partial

    try:
        unclaimed = inventory.unclaimed(RESTRICTED)
    except SourceError as fault:
        print(f"  cannot run: {fault}")
        return False
    found = inventory.take(RESTRICTED, from_config(config).mapping)
    lacking = inventory.lacking(found, _columns(config))
    for entry in found:
        print(f"  {entry.wanted.expected.table}: {_state(entry, lacking)}")
        for line in (*entry.faults, *(_where(entry.wanted) if detailed and not entry.readable else ())):
            print(f"    {line}")
        if detailed and entry.absent:
            print(f"    without the optional columns {', '.join(entry.absent)}")
    needed = [entry.wanted.expected.table for entry in found if entry.wanted.needed and not entry.readable]
    broken = [entry.wanted.expected.table for entry in found if entry.faults]
    for names, columns in _by_tables(lacking).items():
        print(f"  {names}: needed for {', '.join(columns)}")
    for name in unclaimed:
        print(f"  {name}: claimed by no table, not read")
    if detailed:
        _print_sources(dict.fromkeys(entry.wanted.source for entry in found if not entry.readable))
    try:
        left_out = read_partial(CONFIG, config, inventory.absent_columns(RESTRICTED))[2]
    except ConfigError as fault:
        needed, left_out = [*needed, str(fault)], []
    for left in left_out:
        print(f"  left out: {left}")
    if needed or broken:
        hint = "" if detailed else f"; aigreen doctor --study {config['study']} says more"
        print(f"  cannot run: files go into {RESTRICTED}{hint}")
        return False
    print(f"  ready{', but for what is left out' if left_out else ''}")
    return True


def _state(entry: Any, lacking: Mapping[str, list[Any]]) -> str:
    if entry.files:
        shown = [part.below(RESTRICTED) for part in entry.files[:SHOWN]]
        more = f" and {len(entry.files) - SHOWN:,} more" if len(entry.files) > SHOWN else ""
        return f"{'present' if entry.readable else 'present but not readable'} ({', '.join(shown)}{more})"
    if entry.wanted.needed:
        return "missing (needed)"
    used = any(entry.wanted in wanted for wanted in lacking.values())
    return f"missing ({'the study names columns of it' if used else 'optional'})"


def _where(wanted: Any) -> Iterator[str]:
    """Files looked for, where they come from, and what their columns are."""
    from aigreen.data.assemble import inventory

    yield f"files: {inventory.pattern(wanted)}"
    yield f"source: {wanted.source}{f'. {wanted.how}' if wanted.how else ''}"
    known = inventory.meanings(wanted.expected.table)
    groups = wanted.expected.one_of
    kinds = [("needed", wanted.expected.required), *(("one needed of the", group) for group in groups)]
    optional = [name for name in wanted.expected.optional if not any(name in group for group in groups)]
    for kind, columns in (*kinds, ("optional", optional)):
        named = [f"{column} ({known[column]})" if column in known else column for column in columns]
        if named:
            yield f"{kind} columns: {', '.join(named)}"


def _by_tables(lacking: Mapping[str, list[Any]]) -> dict[str, list[str]]:
    """Columns by the tables of which one gives them."""
    result: dict[str, list[str]] = {}
    for column, wanted in lacking.items():
        result.setdefault(" or ".join(entry.expected.table for entry in wanted), []).append(column)
    return result


def _print_sources(names: Iterable[str]) -> None:
    rows = registry()
    for row in rows[rows["source"].isin(list(names))].drop_duplicates("source").to_dict("records"):
        where = f" From {row['url']}." if row["source"].startswith("us_") else ""
        print(f"  source {row['source']} (licence: {row['licence']}): {row['citation']} {row['obtain']}{where}")


def _columns(config: Mapping[str, Any]) -> list[str]:
    """List the columns of the panel that a study and its specifications name, each once."""
    from aigreen_study.specification.registry import read_registry

    parts = config["decomposition"]
    exhibits = read_registry(CONFIG, config).values()
    named = [
        *config["outcomes"].values(),
        *config["describe"],
        *config["event_study"].get("covariates", []),
        *(parts["outcome"], *parts["channels"], parts["exposure"], *parts.get("alternatives", [])),
        *(column for exhibit in exhibits for entry in exhibit.specifications for column in entry.columns),
    ]
    return list(dict.fromkeys(named))
