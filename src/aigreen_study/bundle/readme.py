"""README of a bundle, in the template of the Social Science Data Editors, written from the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from aigreen_study.bundle import readme_data, readme_machine
from aigreen_study.bundle.contents import Study
from aigreen_study.config import DEFAULT
from aigreen_study.paper.shown import Shown, shown_in

MARK = "<!-- the project's own README follows -->\n"

PROGRAMS = """\
- `run.py` is the only entry point. It makes a private environment from `requirements.lock` and runs a command in it.
- `Snakefile` and `analysis/rules/` say which script makes which file from which; `analysis/scripts/` has one short
  script a rule. Rules that fetch or simulate raw files come first, then the panel, the estimates, the exhibits, the
  numbers of the text and the paper. Snakemake runs them in order; nothing is run by hand.
- `analysis/config/` has one file a study, and the registry of specifications and exhibits.
- `src/aigreen/` is the library: readers of raw files and estimators. `src/aigreen_study/` has what the scripts call
  beside it: specifications, tables, figures, numbers, the paper.
- `paper/` has the text. Its numbers are read from `results/<study>/numbers.json`; none is typed by hand.
- `paper/expected/` has the accepted values that `aigreen verify` compares with.
- `notebooks/`, `tests/`, `benchmarks/` and `docs/` are not needed to reproduce the paper.

### License for Code

{licence}. See `LICENSE`. Each data set keeps the licence that is stated for it above and in `MANIFEST.csv`.
"""

REPRODUCES = """\
The provided code reproduces:

- [x] All numbers provided in text in the paper (`results/{study}/ledger.json` has each with its rule and script)
- [x] All tables and figures in the paper
"""


def readme(project: Path, study: Study, places: Mapping[str, Path], *, version: str, licence: str) -> str:
    """Write the README of a bundle.

    Parameters
    ----------
    project : Path
    study : Study
    places : mapping of path to file
        What the bundle holds.
    version, licence : str
        Of the project.

    Returns
    -------
    str
        Markdown; the project's own README is its last part. The same run gives the same text.
    """
    logs = [place for name, place in places.items() if name.startswith("logs/")]
    sections = {
        "Overview": _overview(study, version),
        "Data Availability and Provenance Statements": readme_data.availability(study, places),
        "Dataset list": readme_data.dataset_list(project, study, places),
        "Computational requirements": readme_machine.requirements(project, study, places, logs),
        "Description of programs/code": PROGRAMS.format(licence=licence),
        "Instructions to Replicators": _instructions(study),
        "List of tables and programs": _exhibits(study, shown_in(study.config, project)),
        "References": readme_data.references(study),
    }
    parts = [f"# {study.config['title']}: replication package"]
    parts += [f"## {heading}\n\n{text.strip()}" for heading, text in sections.items()]
    own = (project / "README.md").read_text(encoding="utf-8")
    return "\n\n".join(parts) + f"\n\n---\n\n{MARK}\n{own.partition(MARK)[2].lstrip() or own}"


def commands(study: Study) -> tuple[str, str]:
    """Give the two commands: build the paper, and compare it with the accepted values."""
    other = study.name != DEFAULT
    build = f"python3 run.py paper{f' --config study={study.name}' if other else ''}"
    check = f"python3 run.py aigreen verify{f' --study {study.name}' if other else ''}"
    return build, check


def _overview(study: Study, version: str) -> str:
    build, check = commands(study)
    tables = sum(name.startswith("tables/") for name in study.origin["exhibits"])
    figures = sum(name.startswith("figures/") for name in study.origin["exhibits"])
    simulated = " **The data are simulated: the paper says nothing about the world beyond that.**"
    warning = simulated if study.config["simulated"] else ""
    return (
        f"This package (version {version}) makes the paper `results/{study.name}/paper.pdf` from raw files: "
        f"{tables} tables, {figures} figures and all numbers of its text.{warning}"
        f" Two commands do it, without edits and without questions: `{build}` builds everything, `{check}` compares "
        "every number and every cell with the accepted ones. `MANIFEST.csv` lists every file with its sha256 and "
        "licence; `sha256sum --check SHA256SUMS` checks them. The results that the authors obtained are in "
        f"`results/{study.name}/`; the build writes over them."
    )


def _instructions(study: Study) -> str:
    build, check = commands(study)
    lines = [
        "You need Python 3.11 or newer with pip. The first command makes the environment, which needs an internet "
        "connection or a package index that pip is set up for.",
        "",
        "```sh",
        build,
        check,
        "```",
        "",
        "The first command ends with `results/" + study.name + "/paper.pdf`. The second prints the class of every "
        "exhibit (full, minor differences, partial, not reproduced), writes "
        f"`results/{study.name}/certificate.md`, and fails unless all are reproduced. `rm -r results` before the first "
        "command shows that nothing depends on the results that came with the package.",
    ]
    if study.licensed:
        lines += [
            "",
            "Before that, place the licensed files as said under Details on each Data Source; "
            f"`python3 run.py aigreen doctor --study {study.name}` lists what is missing. Without a licence, "
            f"`python3 run.py paper` runs the same rules and scripts on the simulated economy.",
        ]
    for config in study.quoted:
        name = config["study"]
        lines += [
            "",
            f"The paper quotes accepted values of the study `{name}`, from `paper/expected/{name}/`. To make them anew:"
            f" `python3 run.py paper --config study={name}` and `python3 run.py aigreen verify --study {name}`.",
        ]
    return "\n".join(lines)


def _exhibits(study: Study, shown: Sequence[Shown]) -> str:
    by_stem = {path.rpartition(".")[0]: known for known in study.origin["exhibits"].values() for path in known["files"]}
    lines = ["| Figure/Table # | Program | Line Number | Output file | Note |", "|---|---|---|---|---|"]
    for item in shown:
        known = by_stem.get(item.stem) or _maker(study, item)
        start, stop = known["lines"]
        line = f"{start}" if start == stop else f"{start}-{stop}"
        ending = "json" if item.kind == "Table" else "pdf"
        note = f"{item.caption}; rule `{known['rule']}`"
        note += "; needs licensed data" if study.licensed else ""
        lines.append(
            f"| {item.kind} {item.number} | `{known['script']}` | {line} | `{item.stem}.{ending}` | {_cell(note)} |"
        )
    return REPRODUCES.format(study=study.name) + "\n" + "\n".join(lines)


def _maker(study: Study, item: Shown) -> Mapping[str, object]:
    """Rule and script of a table of another study, which the rule of quotations copies from its accepted values."""
    made = next((known for path, known in study.origin["files"].items() if path.startswith(f"{item.stem}.")), {})
    rule = made.get("rule", "")
    script = study.origin["rules"].get(rule, {}).get("script", "")
    return {"rule": rule, "script": script, "lines": [1, 1]}


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
