"""What the patent adapters share: one row an application, applicants in order, application numbers in one spelling."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from aigreen.data import canonical
from aigreen.data.raw import values
from aigreen.data.raw.flow import Flow, Read
from aigreen.errors import SourceError

_EARLIEST = ("filing_date", "publication_date", "priority_date")
# The year is 1985 to 2003 in two digits or 2003 to 2099 in four; publication numbers (CN104123456A) have none there.
APPLICATION = r"(?:8[5-9]|9\d|0[0-3])\d{6}|20(?:0[3-9]|[1-9]\d)\d{8}"
_CHINESE = rf"^(?:CN|ZL)?-?({APPLICATION})(?:\.?[0-9X])?(?:-?[A-Z]\d?)?$"
_CHINESE_WRITTEN = rf"^CN[- ]?({APPLICATION})\d?(?:[- ]?[A-Z]\d?)?$"
CHINESE_KINDS = {"A": "invention", "B": "invention", "C": "invention", "U": "utility_model", "Y": "utility_model",
                 "S": "design", "D": "design"}  # fmt: skip
GRANTED_KINDS = r"^[BCUYSD]"
_PUBLICATION = r"^(?:CN)?-?\d{7,9}-?[A-Z]\d?$"


class PatentTables(NamedTuple):
    """The tables that one patent source fills; ``citations`` is empty where the source has none."""

    patents: Read
    applicants: Read
    citations: Read


def chinese_numbers(cells: pd.Series, where: str) -> pd.Series:
    """Give Chinese application numbers as ``CN`` and 8 or 12 digits.

    Prefix (``CN``, ``ZL``), check digit (``.7``, ``.X``, or the 9th or 13th character) and kind are left out. Numbers
    begin with their year, so that publication numbers are told from them.

    Raises
    ------
    SourceError
        Numbers of another form.
    """
    text = values.clean(cells).str.upper().str.replace(" ", "", regex=False)
    digits = text.str.extract(_CHINESE)[0]
    bad = text.notna() & digits.isna()
    if bad.any():
        published = bool(text[bad].str.contains(_PUBLICATION).any())
        raise SourceError(
            f"{where}: column {cells.name}: {int(bad.sum())} cells are not Chinese application numbers"
            f"{' (publication numbers?)' if published else ''}; first: {cells[bad].iloc[0]!r}"
        )
    return "CN" + digits


def application_numbers(numbers: pd.Series, chinese: pd.Series) -> pd.Series:
    """Give application numbers as office and number, those of the Chinese office as `chinese_numbers` does.

    A Chinese number of another form stays as it is written, and `note_odd_numbers` counts it.
    """
    text = pa.array(numbers, pa.string())
    plain = pc.replace_substring_regex(text, "[- ]", "").to_pandas().astype("str")
    known = pc.replace_substring_regex(text, _CHINESE_WRITTEN, r"CN\1").to_pandas().astype("str")
    return plain.where(~chinese.to_numpy(), known).set_axis(numbers.index)


def note_odd_numbers(rows: pd.DataFrame, flow: Flow) -> None:
    """Count the publications whose Chinese application number has another form."""
    odd = (rows["office"] == "CN") & ~rows["patent_id"].str.fullmatch(f"CN(?:{APPLICATION})").fillna(False).astype(bool)
    first = list(rows.loc[odd, "patent_id"].unique()[:5])
    flow.note("Chinese application numbers of another form, kept as written", rows, int(odd.sum()), first)


def in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """Sort publications by application and day of publication; those of one day stay in the order given."""
    keys = pa.Table.from_pandas(frame[["patent_id", "publication_date"]], preserve_index=False)
    order = pc.sort_indices(keys, [(name, "ascending") for name in keys.column_names])
    return frame.take(order.to_numpy())


def one_per_application(order: pd.DataFrame, flow: Flow) -> pd.DataFrame:
    """Put publications of one application together, sorted by `in_order`.

    Days of filing, publication and priority are the earliest, the grant the latest; everything else is taken from the
    last publication that has it.
    """
    repeated = order.duplicated("patent_id", keep=False)
    several = order[repeated].groupby("patent_id", sort=False)
    last = {column: "last" for column in order.columns if column != "patent_id"}
    rule = last | {column: "min" for column in _EARLIEST} | {"grant_date": "max"}
    together = several.agg(rule).reset_index()
    whole = pd.concat([order[~repeated], together], ignore_index=True)[list(order.columns)]
    return flow.note("further publications of an application, put together", whole, len(order) - len(whole))


def patents(frame: pd.DataFrame, flow: Flow) -> Read:
    """Fill the absent columns of canonical ``patents`` and check the table."""
    flow.note("canonical", frame)
    return Read(canonical.check("patents", canonical.completed("patents", frame)), flow.to_frame())


def applicants(
    patent_id: pd.Series,
    names: pd.Series,
    flow: Flow,
    *,
    country: pd.Series | None = None,
    address: pd.Series | None = None,
) -> Read:
    """Put the applicants of each application in the order given, each name once, and number them.

    Parameters
    ----------
    patent_id, names, country : Series
        One row an applicant, in order.
    flow : Flow
        Ledger to finish.
    address : Series, optional
        By application (index); goes to the first applicant.
    """
    frame = pd.DataFrame({"patent_id": patent_id.array, "name": values.clean(names).array}).astype("str")
    frame["country"] = pd.NA if country is None else values.clean(country).array
    named = frame[frame["name"].notna() & (frame["name"] != "")]
    unique = named.drop_duplicates(["patent_id", "name"], ignore_index=True)
    unique["position"] = unique.groupby("patent_id").cumcount() + 1
    unique["country"] = unique["country"].astype("str")
    unique["address"] = pd.Series(pd.NA, index=unique.index, dtype="str")
    if address is not None:
        first = unique["position"] == 1
        unique.loc[first, "address"] = unique.loc[first, "patent_id"].map(address)
    flow.note("applicants named twice or without a name", unique, len(frame) - len(unique))
    return Read(canonical.check("patent_applicants", unique), flow.to_frame())


def no_citations(source: str) -> Read:
    """Give an empty table of citations."""
    empty = pd.DataFrame({name: pd.Series([], dtype="str") for name in canonical.schema("citations").columns})
    return Read(canonical.check("citations", empty), Flow(source).to_frame())
