"""The exhibits of a study of one's own panel: those that its file gives the input for, and rows of tables beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aigreen.errors import ConfigError, did_you_mean
from aigreen_study.config import study_file
from aigreen_study.own.exhibits import default_exhibits
from aigreen_study.own.study import TREATED, column_of
from aigreen_study.specification.registry import read_registry
from aigreen_study.specification.specification import Exhibit


def own_registry(folder: Path, config: Mapping[str, Any]) -> dict[str, Exhibit]:
    """Read the exhibits of a study of one's own panel.

    Parameters
    ----------
    folder : Path
        Of the studies of the project; tables of the user's stand beside the study's own file.
    config : mapping
        As `aigreen_study.own.study.own_config` returns it.

    Raises
    ------
    ConfigError
        Of `aigreen_study.specification.registry.read_registry`, and for a row that names a column which the panel does
        not have.
    """
    tables = study_file(config["study"], folder).parent
    found = read_registry(folder, config, tables=tables, given=default_exhibits(config))
    own = config["own"]
    made = [TREATED, *(column_of(name, how) for name, how in own.get("exposures", {}).items())]
    known = [*own["columns"].values(), *made]
    problems = [
        f"specification {row.name}: {role}: no column {column!r}{did_you_mean(column, known)}"
        for exhibit in found.values()
        for row in exhibit.specifications
        for column, role in row.columns.items()
        if column not in known
    ]
    if problems:
        raise ConfigError("; ".join(problems))
    return found
