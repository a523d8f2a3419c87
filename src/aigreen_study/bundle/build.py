"""From a built study to its bundle."""

from __future__ import annotations

import tomllib
from pathlib import Path

from aigreen.errors import ReportError
from aigreen_study.bundle.archive import with_manifest, write_archive
from aigreen_study.bundle.contents import Contents, Study, collect, read_study, version
from aigreen_study.bundle.files import README
from aigreen_study.bundle.readme import readme


def bundle(project: Path, name: str, out: Path | None = None) -> tuple[Path, Contents]:
    """Write the bundle of a study.

    Parameters
    ----------
    project : Path
    name : str
        The study.
    out : Path, optional
        The archive; ``dist/aigreen-STUDY-VERSION.zip`` in the project by default.

    Returns
    -------
    tuple of Path and Contents
        The archive, and what was found in its files.

    Raises
    ------
    ReportError
        Where a file may not be passed on; all such files are named. Nothing is written.
    """
    study = read_study(project, name)
    contents = collect(project, study)
    if contents.refused:
        lines = "\n".join(f"  {finding}" for finding in contents.refused)
        raise ReportError(f"no bundle of {name!r}: {len(contents.refused)} faults\n{lines}")
    top = f"aigreen-{name}-{version(project)}"
    path = out or project / "dist" / f"{top}.zip"
    write_archive(path, top, with_manifest(_read(project, study, contents), contents.licences))
    return path, contents


def _read(project: Path, study: Study, contents: Contents) -> dict[str, bytes]:
    about = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = readme(project, study, contents.places, version=about["version"], licence=f"Code: {about['license']}")
    return {name: place.read_bytes() for name, place in contents.places.items()} | {README: text.encode()}
