"""Choices of a build, and how a study's configuration gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from aigreen.data.assemble.adoption import Threshold
from aigreen.data.assemble.inventory import TABLES
from aigreen.data.assemble.listed_firms import Options
from aigreen.data.raw.adapter import load_mapping, own_names
from aigreen.data.sources import reports
from aigreen.errors import MappingError, OutsideFolderError, did_you_mean

UNIT = "firm_id"


@dataclass(frozen=True, kw_only=True)
class BuildOptions:
    """How a panel is built.

    Parameters
    ----------
    panel : Options
        Sample and timing.
    mapping : dict
        The user's column names (`aigreen.data.raw.adapter.load_mapping`).
    office : str
        Patent office whose applications are counted.
    keywords : bool
        AI patents also by keywords in titles and abstracts.
    memory_limit : str
        Of DuckDB, for example ``"4GB"``; the result does not depend on it, nor on the threads.
    threads : int
        Of DuckDB.
    """

    panel: Options = field(default_factory=Options)
    mapping: dict[str, dict[str, str]] = field(default_factory=dict)
    office: str = "CN"
    keywords: bool = False
    memory_limit: str = "4GB"
    threads: int = 2


def from_config(config: Mapping[str, Any], *, top: Path | str = ".") -> BuildOptions:
    """Read the options of a build from the configuration of a study.

    Parameters
    ----------
    config : mapping
        As `aigreen_study.config.read_config` gives it: ``panel.timing``, and the keys under ``build``.
    top : path
        Folder that ``build.mapping`` is relative to.

    Raises
    ------
    MappingError
        No such file of column names, one of another layout, or one with a table or column that no adapter reads.
    OutsideFolderError
        The file of column names is not below `top`.
    """
    chosen = dict(config.get("build", {}))
    if "years" in chosen:
        chosen["years"] = tuple(chosen["years"])
    if "mapping" in chosen:
        chosen["mapping"] = _known(load_mapping(_inside(Path(top), chosen["mapping"])), chosen["mapping"])
    if "winsorise" in chosen:
        chosen["winsorise"] = {entry["column"]: entry["share"] for entry in chosen["winsorise"]}
    if "adoption" in chosen:
        given = dict(chosen["adoption"])
        chosen["adoption"] = Threshold(**given | {"others": tuple(given.get("others", ()))})
    outer = {entry.name for entry in fields(BuildOptions)}
    panel = Options(
        timing=config["panel"]["timing"], **{key: value for key, value in chosen.items() if key not in outer}
    )
    return BuildOptions(panel=panel, **{key: value for key, value in chosen.items() if key in outer})


def _inside(top: Path, name: str) -> Path:
    path = (top / name).resolve()
    if not path.is_relative_to(top.resolve()):
        raise OutsideFolderError(f"build.mapping: {name} is not below {top.resolve()}")
    return path


def _known(mapping: dict[str, dict[str, str]], name: str) -> dict[str, dict[str, str]]:
    """Refuse names of tables and columns that no adapter looks for: they would be passed over in silence."""
    expected = {wanted.expected.table: (*wanted.expected.required, *wanted.expected.optional) for wanted in TABLES}
    expected[reports.TABLE] = (*expected[reports.TABLE], reports.VERSION)
    for table in mapping:
        if table not in expected:
            raise MappingError(f"{name}: no table {table!r}{did_you_mean(table, list(expected))}")
        for column in own_names(mapping, table)[0].keys() - set(expected[table]):
            near = did_you_mean(column, list(expected[table]))
            raise MappingError(f"{name}: table {table} has no expected column {column!r}{near}")
    return mapping
