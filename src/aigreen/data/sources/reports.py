"""Texts of annual reports: a folder of txt files named ``code_year``, or one table with a text column.

The texts of all A shares are larger than memory: `listing` and `texts` go through the files of a folder one by one,
`stored_listing` and `stored_texts` through a table in Parquet.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from aigreen.data import canonical
from aigreen.data.raw import values
from aigreen.data.raw.adapter import DEFAULT, Expected, Options, a_shares, one_row, open_table, pick, years
from aigreen.data.raw.checks import require_unique
from aigreen.data.raw.files import is_blank, open_parquet, sniff_encoding
from aigreen.data.raw.flow import Flow, Read, together
from aigreen.data.raw.reading import RawTable, parts
from aigreen.errors import OutsideFolderError, SourceError, UnreadableFileError

TABLE = "reports"
REPORTS = Expected(TABLE, ("code", "year", "text"))
KEY = ["firm_id", "year"]
ROWS = 256  # held at once; a report has some 200,000 characters
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
    frame = a_shares(frame, "code", flow, str(folder), options)
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


def stored_listing(path: Path | str, options: Options = DEFAULT) -> Read:
    """List the reports of a table in Parquet, in one file or in parts, without holding their texts.

    Returns
    -------
    Read
        ``firm_id, year, at`` (not a canonical table), in the order of ``at``, the place of the row over all parts;
        B shares, repeated rows and rows without text counted.

    Raises
    ------
    SourceError
        Missing columns, or two reports for a firm and year.
    """
    files = parts(Path(path), TABLE, root=options.root)
    pieces = [_keys(batch) for batch in _batches(files, options)]
    frame = pd.concat(pieces, ignore_index=True)
    frame["at"] = range(len(frame))
    flow = Flow(TABLE, "firm_id", "code")
    flow.note(f"read from {len(files)} files", frame)
    frame = a_shares(frame, "code", flow, TABLE, options)
    frame["year"] = years(frame, "year", TABLE)
    told = [column for column in frame if column != "at"]
    frame = flow.keep(frame, ~frame.duplicated(told), "rows given twice, all columns equal")
    require_unique(frame, KEY, TABLE)
    frame = flow.keep(frame, ~frame["blank"], "no text", show="firm_id")
    return Read(frame[[*KEY, "at"]], flow.to_frame())


def stored_texts(path: Path | str, listed: Read, options: Options = DEFAULT) -> Iterator[tuple[str, int, str]]:
    """Give firm, year and text of each report of `stored_listing`, batch by batch."""
    wanted = {row.at: (row.firm_id, row.year) for row in listed.table.itertuples(index=False)}
    at = 0
    for batch in _batches(parts(Path(path), TABLE, root=options.root), options):
        for text in batch["text"]:
            if at in wanted:
                yield *wanted[at], text.as_py()
            at += 1


def _batches(files: Sequence[Path], options: Options) -> Iterator[dict[str, pa.Array]]:
    """Columns ``code, year, text`` of the files, `ROWS` rows at a time."""
    for file in files:
        stored = open_parquet(file)
        present = stored.schema_arrow.names
        head = RawTable(TABLE, pd.DataFrame([present], columns=present), {}, (file,), ())
        names = options.mapping.get(TABLE, {})
        own = pick(head, TABLE, REPORTS.required, (), names=names, where=file.name).iloc[0]
        if nested := [name for name in own if pa.types.is_nested(stored.schema_arrow.field(name).type)]:
            raise UnreadableFileError(f"{file.name}: {len(nested)} nested columns where text belongs: {nested[0]}")
        try:
            for batch in stored.iter_batches(ROWS, columns=list(own)):
                yield {name: pc.cast(batch[mine], pa.string()) for name, mine in own.items()}
        except (pa.ArrowException, OSError) as reason:
            raise UnreadableFileError(f"{file.name}: not readable Parquet content ({reason})") from reason


def _keys(batch: Mapping[str, pa.Array]) -> pd.DataFrame:
    """Codes and years, and a digest that stands for the text."""
    texts = [text.as_py() or "" for text in batch["text"]]
    return pd.DataFrame(
        {
            **{name: batch[name].to_pandas().astype("str") for name in ("code", "year")},
            "digest": [hashlib.blake2b(text.encode(), digest_size=16).digest() for text in texts],
            "blank": [not text.strip() for text in texts],
        }
    )


def reports(path: Path | str, options: Options = DEFAULT) -> Read:
    """Read a folder of txt files, or what `table` reads, into canonical ``reports``, in memory."""
    if not Path(path).is_dir():
        return table(path, options)
    files = listing(path, options)
    frame, flow = pd.DataFrame(texts(files), columns=[*KEY, "text"]), Flow(TABLE, "firm_id")
    return _canonical(frame, flow, files.flow)


def table(path: Path | str, options: Options = DEFAULT) -> Read:
    """Read a table of reports into canonical ``reports``, in memory.

    Parameters
    ----------
    path : path
        File (csv, Excel, Stata, Parquet) with ``code``, ``year`` and ``text``, or a folder with its parts.
    options : Options
        How to read; ``mapping`` gives other column names.
    """
    frame, flow, where = open_table(path, *REPORTS, options=options)
    frame = a_shares(frame, "code", flow, where, options)
    frame["year"] = years(frame, "year", where)
    return _canonical(one_row(frame, KEY, flow, where), flow)


def _canonical(frame: pd.DataFrame, flow: Flow, *begun: pd.DataFrame) -> Read:
    length = frame["text"].fillna("").str.replace(r"\s+", "", regex=True).str.len()
    frame = flow.keep(frame.assign(characters=length.astype("int64")), length > 0, "no text", show="firm_id")
    frame["text"] = values.clean(frame["text"])
    whole = canonical.check("reports", frame.astype({"firm_id": "str", "text": "str", "year": "int64"}))
    return Read(whole, together(*begun, flow.to_frame()))
