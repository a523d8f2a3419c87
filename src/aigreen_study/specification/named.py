"""Columns that a study's configuration names, held against those that its panel has."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aigreen.errors import ConfigError, did_you_mean
from aigreen_study.trust.sums import check_sums

NO_PLACES = "none"  # panel.places of treatment that falls on units
NAMED = {
    "panel": ("unit", "name", "time", "cohort", "cluster"),
    "outcomes": ("level", "log"),
    "event_study": ("covariates",),
    "decomposition": ("outcome", "counts", "channels", "exposure", "alternatives"),
}


PLACES = "GB/T 2260"  # in the coding of columns that hold them


def check_named(config: Mapping[str, Any], coding: Mapping[str, str]) -> None:
    """Refuse a configuration that names a column which the panel does not have, or that cannot play its part.

    Parameters
    ----------
    config : mapping
    coding : mapping
        By column of the panel, how the codebook says it is coded.

    Raises
    ------
    ConfigError
        With the key of each column, as ``decomposition.channels[0]``, and the nearest one; for clusters that are not
        the places on which treatment falls.
    """
    known, panel = list(coding), config.get("panel", {})
    problems = [
        f"{key}: no column {name!r}{did_you_mean(name, known)}" for key, name in _named(config) if name not in known
    ]
    cluster = panel.get("cluster")
    if panel.get("places", "prefecture") != NO_PLACES and cluster in known and PLACES not in coding[cluster]:
        problems.append(
            f"panel.cluster: {cluster!r} holds no codes of places ({PLACES}), on which treatment falls and which "
            f"spatial errors and reassignments need; for other clusters set panel.places to {NO_PLACES}"
        )
    if problems:
        raise ConfigError(f"study {config.get('study', '')!r}: " + "; ".join(problems))


def check_built(config: Mapping[str, Any], dag: Any, codebook: Path) -> None:
    """Do so before the first step where the panel is there and stays; where it is made, each step looks for itself.

    Parameters
    ----------
    config : mapping
    dag : snakemake.dag.DAG
        What is to run.
    codebook : path
        Of the panel.

    Raises
    ------
    ConfigError
        As `check_named`.
    ChecksumError
        Where the codebook is not as it was written.
    """
    if codebook.is_file() and not any(str(codebook) in job.output for job in dag.needrun_jobs()):
        check_sums([str(codebook)])
        rows = csv.DictReader(codebook.read_text(encoding="utf-8").splitlines())
        check_named(config, {row["column"]: row["coding"] for row in rows})


def _named(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every column of the configuration with its key."""
    places = {f"{part}.{key}": config.get(part, {}).get(key) for part, keys in NAMED.items() for key in keys}
    for name, check in config.get("checks", {}).items():
        if isinstance(check, Mapping):
            places[f"checks.{name}.column"] = check.get("column")
    for key, value in (places | {"describe": config.get("describe")}).items():
        if isinstance(value, list):
            yield from ((f"{key}[{i}]", name) for i, name in enumerate(value))
        elif value is not None:
            yield key, value
