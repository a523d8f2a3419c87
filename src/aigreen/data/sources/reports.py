"""Texts of annual reports: a folder of txt files named by code and year, or one table with a text column.

The texts of all A shares are larger than memory: `listing` and `texts` go through the files of a folder one by one,
`stored_listing` and `stored_texts` through a table in Parquet. A vendor's table of words counted stands in their place.

A file name holds one security code and the year reported on, after the code or before 年度报告 or 年报; days (those of
disclosure) are no years::

    000001_2015.txt    600519-某某2016年年度报告.txt    600461_2020_某某_某某2020年年度报告_2021-04-21.txt
    2022-06-08__某公司__002366__某某__2021年__年度报告.txt
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from aigreen.data import canonical
from aigreen.data.raw import values
from aigreen.data.raw.adapter import (
    DEFAULT,
    Expected,
    Options,
    a_shares,
    measured,
    one_row,
    open_table,
    pick,
    years,
)
from aigreen.data.raw.checks import Field, require_unique
from aigreen.data.raw.files import is_blank, open_parquet, sniff_encoding
from aigreen.data.raw.flow import Flow, Read, together
from aigreen.data.raw.reading import RawTable, parts
from aigreen.errors import OptionError, OutsideFolderError, SourceError, UnreadableFileError

TABLE = "reports"
REPORTS = Expected(TABLE, ("code", "year", "text"))
WORDS = Expected("report_words", ("code", "year", "ai_words"), ("ai_words_core", "report_length"))
KEY = ["firm_id", "year"]
ROWS = 256  # held at once; a report has some 200,000 characters
_BEGINNING = 64  # bytes
VERSION, VERSIONS = "version", ("original", "revised")  # in the mapping of the table: which of several files
MENDED = "zero bytes taken out of the text"
NUL_SHARE = 0.01  # zero bytes of a text that is not binary
_CODE = re.compile(r"(?<![0-9a-z])(?:SZ|SH|BJ)?(\d{6})(?!\d)", re.IGNORECASE)
_DAY = re.compile(
    r"(?<!\d)(?:19|20)\d{2}(?:(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
    r"|([-_./])(?:0?[1-9]|1[0-2])\1(?:0?[1-9]|[12]\d|3[01])|年\d{1,2}月\d{1,2}日)(?!\d)"
)
_YEAR = r"(?<!\d)((?:19|20)\d{2})(?!\d)"
_AFTER_CODE, _BEFORE_WORD, _ANY = (
    re.compile(pattern, re.IGNORECASE)
    for pattern in (r"\d{6}[\s_-]+" + _YEAR, _YEAR + r"年?[\s_-]*(?:年度报告|年报|annual[\s_-]*report)", _YEAR)
)
_NOT_ANNUAL = re.compile(
    r"半年|中期|季度|季报|摘要|英文|社会责任|可持续|内部控制|审计报告|interim|quarter|summary", re.IGNORECASE
)
_REVISED = re.compile(r"修订|修正|更正|更新|修改|补充|revised|amended", re.IGNORECASE)


def listing(folder: Path | str, options: Options = DEFAULT) -> Read:
    """List the report files of a folder, at any depth.

    Parameters
    ----------
    folder : path
        Files ending in ``.txt`` or ``.TXT``.
    options : Options
        ``mapping`` may hold ``version: original`` or ``version: revised`` for the table: which file is taken where a
        year has an original and revisions of it (the last by the day in its name).

    Returns
    -------
    Read
        ``firm_id, year, file`` (not a canonical table); files without a code, half-year, quarterly and other reports,
        summaries, versions not chosen, empty files and B shares counted.

    Raises
    ------
    SourceError
        No report files, names of which the year or the code is not clear, or two files for a firm and year.
    """
    folder = Path(folder)
    found = sorted(entry for entry in folder.rglob("*") if entry.suffix.lower() == ".txt" and entry.is_file())
    frame = pd.DataFrame({"file": found, "name": [entry.name for entry in found]}, dtype=object)
    codes = [sorted(set(_CODE.findall(_DAY.sub(" ", entry.stem)))) for entry in found]
    flow = Flow(TABLE, "firm_id")
    flow.note("txt files", frame)
    frame["codes"] = codes
    frame = flow.keep(frame, frame["codes"].map(len) > 0, "no security code in the file name", show="name")
    annual = ~frame["name"].map(lambda name: _NOT_ANNUAL.search(name) is not None).astype(bool)
    frame = flow.keep(frame, annual, "no annual report by its name", show="name")
    frame["years"] = [_years(Path(name).stem) for name in frame["name"]]
    unclear = frame[(frame["codes"].map(len) > 1) | (frame["years"].map(len) != 1)]
    if len(unclear):
        raise SourceError(
            f"{folder}: {len(unclear)} file names do not tell code and year of a report (a name such as "
            f"000001_2015.txt does); first: {', '.join(unclear['name'].head(5))}"
        )
    frame = frame.assign(code=[codes[0] for codes in frame["codes"]], year=[int(years[0]) for years in frame["years"]])
    root = Path(options.root or folder).resolve()
    outside = [entry for entry in frame["file"] if not entry.resolve().is_relative_to(root)]
    if outside:
        raise OutsideFolderError(f"{outside[0]}: outside the data folder {options.root or folder}")
    frame = flow.keep(
        frame, frame["file"].map(lambda entry: entry.stat().st_size > 0).astype(bool), "empty file", show="name"
    )
    if frame.empty:
        raise SourceError(f"{folder}: no report files named like 000001_2015.txt")
    frame = a_shares(frame, "code", flow, str(folder), options)
    frame = _one_version(frame, options, flow, str(folder))
    return Read(frame[[*KEY, "file"]].sort_values(KEY, ignore_index=True), flow.to_frame())


def _years(name: str) -> list[str]:
    """Years that a file name may report on: after the code and before the word for annual report, else any."""
    plain = _DAY.sub(" ", name)
    told = {*_AFTER_CODE.findall(plain), *_BEFORE_WORD.findall(plain)}
    return sorted(told or set(_ANY.findall(plain)))


def _one_version(frame: pd.DataFrame, options: Options, flow: Flow, where: str) -> pd.DataFrame:
    """Keep one file a firm and year, by the rule that the user chose."""
    rule = options.mapping.get(TABLE, {}).get(VERSION)
    if rule is not None and rule not in VERSIONS:
        raise OptionError(f"mapping of {TABLE}: {VERSION}", rule, VERSIONS)
    frame["revised"] = frame["name"].map(lambda name: _REVISED.search(name) is not None).astype(bool)
    chosen = pd.Series(True, index=frame.index)
    if rule == "original":
        chosen = ~frame["revised"] | ~frame.duplicated(KEY, keep=False)
    elif rule == "revised":
        day = pd.Series([_last_day(name) for name in frame["name"]], index=frame.index).where(frame["revised"], "")
        keys = [frame[key] for key in KEY]
        last, any_revised = day.groupby(keys).transform("max"), frame["revised"].groupby(keys).transform("any")
        chosen = ~any_revised | (frame["revised"] & (day == last))
    kept = flow.keep(frame, chosen, "other version of a report", show="name")
    twice = kept[kept.duplicated(KEY, keep=False)].sort_values([*KEY, "name"])
    if len(twice):
        advice = "" if rule else f"; {TABLE}: {{{VERSION}: original}} or revised in the mapping chooses"
        groups = [f"{firm} {year}: {', '.join(part['name'])}" for (firm, year), part in twice.groupby(KEY)]
        raise SourceError(
            f"{where}: {len(twice) - len(groups)} rows repeat firm_id and year; first: {'; '.join(groups[:3])}{advice}"
        )
    return kept


def _last_day(name: str) -> str:
    """Give the last day in a file name as eight digits; empty without one."""
    days = (re.findall(r"\d+", hit[0]) for hit in _DAY.finditer(name))
    return max(("".join(part.zfill(2) for part in day) for day in days), default="")


def texts(files: Read, mended: list[str] | None = None) -> Iterator[tuple[str, int, str]]:
    """Give firm, year and text of each listed report, one after the other; UTF-8, UTF-16 with mark or GB18030.

    A report with nothing but blanks gives an empty text. A few zero bytes in a text are taken out, and the name of the
    file is appended to ``mended``.

    Raises
    ------
    UnreadableFileError
        Binary or damaged content; names the file.
    """
    for row in files.table.itertuples(index=False):
        data = row.file.read_bytes()
        if is_blank(data):
            yield row.firm_id, row.year, ""
            continue
        zeros = data.count(b"\0")
        if 0 < zeros <= NUL_SHARE * len(data):
            data = data.replace(b"\0", b"")
            if mended is not None:
                mended.append(row.file.name)
        yield row.firm_id, row.year, data.decode(sniff_encoding(data, row.file.name))


def word_counts(path: Path | str, options: Options = DEFAULT) -> Read:
    """Read a vendor's table of AI words counted: ``firm_id, year, ai_words``, and ``ai_words_core, report_length``."""
    frame, flow, where = open_table(path, *WORDS, options=options)
    frame = a_shares(frame, "code", flow, where, options)
    frame["year"] = years(frame, "year", where)
    frame = one_row(frame, KEY, flow, where)
    counts = (*WORDS.required[len(KEY) :], *WORDS.optional)
    fields = [Field(name, name, "words", 0, 1e9, whole=True, may_miss=True) for name in counts]
    tidy = frame[KEY].join(measured(frame, fields, where))
    tidy = flow.keep(tidy, tidy["ai_words"].notna(), "no count of words", show="firm_id")
    return Read(tidy.sort_values(KEY, ignore_index=True), flow.to_frame())


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
        own = pick(head, TABLE, REPORTS.required, (), names=_columns(options), where=file.name).iloc[0]
        if nested := [name for name in own if pa.types.is_nested(stored.schema_arrow.field(name).type)]:
            raise UnreadableFileError(f"{file.name}: {len(nested)} nested columns where text belongs: {nested[0]}")
        row = 0
        try:
            for batch in stored.iter_batches(ROWS, columns=list(own)):
                yield {name: _decoded(batch[mine], mine, file.name, row) for name, mine in own.items()}
                row += len(batch)
        except (pa.ArrowException, OSError) as reason:
            raise UnreadableFileError(f"{file.name}: not readable Parquet content ({reason})") from reason


