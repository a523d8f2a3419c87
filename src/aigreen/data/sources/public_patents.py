"""Adapters for public patent files: WIPO manual tables, CSET AI patents, green code lists, a hand-audited sample.

Patent tables come as ``publication_number, title, year, ipc, cpc, applicants`` (text but ``year``, a nullable integer;
missing where the file has none), one row a record of the file, in its order. Symbols and applicants stay the lists of
the file: `aigreen.data.assemble` splits them and counts what it cannot read.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import pandas as pd

from aigreen.data.raw.checks import require_columns, require_unique
from aigreen.data.raw.files import check_unfolds, whole
from aigreen.errors import SourceError

COLUMNS = ("publication_number", "title", "year", "ipc", "cpc", "applicants")
FIRST_YEAR, LAST_YEAR = 1600, 2100

CSET_KEYS = {
    "Publication_country": "office",
    "Publication_number": "publication_number",
    "Publication_type": "kind",
    "Patent_Type": "type",
    "Simple_family_ID": "family",
}
CSET_FLAGS = (
    "Energy_Management", "Industrial_and_Manufacturing", "Transportation", "Language_Processing", "Speech_Processing",
    "Knowledge_Representation", "Planning_and_Scheduling", "Control", "Distributed_AI", "Robotics", "Computer_Vision",
    "Analytics_and_Algorithms", "Measuring_and_Testing", "Logic_Programming", "Fuzzy_Logic", "Probabilistic_Reasoning",
    "Ontology_Engineering", "Machine_Learning", "Search_Methods", "Generic_and_Unspecified",
)  # fmt: skip


def drones(path: Path | str) -> pd.DataFrame:
    """Read the drone families of the WIPO manual: Lens export, UTF-8, lists parted by ``;;``, publication year."""
    raw = _csv(path, encoding="utf-8")
    names = {
        "publication_number": "Publication Number",
        "title": "Title",
        "ipc": "IPCR Classifications",
        "cpc": "CPC Classifications",
        "applicants": "Applicants",
    }
    return _patents(raw, names, "Publication Year", Path(path).name)


def pizza(path: Path | str) -> pd.DataFrame:
    """Read the pizza patents of the WIPO manual: Patentscope export, Latin-1, old Mac line ends, dates dd.mm.yyyy."""
    raw = _csv(path, encoding="latin-1")
    names = {"publication_number": "Publication Number", "title": "Title", "ipc": "IPC", "applicants": "Applicants"}
    where = Path(path).name
    require_columns(raw, [*names.values(), "Publication Date"], where)
    dates = raw["Publication Date"]
    years = dates.str.extract(r"^\d\d\.\d\d\.(\d{4})$")[0]
    wrong = dates[dates.notna() & years.isna()]
    if len(wrong):
        raise SourceError(
            f"{where}: column Publication Date: {len(wrong)} cells are not dd.mm.yyyy; first: {wrong.iloc[0]!r}"
        )
    return _patents(raw.assign(year=years), names, "year", where)


def ewaste(path: Path | str) -> pd.DataFrame:
    """Read the e-waste families of the WIPO manual: Derwent export, one workbook sheet, earliest priority year.

    The export has no symbols; it has ``priority_countries`` and ``technology`` (Derwent's high-level topics) besides.
    """
    where = Path(path).name
    with whole(where, "a readable workbook"):
        raw = pd.read_excel(path, dtype=str, engine="calamine")
    names = {
        "publication_number": "Basic Patent Number",
        "title": "DWPI Title",
        "applicants": "Standardized Assignee",
        "priority_countries": "Priority Countries (earliest)",
        "technology": "Technical Categories: High Level Topics",
    }
    tidy = _patents(raw, names, "Priority Year (earliest)", where)
    require_unique(tidy, ["publication_number"], where)
    return tidy


def cset(path: Path | str) -> tuple[pd.DataFrame, pd.Series]:
    """Read the AI patents of CSET and 1790 Analytics: a zip archive with one csv file.

    Returns
    -------
    frame : DataFrame
        The values of `CSET_KEYS` (text), ``priority_year`` (nullable integer) and `CSET_FLAGS` (bool, lower case);
        every row of the file.
    counts : Series of int64
        ``rows``, ``families``, ``offices``; ``distinct_numbers`` (numbers repeat across offices);
        ``repeated_documents``: rows whose office, number and kind stood before; ``rounded_numbers``: numbers that a
        spreadsheet has turned into ``1.02E+11``, which makes most of the repeats.
    """
    where = Path(path).name
    raw = _csv_in_zip(path)
    require_columns(raw, [*CSET_KEYS, "Priority_Year", *CSET_FLAGS], where)
    frame = raw[list(CSET_KEYS)].rename(columns=CSET_KEYS)
    frame = frame.assign(
        priority_year=_years(raw["Priority_Year"], where),
        **{flag.lower(): _flag(raw[flag], where) for flag in CSET_FLAGS},
    )
    counts = {
        "rows": len(frame),
        "families": frame["family"].nunique(),
        "offices": frame["office"].nunique(),
        "distinct_numbers": frame["publication_number"].nunique(),
        "repeated_documents": int(frame.duplicated(["office", "publication_number", "kind"]).sum()),
        "rounded_numbers": int(frame["publication_number"].str.contains("E+", regex=False).sum()),
    }
    return frame, pd.Series(counts, dtype="int64")


def green_codes(path: Path | str) -> pd.DataFrame:
    """Read a transcription of the IPC Green Inventory: no header row; ``symbol`` and ``topic``."""
    with whole(Path(path).name, "a utf-8 csv table"):
        raw = pd.read_csv(path, header=None, dtype=str, encoding="utf-8")
    if raw.shape[1] != 2:
        raise SourceError(f"{Path(path).name}: {raw.shape[1]} columns instead of symbol and topic")
    raw.columns = pd.Index(["symbol", "topic"])
    require_unique(raw, ["symbol"], Path(path).name)
    return raw


def y02t_audit(path: Path | str) -> pd.DataFrame:
    """Read the hand-audited sample on green transport (UTF-8 in which some bytes are lost: these become U+FFFD).

    Returns
    -------
    DataFrame
        ``patent_id``, ``text`` (title and abstract) and three verdicts (bool): ``y02t`` (the office's tag), ``model``
        and ``audited`` (by hand).
    """
    where = Path(path).name
    raw = _csv(path, encoding="utf-8", encoding_errors="replace")
    verdicts = {"label_USPTO_original": "y02t", "predictions": "model", "Manual Audit": "audited"}
    require_columns(raw, ["patent_id", "content", *verdicts], where)
    require_unique(raw, ["patent_id"], where)
    tidy = raw[["patent_id", "content"]].rename(columns={"content": "text"})
    return tidy.assign(**{new: _flag(raw[old], where, yes="Yes", no="No") for old, new in verdicts.items()})


def _patents(raw: pd.DataFrame, names: dict[str, str], year: str, where: str) -> pd.DataFrame:
    require_columns(raw, [*names.values(), year], where)
    tidy = pd.DataFrame({column: raw[name].str.strip() for column, name in names.items()})
    tidy["year"] = _years(raw[year], where)
    for column in set(COLUMNS) - set(tidy):
        tidy[column] = pd.Series(index=tidy.index, dtype=tidy["title"].dtype)
    return tidy[[*COLUMNS, *(column for column in names if column not in COLUMNS)]]


def _years(cells: pd.Series, where: str) -> pd.Series:
    years = pd.to_numeric(cells, errors="coerce")
    wrong = cells.notna() & ~(years.between(FIRST_YEAR, LAST_YEAR) & (years % 1 == 0))
    if wrong.any():
        raise SourceError(
            f"{where}: column {cells.name}: {int(wrong.sum())} cells are no years; first: {cells[wrong].iloc[0]!r}"
        )
    return years.astype("Int64")


def _flag(cells: pd.Series, where: str, yes: str = "true", no: str = "false") -> pd.Series:
    wrong = ~cells.isin([yes, no])
    if wrong.any():
        raise SourceError(
            f"{where}: column {cells.name}: {int(wrong.sum())} cells are neither {yes} nor {no}; "
            f"first: {cells[wrong].iloc[0]!r}"
        )
    return cells == yes


def _csv(path: Path | str, encoding: str, encoding_errors: str = "strict") -> pd.DataFrame:
    with whole(Path(path).name, f"a {encoding} csv table"):
        return pd.read_csv(path, dtype=str, encoding=encoding, encoding_errors=encoding_errors)


def _csv_in_zip(path: Path | str) -> pd.DataFrame:
    where = Path(path).name
    with whole(where, "a zip archive with a csv table"), zipfile.ZipFile(path) as archive:
        check_unfolds(Path(path))
        tables = [n for n in archive.namelist() if n.endswith(".csv") and not n.startswith("__MACOSX/")]
        if len(tables) != 1:
            raise SourceError(f"{where}: {len(tables)} csv files instead of one")
        with archive.open(tables[0]) as content:
            return pd.read_csv(content, dtype=str, encoding="utf-8")
