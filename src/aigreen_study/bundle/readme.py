"""README of a bundle, in the template of the Social Science Data Editors, written from the run."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from aigreen_study.bundle import deposit, readme_data, readme_machine
from aigreen_study.bundle.contents import Study
from aigreen_study.bundle.measured import duration, measured
from aigreen_study.config import DEFAULT
from aigreen_study.paper.shown import Shown, shown_in

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

{licence}. See `LICENSE`; `LICENSE.txt` says what covers tables, facts and the files of others, as `MANIFEST.csv` does
file by file.
"""

CHECKS = """
### Notes for checks by program

- **Duplicate tables.** A table is in the package in four forms with the same numbers (`.json`, `.tex`, `.typ`,
  `.html`), and once more below `paper/expected/` as the value that `aigreen verify` compares with. Where a result is
  its accepted value, the two files have the same bytes.
- **Windows paths.** The code has no path with a backslash and no drive: backslashes in it are escapes in regular
  expressions, LaTeX commands and line ends.
- **Notebook cells not run.** `notebooks/*.ipynb` are kept without outputs; the build runs them from top to bottom and
  stops at the first error. The executed copies are `results/<study>/notebooks/*.html`.
- **Checksums.** `SHA256SUMS` is that of the package as it came. The build writes logs, and results with other times or
  machines in them, so check before building, or without these:
  `grep -v -e "  logs/" -e "  results/" SHA256SUMS | sha256sum --check`.
- **Last digits.** A second build on the same kind of processor gives the same numbers to the last bit. OpenBLAS picks
  its instructions by the processor, so another kind may give other last bits, and other bytes of `results/`; `aigreen
  verify` calls numbers the same that agree to a millionth.
- **Requirements.** `requirements.txt` lists the packages that the code imports, for readers and for tools that look for
  it. The build installs from `requirements.lock`, which fixes all packages by sha256.

### The project

This package is one study of aigreen, a library of panel estimators for staggered adoption with its studies. What the
estimators do and what they are held to is in `docs/`; how to change or extend the code is in `CONTRIBUTING.md`.
"""

REPRODUCES = """\
The provided code reproduces:

- [x] All numbers provided in text in the paper (`results/{study}/ledger.json` has each with its rule and script)
- [x] All tables and figures in the paper
"""

REPRODUCES_SOME = """\
The provided code reproduces:

- [ ] All numbers provided in text in the paper
- [ ] All tables and figures in the paper
- [x] Selected tables and figures in the paper, as explained and justified below.

The two commands compute all exhibits and all numbers (`results/{study}/ledger.json` has each with its rule and script)
except the copies that the note names: they are tables of other studies of the project, whose code is in this package,
too, with commands of their own under Instructions to Replicators.
"""

FORMS = """\

Each table is written as `.json`, `.tex`, `.typ` and `.html`, each figure as `.pdf` and `.svg`; the paper shows it under
the number given. `python3 run.py aigreen export --format docx --study {study}` writes them into
`tables-and-figures.docx`, under these numbers.
"""


def readme(
    project: Path,
    study: Study,
    places: Mapping[str, Path],
    *,
    version: str,
    licence: str,
    certified: Collection[str] = (),
) -> str:
    """Write the README of a bundle.

    Parameters
    ----------
    project : Path
    study : Study
    places : mapping of path to file
        What the bundle holds.
    version, licence : str
        Of the project.
    certified : collection of str
        Names of `aigreen_study.bundle.deposit.RIGHTS` that the authors certify.

    Returns
    -------
    str
        Markdown. The same run gives the same text.
    """
    logs = [place for name, place in places.items() if name.startswith(f"logs/{study.name}/")]
    shown = shown_in(study.config, project)
    sections = {
        "Overview": _overview(study, shown, version),
        "Data Availability and Provenance Statements": readme_data.availability(study, places, certified),
        "Dataset list": readme_data.dataset_list(project, study, places),
        "Computational requirements": readme_machine.requirements(project, study, places, logs),
        "Description of programs/code": PROGRAMS.format(licence=licence) + CHECKS,
        "Instructions to Replicators": _instructions(study, places),
        "List of tables and programs": _exhibits(project, study, shown),
        "References": readme_data.references(project, study),
    }
    parts = [f"# {deposit.title(study.config)}", deposit.front(project, study.config)]
    parts += [f"## {heading}\n\n{text.strip()}" for heading, text in sections.items()]
    return "\n\n".join(parts) + "\n"


def commands(study: Study) -> tuple[str, str]:
    """Give the two commands: build the paper, and compare it with the accepted values."""
    other = study.name != DEFAULT
    build = f"python3 run.py paper{f' --config study={study.name}' if other else ''}"
    check = f"python3 run.py aigreen verify{f' --study {study.name}' if other else ''}"
    return build, check


