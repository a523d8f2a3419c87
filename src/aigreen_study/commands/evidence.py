"""Print what an estimator or a function of inference is held to: references, simulations, status and tests."""

from __future__ import annotations

import argparse

from aigreen_study.run.project import checkout


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take a public name, and whether to write the page of the documentation."""
    parser.add_argument("name", nargs="?", help="such as GroupTimeATT or honest_did; without it, the whole page")
    parser.add_argument("--write-docs", action="store_true", help="write docs/evidence.md")


def run(given: argparse.Namespace) -> int:
    """Print the rows of a name or of all as Markdown, or write the page."""
    from aigreen.disk import write_bytes
    from aigreen_study.trust.evidence import PAGE, evidence, page, section

    project = checkout("evidence")
    rows = evidence(project)
    if given.write_docs:
        write_bytes(project / PAGE, page(rows).encode())
    else:
        print(section(rows, given.name) if given.name else page(rows), end="")
    return 0
