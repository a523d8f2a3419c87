"""Which files of a project belong into its bundle.

Of the project, what git tracks; without git, all that ``.gitignore`` does not name. Of a study's results, what its
provenance says that the paper shows. Of raw data, registered files that their licence allows to pass on.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

from aigreen.data.registry.registry import MIRROR, sha256
from aigreen.errors import ReportError, SourceError
from aigreen_study.bundle.findings import Finding

README, MANIFEST, SUMS = "README.md", "MANIFEST.csv", "SHA256SUMS"
README_PDF, LICENCES, REQUIREMENTS = "README.pdf", "LICENSE.txt", "requirements.txt"
MADE = {README_PDF, LICENCES, REQUIREMENTS, MANIFEST, SUMS}  # written anew into every bundle
PROVENANCE = "provenance.json"
RECORDS = ("paper.pdf", "numbers.json", "ledger.json", PROVENANCE)
# Made by other commands than the build, or not by every kind of study.
EXTRAS = ("appendix.pdf", "certificate.json", "certificate.md", "codebook.csv")
FLOWS = ("sample_flow.csv", "source_flow.csv")  # these name the first rows that were left out
OPEN_LICENCES = ("MIT", "GPL-2 or GPL-3", "GPL-3", "GPL>=2", "CC BY 4.0", "CC0 1.0")


def project_files(project: Path) -> list[str]:
    """Paths of the project's own files that are on disk, relative to it, sorted."""
    names = _tracked(project) or files_by_rule(project)
    return sorted(name for name in names if name not in MADE and os.path.lexists(project / name))


def files_by_rule(project: Path) -> list[str]:
    """List what ``.gitignore`` does not name, as git would add it; for a project without git.

    Of git's patterns those are understood that the project uses: names with wildcards, ``name/`` for folders, and a
    slash at the start for the top.
    """
    ignore = project / ".gitignore"
    lines = ignore.read_text(encoding="utf-8").splitlines() if ignore.is_file() else []
    patterns = [line.strip() for line in lines if line.strip() and not line.startswith("#")] + [".git"]
    names = []
    for folder, folders, files in os.walk(project):
        at = PurePosixPath(Path(folder).relative_to(project).as_posix())
        folders[:] = sorted(name for name in folders if not _ignored(at / name, True, patterns))
        names += [(at / name).as_posix() for name in files if not _ignored(at / name, False, patterns)]
    return sorted(names)


def read_provenance(project: Path, study: str) -> dict[str, Any]:
    """Read results/STUDY/provenance.json.

    Raises
    ------
    SourceError
        Where the study is not built to the end.
    """
    folder = project / "results" / study
    absent = [name for name in RECORDS if not (folder / name).is_file()]
    if absent:
        raise SourceError(
            f"results/{study}: no {', '.join(absent)}; build the study first (snakemake --config study={study}, or "
            f"aigreen run {study}.yaml)"
        )
    return json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))


def study_files(
    project: Path, study: str, origin: Mapping[str, Any], *, quoted: Iterable[str] = (), licensed: bool = False
) -> list[str]:
    """Paths of what the paper of a study shows, with the records behind it and the logs of its rules.

    Logs of the studies that it quotes, where these were built here, say how long they take. Of a study on licensed
    data, no file that names single rows.

    Raises
    ------
    ReportError
        For a file that is not the one whose provenance was written: the results were changed since.
    """
    shown = [path for exhibit in origin["exhibits"].values() for path in exhibit["files"]]
    shown += [path for path in origin["files"] if path.startswith(f"results/{study}/quoted/")]
    for path in shown:
        place, known = project / path, origin["files"][path]["sha256"]
        if not place.is_file() or sha256(place) != known:
            raise ReportError(
                f"{path}: not the file that {PROVENANCE} describes; build the study again "
                f"(snakemake --config study={study})"
            )
    found = [f"results/{study}/{name}" for name in (*RECORDS, *EXTRAS, *(() if licensed else FLOWS))]
    folders = [project / "logs" / name for name in (study, *quoted)]
    logs = [path.relative_to(project).as_posix() for folder in folders for path in folder.glob("*.log")]
    return sorted({*shown, *logs, *(path for path in found if (project / path).is_file())})


def orphans(project: Path, study: str, origin: Mapping[str, Any]) -> list[Finding]:
    """Tables and figures in the results that no rule of the workflow makes; they are left out."""
    known = {path for exhibit in origin["exhibits"].values() for path in exhibit["files"]}
    known |= {path for path in origin["files"] if path.startswith(f"results/{study}/")}
    folders = [project / "results" / study / name for name in ("tables", "figures")]
    found = [path for folder in folders if folder.is_dir() for path in folder.rglob("*") if path.is_file()]
    names = sorted(path.relative_to(project).as_posix() for path in found)
    return [
        Finding(name, "unlisted", "no rule of the paper makes it; left out", refused=False)
        for name in names
        if name not in known
    ]


def raw_files(project: Path, rows: Iterable[Mapping[str, str]]) -> dict[str, Path]:
    """Find registered raw files that may be passed on and are here whole: path in the bundle, and place on disk.

    Parameters
    ----------
    project : Path
    rows : iterable of mapping
        Rows of the source registry.
    """
    mirror = os.environ.get(MIRROR)
    places = [project / "data/raw", *([Path(mirror)] if mirror else [])]
    found = {}
    for row in rows:
        if row["file"] and row["licence"] in OPEN_LICENCES:
            here = (place / row["file"] for place in places)
            whole = next((path for path in here if path.is_file() and sha256(path) == row["sha256"]), None)
            if whole is not None:
                found[f"data/raw/{row['file']}"] = whole
    return found


def _tracked(project: Path) -> list[str]:
    """Paths that git tracks below the project; none without git."""
    command = ["git", "ls-files", "-z", "--cached"]
    try:
        listing = subprocess.run(command, cwd=project, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return []
    return [name for name in listing.decode().split("\0") if name]


def _ignored(path: PurePosixPath, folder: bool, patterns: Iterable[str]) -> bool:
    """Whether a pattern names a path; what is below an ignored folder is never asked for."""
    for pattern in patterns:
        if pattern.endswith("/") and not folder:
            continue
        bare = pattern.rstrip("/")
        matched = fnmatchcase(path.as_posix(), bare.lstrip("/")) if "/" in bare else fnmatchcase(path.name, bare)
        if matched:
            return True
    return False
