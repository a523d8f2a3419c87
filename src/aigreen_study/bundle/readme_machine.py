"""What a run needs: software, time, memory, storage; and where chance comes in."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from aigreen_study.bundle.contents import Study
from aigreen_study.bundle.measured import Measured, duration, measured

ENVIRONMENT = 1_400_000_000  # bytes of .venv on disk, as README.md of the project says
_GENERATORS = ("default_rng", "SeedSequence", "RandomState", "Generator", "Philox", "PCG64")
TIME = "Approximate time needed to reproduce the analyses on a standard desktop machine:"
SPACE = "Approximate storage space needed:"
_TIMES = {
    "<10 minutes": 600,
    "10-60 minutes": 3600,
    "1-2 hours": 2 * 3600,
    "2-8 hours": 8 * 3600,
    "8-24 hours": 24 * 3600,
    "1-3 days": 3 * 86400,
    "3-14 days": 14 * 86400,
    "> 14 days": float("inf"),
}
_SPACES = {
    "< 25 MBytes": 25e6,
    "25 MB - 250 MB": 250e6,
    "250 MB - 2 GB": 2e9,
    "2 GB - 25 GB": 25e9,
    "25 GB - 250 GB": 250e9,
    "> 250 GB": float("inf"),
}


def requirements(project: Path, study: Study, places: Mapping[str, Path], logs: Iterable[Path]) -> str:
    """Write software, randomness, memory, time and storage, as the logs of the run have them."""
    run = measured(logs)
    parts = [
        "### Software Requirements",
        _software(project, run),
        "### Controlled Randomness",
        _randomness(project, study),
        "### Memory, Runtime, Storage Requirements",
        "#### Summary time to reproduce",
        _boxes(TIME, _TIMES, run.seconds if run.jobs else None),
        "#### Summary of required storage space",
        _boxes(SPACE, _SPACES, _space(study, places)),
        "#### Computational Details",
        _details(run),
        _storage(study, places),
    ]
    return "\n\n".join(parts)


def locked_versions(project: Path) -> dict[str, str]:
    """Versions in requirements.lock of what pyproject.toml asks for, by name."""
    declared = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = declared["optional-dependencies"]
    asked = declared["dependencies"] + [line for extra in ("data", "robust", "study") for line in extras[extra]]
    wanted = {_name(line) for line in asked}
    lock = (project / "requirements.lock").read_text(encoding="utf-8")
    pins = re.findall(r"^([a-z0-9.-]+)==([^\s;\\]+)", lock, re.MULTILINE)
    return {name: version for name, version in pins if name in wanted}


def seed_places(project: Path, study: Study) -> list[tuple[str, str]]:
    """Places where a script takes the seed, or a module makes a generator: ``path:line`` and the statement."""
    files = {module for rule in study.origin["rules"].values() for module in rule["modules"]}
    return [place for file in sorted(files) if file.endswith(".py") for place in _of_file(project, file)]


def _software(project: Path, run: Measured) -> str:
    systems = run.systems or ["not recorded"]
    packages = [f"  - `{name}` {version}" for name, version in sorted(locked_versions(project).items())]
    return "\n".join(
        [
            "- [x] The replication package contains one or more programs to install all dependencies and set up the "
            "necessary directory structure: `run.py`, at the first command.",
            "- Python 3.11 or newer with pip. The code was last run with " + "; ".join(systems) + ".",
            "- Python packages, installed by the first command into `.venv` in the versions and with the sha256 of "
            "`requirements.lock`, which also fixes what these need in turn:",
            *packages,
            "- Nothing else: no TeX, no R, no Stata. The paper is set by the `typst` package.",
        ]
    )


def _randomness(project: Path, study: Study) -> str:
    seed = study.config.get("seed")
    if seed is None:
        return (
            "- [x] No Pseudo random generator is used in the analysis described here.\n\n"
            "The configuration of the study has no seed."
        )
    lines = [
        f"- [x] Random seed is set at line {_line_of_seed(project, study)} of program "
        f"`analysis/config/{study.name}.yaml`",
        "- [ ] No Pseudo random generator is used in the analysis described here.",
        "",
        f"All random numbers start from the seed {seed} in `analysis/config/{study.name}.yaml`, or from a constant "
        "that the statement shows. Each use derives a stream of its own, so that results depend neither on the order "
        "of the rules nor on the number of cores. Places where a script takes the seed, and where a module that the "
        "rules import makes a generator:",
        "",
        "| Place | Statement |",
        "|---|---|",
    ]
    lines += [f"| `{place}` | `{_cell(statement)}` |" for place, statement in seed_places(project, study)]
    return "\n".join(lines)


def _line_of_seed(project: Path, study: Study) -> int:
    lines = (project / f"analysis/config/{study.name}.yaml").read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.startswith("seed:"))


def _of_file(project: Path, file: str) -> Iterator[tuple[str, str]]:
    text = (project / file).read_text(encoding="utf-8")
    lines = text.splitlines()
    if file.startswith("analysis/"):
        numbers = {node.lineno for node in ast.walk(ast.parse(text)) if _is_seed(node)}
    else:
        numbers = {node.lineno for node in ast.walk(ast.parse(text)) if _makes_generator(node)}
    for number in sorted(numbers):
        yield f"{file}:{number}", lines[number - 1].strip()


def _is_seed(node: ast.AST) -> bool:
    """Whether a word of a script is the seed of the configuration."""
    named = node.attr if isinstance(node, ast.Attribute) else node.value if isinstance(node, ast.Constant) else ""
    return named == "seed"


def _makes_generator(node: ast.AST) -> bool:
    if not (isinstance(node, ast.Call) and (node.args or node.keywords)):
        return False
    return (node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")) in _GENERATORS


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _boxes(words: str, boxes: Mapping[str, float], size: float | None) -> str:
    """Tick the box that a size falls into; none where it is not known."""
    lines = [words, ""]
    below = 0.0
    for label, limit in boxes.items():
        lines.append(f"- [{'x' if size is not None and below <= size < limit else ' '}] {label}")
        below = limit
    return "\n".join([*lines, "- [ ] Not feasible to run on a desktop machine, as described below."])


def _details(run: Measured) -> str:
    if not run.jobs:
        return "No logs of a run are here, so no time was recorded."
    lines = [
        f"Recorded by the run itself (`logs/`): {len(run.jobs)} jobs took {duration(run.seconds)} one after another"
        + (f", and {duration(run.elapsed)} from the first start to the last end" if run.elapsed else "")
        + f", on {'; '.join(run.systems)}. "
        + (f"The largest job held {run.memory:,} MB." if run.memory is not None else "Memory was not recorded."),
        "",
        "| Job | Seconds | Peak memory (MB) |",
        "|---|---:|---:|",
    ]
    lines += [
        f"| {job.name} | {job.seconds:.1f} | {'' if job.memory is None else f'{job.memory:,}'} |" for job in run.jobs
    ]
    return "\n".join(lines)


def _sizes(study: Study, places: Mapping[str, Path]) -> tuple[int, int]:
    """Bytes of the package, and of the files behind the paper that the build writes."""
    package = sum(place.stat().st_size for place in places.values())
    return package, sum(known["bytes"] for known in study.origin["files"].values() if "rule" in known)


def _space(study: Study, places: Mapping[str, Path]) -> int:
    return sum(_sizes(study, places)) + ENVIRONMENT


def _storage(study: Study, places: Mapping[str, Path]) -> str:
    package, made = _sizes(study, places)
    return (
        f"Storage: {package / 1e6:.0f} MB for this package, {made / 1e6:.0f} MB for the files behind the paper that "
        "the build writes (intermediate tables, notebooks and the web edition come on top), and about "
        f"{ENVIRONMENT / 1e9:.1f} GB for the environment."
    )


def _name(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement).group()).lower()
