"""Identifiers of licensed rows: security codes and names of firms, which nothing that leaves the machine may hold."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from aigreen.errors import ReportError

SHORTEST, SHORTEST_LATIN = 3, 10  # letters of a name that is looked for: shorter ones are words of other things, too
# A whole number of six digits; in JSON one after a key is a number and no text.
_CODE = re.compile(r"(?<![\w.])(?<!\": )(?<!\":)\d{6}(?!\w|\.\d)")
_FIRST = re.compile(r"(first: ).*")
_CHINESE = re.compile(r"[\u3400-\u9fff]+")
_NAMES = {"firms": "name", "firm_names": "name", "company_names": "name", "links": "partner_name"}
_PACKED, _PDF = b"PK\x03\x04", b"%PDF"


def is_licensed(config: Mapping[str, Any]) -> bool:
    """Tell whether a study is made from licensed data."""
    return config.get("source") == "licensed"


def masked(text: str) -> str:
    """Take first offenders and all codes of six digits out of a text for a log."""
    return _CODE.sub("[withheld]", _FIRST.sub(r"\1[withheld]", text))


class Identifiers:
    """Codes and names of the firms of a licensed study.

    Parameters
    ----------
    results : Path
        Folder of the study's results, with ``panel.parquet`` and the canonical tables.
    unit : str
        Column of the codes.
    """

    def __init__(self, results: Path, unit: str) -> None:
        tables = [results / "panel.parquet", *sorted((results / "canonical").glob("*.parquet"))]
        codes = {code for path in tables for code in _column(path, unit)}
        from aigreen.data import facts

        divisions = set(facts.table("divisions")["gb_code"]) | set(facts.table("divisions_other")["gb_code"])
        self._codes = codes - divisions  # a code of Beijing that is a place's, too, cannot be told from it
        lists = (_column(results / f"canonical/{table}.parquet", column) for table, column in _NAMES.items())
        names = {name for listed in lists for name in listed}
        self._chinese = {run for name in names if len(run := "".join(_CHINESE.findall(name))) >= SHORTEST}
        self._lengths = sorted({len(name) for name in self._chinese})
        self._latin = {name for name in names if not _CHINESE.search(name) and len(name) >= SHORTEST_LATIN}

    def lines(self, content: bytes) -> Iterator[int]:
        """Give the lines of a file that name a firm; of a packed document (Word) those of its parts, of a PDF pages."""
        if content.startswith(_PACKED):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                for name in archive.namelist():
                    yield from self.lines(archive.read(name))
            return
        if content.startswith(_PDF):
            from aigreen_study.trust.lint import pdf_pages

            for number, page in enumerate(pdf_pages(content), start=1):
                if self._names_a_firm(" ".join(page.split())):
                    yield number
            return
        try:
            text = content.decode()
        except UnicodeDecodeError:
            return
        for number, line in enumerate(text.splitlines(), start=1):
            if self._names_a_firm(line):
                yield number

    def _names_a_firm(self, line: str) -> bool:
        if not self._codes.isdisjoint(_CODE.findall(line)):
            return True
        runs = _CHINESE.findall(line if "\\u" not in line else _unescaped(line))
        pieces = (run[at : at + size] for run in runs for size in self._lengths for at in range(len(run) - size + 1))
        return any(piece in self._chinese for piece in pieces) or any(name in line for name in self._latin)


def refuse_identifiers(config: Mapping[str, Any], results: Path, files: Mapping[str, bytes]) -> None:
    """Let files of a study on licensed data through only if they name no firm; those of other studies always.

    Raises
    ------
    ReportError
        Names the files and lines, and not the firms.
    """
    if not is_licensed(config):
        return
    known = Identifiers(results, config["panel"]["unit"])
    found = {name: lines for name, content in files.items() if (lines := list(known.lines(content)))}
    if found:
        listed = ", ".join(f"{name} (line {lines[0]})" for name, lines in list(found.items())[:5])
        raise ReportError(f"{len(found)} files name firms of licensed data, and may not: {listed}")


def _column(path: Path, column: str) -> Iterable[str]:
    import pandas as pd
    import pyarrow.parquet as pq

    if not path.is_file() or column not in pq.read_schema(path).names:
        return []
    return pd.read_parquet(path, columns=[column])[column].dropna().astype("str").unique()


def _unescaped(line: str) -> str:
    r"""Give a line of JSON with ``\u4e2d`` written out."""
    return re.sub(r"\\u([0-9a-fA-F]{4})", lambda hit: chr(int(hit[1], 16)), line)
