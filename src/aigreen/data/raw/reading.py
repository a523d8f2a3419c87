"""Raw tables as text: one file, or the parts of an export in a folder.

CSMAR and CNRDS deliver a table in parts of limited length (``FS_Combas.csv``, ``FS_Combas(1).xlsx``, ...), often each
in a folder of its own. `read` finds the parts, checks that they have the same columns and puts them together. All
cells are text and an empty cell is missing: types are given by the adapters, which know what a column is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from aigreen.arguments import typed
from aigreen.data.raw import files, layout, marked_up, wide
from aigreen.data.raw.packed import Part, entries, members, numbered, unpacked
from aigreen.data.raw.wide import Keep
from aigreen.errors import OutsideFolderError, SourceError, TooLargeError, UnreadableFileError, did_you_mean

SUFFIXES = (".csv", ".tsv", ".txt", ".xlsx", ".xls", ".dta", ".parquet")
_OLE = b"\xd0\xcf\x11\xe0"
_MAGIC = {
    b"PK\x03\x04": (".xlsx",),
    _OLE: (".xls",),
    b"PAR1": (".parquet",),
    b"<stata_dta>": (".dta",),
}


@dataclass(frozen=True)
class RawTable:
    """A raw table, all text.

    Parameters
    ----------
    name : str
        Table or file, for messages.
    frame : DataFrame of str
        Named columns; missing cells are missing.
    labels : dict of str to tuple of str
        What the label rows say of a column (Chinese label, unit).
    files : tuple of Part
        Parts, sorted.
    notes : tuple of (str, int)
        Rows passed over (titles, labels, blank rows, notes) and how many.
    """

    name: str
    frame: pd.DataFrame
    labels: dict[str, tuple[str, ...]]
    files: tuple[Part, ...]
    notes: tuple[tuple[str, int], ...]


def read(
    path: Path | str,
    table: str | None = None,
    *,
    root: Path | str | None = None,
    sheet: str | None = None,
    encoding: str | None = None,
    keep: Keep | None = None,
) -> RawTable:
    """Read a raw table.

    Parameters
    ----------
    path : path
        A file (csv, tsv, txt, xlsx, xls, dta, parquet; also gzipped), or a folder or zip archive that holds the parts
        of ``table`` at any depth.
    table : str, optional
        Name of the table, needed for a folder: ``FS_Combas`` finds ``FS_Combas.csv`` and ``fs_combas(1).xlsx``.
    root : path, optional
        Data folder; a file outside it (also by a link) is refused.
    sheet : str, optional
        Sheet of a workbook that has several.
    encoding : str, optional
        Encoding of a delimited file, where it is neither UTF-8, UTF-16 with mark nor GB18030.
    keep : callable, optional
        Gives the columns of use among those of a file: others may differ between files, and are not read of sheets
        that are large (`aigreen.data.raw.wide`).

    Raises
    ------
    OutsideFolderError, UnreadableFileError, TooLargeError
        See `aigreen.errors`. The message names the file and what was found in it.
    SourceError
        No such file or table (with the nearest name), or parts with different columns.
    """
    first, *others = read_kinds(path, table, root=root, sheet=sheet, encoding=encoding, keep=keep)
    for other in others:
        odd = sorted(set(first.frame.columns) ^ set(other.frame.columns))
        raise SourceError(f"{other.files[0].name}: other columns than {first.files[0].name}: {', '.join(odd[:5])}")
    return first


@typed
def read_kinds(
    path: Path | str,
    table: str | None = None,
    *,
    root: Path | str | None = None,
    sheet: str | None = None,
    encoding: str | None = None,
    keep: Keep | None = None,
) -> list[RawTable]:
    """Read a raw table as `read` does, of which files may have different columns: those that have the same together."""
    kinds: dict[frozenset[str], list[tuple[Part, files.Cells]]] = {}
    for part in parts(Path(path), table, root=root):
        cells = _read_part(part, sheet, encoding, keep)
        columns = list(cells.frame.columns)
        kinds.setdefault(frozenset(keep(columns) if keep else columns), []).append((part, cells))
    return [_together(table, [part for part, _ in kind], [cells for _, cells in kind]) for kind in kinds.values()]


def _together(table: str | None, paths: list[Part], cells: list[files.Cells]) -> RawTable:
    columns = [name for name in cells[0].frame if all(name in part.frame for part in cells)]
    frame = pd.concat([part.frame[columns] for part in cells], ignore_index=True)
    labels = {str(name): tuple(row[name] for row in cells[0].labels if row.get(name)) for name in columns}
    notes = pd.DataFrame([note for part in cells for note in part.notes], columns=["step", "count"])
    counted = notes.groupby("step", sort=False)["count"].sum()
    kept = tuple((str(step), int(count)) for step, count in counted.items() if count)
    return RawTable(table or paths[0].name, frame, labels, tuple(paths), kept)


def parts(path: Path, table: str | None = None, *, root: Path | str | None = None) -> list[Part]:
    """List the files of a table, sorted by part number and name; `read` says which files and which errors."""
    archive = path.suffix.lower() == ".zip" and path.is_file()
    if path.is_dir() or archive:
        if table is None:
            raise SourceError(f"{path}: {'an archive' if archive else 'a folder'}; name the table to read")
        _check_place(path, root)
        inside = [Part(path, name) for name in members(path)] if archive else entries(path)
        found = [part for part in inside if part.suffix in SUFFIXES]
        listed = numbered(found, table)
        if not listed:
            raise SourceError(f"{path}: no file of table {table}{did_you_mean(table, [f.stem for f in found])}")
    else:
        listed = [Part(path)]
    for part in listed:
        _check_place(part.path, root)
        if not part.path.is_file():
            near = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
            raise SourceError(f"{path}: no such file{did_you_mean(path.name, near)}")
    return listed


def _check_place(path: Path, root: Path | str | None) -> None:
    if root is not None and not path.resolve().is_relative_to(Path(root).resolve()):
        raise OutsideFolderError(f"{path}: outside the data folder {root}")


def _read_part(part: Part, sheet: str | None, encoding: str | None, keep: Keep | None) -> files.Cells:
    with unpacked(part) as path:
        try:
            return _read_file(path, sheet, encoding, keep)
        except (UnreadableFileError, TooLargeError) as fault:
            if part.packed:
                raise type(fault)(f"{part.path.name}: {fault}") from fault
            raise


def _read_file(path: Path, sheet: str | None, encoding: str | None, keep: Keep | None) -> files.Cells:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UnreadableFileError(f"{path.name}: unknown kind {suffix!r}; use one of {', '.join(SUFFIXES)}")
    size = path.stat().st_size
    if size == 0:
        raise UnreadableFileError(f"{path.name}: the file is empty")
    if size > files.MOST_BYTES:
        raise TooLargeError(f"{path.name}: {size:,} bytes, more than {files.MOST_BYTES:,}")
    if suffix == ".xls" and marked_up.is_marked_up(path):
        rows = marked_up.rows(path, sheet, encoding)
        return files.from_rows(rows, layout.find(rows[: layout.SAMPLE_ROWS], path.name), path.name)
    with path.open("rb") as content:
        head = content.read(16)
    for magic, kinds in _MAGIC.items():
        if head.startswith(magic) != (suffix in kinds) and not (suffix == ".dta" and head[0] in range(0x69, 0x74)):
            fault = f"content of a {kinds[0]} file" if head.startswith(magic) else f"begins with {head[:8]!r}"
            if suffix == ".xlsx" and head.startswith(_OLE):
                fault = "an old or a password-protected workbook; save it as .xlsx without a password"
            raise UnreadableFileError(f"{path.name}: not a whole {suffix} file: {fault}")
    match suffix:
        case ".xlsx" if wide.is_large(path):
            files.check_unfolds(path)
            return wide.cells(path, sheet, keep)
        case ".xlsx" | ".xls":
            return files.from_excel(path, sheet)
        case ".dta":
            return files.from_stata(path)
        case ".parquet":
            return files.from_parquet(path)
    return files.from_csv(path, encoding)
