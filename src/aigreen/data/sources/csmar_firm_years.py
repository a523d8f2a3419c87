"""Put the parts of ``firm_years`` together: the annual firm file decides which firms and years there are."""

from __future__ import annotations

from aigreen.data import canonical
from aigreen.data.raw.flow import Flow, Read, together
from aigreen.errors import DataError


def combine(base: Read, *parts: Read) -> Read:
    """Join parts of ``firm_years`` to the firm file.

    Parameters
    ----------
    base : Read
        From `aigreen.data.sources.csmar.firm_file`.
    *parts : Read
        Statements, controllers, R&D, patents: each with the key and columns of its own.

    Returns
    -------
    Read
        The whole canonical table: rows of ``base``, columns that no part has are missing. The flow holds the flows of
        all sources, and for each join the rows of the part that are in no year of the firm file.

    Raises
    ------
    DataError
        Two parts hold the same column.
    """
    key = canonical.key("firm_years")
    flow = Flow("firm_years", "firm_id")
    frame = flow.note("firm file", base.table)
    for part in parts:
        if shared := [column for column in part.table.columns if column in frame and column not in key]:
            raise DataError(f"firm_years: {len(shared)} columns come from two sources", count=len(shared), first=shared)
        source = part.flow["source"].iloc[0]
        inside = part.table.merge(frame[key], on=key)
        lost = part.table.merge(frame[key], on=key, how="left", indicator=True).query("_merge == 'left_only'")
        frame = frame.merge(inside, on=key, how="left", validate="one_to_one")
        flow.note(f"{source}: rows in no year of the firm file", frame, len(lost), list(lost["firm_id"].unique()[:5]))
    frame = canonical.completed("firm_years", frame)
    return Read(
        canonical.check("firm_years", frame), together(base.flow, *(part.flow for part in parts), flow.to_frame())
    )
