"""Command line of aigreen: `aigreen COMMAND --help` says what a command takes."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module

from aigreen.errors import AigreenError, MissingExtraError

COMMANDS = {
    "new-study": "look at a file of your data and write the file of a study of it",
    "run": "run a study of your own data, from its file to the paper",
    "doctor": "which studies can run here, and where the missing inputs come from",
    "template": "write an empty table of those that no vendor delivers, with its recipe",
    "build": "make the firm-year panel of a study from its raw files",
    "count": "count the patents of firms with DuckDB, Spark or BigQuery",
    "publications": "download patent publications from BigQuery",
    "codebook": "print the codebook of a panel, or the columns of the canonical tables",
    "verify": "hold the results of a study against its accepted values",
    "diff": "show the numbers and cells that changed since a git revision",
    "accept": "take the results of a study as its accepted values, with a reason",
    "lint": "find numbers in the paper that no key stands behind",
    "evidence": "print what an estimator is held to: references, simulations, tests",
    "exhibits": "list the exhibits with the rule and the script that make them",
    "bundle": "write the replication package of a built study",
    "release": "write the files of a release, and say what remains to be done by hand",
    "export": "write a paper's tables and figures for LaTeX, Word or a spreadsheet",
}


def main(argv: list[str] | None = None) -> int:
    """Run a command; return the exit code.

    It is 1 for an error made by the input, the file system or a missing extra, and 130 after Ctrl-C.
    """
    parser = argparse.ArgumentParser(prog="aigreen", description=__doc__)
    choices = parser.add_subparsers(dest="command", required=True)
    try:
        modules = {name: import_module(f"aigreen_study.commands.{name.replace('-', '_')}") for name in COMMANDS}
    except MissingExtraError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for name, module in modules.items():
        module.add_arguments(choices.add_parser(name, help=COMMANDS[name], description=module.__doc__))
    given = parser.parse_args(argv)
    try:
        return modules[given.command].run(given)
    except (AigreenError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