def _overview(study: Study, shown: Sequence[Shown], version: str) -> str:
    build, check = commands(study)
    quoted = [item for item in shown if _is_quoted(study, item)]
    made = [item for item in shown if item not in quoted]
    tables, figures = (sum(item.kind == kind for item in made) for kind in ("Table", "Figure"))
    text = (
        f"This package (version {version}) makes the paper `results/{study.name}/paper.pdf` from raw files: "
        f"{tables} tables, {figures} figures and the numbers of its text. Two commands do it, without edits and "
        f"questions: `{build}` builds them, `{check}` compares every number and every cell with the accepted ones."
    )
    if quoted:
        names = ", ".join(f"Table {item.number}" for item in quoted)
        text += (
            f" The paper also shows {len(quoted)} tables of other studies of the project ({names}). **These are copies "
            "of accepted values, which the two commands do not compute**; the commands that do are under Instructions "
            "to Replicators."
        )
    if study.config["simulated"]:
        real = sorted(config["study"] for config in study.quoted if not config["simulated"])
        text += " **The data of the study itself are simulated and say nothing about the world.**"
        if real:
            text += (
                f" Abstract, text and copied tables also report results on real data, of the studies {_list(real)}; "
                "each such table is headed (real data)."
            )
    return text + (
        " `MANIFEST.csv` lists every file with its sha256 and licence; `sha256sum --check SHA256SUMS` checks them "
        "before anything is built. The results that the authors obtained are in "
        f"`results/{study.name}/`; the build writes over them."
    )


def _instructions(study: Study, places: Mapping[str, Path]) -> str:
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
        "command shows that nothing depends on the results that came with the package. Tables and figures one by one, "
        f"as files for Word or LaTeX: `python3 run.py aigreen export --format docx --study {study.name}` (or `latex`).",
    ]
    if study.licensed:
        lines += [
            "",
            "Before that, place the licensed files as said under Details on each Data Source; "
            f"`python3 run.py aigreen doctor --study {study.name}` lists what is missing. Without a licence, "
            f"`python3 run.py paper` runs the same rules and scripts on the simulated economy.",
        ]
    if study.quoted:
        names = [config["study"] for config in study.quoted]
        lines += [
            "",
            "The copied tables and the numbers of other studies that the text quotes come from `paper/expected/`. To "
            "compute them anew and compare them:",
            "",
            "| Study | Data | Time of its jobs one after another | Commands |",
            "|---|---|---|---|",
            *(_of_other(places, config) for config in study.quoted),
            "",
            "or all of them by one command:",
            "",
            "```sh",
            f"for study in {' '.join(names)}; do python3 run.py paper --config study=$study && "
            "python3 run.py aigreen verify --study $study; done",
            "```",
        ]
    return "\n".join(lines)


def _of_other(places: Mapping[str, Path], config: Mapping[str, object]) -> str:
    name = config["study"]
    run = measured(place for path, place in places.items() if path.startswith(f"logs/{name}/"))
    taken = duration(run.seconds) if run.jobs else "not recorded with this package"
    data = "simulated" if config["simulated"] else "real, as listed above"
    both = f"`python3 run.py paper --config study={name}`, `python3 run.py aigreen verify --study {name}`"
    return f"| `{name}` | {data} | {taken} | {both} |"


def _list(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names[:-1]) + " and " * (len(names) > 1) + f"`{names[-1]}`"


def _is_quoted(study: Study, item: Shown) -> bool:
    return item.stem.startswith(f"results/{study.name}/quoted/")


def _exhibits(project: Path, study: Study, shown: Sequence[Shown]) -> str:
    by_stem = {path.rpartition(".")[0]: known for known in study.origin["exhibits"].values() for path in known["files"]}
    lines = ["| Figure/Table # | Program | Line Number | Output file | Note |", "|---|---|---|---|---|"]
    for item in shown:
        known = by_stem.get(item.stem) or _maker(project, study, item)
        start, stop = known["lines"]
        line = f"{start}" if start == stop else f"{start}-{stop}"
        endings = "json" if item.kind == "Table" else "pdf"
        notes = [item.caption, f"rule `{known['rule']}`"]
        if _is_quoted(study, item):
            other = item.stem.split("/")[-2]
            notes += [
                f"copy of the accepted value of the study `{other}` (`paper/expected/{other}/`), not computed here"
            ]
        if study.licensed:
            notes += ["needs licensed data"]
        where = f"`{item.stem}.{endings}`; {item.kind} {item.number} of `paper.pdf`"
        lines.append(
            f"| {item.kind} {item.number} | `{known['script']}` | {line} | {where} | {_cell('; '.join(notes))} |"
        )
    copied = any(_is_quoted(study, item) for item in shown)
    words = REPRODUCES_SOME if copied else REPRODUCES
    return words.format(study=study.name) + FORMS.format(study=study.name) + "\n" + "\n".join(lines)


def _maker(project: Path, study: Study, item: Shown) -> Mapping[str, object]:
    """Rule and script of a table of another study, which the rule of quotations copies from its accepted values."""
    made = next((known for path, known in study.origin["files"].items() if path.startswith(f"{item.stem}.")), {})
    rule = made.get("rule", "")
    script = study.origin["rules"].get(rule, {}).get("script", "")
    length = len((project / script).read_text(encoding="utf-8").splitlines()) if script else 1
    return {"rule": rule, "script": script, "lines": [1, length]}


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