def _columns(options: Options) -> Mapping[str, str]:
    return {mine: yours for mine, yours in options.mapping.get(TABLE, {}).items() if mine != VERSION}


def _decoded(cells: pa.Array, column: str, where: str, row: int) -> pa.Array:
    """Give cells as text that is UTF-8 throughout."""
    try:
        text = pc.cast(cells, pa.string())
        text.validate(full=True)
    except pa.ArrowInvalid:
        bad = next(at for at, cell in enumerate(pc.cast(cells, pa.binary())) if not _is_utf8(cell.as_py() or b""))
        raise UnreadableFileError(f"{where}: column {column}: bad UTF-8 in row {row + bad + 1:,}") from None
    return text


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _keys(batch: Mapping[str, pa.Array]) -> pd.DataFrame:
    """Codes and years, and a digest that stands for the text."""
    texts = [text or b"" for text in pc.cast(batch["text"], pa.binary()).to_pylist()]
    return pd.DataFrame(
        {
            **{name: batch[name].to_pandas().astype("str") for name in ("code", "year")},
            "digest": [hashlib.blake2b(text, digest_size=16).digest() for text in texts],
            "blank": [_is_blank(text) for text in texts],
        }
    )


def _is_blank(text: bytes) -> bool:
    """Tell text without a character; the first bytes say it of most."""
    return not (text[:_BEGINNING].decode(errors="ignore").strip() or text.decode().strip())


