"""A built study of one's own panel, for its replication package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aigreen.errors import SourceError
from aigreen_study.bundle.files import read_provenance
from aigreen_study.config import CONFIG, read_config, study_file
from aigreen_study.own.paper import paper_config
from aigreen_study.own.study import files_of
from aigreen_study.run.project import sources


@dataclass(frozen=True)
class OwnStudy:
    """A built study of one's own panel.

    Parameters
    ----------
    config, printed : mapping
        Its configuration, and that with all that its paper prints.
    origin : mapping
        Its provenance.json.
    file : Path
        Its YAML.
    data : mapping of name to Path
        Files of data, by their place beside the YAML.
    """

    config: Mapping[str, Any]
    printed: Mapping[str, Any]
    origin: Mapping[str, Any]
    file: Path
    data: Mapping[str, Path]


def read_own(folder: Path, name: str) -> OwnStudy:
    """Read a built study of one's own panel.

    Raises
    ------
    SourceError
        Where it is not built, or names data outside the folder.
    """
    config = read_config({"study": name}, sources() / CONFIG)
    named = {"source.file": config["source"]["file"], **files_of(config["own"])}
    data = {}
    for key, file in named.items():
        path = (folder / file).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise SourceError(f"{key}: {file} is not below {folder}, where the package is made of; copy it here")
        data[path.relative_to(folder.resolve()).as_posix()] = path
    printed = paper_config(name, sources())
    return OwnStudy(config, printed, read_provenance(folder, name), study_file(name, sources() / CONFIG), data)
