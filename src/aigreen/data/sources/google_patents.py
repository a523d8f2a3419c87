"""Exports of Google's public patents table: Parquet, JSON or csv, integer days with 0 for none, nested lists.

Lists are unfolded by Arrow, one file after the other. A row of the source is a publication; a row of the canonical
table is an application.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json
from tqdm import tqdm

from aigreen.data import canonical
from aigreen.data.patents.symbols import canonical_cells
from aigreen.data.raw import values
from aigreen.data.raw.adapter import DEFAULT, Names, Options
from aigreen.data.raw.files import DAMAGED, MOST_BYTES, open_parquet, whole
from aigreen.data.raw.flow import Flow, Read
from aigreen.data.raw.reading import parts
from aigreen.data.sources import google_text
from aigreen.data.sources.patent_tables import (
    CHINESE_KINDS,
    GRANTED_KINDS,
    PatentTables,
    applicants,
    application_numbers,
    in_order,
    note_odd_numbers,
    one_per_application,
    patents,
)
from aigreen.errors import MappingError, SourceError, TooLargeError, UnreadableFileError, did_you_mean

TABLE = "publications"
DAYS = ("filing_date", "publication_date", "grant_date", "priority_date")
REQUIRED = (
    "publication_number",
    "application_number",
    "country_code",
    "kind_code",
    *DAYS,
    "assignee_harmonized",
    "ipc",
    "cpc",
)
OPTIONAL = ("family_id", "application_kind", "title_localized", "citation")
KINDS = {"A": "invention", "U": "utility_model", "D": "design", "S": "design", "W": "invention"}
ENDINGS = (".parquet", ".json", ".jsonl", ".csv")
BLOCK = 4 << 20
MOST_LEVELS = 200  # brackets open at once in a line; those inside text count, too
_TEXT = bytes(set(range(256)) - set(b"{[]}\n"))
_SQUARE = bytes.maketrans(b"{}", b"[]")


def publications(
    path: Path | str, options: Options = DEFAULT, *, office: str | None = None, progress: bool = False
) -> PatentTables:
    """Read an export of ``patents-public-data.patents.publications``.

    Parameters
    ----------
    path : path
        A Parquet or JSON-lines file, a JSON array (of the BigQuery console) or csv (lists as JSON, or as text with any
        mark between names and symbols), also gzipped; or a folder of them.
    options : Options
        ``root`` and ``mapping`` are used.
    office : str, optional
        Keep publications of this office only, for example ``"CN"``; the others are counted.
    progress : bool
        Show a progress bar over files.

    Returns
    -------
    PatentTables
        Patents, applicants (of the last publication that names any) and citations. Chinese utility models and
        designs, and granted inventions, without a day of grant get the day of publication.
    """
    flow, listed = Flow(TABLE, "patent_id"), files(path, options)
    pieces = list(unfolded(listed, flow, options, office=office, progress=progress))
    whole = [pd.concat([getattr(piece, name) for piece in pieces], ignore_index=True) for name in PARTS]
    flow.note(f"read from {len(listed)} files", whole[0])
    flow.note(f"office other than {office}", whole[0], sum(piece.foreign for piece in pieces))
    return finished(*whole, flow)


class Piece(NamedTuple):
    """Publications of some rows of an export: ``rows`` of publications, ``people`` and ``cited`` by publication.

    ``foreign`` counts the publications of other offices, which are left out.
    """

    rows: pd.DataFrame
    people: pd.DataFrame
    cited: pd.DataFrame
    foreign: int


PARTS = ("rows", "people", "cited")


def unfolded(
    listed: Sequence[Path],
    flow: Flow,
    options: Options = DEFAULT,
    *,
    office: str | None = None,
    batch: int | None = None,
    progress: bool = False,
) -> Iterator[Piece]:
    """Unfold the lists of each file; of Parquet files ``batch`` rows at a time, if given."""
    names = options.mapping.get(TABLE, {})
    for file in tqdm(listed, desc=TABLE, disable=not progress):
        for table in _batches(file, names, batch) if batch and file.suffix == ".parquet" else [_open(file, names)]:
            yield _piece(table, file.name, office, flow)


def finished(rows: pd.DataFrame, people: pd.DataFrame, cited: pd.DataFrame, flow: Flow) -> PatentTables:
    """Make canonical tables of all publications of some applications."""
    rows = flow.keep(rows, rows["patent_id"].notna(), "no application number", show="publication")
    here = rows["office"].str.fullmatch("[A-Z]{2}").fillna(False).astype(bool)
    rows = flow.keep(rows, here, "no office of two letters", show="publication")
    again = rows["publication"].duplicated(keep=False)
    again[again] = rows[again].duplicated()
    rows = flow.keep(rows, ~again, "rows given twice, all columns equal", show="publication")
    note_odd_numbers(rows, flow)
    fill = rows["grant_date"].isna() & (rows["office"] == "CN") & rows["kind"].str.contains(GRANTED_KINDS).fillna(False)
    rows["grant_date"] = rows["grant_date"].where(~fill, rows["publication_date"])
    flow.note("Chinese grants given their day of publication", rows, int(fill.sum()))
    unclear = rows["patent_type"].isna()
    flow.note("type of patent unclear", rows, int(unclear.sum()), list(rows.loc[unclear, "kind"].unique()[:5]))
    order = in_order(rows)
    whole = one_per_application(order.drop(columns=["publication", "kind"]), flow)
    return PatentTables(patents(whole, flow), _people(people, order), _citations(cited, rows))


def files(path: Path | str, options: Options = DEFAULT) -> list[Path]:
    """List the files of an export: one, or those of a folder."""
    path = Path(path)
    if not path.is_dir():
        return [part.path for part in parts(path, root=options.root)]
    found = sorted(entry for entry in path.rglob("*") if entry.name.lower().removesuffix(".gz").endswith(ENDINGS))
    if not found:
        raise SourceError(f"{path}: no Parquet, JSON or csv files")
    return [part.path for entry in found for part in parts(entry, root=options.root)]


def _open(path: Path, names: Names) -> pa.Table:
    """Read the columns of interest of one file, under the names expected."""
    if path.stat().st_size == 0:
        raise UnreadableFileError(f"{path.name}: the file is empty")
    try:
        if path.suffix == ".parquet":
            file = open_parquet(path)
            chosen = _chosen(file.schema_arrow.names, names, path.name)
            table = file.read(columns=list(chosen.values()))
        elif google_text.is_delimited(path):
            table = google_text.from_delimited(path)
            chosen = _chosen(table.column_names, names, path.name)
            lists = {
                name: google_text.records(table[chosen[name]], name) for name in google_text.LISTS if name in chosen
            }
            return pa.table({name: lists.get(name, table[mine]) for name, mine in chosen.items()})
        elif google_text.is_array(path):
            _check_json(path)
            table = google_text.from_array(path)
            chosen = _chosen(table.column_names, names, path.name)
        else:
            _check_json(path)
            with pa.input_stream(str(path), compression="detect") as stream:
                table = pyarrow.json.read_json(stream, pyarrow.json.ReadOptions(use_threads=False, block_size=64 << 20))
            chosen = _chosen(table.column_names, names, path.name)
        table.validate(full=True)
    except (*DAMAGED, TypeError, RecursionError) as reason:
        kind = {".parquet": "Parquet content", ".csv": "csv"}.get(path.suffix, "JSON lines")
        raise UnreadableFileError(f"{path.name}: not readable {kind} ({reason})") from reason
    return pa.table({name: table[mine].combine_chunks() for name, mine in chosen.items()})


def _batches(path: Path, names: Names, rows: int) -> Iterator[pa.Table]:
    if path.stat().st_size == 0:
        raise UnreadableFileError(f"{path.name}: the file is empty")
    try:
        file = open_parquet(path)
        chosen = _chosen(file.schema_arrow.names, names, path.name)
        for batch in file.iter_batches(rows, columns=list(chosen.values())):
            batch.validate(full=True)
            yield pa.table({name: batch[mine] for name, mine in chosen.items()})
    except (pa.ArrowException, OSError) as reason:
        raise UnreadableFileError(f"{path.name}: not readable Parquet content ({reason})") from reason


def _check_json(path: Path) -> None:
    """Refuse lines nested so deep that Arrow's parser would break off the process, and too many bytes when unzipped."""
    size = depth = 0
    with pa.input_stream(str(path), compression="detect") as stream:
        while block := stream.read(BLOCK):
            size += len(block)
            marks = np.frombuffer(b"[" * depth + block.translate(_SQUARE, _TEXT), np.uint8)
            running = np.cumsum((marks == ord("[")).astype(np.int32) - (marks == ord("]")))
            ends = np.flatnonzero(marks == ord("\n"))
            before = np.repeat(np.append(0, running[ends]), np.diff(np.concatenate([[0], ends + 1, [len(marks)]])))
            within = np.append(running - before, 0)
            depth = max(int(within[-2]), 0) if len(marks) else 0
            for what, found, most in (
                ("levels of nesting", within.max(), MOST_LEVELS), ("bytes when unfolded", size, MOST_BYTES)
            ):  # fmt: skip
                if found > most:
                    raise TooLargeError(f"{path.name}: {found:,} {what}, more than {most:,}")


