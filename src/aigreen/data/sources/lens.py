"""Exports of patents from lens.org, in the columns of today and of before 2021: one row a publication, all offices."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from aigreen.data.patents.symbols import canonical_cells
from aigreen.data.raw import values
from aigreen.data.raw.adapter import DEFAULT, Expected, Options, open_table
from aigreen.data.raw.flow import Flow
from aigreen.data.sources.patent_tables import (
    CHINESE_KINDS,
    GRANTED_KINDS,
    PatentTables,
    applicants,
    application_numbers,
    in_order,
    no_citations,
    note_odd_numbers,
    one_per_application,
    patents,
)

LENS = Expected(
    "lens",
    ("Jurisdiction", "Kind", "Publication Date", "Application Number", "Application Date", "Applicants",
     "IPCR Classifications"),
    ("CPC Classifications", "Title", "Abstract", "Document Type", "Earliest Priority Date"),
)  # fmt: skip
_GRANTED = "Granted Patent"


def patent_records(path: Path | str, options: Options = DEFAULT) -> PatentTables:
    """Read an export of lens.org.

    The first publication is the earliest of an application; the day of grant is that of a publication with a Chinese
    kind of grant (B C U Y S D), at other offices of a ``Granted Patent``.

    Parameters
    ----------
    path : path
        File, or folder with the parts of ``lens``.
    options : Options
        How to read.
    """
    frame, flow, where = open_table(path, *LENS, options=options, unit="patent_id")
    frame = frame.reindex(columns=[*LENS.required, *LENS.optional]).astype("str")
    office, kind = (values.clean(frame[name]).str.upper() for name in ("Jurisdiction", "Kind"))
    chinese, stated = office == "CN", values.clean(frame["Document Type"])
    number = application_numbers(values.clean(frame["Application Number"]), chinese)
    published = values.dates(frame["Publication Date"], where)
    granted = kind.str.contains(GRANTED_KINDS).where(chinese, stated == _GRANTED).fillna(False).astype(bool)
    rows = pd.DataFrame(
        {
            "patent_id": number,
            "office": office,
            "patent_type": kind.str[0].map(CHINESE_KINDS).where(chinese, _elsewhere(stated, kind)).astype("str"),
            "filing_date": values.dates(frame["Application Date"], where),
            "publication_date": published,
            "grant_date": published.where(granted),
            "priority_date": values.dates(frame["Earliest Priority Date"], where),
            "title": values.clean(frame["Title"]),
            "abstract": values.clean(frame["Abstract"]),
            "ipc": canonical_cells(frame["IPCR Classifications"], flow, "IPCR Classifications"),
            "cpc": canonical_cells(frame["CPC Classifications"], flow, "CPC Classifications"),
            "names": frame["Applicants"],
        }
    )
    rows = flow.keep(rows, rows["patent_id"].notna(), "no application number")
    note_odd_numbers(rows, flow)
    last = rows.sort_values(["patent_id", "publication_date"], kind="stable").dropna(subset="names")
    last = last.drop_duplicates("patent_id", keep="last")
    names = values.parted(last["names"]).explode()
    people = applicants(last["patent_id"].loc[names.index], names, Flow(LENS.table, "patent_id"))
    whole = one_per_application(in_order(rows.drop(columns="names")), flow)
    return PatentTables(patents(whole, flow), people, no_citations(LENS.table))


def _elsewhere(stated: pd.Series, kind: pd.Series) -> pd.Series:
    """Type of a publication of another office, by its document type and kind letter."""
    known = stated.str.contains("patent", case=False).map({True: "invention"})
    known = known.mask(kind.str.contains(r"^[UY]").fillna(False).astype(bool), "utility_model")
    return known.mask((stated.str.contains("design", case=False) | kind.str.startswith("S")).fillna(False), "design")
