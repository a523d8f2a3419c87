"""Texts of annual reports: a folder of txt files named ``code_year``, or one table with a text column.

The texts of all A shares are larger than memory: `listing` and `texts` go through them one by one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from aigreen import tables
from aigreen.errors import OutsideFolderError, SourceError
from aigreen.sources import values
from aigreen.sources.adapter import DEFAULT, Expected, Options, a_shares, one_row, open_table, years
from aigreen.sources.checks import require_unique
from aigreen.sources.files import is_blank, sniff_encoding
from aigreen.sources.record import Flow, Read, together

TABLE = "reports"
REPORTS = Expected(TABLE, ("code", "year", "text"))
KEY = ["firm_id", "year"]
_NAME = re.compile(r"(?:SZ|SH|BJ)?(\d{6})[_ -]+(?:.*?[_ -])?((?:19|20)\d{2})(?!\d).*", re.IGNORECASE)


def listing(folder: Path | str, options: Options = DEFAULT) -> Read:
    """List the report files of a folder, at any depth.

    Returns
    -------
    Read
        ``firm_id, year, file`` (not a canonical table); files with other names, empty files and B shares counted.

    Raises
    ------
    SourceError
        No report files, or two files for a firm and year.
    """
    folder = Path(folder)
    found = sorted(entry for entry in folder.rglob("*.txt") if entry.is_file())
    hits = [_NAME.fullmatch(entry.stem) for entry in found]
    frame = pd.DataFrame(
        {
            "code": [hit[1] if hit else None for hit in hits],
            "year": [int(hit[2]) if hit else 0 for hit in hits],
            "file": found,
            "name": [entry.name for entry in found],
        }
    )
    flow = Flow(TABLE, "firm_id")
    flow.note("txt files", frame)
    frame = flow.keep(frame, frame["code"].notna(), "file name is not code_year", show="name")
    outside = [
        entry for entry in frame["file"] if not entry.resolve().is_relative_to(Path(options.root or folder).resolve())
    ]
    if outside:
        raise OutsideFolderError(f"{outside[0]}: outside the data folder {options.root or folder}")
    frame = flow.keep(
        frame, frame["file"].map(lambda entry: entry.stat().st_size > 0).astype(bool), "empty file", show="name"
    )
    if frame.empty:
        raise SourceError(f"{folder}: no report files named like 000001_2015.txt")
    frame = a_shares(frame, "code", flow, str(folder))
    require_unique(frame, KEY, str(folder))
    return Read(frame[[*KEY, "file"]].sort_values(KEY, ignore_index=True), flow.to_frame())


def texts(files: Read) -> Iterator[tuple[str, int, str]]:
    """Give firm, year and text of each listed report, one after the other; UTF-8, UTF-16 with mark or GB18030.

    A report with nothing but blanks gives an empty text.
    """
    for row in files.table.itertuples(index=False):
        data = row.file.read_bytes()
        blank = is_blank(data)
        yield row.firm_id, row.year, "" if blank else data.decode(sniff_encoding(data, row.file.name))


def reports(path: Path | str, options: Options = DEFAULT, *, table: str = TABLE) -> Read:
    """Read reports into canonical ``reports``: for samples that fit into memory.

    Parameters
    ----------
    path : path
        A folder of txt files, or a table (csv, Excel, Stata, Parquet) with ``code``, ``year`` and ``text``.
    options : Options
        How to read; ``mapping`` gives other column names of a table.
    table : str
        Name of the table in ``mapping``.
    """
    if Path(path).is_dir():
        files = listing(path, options)
        frame, flow, begun = pd.DataFrame(texts(files), columns=[*KEY, "text"]), Flow(TABLE, "firm_id"), [files.flow]
    else:
        frame, flow, where = open_table(path, table, REPORTS.required, options=options)
        frame, begun = a_shares(frame, "code", flow, where), []
        frame["year"] = years(frame, "year", where)
        frame = one_row(frame, KEY, flow, where)
    length = frame["text"].fillna("").str.replace(r"\s+", "", regex=True).str.len()
    frame = flow.keep(frame.assign(characters=length.astype("int64")), length > 0, "no text", show="firm_id")
    frame["text"] = values.clean(frame["text"])
    whole = tables.check("reports", frame.astype({"firm_id": "str", "text": "str", "year": "int64"}))
    return Read(whole, together(*begun, flow.to_frame()))
