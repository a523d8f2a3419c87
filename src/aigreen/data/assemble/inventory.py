"""Tables of a study of firms: which are there, which are missing, and what a file must hold to be read.

A folder of raw files is looked through by file name, and each file found is opened for its column names alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from aigreen.data import facts
from aigreen.data.patents.measures import measures
from aigreen.data.raw import headers
from aigreen.data.raw.adapter import Expected, Names, own_names, pick
from aigreen.data.raw.packed import Part, entries, numbered, unpacked
from aigreen.data.raw.reading import SUFFIXES, RawTable, parts
from aigreen.data.sources import cities, cnipa, cnrds, csmar, csmar_records, extras, google_patents, lens, reports
from aigreen.errors import SourceError

GOOGLE_FOLDER, GOOGLE_SUFFIXES = "google", (".parquet", ".json", ".jsonl", ".csv", ".gz")
REPORTS_FOLDER = "reports"
_OF_BOTH = (
    "green_patents", "green_patents_log", "any_green", "green_inventions", "green_utility_models",
    "green_inventions_granted", "green_joint_patents",
)  # fmt: skip
_OF_RECORDS = (
    *(measure.name for measure in measures() if measure.name not in _OF_BOTH),
    "green_share", "published_share", "granted_share", "truncated",
)  # fmt: skip
_OF_FAMILIES_AND_CITATIONS = tuple(
    measure.name for measure in measures(citations=True, families=True) if measure not in measures()
)
_OF_WORDS = (
    "ai_words", "ai_words_log", "ai_words_core", "report_length", "adoption_year", "adopted", "adoption_dose",
    "adopted_peers", "adopted_neighbours",
)  # fmt: skip
_OF_TEXTS = (
    *_OF_WORDS, "ai_type", *(f"ai_words_{kind}" for kind in sorted(set(facts.table("ai_dictionary_zh")["ai_type"])))
)  # fmt: skip


class Wanted(NamedTuple):
    """A table that the build of a firm panel reads.

    Parameters
    ----------
    expected : Expected
        Name and columns.
    source : str
        Entry of the source registry that says where to get it, and under which licence.
    needed : bool
        Without it there is no panel.
    gives : tuple of str
        Columns of the panel that stand on it; those of several tables need one of them.
    folder : str
        Folder of the raw files where it must be; anywhere below them if empty.
    how : str
        How to get it, where the registry speaks of more than this table.
    apart : bool
        Files of different columns make it together.
    """

    expected: Expected
    source: str
    needed: bool = False
    gives: tuple[str, ...] = ()
    folder: str = ""
    how: str = ""
    apart: bool = False


TABLES = (
    Wanted(csmar.FIRM_FILE, "csmar", True),
    Wanted(csmar.BALANCE, "csmar", True),
    Wanted(csmar.INCOME, "csmar", gives=("roa",)),
    Wanted(csmar.CASH, "csmar", gives=("cash_flow",)),
    Wanted(csmar.CONTROLLERS, "csmar", gives=("ownership",)),
    Wanted(csmar.RD, "csmar", gives=("rd_intensity", "rd_staff_share")),
    Wanted(csmar_records.PATENTS, "csmar"),
    Wanted(csmar_records.STAFF, "csmar", gives=("human_capital", "employees", "capital_per_worker", "robots")),
    *(
        Wanted(
            expected,
            "csmar",
            gives=(*(f"{way}_{what}" for what in ("exposure", "known", "reported")), f"adopted_{way}s"),
        )
        for way, expected in csmar_records.LINKS.items()
    ),
    Wanted(
        extras.SEGMENTS,
        "csmar",
        gives=("polluting_share",),
        how="Revenue by industry from the notes to the annual reports (main business by industry), consolidated, year "
        "end. Put each segment to a two-digit industry of CSRC 2012 (data/facts/industries.csv) by what it sells; a "
        "segment that fits none goes to the firm's own industry. One row a firm, year and industry, in yuan; "
        "eliminations and totals are left out.",
    ),
    Wanted(
        extras.NAMES,
        "csmar",
        how="Names beyond those of the firm file (FullName and ShortName of every year): subsidiaries from the notes "
        "to the annual reports, English names as patents write them. One row a name: firm_id, name, kind (firm: full "
        "name; subsidiary; alias: any other name), and first_year and last_year of names that another firm had, too.",
    ),
    Wanted(
        extras.CODES,
        "csmar",
        how="Old and new security code of firms whose code changed; a template has those known. Beijing's 43, 83 and "
        "87 became 920 in 2025: the exchange publishes the list, and the last three digits alone do not give it.",
    ),
    Wanted(cnrds.GREEN, "cnrds", gives=("green_patents_cnrds", *_OF_BOTH), apart=True),
    Wanted(
        Expected(google_patents.TABLE, google_patents.REQUIRED, google_patents.OPTIONAL),
        "google_patents",
        gives=(*_OF_RECORDS, *_OF_FAMILIES_AND_CITATIONS, *_OF_BOTH),
        folder=GOOGLE_FOLDER,
    ),
    Wanted(cnipa.RECORDS, "cnipa", gives=(*_OF_RECORDS, *_OF_BOTH)),
    Wanted(lens.LENS, "lens", gives=(*_OF_RECORDS, *_OF_BOTH)),
    Wanted(
        reports.REPORTS,
        "annual_reports",
        gives=_OF_TEXTS,
    ),
    Wanted(
        reports.WORDS,
        "annual_reports",
        gives=_OF_WORDS,
        how="In place of the reports: a vendor's table of AI words counted, by firm and year of the report.",
    ),
    Wanted(
        cities.PREFECTURES,
        "cn_prefecture_lowcarbon",
        gives=("industry_structure", "structure_level", "rationalisation", "nonfarm_share"),
        how="Copy panel_2007_2023_full.xlsx (the study cities fetches it) to data/restricted/cities/"
        "prefecture_panel.xlsx, or bring a table with these columns.",
    ),
    Wanted(extras.ROBOTS, "ifr_robots", gives=("robots",)),
    Wanted(extras.INPUT_OUTPUT, "input_output", gives=("input_output",)),
)


class Found(NamedTuple):
    """A table as it stands in a folder.

    Parameters
    ----------
    wanted : Wanted
        What was looked for.
    files : tuple of Part
        Its files; empty where there are none.
    faults : tuple of str
        Why it cannot be read: missing columns, a damaged file.
    absent : tuple of str
        Optional columns that its first file does not have.
    """

    wanted: Wanted
    files: tuple[Part, ...]
    faults: tuple[str, ...]
    absent: tuple[str, ...]

    @property
    def readable(self) -> bool:
        """Whether there are files, and no faults were seen in their headers."""
        return bool(self.files) and not self.faults


def find(raw: Path, table: str) -> list[Part]:
    """List the files of a table below a folder; none if there are none.

    Raises
    ------
    OutsideFolderError
        A link that leads out of the folder.
    UnreadableFileError
        A damaged archive below it.
    """
    return parts(raw, table, root=raw) if numbered(_tabular(raw), table) else []


def unclaimed(raw: Path) -> list[str]:
    """List the files below a folder that no table of `TABLES` claims, by their names below it: nothing reads them."""
    known = {part for wanted in TABLES for part in numbered(_tabular(raw), wanted.expected.table)}
    known |= {*_inside(raw, raw / GOOGLE_FOLDER, GOOGLE_SUFFIXES), *report_texts(raw)}
    return [part.below(raw) for part in entries(raw) if part not in known]


def _tabular(raw: Path) -> list[Part]:
    return [part for part in entries(raw) if part.suffix in SUFFIXES]


def publications(raw: Path) -> list[Part]:
    """List the files of publications (`aigreen.data.sources.google_patents`).

    Raises
    ------
    SourceError
        A folder for them that holds none.
    OutsideFolderError
        A link that leads out of the folder.
    """
    folder = raw / GOOGLE_FOLDER
    found = _inside(raw, folder, GOOGLE_SUFFIXES)
    if folder.is_dir() and not found:
        raise SourceError(f"{folder}: no publications (files ending in {', '.join(GOOGLE_SUFFIXES)})")
    return found


def report_texts(raw: Path) -> list[Part]:
    """List the texts of annual reports.

    Raises
    ------
    OutsideFolderError
        A link that leads out of the folder.
    """
    return _inside(raw, raw / REPORTS_FOLDER, (".txt",))


def _inside(raw: Path, folder: Path, endings: tuple[str, ...]) -> list[Part]:
    found = sorted(file for file in folder.rglob("*") if file.is_file() and file.suffix.lower() in endings)
    return [part for file in found for part in parts(file, root=raw)]


def take(raw: Path, mapping: Mapping[str, Names] | None = None) -> list[Found]:
    """Look for the tables of `TABLES` in a folder of raw files and read the headers of those that are there.

    Parameters
    ----------
    raw : Path
        Folder; it need not exist.
    mapping : mapping, optional
        The user's column names, by table.
    """
    return [_look(wanted, raw, mapping or {}) for wanted in TABLES]


def lacking(found: Iterable[Found], columns: Iterable[str]) -> dict[str, list[Wanted]]:
    """Give the columns of a study that no readable table gives, each with the tables of which one is enough.

    ``robots`` is the exception that needs all its tables.
    """
    found = list(found)
    result = {}
    for column in columns:
        givers = [entry for entry in found if column in entry.wanted.gives]
        there = [entry.readable and column not in entry.absent for entry in givers]
        if givers and not (all(there) if column == "robots" else any(there)):
            result[column] = [entry.wanted for entry, given in zip(givers, there, strict=True) if not given]
    return result


def absent_columns(raw: Path) -> dict[str, list[str]]:
    """Give the columns of the panel that no table below a folder gives, by file names alone, each with such tables.

    A folder without any files has none: what it lacks first is everything.

    Raises
    ------
    OutsideFolderError, UnreadableFileError
        See `find`.
    """
    tabular = _tabular(raw)
    special = {google_patents.TABLE: publications(raw), reports.TABLE: report_texts(raw)}
    found = [
        Found(wanted, tuple(special.get(wanted.expected.table) or numbered(tabular, wanted.expected.table)), (), ())
        for wanted in TABLES
    ]
    if not any(entry.files for entry in found):
        return {}
    columns = dict.fromkeys(column for wanted in TABLES for column in wanted.gives)
    return {column: [wanted.expected.table for wanted in tables] for column, tables in lacking(found, columns).items()}


def meanings(table: str) -> dict[str, str]:
    """Give what the columns of a raw table mean, in English, as far as the facts know them."""
    known = facts.table("raw_schemas")
    rows = known[known["table"].str.contains(_FACT_NAMES.get(table, table), regex=False)]
    return dict(zip(rows["column"], rows["meaning"], strict=True))


def pattern(wanted: Wanted) -> str:
    """Give the file names that are looked for, as text."""
    if wanted.folder:
        return f"{wanted.folder}/*{', *'.join(GOOGLE_SUFFIXES)}"
    table = wanted.expected.table
    named = f"{table}.csv, {table}(1).csv ... ({', '.join(suffix[1:] for suffix in SUFFIXES)})"
    return f"{REPORTS_FOLDER}/CODE_YEAR.txt, or {named}" if table == reports.TABLE else named


_FACT_NAMES = {cnrds.TABLE: "GPRD", cnipa.TABLE: "patent records", google_patents.TABLE: "patents.publications"}


def _look(wanted: Wanted, raw: Path, mapping: Mapping[str, Names]) -> Found:
    table = wanted.expected.table
    try:
        files = tuple(publications(raw) if wanted.folder else find(raw, table))
    except SourceError as fault:
        return Found(wanted, (), (str(fault),), ())
    if table == reports.TABLE and (texts := report_texts(raw)):
        return Found(wanted, tuple(texts), (), ())
    names, settings = own_names(mapping, table)
    names.pop(reports.VERSION, None)
    faults, seen = [], []
    for file in files:
        try:
            head = RawTable(table, pd.DataFrame(columns=_columns(file, settings)), {}, (file,), ())
            seen.append(set(pick(head, *wanted.expected, names=names, where=file.name)))
        except SourceError as fault:
            faults.append(str(fault))
    there = set().union(*seen) if wanted.apart else next(iter(seen), set())
    if wanted.apart and not faults and files and (missing := cnrds.missing_filings(there)):
        faults.append(f"{table}: {len(missing)} missing columns: {', '.join(missing)}")
    absent = [column for column in wanted.expected.optional if seen and column not in there]
    return Found(wanted, files, tuple(faults), tuple(absent))


def _columns(part: Part, settings: Mapping[str, str]) -> list[str]:
    if part.suffix in (".json", ".jsonl"):
        return headers.columns(part.path)
    with unpacked(part, headers.HEAD_BYTES if part.suffix in headers.DELIMITED else None) as path:
        return headers.columns(path, **settings)
