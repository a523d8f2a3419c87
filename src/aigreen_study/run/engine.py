"""Snakemake without its lines from before the Snakefile is read, and without a traceback where Ctrl-C comes then."""

from __future__ import annotations

import builtins
import sys
from typing import Any

from aigreen_study.run.interruption import CODE, interrupted, on_interrupt, tell
from aigreen_study.run.warm import start_importing

_ONLY_TELLS = {"-n", "--dry-run", "--dryrun", "-h", "--help", "-v", "--version"}


def _without_profile(*words: Any, **options: Any) -> None:
    """Print, but for the line that names the profiles."""
    if not str(words[:1]).startswith(("('Using profile", "('Using workflow specific profile")):
        builtins.print(*words, **options)


def main() -> None:
    """Run Snakemake on the arguments of the command line."""
    on_interrupt(tell)
    if not _ONLY_TELLS & {*sys.argv}:
        start_importing()
    try:
        from snakemake import cli
        from snakemake.logging import logger

        cli.print = _without_profile
        # The Snakefile says which folder cannot be written; a dry run need not.
        logger.addFilter(lambda record: not str(record.msg).startswith("Failed to setup log file"))
        cli.main()
    finally:
        if interrupted.is_set():
            tell()
            sys.exit(CODE)


if __name__ == "__main__":
    main()
