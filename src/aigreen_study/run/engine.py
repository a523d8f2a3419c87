"""Snakemake without its first line, and without a traceback where it is interrupted while it reads the workflow."""

from __future__ import annotations

import builtins
import sys
from typing import Any

from aigreen_study.run.interruption import CODE, interrupted, on_interrupt, tell


def _without_profile(*words: Any, **options: Any) -> None:
    """Print, but for the line that names the profiles."""
    if not str(words[:1]).startswith(("('Using profile", "('Using workflow specific profile")):
        builtins.print(*words, **options)


def main() -> None:
    """Run Snakemake on the arguments of the command line."""
    on_interrupt(tell)
    try:
        from snakemake import cli

        cli.print = _without_profile
        cli.main()
    except KeyboardInterrupt:
        pass
    finally:
        if interrupted.is_set():
            tell()
            sys.exit(CODE)


if __name__ == "__main__":
    main()
