"""LICENSE.txt of a bundle: what covers the code, what the tables and facts, and what each file of others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aigreen_study.bundle.contents import Study

CODE = """\
1. Code (everything that is not named below): BSD 3-Clause, in full at the end of this file and in LICENSE.

2. Tables, figures, numbers and text of the paper (results/, paper/) and the facts compiled in data/facts/: the same
   conditions. A fact keeps the conditions of the source that its row names.

3. Files of others, each under the licence that its source states:
"""


def licence_text(project: Path, study: Study, places: Mapping[str, Path]) -> str:
    """Write which licence covers which files.

    Parameters
    ----------
    project : Path
    study : Study
    places : mapping of path to file
        What the bundle holds.
    """
    passed = [row for row in study.sources if row["file"] and f"data/raw/{row['file']}" in places]
    kept = sorted({row["source"] for row in study.sources} - {row["source"] for row in passed})
    lines = [f"   - data/raw/{row['file']}: {row['licence']}. {row['citation']}" for row in passed]
    text = CODE + "\n".join(lines or ["   none are in this package."])
    if kept:
        text += f"\n\n   Not in this package, as no licence allows to pass them on: {', '.join(kept)}."
    return f"{text}\n\n---\n\n{(project / 'LICENSE').read_text(encoding='utf-8')}"
