"""From a clean checkout to the files of a release."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from aigreen.data.registry.registry import sha256
from aigreen.disk import write_bytes
from aigreen.errors import ReportError
from aigreen_study.bundle.build import bundle
from aigreen_study.release.versions import disagreements, version

SHOWN = 5
METADATA, SUMS = "zenodo.json", "SHA256SUMS"


def release(project: Path, study: str | None) -> list[Path]:
    """Write wheel, sdist, bundle, metadata of the deposit and checksums into ``dist/``.

    Parameters
    ----------
    project : Path
        Top of a git checkout without changes.
    study : str, optional
        Built study whose bundle belongs to the release; none without.

    Returns
    -------
    list of Path

    Raises
    ------
    ReportError
        Where versions or dates disagree, files differ from the last commit, or the bundle is refused.
    """
    faults = disagreements(project) + _changed(project)
    if faults:
        raise ReportError("no release: " + "; ".join(faults))
    dist = project / "dist"
    dist.mkdir(exist_ok=True)
    written = _archives(project, dist)
    if study is not None:
        written.append(bundle(project, study)[0])
    metadata = {"metadata": json.loads((project / ".zenodo.json").read_bytes())}
    write_bytes(dist / METADATA, (json.dumps(metadata, ensure_ascii=False, indent=2) + "\n").encode())
    written.append(dist / METADATA)
    write_bytes(dist / SUMS, "".join(f"{sha256(path)}  {path.name}\n" for path in written).encode())
    return [*written, dist / SUMS]


def by_hand(project: Path, study: str | None) -> list[str]:
    """List what nobody but a person can do: accounts, names, a DOI."""
    tag = f"v{version(project)}"
    return [
        f"git tag {tag} and push it: .github/workflows/release.yml builds wheel and sdist again",
        *([] if study else ["the bundle of a study: aigreen release --study STUDY, once it is built"]),
        "upload wheel and sdist to a package index",
        f"make a deposit at Zenodo with dist/{METADATA} and all files of dist/, and publish it",
        "put its DOI into CITATION.cff (doi:), codemeta.json (identifier) and the place of the badge in README.md",
        "put address and sha256 of the sdist into conda/recipe.yaml, and offer it to conda-forge",
        "names, affiliations and ORCID of the authors: CITATION.cff, paper/joss.md",
    ]


def _changed(project: Path) -> list[str]:
    found = subprocess.run(["git", "status", "--porcelain"], cwd=project, capture_output=True, text=True)
    if found.returncode:
        return ["not a git checkout"]
    names = [line[3:] for line in found.stdout.splitlines()]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return [f"{len(names)} files differ from the last commit: {', '.join(names[:SHOWN])}{more}"] if names else []


def _archives(project: Path, dist: Path) -> list[Path]:
    """Build wheel and sdist from the tracked files alone."""
    with tempfile.TemporaryDirectory(dir=dist) as folder:
        clean, built = Path(folder, "clean"), Path(folder, "built")
        subprocess.run(["git", "clone", "--quiet", str(project), str(clean)], check=True)
        command = [sys.executable, "-m", "hatchling", "build", "-d", str(built)]
        run = subprocess.run(command, cwd=clean, capture_output=True, text=True)
        if run.returncode:
            raise ReportError(f"wheel and sdist cannot be built: {run.stderr.strip().splitlines()[-1]}")
        return [path.replace(dist / path.name) for path in sorted(built.iterdir(), reverse=True)]
