"""README of the package of a study of one's own panel, in the template of the Social Science Data Editors."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from aigreen.data.registry.registry import sha256
from aigreen_study.bundle.deposit import RIGHTS, title
from aigreen_study.bundle.measured import duration, measured
from aigreen_study.bundle.own_study import OwnStudy
from aigreen_study.paper.shown import shown_in
from aigreen_study.run.project import sources

TEMPLATE = (
    "Vilhuber, L., Connolly, M., Koren, M., Llull, J. and Morrow, P. (2022). A template README for social science "
    "replication packages (v1.1). Social Science Data Editors. doi:10.5281/zenodo.7293838."
)
PROGRAMS = (
    "- `{study}.yaml` says what the study is: data, roles of columns, outcome, options.\n"
    "- `code/{wheel}` is the code: `aigreen` (estimators) and `aigreen_study` (rules, scripts, tables, figures, text "
    "of the paper). A wheel is a zip archive. In it, `aigreen_study/project/Snakefile` and `analysis/rules/` say which "
    "script makes which file from which.\n"
    "- `paper/expected/{study}/` has the values that `aigreen verify` compares with: those that the authors obtained.\n"
    "- `authors/` has what the authors obtained: the paper, tables, figures, numbers with their provenance, logs."
)


def own_readme(
    folder: Path, study: OwnStudy, wheel: str, needed: Sequence[str], *, certified: Collection[str], with_data: bool
) -> str:
    """Write the README as Markdown.

    Parameters
    ----------
    folder : Path
    study : OwnStudy
    wheel : str
        File name of the code.
    needed : sequence of str
        Pinned packages.
    certified : collection of str
        Names of `aigreen_study.bundle.deposit.RIGHTS` that the authors certify.
    with_data : bool
        Whether the data are in the package.
    """
    name = study.config["study"]
    sections = {
        "Overview": _overview(study, name, with_data),
        "Data Availability and Provenance Statements": _data(study, certified, with_data),
        "Dataset list": _files(study, with_data),
        "Computational requirements": _machine(folder, study, name, needed),
        "Description of programs/code": PROGRAMS.format(study=name, wheel=wheel),
        "Instructions to Replicators": _instructions(study, name, with_data),
        "List of tables and programs": _exhibits(folder, study),
        "References": "\n\n".join(filter(None, [study.config["own"]["source"].get("citation", ""), TEMPLATE])),
    }
    parts = [f"# {title(study.config)}", f"- Authors: {'; '.join(study.config['authors']) or 'not stated'}"]
    parts += [f"## {heading}\n\n{text.strip()}" for heading, text in sections.items()]
    return "\n\n".join(parts) + "\n"


def own_licence(study: OwnStudy, *, with_data: bool) -> str:
    """Write which licence covers which files."""
    terms = study.config["own"]["source"].get("licence", "not stated by the authors")
    where = ", ".join(study.data) if with_data else "not in this package"
    return (
        f"1. Data ({where}): {terms}.\n\n"
        "2. The study's file, text and results: of the authors.\n\n"
        "3. Code (code/*.whl): BSD 3-Clause; the licence is in the wheel, aigreen-*.dist-info/licenses/LICENSE.\n"
    )


def _overview(study: OwnStudy, name: str, with_data: bool) -> str:
    source = "from the data in it" if with_data else "from data that are not in it"
    simulated = " **The data are simulated.**" if study.config["simulated"] else ""
    return (
        f"This package makes the paper `results/{name}/paper.pdf` {source}, with pip and four commands, without edits "
        "and questions. The last of them compares every number and every cell of a table with those that the authors "
        f"obtained.{simulated} `MANIFEST.csv` lists every file with its sha256 and licence; `sha256sum --check "
        "SHA256SUMS` checks them."
    )


def _data(study: OwnStudy, certified: Collection[str], with_data: bool) -> str:
    source = study.config["own"]["source"]
    box = "I certify that the author(s) of the manuscript have"
    rights = [f"- [{'x' if key in certified else ' '}] {box} {words}" for key, words in RIGHTS.items()]
    return "\n".join(
        [
            "### Statement about Rights",
            "",
            *rights,
            "",
            "### Source",
            "",
            f"- Where the data come from: {source.get('citation', 'not stated')}",
            f"- Licence and terms: {source.get('licence', 'not stated')}",
            f"- Provided: {'yes' if with_data else 'no; place the files below beside the study, under these names'}",
        ]
    )


def _files(study: OwnStudy, with_data: bool) -> str:
    lines = ["| Data file | Bytes | sha256 | Provided |", "|---|---:|---|---|"]
    lines += [
        f"| `{name}` | {place.stat().st_size:,} | `{sha256(place)}` | {'Yes' if with_data else 'No'} |"
        for name, place in study.data.items()
    ]
    described = f"authors/results/{study.config['study']}/codebook.csv"
    return "\n".join(lines) + f"\n\nColumns with their printed names are in `{described}`."


def _machine(folder: Path, study: OwnStudy, name: str, needed: Sequence[str]) -> str:
    run = measured((folder / "logs" / name).glob("*.log"))
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    taken = "not recorded"
    if run.jobs:
        memory = f"; the largest held {run.memory:,} MB" if run.memory is not None else ""
        taken = (
            f"{len(run.jobs)} jobs took {duration(run.seconds)} one after another on {'; '.join(run.systems)}{memory}"
        )
    return (
        f"- Python {python} (3.11 or newer) with pip, and a package index. Nothing else: no TeX, no R, no Stata.\n"
        f"- aigreen {version('aigreen')}, from this package, and {len(needed)} packages in the versions of "
        "`requirements.txt`, about 1 GB on disk.\n"
        f"- Random numbers start from the seed {study.config['seed']}; results do not depend on the number of cores.\n"
        f"- Time and memory, as the run recorded them (`authors/logs/`): {taken}."
    )


def _instructions(study: OwnStudy, name: str, with_data: bool) -> str:
    first = "" if with_data else "Place the data as the dataset list says. "
    return (
        f"{first}In the folder of this README:\n\n```sh\n"
        "python3 -m venv env\n"
        "env/bin/pip install -r requirements.txt\n"
        f"env/bin/aigreen run {name}.yaml\n"
        f"env/bin/aigreen verify --study {name}\n"
        "```\n\n"
        f"On Windows write `env\\Scripts\\` for `env/bin/`. The third command ends with `results/{name}/paper.pdf`. "
        "The fourth prints the class of every exhibit (full, minor differences, partial, not reproduced), writes "
        f"`results/{name}/certificate.md`, and fails unless all are reproduced."
    )


def _exhibits(folder: Path, study: OwnStudy) -> str:
    made: Mapping[str, dict] = study.origin["exhibits"]
    by_stem = {path.rpartition(".")[0]: known for known in made.values() for path in known["files"]}
    lines = ["| Figure/Table # | Program, in the wheel | Line Number | Output file | Note |", "|---|---|---|---|---|"]
    for item in shown_in(study.printed, folder, sources()):
        known = by_stem[item.stem]
        ending = "json" if item.kind == "Table" else "pdf"
        cells = (
            f"{item.kind} {item.number}",
            f"`aigreen_study/project/{known['script']}`",
            "-".join(map(str, dict.fromkeys(known["lines"]))),
            f"`{item.stem}.{ending}`",
            item.caption,
        )
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return (
        "The provided code reproduces:\n\n- [x] All numbers provided in text in the paper\n"
        "- [x] All tables and figures in the paper\n\n" + "\n".join(lines)
    )
