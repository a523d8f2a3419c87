"""List the exhibits of the studies with the rule and the script that make them."""

from __future__ import annotations

import argparse
from pathlib import Path

START, END = "<!-- exhibits: made by `aigreen exhibits --write-docs` -->\n", "<!-- end of exhibits -->\n"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take studies, and whether to write the list to the docs."""
    parser.add_argument("--study", action="append", help="only this study; may be given several times")
    parser.add_argument("--write-docs", action="store_true", help="write the list of all studies to docs/exhibits.md")


def run(given: argparse.Namespace) -> int:
    """Print the list as a Markdown table, or write it between the marks of docs/exhibits.md."""
    from aigreen.errors import OptionError, SourceError
    from aigreen_study.config import CONFIG, studies
    from aigreen_study.own.study import own_studies

    project = Path.cwd()
    known = studies(project / CONFIG) or own_studies(project)
    for name in given.study or []:
        if name not in known:
            raise OptionError("study", name, known)
    if given.write_docs:
        write_docs(project)
    elif not known:
        raise SourceError(
            f"no studies in {project}: neither {CONFIG} nor a file that names data (source: {{file: ...}})"
        )
    else:
        print(listed(project, given.study or open_studies(project) or known), end="")
    return 0


def open_studies(project: Path) -> list[str]:
    """Studies that anybody can build: all but those on licensed files, whose rules are those of the default study."""
    from aigreen_study.config import CONFIG, read_config, studies

    folder = project / CONFIG
    return [name for name in studies(folder) if read_config({"study": name}, folder).get("source") != "licensed"]


def listed(project: Path, names: list[str]) -> str:
    """Return the exhibits of some studies as a Markdown table, read from the workflow; nothing is run."""
    from aigreen_study.run.project import sources
    from aigreen_study.run.workflow import exhibit_graph, load_workflow
    from aigreen_study.trust.provenance import exhibit_table

    root = sources()
    graphs = {name: exhibit_graph(load_workflow(root, name, project), root, f"results/{name}") for name in names}
    return exhibit_table(graphs)


def write_docs(project: Path) -> None:
    """Put the table of all studies between the marks of docs/exhibits.md."""
    from aigreen.disk import write_bytes
    from aigreen.errors import ReportError

    path = project / "docs/exhibits.md"
    before, start, rest = path.read_text(encoding="utf-8").partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise ReportError(f"docs/exhibits.md has no lines {START.strip()} and {END.strip()} to write between")
    table = listed(project, open_studies(project))
    write_bytes(path, f"{before}{START}\n{table}\n{END}{after}".encode())