def reports(path: Path | str, options: Options = DEFAULT) -> Read:
    """Read a folder of txt files, or what `table` reads, into canonical ``reports``, in memory."""
    if not Path(path).is_dir():
        return table(path, options)
    files, mended = listing(path, options), []
    frame, flow = pd.DataFrame(texts(files, mended), columns=[*KEY, "text"]), Flow(TABLE, "firm_id")
    flow.note(MENDED, frame, len(mended), mended)
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
    names = {**options.mapping, TABLE: _columns(options)}
    frame, flow, where = open_table(path, *REPORTS, options=replace(options, mapping=names))
    frame = a_shares(frame, "code", flow, where, options)
    frame["year"] = years(frame, "year", where)
    return _canonical(one_row(frame, KEY, flow, where), flow)


def _canonical(frame: pd.DataFrame, flow: Flow, *begun: pd.DataFrame) -> Read:
    length = frame["text"].fillna("").str.replace(r"\s+", "", regex=True).str.len()
    frame = flow.keep(frame.assign(characters=length.astype("int64")), length > 0, "no text", show="firm_id")
    frame["text"] = values.clean(frame["text"])
    whole = canonical.check("reports", frame.astype({"firm_id": "str", "text": "str", "year": "int64"}))
    return Read(whole, together(*begun, flow.to_frame()))
