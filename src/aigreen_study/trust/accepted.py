"""Accepted values: copies of a study's numbers and tables in ``paper/expected``; each change logged with a reason."""

from __future__ import annotations

import csv
import io
import subprocess
from pathlib import Path

from aigreen.disk import write_bytes
from aigreen.errors import ReportError, SourceError, did_you_mean
from aigreen_study.config import CONFIG, studies
from aigreen_study.trust.certificate import NUMBERS, compare, result_files

EXPECTED = Path("paper/expected")
LOG = EXPECTED / "accepted.csv"
COLUMNS = ("study", "reason", "cells", "changed")


def built_files(project: Path, study: str) -> dict[str, str]:
    """Read the results of a study.

    Raises
    ------
    SourceError
        Where there is no such study, or it is not built.
    """
    known = studies(project / CONFIG)
    if study not in known and not (project / f"{study}.yaml").is_file():
        raise SourceError(f"no study {study!r}{did_you_mean(study, known)}")
    files = result_files(project / "results" / study)
    if NUMBERS not in files:
        own = study not in known
        how = f"aigreen run {study}.yaml" if own else f"snakemake --config study={study}"
        raise SourceError(f"no results of {study!r}: build it first ({how})")
    return files


def accepted_files(project: Path, study: str) -> dict[str, str]:
    """Read the accepted values of a study.

    Raises
    ------
    SourceError
        Where there are none.
    """
    files = result_files(project / EXPECTED / study)
    if not files:
        known = sorted(path.name for path in (project / EXPECTED).glob("*") if path.is_dir())
        first = "" if known else f": aigreen accept --study {study} --reason '...' takes the results as they are"
        raise SourceError(
            f"no accepted values of {study!r} in {EXPECTED.as_posix()}{did_you_mean(study, known)}{first}"
        )
    return files


def files_at(project: Path, study: str, revision: str) -> dict[str, str]:
    """Read the accepted values of a study as they were in a git revision.

    Raises
    ------
    SourceError
        Where git does not know the revision, or the revision has none.
    """
    folder = (EXPECTED / study).as_posix()
    commit = _git(project, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}").strip()
    if not commit:
        raise SourceError(f"git knows no revision {revision!r} in {project}")
    # Paths are those below the project, which need not be the top of the repository.
    listed = _git(project, "ls-tree", "-r", "-z", "--name-only", commit, f"{folder}/").split("\0")
    names = [path.removeprefix(f"{folder}/") for path in listed if path.endswith(".json")]
    if not names:
        raise SourceError(f"{revision} has no accepted values of {study!r} in {folder}")
    return {name: _git(project, "show", f"{commit}:./{folder}/{name}") for name in names}


def accept(project: Path, study: str, reason: str) -> int:
    """Copy the results of a study to its accepted values and log why.

    Parameters
    ----------
    project : Path
    study : str
    reason : str
        One line.

    Returns
    -------
    int
        Cells and numbers that changed.

    Raises
    ------
    ReportError
        For an empty reason, or where nothing changed.
    """
    reason = " ".join(reason.split())
    if not reason:
        raise ReportError("say why the values changed: --reason is empty")
    found = built_files(project, study)
    folder = project / EXPECTED / study
    before = result_files(folder)
    if before == found:
        raise ReportError(f"nothing to accept: the results of {study!r} are the accepted ones")
    certificate = compare(study, before, found)
    for name in before.keys() - found.keys():
        (folder / name).unlink()
    for name, text in found.items():
        write_bytes(folder / name, text.encode())
    _log(project / LOG, (study, reason, str(len(certificate.comparisons)), str(len(certificate.changed))))
    return len(certificate.changed)


def _log(path: Path, row: tuple[str, ...]) -> None:
    before = path.read_text(encoding="utf-8") if path.is_file() else ",".join(COLUMNS) + "\n"
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(row)
    write_bytes(path, (before + line.getvalue()).encode())


def _git(project: Path, *arguments: str) -> str:
    """Run git in the project; what it cannot answer is empty."""
    try:
        return subprocess.run(["git", *arguments], cwd=project, capture_output=True, check=False).stdout.decode()
    except FileNotFoundError:
        raise SourceError("git is not installed, so no revision can be read") from None
