"""The number ledger: every number in the prose, with its value, its text and where it comes from."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from aigreen.disk import write_bytes
from aigreen.errors import OptionError, ReportError
from aigreen_study.tables.formats import FORMATS, write_number


class Ledger:
    """Numbers for the prose, written once as numbers.json and read by the paper as ``#n("key")``.

    Parameters
    ----------
    rule : str
        Rule of the workflow that fills the ledger; an entry may name another.

    Examples
    --------
    >>> ledger = Ledger(rule="numbers")
    >>> ledger.add("att_simple", -0.04213, exhibit="tables/overall")
    >>> ledger.add("n_rows", 16800, fmt="count", exhibit="tables/sample_flow")
    >>> ledger["att_simple"]["text"]
    '−0.042'
    """

    def __init__(self, rule: str) -> None:
        self.rule = rule
        self._entries: dict[str, dict[str, Any]] = {}

    def add(
        self,
        key: str,
        value: float | str,
        *,
        fmt: str = "coefficient",
        unit: str = "",
        exhibit: str = "",
        rule: str | None = None,
        spec: str = "",
        n: int | None = None,
        errors: str = "",
    ) -> None:
        """Enter a number, or a word such as a verdict.

        Parameters
        ----------
        key : str
            A Python identifier in lower case; each key once.
        value : float or str
            A string is its own text.
        fmt : str
            One of `aigreen_study.tables.formats.FORMATS`.
        unit : str
            What the value counts or measures.
        exhibit : str
            Table or figure that shows it, as ``tables/baseline``.
        rule : str, optional
            Rule that computed it, where that is not the ledger's.
        spec : str, optional
            Specification that it comes from, as ``exhibit/id``.
        n : int, optional
            Rows of the estimation sample.
        errors : str, optional
            How its standard error is computed.

        Raises
        ------
        ReportError
            For a key entered twice, a key that is no identifier, or a value that is not finite.
        """
        if not key.isidentifier() or key != key.lower():
            raise ReportError(f"number {key!r}: a key is a lower-case identifier")
        if key in self._entries:
            raise ReportError(f"number {key!r} is entered twice")
        if isinstance(value, str):
            plain: float | int | str = value
            text = value
        else:
            plain = value.item() if isinstance(value, np.generic) else value
            if fmt not in FORMATS:
                raise OptionError("fmt", fmt, list(FORMATS))
            if not isinstance(plain, int | float) or not math.isfinite(plain):
                raise ReportError(f"number {key!r} is {value!r}, not a finite number")
            text = write_number(plain, fmt)
        self._entries[key] = {
            "value": plain,
            "text": text,
            "unit": unit,
            "exhibit": exhibit,
            "rule": self.rule if rule is None else rule,
        }
        facts = {"spec": spec, "n": n, "errors": errors}
        self._entries[key] |= {name: fact for name, fact in facts.items() if fact}

    def include(self, path: str | Path) -> None:
        """Take over the entries of a ledger that another rule wrote.

        Raises
        ------
        ReportError
            For a key that is here already.
        """
        entries = json.loads(Path(path).read_text(encoding="utf-8"))
        twice = sorted(set(entries) & set(self._entries))
        if twice:
            raise ReportError(f"{path}: {len(twice)} numbers are entered twice: {', '.join(twice[:5])}")
        self._entries |= entries

    def __getitem__(self, key: str) -> dict[str, Any]:
        return self._entries[key]

    def __len__(self) -> int:
        return len(self._entries)

    def to_json(self) -> str:
        """Entries sorted by key."""
        return json.dumps(self._entries, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False) + "\n"

    def write(self, path: str | Path) -> None:
        """Write the ledger, aside and moved."""
        write_bytes(Path(path), self.to_json().encode())
