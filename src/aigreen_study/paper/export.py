"""The tables and figures of a paper as a folder for another editor: LaTeX, Word, or CSV."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from aigreen.disk import write_bytes
from aigreen.errors import ReportError
from aigreen_study.paper.export_csv import csv_files
from aigreen_study.paper.export_docx import docx_files
from aigreen_study.paper.export_latex import latex_files
from aigreen_study.paper.shown import Shown, shown_in
from aigreen_study.tables.table import Table
from aigreen_study.trust.identifiers import refuse_identifiers

Tables = Mapping[str, Table]
WRITERS: dict[str, Callable[[Mapping[str, Any], list[Shown], Tables, Path], dict[str, bytes]]] = {
    "latex": latex_files,
    "docx": docx_files,
    "csv": csv_files,
}


def export(
    project: Path, config: Mapping[str, Any], form: str, folder: Path, *, papers: Path | None = None
) -> list[str]:
    """Write what a paper shows, in its order.

    Parameters
    ----------
    project : Path
        With the results of the study.
    config : mapping
        The study's configuration.
    form : str
        A key of `WRITERS`.
    folder : Path
        Made anew; an older export there is replaced.
    papers : Path, optional
        With paper/; by default `project`.

    Returns
    -------
    list of str
        Files in the folder.

    Raises
    ------
    ReportError
        Where the folder holds anything else than an older export, or where a file names a firm of licensed data.
    """
    shown = shown_in(config, project, papers)
    tables = {
        item.stem: Table.from_json((project / f"{item.stem}.json").read_text(encoding="utf-8"))
        for item in shown
        if item.kind == "Table"
    }
    files = WRITERS[form](config, shown, tables, project)
    refuse_identifiers(config, project / "results" / config["study"], files)
    _replace(folder, files)
    return sorted(files)


def _replace(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the files aside and move them into place as a whole."""
    mark = ".aigreen-export"
    if folder.exists() and not (folder / mark).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise ReportError(f"{folder}: holds other files; name a new or empty folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".aigreen-") as aside:
        made = Path(aside) / "made"
        for name, content in {**files, mark: b""}.items():
            write_bytes(made / name, content)
        if folder.exists():
            shutil.move(folder, Path(aside) / "old")
        made.replace(folder)