def _chosen(present: Sequence[str], names: Names, where: str) -> dict[str, str]:
    known = [*REQUIRED, *OPTIONAL]
    if odd := [name for name in names if name not in known]:
        raise MappingError(f"mapping of {TABLE}: no column {odd[0]!r} is expected{did_you_mean(odd[0], known)}")
    missing = [name for name in REQUIRED if names.get(name, name) not in present]
    if missing:
        listed = ", ".join(name + did_you_mean(name, list(present)) for name in missing)
        found = ", ".join(present[:12])
        raise SourceError(f"{where}: {len(missing)} missing columns: {listed}; found: {found}")
    return {name: names.get(name, name) for name in known if names.get(name, name) in present}


def _piece(table: pa.Table, where: str, office: str | None, flow: Flow) -> Piece:
    whole = table.num_rows
    if office is not None:
        table = table.filter(pc.equal(table["country_code"], office))
    text = {
        name: _text(table, name) for name in ("publication_number", "application_number", "country_code", "kind_code")
    }
    days = {name: values.dates(_text(table, name), where, zero_is_none=True) for name in DAYS}
    index = pd.RangeIndex(table.num_rows)
    chinese = text["country_code"] == "CN"
    other = _text(table, "application_kind").map(KINDS) if "application_kind" in table.column_names else None
    kind = text["kind_code"].str[0].map(CHINESE_KINDS).where(chinese, other)
    rows = pd.DataFrame(
        {
            "patent_id": application_numbers(text["application_number"], chinese),
            "office": text["country_code"],
            "patent_type": kind.astype("str"),
            **days,
            "family_id": _text(table, "family_id")
            if "family_id" in table.column_names
            else pd.Series(pd.NA, index=index, dtype="str"),
            "title": _titles(table, where),
            "ipc": canonical_cells(_joined(table, "ipc", where), flow, f"{where}: ipc"),
            "cpc": canonical_cells(_joined(table, "cpc", where), flow, f"{where}: cpc"),
            "publication": text["publication_number"],
            "kind": text["kind_code"],
        }
    )
    people = _unfold(table, "assignee_harmonized", ("name", "country_code"), text["publication_number"], where)
    cited = _unfold(table, "citation", ("publication_number",), text["publication_number"], where)
    return Piece(rows, people, cited, whole - table.num_rows)


