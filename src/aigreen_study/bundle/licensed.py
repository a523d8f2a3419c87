"""Files that hold licensed data, under whatever name."""

from __future__ import annotations

import codecs
import csv
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from aigreen.data import facts
from aigreen.data.raw import headers
from aigreen.data.registry.registry import sha256
from aigreen.errors import SourceError
from aigreen_study.bundle.findings import Finding

FOLDER = "data/restricted"
WHAT = "restricted"
SYSTEMS = ("CSMAR", "CNRDS", "CNIPA export")
ENOUGH = 3  # columns of one licensed table that make a header row
LINES = 60  # looked at for a header row
_OF_CODE = ('"', "'", "=", "[", "`")  # a list of names in a program is no table
_PACKED = {
    b"\x1f\x8b": "gzip",
    b"7z\xbc\xaf": "7z",
    b"Rar!": "rar",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
_TABLES = {b"PK\x03\x04": ".xlsx", b"\xd0\xcf\x11\xe0": ".xls", b"PAR1": ".parquet", b"<stata_dta>": ".dta"}


class LicensedData:
    """Recognises licensed data by place, by content that also stands in data/restricted, and by its header row.

    Parameters
    ----------
    project : Path
    """

    def __init__(self, project: Path) -> None:
        self._project = project
        folder = project / FOLDER
        files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
        self._known = {sha256(path): path.relative_to(project).as_posix() for path in files if path.stat().st_size}
        self._tables = _licensed_tables()

    def look(self, path: str, place: Path, digest: str) -> Iterator[Finding]:
        """Say why a file may not be passed on; nothing where it may.

        Parameters
        ----------
        path : str
            In the bundle.
        place : Path
            On disk.
        digest : str
            Its sha256.
        """
        if place.is_symlink():
            yield Finding(path, WHAT, f"a link (to {place.readlink().as_posix()}): what it leads to is not looked at")
        elif path.startswith(f"{FOLDER}/") or place.resolve().is_relative_to((self._project / FOLDER).resolve()):
            yield Finding(path, WHAT, f"stands in {FOLDER}")
        elif digest in self._known:
            yield Finding(path, WHAT, f"the same content as {self._known[digest]}")
        else:
            yield from self._content(path, place)

    def _content(self, path: str, place: Path) -> Iterator[Finding]:
        with place.open("rb") as content:
            head = content.read(headers.HEAD_BYTES)
        packed = next((kind for magic, kind in _PACKED.items() if head.startswith(magic)), None)
        if packed:
            yield Finding(path, WHAT, f"packed ({packed}), so that nobody can see what is in it; unpack it")
            return
        suffix = next((suffix for magic, suffix in _TABLES.items() if head.startswith(magic)), None)
        try:
            rows = [_columns(place, suffix)] if suffix else _rows(head)
        except SourceError as error:
            yield Finding(path, WHAT, f"looks like a table and cannot be read ({error})")
            return
        for row in rows:
            table = self._table_of(row)
            if table:
                yield Finding(path, WHAT, f"has the header row of {table}: {', '.join(row[:4])} ...")
                return

    def _table_of(self, row: Iterable[str]) -> str | None:
        """Licensed table that most names of a row belong to, if there are enough."""
        names = {name.strip() for name in row} - {""}
        if any(mark in name for name in names for mark in _OF_CODE):
            return None
        for table, columns in self._tables.items():
            shared = len(names & columns)
            if shared >= ENOUGH and 2 * shared >= len(names):
                return table
        return None


def _licensed_tables() -> dict[str, frozenset[str]]:
    """Column names of the licensed tables."""
    known = facts.table("raw_schemas")
    known = known[known["source_system"].isin(SYSTEMS)]
    groups = known.groupby(["source_system", "table"])["column"]
    return {" ".join(key): frozenset(columns) for key, columns in groups}


def _columns(place: Path, suffix: str) -> list[str]:
    """Column names of a table whose format its first bytes tell, whatever its name."""
    if place.suffix.lower() == suffix:
        return headers.columns(place)
    with tempfile.TemporaryDirectory() as folder:
        return headers.columns(Path(shutil.copyfile(place, Path(folder) / f"table{suffix}")))


def _rows(head: bytes) -> list[list[str]]:
    """First lines of a text as rows of cells, and the names of a record of JSON lines."""
    wide = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if b"\0" in head and not wide:
        return []
    try:
        text = head.decode("utf-16" if wide else "utf-8-sig", "ignore" if wide else "strict")
    except UnicodeDecodeError:
        text = head.decode("gb18030", "ignore")
    lines, most = text.splitlines()[:LINES], csv.field_size_limit()
    rows = [
        cells
        for line in lines
        for mark in ",\t;|"
        if len(cells := next(csv.reader([line[:most]], delimiter=mark), [])) > 2
    ]
    try:
        record = json.loads(lines[0])
    except (IndexError, ValueError):
        return rows
    return [*rows, [str(name) for name in record]] if isinstance(record, dict) else rows
