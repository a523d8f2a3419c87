"""From a built study to its bundle."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from aigreen.errors import ReportError
from aigreen_study.bundle.archive import with_manifest, write_archive
from aigreen_study.bundle.contents import Contents, Study, collect, read_study, version
from aigreen_study.bundle.deposit import unsettled
from aigreen_study.bundle.files import LICENCES, README, README_PDF, REQUIREMENTS
from aigreen_study.bundle.licences import licence_text
from aigreen_study.bundle.readme import readme
from aigreen_study.bundle.readme_machine import locked_versions
from aigreen_study.bundle.readme_pdf import readme_pdf


def bundle(
    project: Path, name: str, out: Path | None = None, *, certified: Collection[str] = ()
) -> tuple[Path, Contents]:
    """Write the bundle of a study.

    Parameters
    ----------
    project : Path
    name : str
        The study.
    out : Path, optional
        The archive; ``dist/aigreen-STUDY-VERSION.zip`` in the project by default.
    certified : collection of str
        Names of `aigreen_study.bundle.deposit.RIGHTS` that the authors certify; those that are not are told.

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
    files = _read(project, study, contents, certified)
    write_archive(path, top, with_manifest(files, contents.licences))
    told = tuple(sorted((*contents.findings, *unsettled(project, certified))))
    return path, replace(contents, findings=told)


def _read(project: Path, study: Study, contents: Contents, certified: Collection[str]) -> dict[str, bytes]:
    about = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    facts = {"version": about["version"], "licence": f"Code: {about['license']}", "certified": certified}
    text = readme(project, study, contents.places, **facts)
    pins = "".join(f"{name}=={pin}\n" for name, pin in sorted(locked_versions(project).items()))
    written = {
        README: text.encode(),
        README_PDF: readme_pdf(text),
        LICENCES: licence_text(project, study, contents.places).encode(),
        REQUIREMENTS: f"# What the code imports; run.py installs from requirements.lock.\n{pins}".encode(),
    }
    return {name: place.read_bytes() for name, place in contents.places.items()} | written
