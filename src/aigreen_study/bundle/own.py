"""Replication package of a study of one's own panel: data, study, what its authors obtained, the code as a wheel."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from aigreen.data.registry.registry import sha256
from aigreen.errors import ReportError
from aigreen_study.bundle import environment
from aigreen_study.bundle.archive import with_manifest, write_archive
from aigreen_study.bundle.contents import LARGE
from aigreen_study.bundle.deposit import RIGHTS
from aigreen_study.bundle.files import LICENCES, README, README_PDF, REQUIREMENTS, study_files
from aigreen_study.bundle.findings import Finding
from aigreen_study.bundle.licensed import LicensedData
from aigreen_study.bundle.own_readme import own_licence, own_readme
from aigreen_study.bundle.own_study import OwnStudy, read_own
from aigreen_study.bundle.readme_pdf import readme_pdf
from aigreen_study.bundle.scan import SECRET, scan
from aigreen_study.config import CONFIG
from aigreen_study.run.project import sources
from aigreen_study.trust.accepted import EXPECTED, built_files

AUTHORS = "authors"  # folder of what they obtained: the build makes results/ beside it
CODE = "code"
OF_THE_USER = ("paper/*.typ", "paper/*.bib", "paper/sections/*.typ", "specifications.csv", "exhibits.csv")


def own_bundle(
    folder: Path, name: str, out: Path | None = None, *, certified: Collection[str] = (), with_data: bool = True
) -> tuple[Path, list[Finding], int]:
    """Write the replication package of a study of one's own panel.

    Parameters
    ----------
    folder : Path
        Where the study runs.
    name : str
    out : Path, optional
        The archive; ``dist/STUDY-replication.zip`` by default.
    certified : collection of str
        Names of `aigreen_study.bundle.deposit.RIGHTS` that the authors certify.
    with_data : bool
        Put the files of data in; without, the README says what they are and where they go.

    Returns
    -------
    tuple of Path, list of Finding and int
        The archive, what the authors should know of it, and the number of its files.

    Raises
    ------
    SourceError
        Where the study is not built, or names data outside the folder.
    ReportError
        Where a file may not be passed on; all such files are named. Nothing is written.
    """
    study = read_own(folder, name)
    places = {f"{name}.yaml": study.file, **(study.data if with_data else {})}
    results = study_files(folder, name, study.origin)
    places |= {f"{AUTHORS}/{path}": folder / path for path in results}
    if study.file.parent.resolve() != (sources() / CONFIG).resolve():  # a checkout's own are in the wheel
        found = (path for pattern in OF_THE_USER for path in folder.glob(pattern))
        places |= {path.relative_to(folder).as_posix(): path for path in found}
    findings = [*_looked_through(folder, study, places, with_data), *_unsaid(study, certified)]
    if refused := [finding for finding in findings if finding.refused]:
        lines = "\n".join(f"  {finding}" for finding in refused)
        raise ReportError(f"no bundle of {name!r}: {len(refused)} faults\n{lines}")
    wheel, code = environment.code_wheel()
    needed = environment.pins()
    text = own_readme(folder, study, wheel, needed, certified=certified, with_data=with_data)
    expected = {f"{(EXPECTED / name / file).as_posix()}": said for file, said in built_files(folder, name).items()}
    files = {path: place.read_bytes() for path, place in places.items()}
    files |= {path: said.encode() for path, said in expected.items()}
    files |= {
        f"{CODE}/{wheel}": code,
        REQUIREMENTS: "\n".join([f"./{CODE}/{wheel}", *needed, ""]).encode(),
        README: text.encode(),
        README_PDF: readme_pdf(text),
        LICENCES: own_licence(study, with_data=with_data).encode(),
    }
    terms = study.config["own"]["source"].get("licence", "not stated")
    whole = with_manifest(files, {path: terms if path in study.data else "of the authors" for path in places})
    archive = out or folder / "dist" / f"{name}-replication.zip"
    write_archive(archive, f"{name}-replication", whole)
    return archive, findings, len(whole)


def _looked_through(folder: Path, study: OwnStudy, places: Mapping[str, Path], with_data: bool) -> list[Finding]:
    """Secrets and licensed tables are refused, and data other than those of the results; the rest is told."""
    found, guard = [], LicensedData(folder)
    for path, place in sorted(places.items()):
        if path in study.data:
            found += guard.look(path, place, sha256(place))
        size = place.stat().st_size
        if size > LARGE:
            found.append(Finding(path, "large", f"{size:,} bytes, more than {LARGE:,}", refused=False))
        else:
            found += [replace(one, refused=one.what == SECRET) for one in scan(path, place.read_bytes())]
    for path, place in study.data.items():
        if sha256(place) != study.origin["files"].get(path, {}).get("sha256"):
            found.append(Finding(path, "changed", "not what the results were made from; build the study again"))
    numbers = folder / "results" / study.config["study"] / "numbers.json"
    if study.file.stat().st_mtime > numbers.stat().st_mtime:
        why = "written after the results; build the study again if it says something else"
        found.append(Finding(study.file.name, "changed", why, refused=False))
    return found


def _unsaid(study: OwnStudy, certified: Collection[str]) -> list[Finding]:
    """List what only authors can say, and have not said."""
    name, source = study.file.name, study.config["own"]["source"]
    words = {
        "citation": "where the data come from (source.citation)",
        "licence": "who may use and pass on the data (source.licence)",
    }
    found = [
        Finding(name, "data", f"not said: {said}", refused=False) for key, said in words.items() if key not in source
    ]
    if not study.config["authors"] or "Your name" in study.config["authors"]:
        found.append(Finding(name, "authors", "not said: authors", refused=False))
    return found + [
        Finding(README, "rights", f"not certified: {said} (--certify {right})", refused=False)
        for right, said in RIGHTS.items()
        if right not in certified
    ]
