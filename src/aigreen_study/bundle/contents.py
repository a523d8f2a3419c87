"""All that goes into a bundle, looked through."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from aigreen.data.assemble.inventory import TABLES
from aigreen.data.registry.registry import registry, sha256
from aigreen.errors import ConfigError, did_you_mean
from aigreen_study.bundle import small_cells
from aigreen_study.bundle.files import orphans, project_files, raw_files, read_provenance, study_files
from aigreen_study.bundle.findings import Finding
from aigreen_study.bundle.licensed import WHAT, LicensedData
from aigreen_study.bundle.scan import scan
from aigreen_study.config import CONFIG, read_config, studies
from aigreen_study.trust.code_digest import CodeReader
from aigreen_study.trust.identifiers import Identifiers
from aigreen_study.trust.provenance import source_rows

LARGE = 100_000_000
_MAY_BE_EMPTY = ("__init__.py", ".gitkeep", "py.typed")


@dataclass(frozen=True)
class Study:
    """A study that goes into a bundle.

    Parameters
    ----------
    config : mapping
        Its configuration.
    origin : mapping
        Its provenance.json.
    files : tuple of str
        Its exhibits, records and logs.
    quoted : tuple of mapping
        Configurations of the studies whose accepted values its paper quotes.
    """

    config: Mapping[str, Any]
    origin: Mapping[str, Any]
    files: tuple[str, ...]
    quoted: tuple[Mapping[str, Any], ...]

    @property
    def name(self) -> str:
        """Name of the study."""
        return self.config["study"]

    @property
    def licensed(self) -> bool:
        """Whether it is made from licensed data."""
        return self.config.get("source") == "licensed"

    @property
    def sources(self) -> list[dict[str, str]]:
        """Rows of the source registry behind the paper, those of quoted studies included."""
        full = {(row["source"], row["file"]): row for row in registry().to_dict("records")}
        keys = [
            (row["source"], row["file"])
            for config in (self.config, *self.quoted)
            for row in source_rows(_sources(config), config.get("file"))
        ]
        return [full[key] for key in dict.fromkeys(keys)]


@dataclass(frozen=True)
class Contents:
    """The files of a bundle and what was found in them.

    Parameters
    ----------
    places : mapping of path in the bundle to path on disk
    licences : mapping of path to licence
        Of files that are not under the project's own.
    findings : tuple of Finding
    """

    places: Mapping[str, Path]
    licences: Mapping[str, str]
    findings: tuple[Finding, ...]

    @property
    def refused(self) -> list[Finding]:
        """What stands against writing the bundle."""
        return [finding for finding in self.findings if finding.refused]


def read_study(project: Path, name: str) -> Study:
    """Read a built study.

    Raises
    ------
    ConfigError
        For a study that there is not.
    SourceError, ReportError
        For one that is not built, or was changed since.
    """
    folder = project / CONFIG
    known = studies(folder)
    if name not in known:
        there = ", ".join(known) or f"none in {folder}: only those of a checkout are bundled"
        raise ConfigError(f"no study {name!r}{did_you_mean(name, known)}; there are {there}")
    config = read_config({"study": name}, folder)
    origin = read_provenance(project, name)
    quoted = tuple(read_config({"study": other}, folder) for other in config.get("quoted", {}))
    open_to_all = [other["study"] for other in quoted if other.get("source") != "licensed"]
    files = study_files(project, name, origin, quoted=open_to_all, licensed=config.get("source") == "licensed")
    return Study(config, origin, tuple(files), quoted)


def collect(project: Path, study: Study) -> Contents:
    """Collect the files of a bundle and look through each."""
    raw = raw_files(project, study.sources)
    names = [*project_files(project), *study.files]
    places = {name: project / name for name in dict.fromkeys(names)} | raw
    licences = {f"data/raw/{row['file']}": row["licence"] for row in study.sources if row["file"]}
    licences |= {name: "facts; the source of each row in its column source" for name in places if _is_facts(name)}
    found = [*orphans(project, study.name, study.origin), *_unlisted(project, places), *_small_cells(project, study)]
    found += _changed_code(project, study)
    guard, digests = LicensedData(project), defaultdict(list)
    for name, place in places.items():
        digest = "" if place.is_symlink() else sha256(place)
        if digest != study.origin["files"].get(name, {}).get("sha256", digest):
            found.append(Finding(name, "changed", "not what the results were made from; build the study again"))
        restricted = list(guard.look(name, place, digest))
        found += restricted or (_plain_faults(name, place) if name not in raw else [])
        digests[digest].append(name)
    found += _duplicates(digests, places)
    found += _identifiers(project, study, places) if study.licensed else []
    return Contents(dict(sorted(places.items())), licences, tuple(sorted(found)))


def version(project: Path) -> str:
    """Version of the project."""
    return tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def _sources(config: Mapping[str, Any]) -> list[str] | str | None:
    """Name the sources of a study; one on licensed data reads public tables and texts as well."""
    return sorted({wanted.source for wanted in TABLES}) if config.get("source") == "licensed" else config.get("source")


def _changed_code(project: Path, study: Study) -> list[Finding]:
    """Scripts that are not, with all they import, what the results were made with."""
    reader = CodeReader(project)
    made = {rule["script"]: rule["code"] for rule in study.origin["rules"].values()}
    why = "not, with what it imports, the code that the results were made with; build the study again"
    return [
        Finding(script, "changed", why, refused=False)
        for script, digest in sorted(made.items())
        if reader.code(script).digest != digest
    ]


def _plain_faults(name: str, place: Path) -> list[Finding]:
    size = place.stat().st_size
    if size > LARGE:
        return [Finding(name, "large", f"{size:,} bytes, more than {LARGE:,}", refused=False)]
    if size == 0:
        empty = PurePosixPath(name).name not in _MAY_BE_EMPTY
        return [Finding(name, "empty", "no bytes", refused=False)] if empty else []
    return scan(name, place.read_bytes())


def _duplicates(digests: Mapping[str, Iterable[str]], places: Mapping[str, Path]) -> list[Finding]:
    """Files with the content of another; a result that equals its accepted value is meant to."""
    found = []
    for names in digests.values():
        same = sorted(name for name in names if not places[name].is_symlink() and places[name].stat().st_size)
        alike = [name for name in same if not name.startswith(("paper/expected/", "results/"))]
        if len(alike) > 1:
            found.append(Finding(alike[0], "duplicate", f"the same content as {', '.join(alike[1:])}", refused=False))
    return found


def _unlisted(project: Path, places: Mapping[str, Path]) -> list[Finding]:
    """Tables of facts that data/facts/README.md does not list, and other data outside the registry."""
    readme = project / "data/facts/README.md"
    listed = (
        set(re.findall(r"^\| (\w+) \|", readme.read_text(encoding="utf-8"), re.MULTILINE))
        if readme.is_file()
        else set()
    )
    known = {
        "data/README.md",
        "data/sources.csv",
        "data/facts/README.md",
        *(f"data/facts/{name}.csv" for name in listed),
    }
    return [
        Finding(name, "unlisted", "neither in data/facts/README.md nor registered in data/sources.csv", refused=False)
        for name in places
        if name.startswith("data/") and not name.startswith(("data/raw/", "data/restricted/")) and name not in known
    ]


def _small_cells(project: Path, study: Study) -> list[Finding]:
    """Small counts in what a licensed study shows, and in the accepted values of licensed studies."""
    found = []
    for name in studies(project / CONFIG):
        if read_config({"study": name}, project / CONFIG).get("source") == "licensed":
            found += _of_folder(project, f"paper/expected/{name}")
    if study.licensed:
        found += _of_folder(project, f"results/{study.name}")
        roles = study.config["panel"]
        figures = [path for path in study.files if "/figures/" in path]
        panel = project / "results" / study.name / "panel.parquet"
        found += small_cells.figure_findings(figures, panel, roles["unit"], roles["time"], roles["cohort"])
    return found


def _identifiers(project: Path, study: Study, places: Mapping[str, Path]) -> list[Finding]:
    """Files of a licensed study that name a firm: paper, results, logs, accepted values, notebooks."""
    known = Identifiers(project / "results" / study.name, study.config["panel"]["unit"])
    folders = ("notebooks/", f"paper/expected/{study.name}/")
    made = {*study.files, *(name for name in places if name.startswith(folders))}
    found = []
    for name in sorted(made & places.keys()):
        line = next(known.lines(places[name].read_bytes()), None)
        if line is not None:
            place = "page" if name.endswith(".pdf") else "line"
            found.append(Finding(name, WHAT, f"{place} {line} names a firm of the licensed data"))
    return found


def _of_folder(project: Path, folder: str) -> list[Finding]:
    found = []
    for path in sorted((project / folder / "tables").glob("*.json")):
        found += small_cells.table_findings(path.relative_to(project).as_posix(), path.read_text(encoding="utf-8"))
    numbers = project / folder / "numbers.json"
    if numbers.is_file():
        found += small_cells.numbers_findings(f"{folder}/numbers.json", numbers.read_text(encoding="utf-8"))
    return found


def _is_facts(name: str) -> bool:
    return name.startswith("data/facts/") and name.endswith(".csv")