def _text(table: pa.Table, name: str) -> pd.Series:
    return values.clean(pc.cast(table[name], pa.string()).to_pandas().rename(name))


def _lists(table: pa.Table, name: str, where: str) -> pa.ListArray:
    column = table[name].combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0) if column.num_chunks else pa.array([], column.type)
    empty = pa.types.is_null(column.type) or (
        pa.types.is_list(column.type) and pa.types.is_null(column.type.value_type)
    )
    if empty:
        return pa.array([[]] * len(column), google_text.RECORDS)
    if not pa.types.is_list(column.type) or not pa.types.is_struct(column.type.value_type):
        raise SourceError(f"{where}: column {name} is {column.type}, not a list of records")
    with whole(where, "readable JSON lines"):  # names are decoded when they are asked for
        known = [column.type.value_type.field(at).name for at in range(column.type.value_type.num_fields)]
    if (wanted := google_text.LISTS[name]) not in known:
        raise SourceError(f"{where}: column {name}: records without {wanted!r}; they have {', '.join(known)}")
    return column


def _joined(table: pa.Table, name: str, where: str) -> pd.Series:
    lists = _lists(table, name, where)
    codes = pc.struct_field(pc.list_flatten(lists), "code").cast(pa.string())
    sizes = pc.fill_null(pc.list_value_length(lists), 0).to_numpy()
    offsets = pa.array(np.concatenate([[0], np.cumsum(sizes)]), pa.int32())
    rows = pa.ListArray.from_arrays(offsets, pc.fill_null(codes, ""))
    return pc.binary_join(rows, canonical.SEPARATOR).to_pandas().astype("str")


