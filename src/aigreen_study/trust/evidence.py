"""What each public name of the library is held to: published numbers, other packages, algebra, simulations.

``docs/evidence.csv`` has a row for each comparison that a test makes; ``docs/evidence.md`` is written from it.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from aigreen import __all__ as library
from aigreen.errors import OptionError
from aigreen.inference import __all__ as inference

SOURCE, PAGE = Path("docs/evidence.csv"), Path("docs/evidence.md")
KINDS = ("package", "publication", "algebra", "simulation")
EXACT, ALIGNED, SIMULATED = "exact", "aligned up to a named convention", "simulation only"

_HEAD = f"""# Evidence

What holds each public estimator and function of inference, written by `aigreen evidence --write-docs` from
`{SOURCE}`; `aigreen evidence NAME` prints one of them. A test fails where a public name has no row, a row names a test
that does not exist, or a tolerance or number of samples does not stand in that test.

Status: *{EXACT}* where all that is compared agrees within its tolerance by the same definitions; *{ALIGNED}*
where another package's numbers differ by a rule of its own, which the row names ([conventions](conventions.md));
*{SIMULATED}* where no reference exists. Tolerances are absolute or relative, as in the test, in the order of what is
compared; `equal` is to the last bit, `default` that of NumPy or pytest. Of simulations they are bounds: of bias in its
Monte Carlo errors, of coverage of 95 % intervals, of the size of 5 % tests.
"""


def evidence(project: Path) -> pd.DataFrame:
    """Read the rows; columns ``names`` (several, by spaces), kind, against, version, samples, case, tolerance, ..."""
    return pd.read_csv(project / SOURCE, dtype=str, keep_default_na=False)


def public_names() -> list[str]:
    """Names that the library and its inference offer, in alphabetical order."""
    return sorted({*library, *inference})


def of(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the rows of one public name.

    Raises
    ------
    OptionError
        Where no row has this name, with the nearest one.
    """
    found = rows[[name in names.split() for names in rows["names"]]]
    if found.empty:
        raise OptionError("name", name, public_names())
    return found


def status(found: pd.DataFrame) -> str:
    """Say what the rows of one name amount to."""
    compared = found[found["kind"] != "simulation"]
    if compared.empty:
        return SIMULATED
    return ALIGNED if compared["convention"].any() else EXACT


def page(rows: pd.DataFrame) -> str:
    """Write the page of the documentation: status of each name, then what it is held to."""
    names = public_names()
    lines = [_HEAD, "| name | status | references | simulations |", "|---|---|---|---|"]
    for name in names:
        found = of(rows, name)
        n = (found["kind"] == "simulation").sum()
        lines.append(f"| [`{name}`](#{name.lower()}) | {status(found)} | {len(found) - n} | {n} |")
    for name in names:
        lines += ["", f"## {name}", "", section(rows, name).rstrip()]
    return "\n".join(lines) + "\n"


def section(rows: pd.DataFrame, name: str) -> str:
    """Write status and rows of one name as Markdown."""
    found = of(rows, name)
    lines = [f"Status: {status(found)}.", "", "| held to | what | tolerance or bounds | convention | test |"]
    lines.append("|---|---|---|---|---|")
    for row in found.to_dict("records"):
        against = " ".join(filter(None, [row["against"], row["version"]]))
        if row["samples"]:
            against = f"simulation: {against}, {int(row['samples']):,} samples"
        tolerance = ", ".join(row["tolerance"].split())
        lines.append(f"| {against} | {row['case']} | {tolerance} | {row['convention']} | `{row['test']}` |")
    return "\n".join(lines) + "\n"
