"""Publications as the BigQuery console and own queries save them: JSON in one array, and csv with lists as text."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa

from aigreen.data.raw import values
from aigreen.data.raw.reading import read
from aigreen.errors import SourceError, TooLargeError

MOST_ARRAY = 1 << 30  # bytes; the console saves far less
LISTS = {"ipc": "code", "cpc": "code", "assignee_harmonized": "name", "citation": "publication_number",
         "title_localized": "text"}  # fmt: skip
RECORDS = pa.list_(
    pa.struct(
        [(part, pa.string()) for part in ("code", "name", "country_code", "publication_number", "text", "language")]
    )
)
_SITE = {"id", "result link"}


def is_delimited(path: Path) -> bool:
    """Tell csv files, also gzipped, by their name."""
    return path.name.lower().removesuffix(".gz").endswith(".csv")


def is_array(path: Path) -> bool:
    """Tell whether JSON begins with an array, as the console saves it, and not with a record."""
    with pa.input_stream(str(path), compression="detect") as stream:
        return stream.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")


def from_array(path: Path) -> pa.Table:
    """Read a JSON array of records; a record need not have every key."""
    with pa.input_stream(str(path), compression="detect") as stream:
        data = stream.read(MOST_ARRAY + 1)
    if len(data) > MOST_ARRAY:
        raise TooLargeError(f"{path.name}: an array of more than {MOST_ARRAY:,} bytes; save it as JSON lines")
    rows = json.loads(data)
    if not all(isinstance(row, dict) for row in rows):
        raise TypeError("an array of other things than records")
    return pa.table(
        {name: [row.get(name) for row in rows] for name in dict.fromkeys(key for row in rows for key in row)}
    )


def from_delimited(path: Path) -> pa.Table:
    """Read csv as text.

    Raises
    ------
    SourceError
        A result list of the Google Patents site: it has neither application numbers nor symbols.
    """
    frame = read(path).frame
    if set(frame.columns) >= _SITE:
        raise SourceError(
            f"{path.name}: a result list of the Google Patents site, without application numbers and symbols: take the "
            "publications from BigQuery (aigreen publications)"
        )
    return pa.Table.from_pandas(frame, preserve_index=False)


def records(cells: pa.ChunkedArray, name: str) -> pa.Array:
    """Turn text into lists of records: JSON as it stands, else names or symbols with any mark between them."""
    field = LISTS[name]
    text = values.clean(cells.to_pandas().astype("str"))
    if name == "title_localized":
        listed = [[{field: cell}] for cell in text.fillna("")]
    else:
        listed = [[{field: piece} for piece in pieces] for pieces in values.parted(text).fillna("")]
    written = text.str.match(r"\[\s*(?:\{|\])").fillna(False).astype(bool)
    for at, cell in zip(written.to_numpy().nonzero()[0], text[written], strict=True):
        listed[at] = json.loads(cell)
    return pa.array(listed, RECORDS)