def _unfold(table: pa.Table, name: str, fields: Sequence[str], publication: pd.Series, where: str) -> pd.DataFrame:
    if name not in table.column_names:
        return pd.DataFrame({column: pd.Series([], dtype="str") for column in ("publication", *fields)})
    lists = _lists(table, name, where)
    rows, flat = pc.list_parent_indices(lists).to_numpy(), pc.list_flatten(lists)
    known = [flat.type.field(at).name for at in range(flat.type.num_fields)]
    columns = {field: pc.struct_field(flat, field).cast(pa.string()).to_pandas() for field in fields if field in known}
    return pd.DataFrame({"publication": publication.array.take(rows), **columns}).reindex(
        columns=["publication", *fields]
    )


def _titles(table: pa.Table, where: str) -> pd.Series:
    index = pd.RangeIndex(table.num_rows)
    if "title_localized" not in table.column_names:
        return pd.Series(pd.NA, index=index, dtype="str")
    lists = _lists(table, "title_localized", where)
    flat = pc.list_flatten(lists)
    titles = pd.DataFrame(
        {
            "row": pc.list_parent_indices(lists).to_numpy(),
            "rank": pc.struct_field(flat, "language").to_pandas().map({"zh": 0, "en": 1}).fillna(2),
            "text": pc.struct_field(flat, "text").to_pandas(),
        }
    )
    best = titles.sort_values(["row", "rank"], kind="stable").drop_duplicates("row").set_index("row")["text"]
    return values.clean(best.reindex(index).astype("str"))


def _people(people: pd.DataFrame, order: pd.DataFrame) -> Read:
    by = order.drop_duplicates("publication")
    at = _places(people["publication"], by)
    people, at = people[at >= 0], at[at >= 0]
    application = pd.factorize(by["patent_id"])[0][at]
    last = at == pd.Series(at).groupby(application).transform("max").to_numpy()
    frame = people[last]
    patent_id = pd.Series(by["patent_id"].array.take(at[last]), frame.index)
    return applicants(patent_id, frame["name"], Flow(TABLE, "patent_id"), country=frame["country_code"])


def _citations(cited: pd.DataFrame, rows: pd.DataFrame) -> Read:
    by = rows.drop_duplicates("publication")
    frame = pd.DataFrame(
        {
            "patent_id": _applications(cited["publication"], by),
            "cited_publication": values.clean(cited["publication_number"]),
        }
    ).dropna()
    flow = Flow("citations", "patent_id")
    frame = flow.keep(frame, ~frame.duplicated(), "cited twice by one application")
    frame["cited_id"] = _applications(frame["cited_publication"], by)
    own = (frame["cited_id"] == frame["patent_id"]).fillna(False)
    frame = flow.keep(frame, ~own.astype(bool), "own earlier publication")
    return Read(canonical.check("citations", frame), flow.to_frame())


def _applications(publications: pd.Series, by: pd.DataFrame) -> pd.Series:
    """Give the application of each publication, missing where it is not known."""
    return pd.Series(by["patent_id"].array.take(_places(publications, by), allow_fill=True), publications.index)


def _places(publications: pd.Series, by: pd.DataFrame) -> np.ndarray:
    """Give the row of each publication among those known, -1 where it is none of them."""
    found = pc.index_in(pa.array(publications, pa.string()), value_set=pa.array(by["publication"], pa.string()))
    return pc.fill_null(found, -1).to_numpy()
