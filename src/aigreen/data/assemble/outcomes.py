"""Green outcomes of the firm-year panel: counts of patent records, and those that CNRDS gives by firm and year."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

from aigreen.data.assemble.sheet import Sheet
from aigreen.data.patents.measures import measures

_RECORDS, _CNRDS = "patents", "CNRDS"
_KINDS = ("inventions", "utility_models")


def add_records(
    sheet: Sheet,
    counts: pd.DataFrame,
    visible: pd.DataFrame | None,
    *,
    window: int,
    named: Collection[str] | None = None,
) -> None:
    """Add the counts of patent records.

    A firm-year without an application has zero in the years that the records span, and is missing outside them and for
    firms without a name, of which no application can be found. Citations are missing where the window reaches beyond
    the last year of filing.

    Parameters
    ----------
    sheet : Sheet
        Panel under assembly.
    counts : DataFrame
        As `aigreen.data.patents.counts.firm_year_counts` gives them.
    visible : DataFrame, optional
        `aigreen.data.patents.truncation.visible_shares` with ``year`` as a column.
    window : int
        Calendar years in which citations count.
    named : collection of str, optional
        Firms that applicants were matched to; by default all.
    """
    sheet.merge(counts, "patent counts")
    frame, span = sheet.frame, counts["year"]
    inside = frame["year"].between(span.min(), span.max())
    if named is not None:
        inside &= frame["firm_id"].isin(named)
    known = {
        m.name: m
        for m in measures(citations="green_citations" in counts, families="green_international_patents" in counts)
    }
    last = span.max() - window
    for measure in known.values():
        values = frame[measure.name].astype(float).fillna(0.0).where(inside)
        coding = "missing outside the years of the records and for firms without a name"
        if measure.unit == "citations":
            values, coding = values.where(frame["year"] <= last), f"missing after {last}: the window is not over"
        whole = values if measure.parts > 1 else values.astype("Int64")
        rule = measure.rule.replace("the window", f"{window} calendar years")
        sheet.add(whole, measure.name, measure.label, measure.unit, coding, _RECORDS, rule)
        if measure.name == "green_patents":
            _transforms(sheet, _RECORDS)
    share = (sheet.frame["green_patents"] / sheet.frame["patents"].where(sheet.frame["patents"] > 0)).astype(float)
    sheet.add(share, "green_share", "Green share of patents", "share", "missing without patents", _RECORDS,
              "green_patents / patents")  # fmt: skip
    if visible is not None:
        sheet.merge(visible, "publication and grant lags", ["year"])
        sheet.add(None, "published_share", "Published by the end of the data", "share of filings of the year", "",
                  _RECORDS, "from the lags of older filings")  # fmt: skip
        sheet.add(None, "granted_share", "Granted by the end of the data", "share of grants of the year's filings", "",
                  _RECORDS, "from the lags of older filings")  # fmt: skip
        sheet.add(None, "truncated", "Filings of the year not all published", "", "1 = yes, 0 = no", _RECORDS,
                  "published_share < 0.95")  # fmt: skip


def add_cnrds(sheet: Sheet, *, headline: bool) -> None:
    """Add the counts of CNRDS, where a column of them is filled.

    A missing count is zero for firms that CNRDS covers in any year, in the years that it spans, and missing for the
    others.

    Parameters
    ----------
    sheet : Sheet
        Panel under assembly, with the canonical columns of ``firm_years``.
    headline : bool
        Give them the names of the main outcomes; else ``green_patents_cnrds`` alone stands beside those of the records.
    """
    frame = sheet.frame
    parts = {f"{kind}_{stage}_{way}": f"green_{kind}_{stage}_{way}" for kind in _KINDS for stage in ("filed", "granted")
             for way in ("alone", "jointly")}  # fmt: skip
    filed = [column for name, column in parts.items() if "_filed_" in name]
    if frame[filed].isna().all(axis=None):
        return
    told = frame[filed].notna().any(axis=1)
    span = frame.loc[told, "year"]
    covered = told.groupby(frame["firm_id"]).transform("any") & frame["year"].between(span.min(), span.max())
    counts = {name: frame[column].fillna(0).where(covered) for name, column in parts.items()}
    total = sum(counts[f"{kind}_filed_{way}"] for kind in _KINDS for way in ("alone", "jointly"))
    coding = "missing for firms and years that CNRDS does not cover"
    if not headline:
        sheet.add(
            total,
            "green_patents_cnrds",
            "Green patents (CNRDS)",
            "patents",
            coding,
            _CNRDS,
            "filed alone or with others",
        )
        return
    sheet.add(total, "green_patents", "Green patents", "patents", coding, _CNRDS, "filed alone or with others")
    _transforms(sheet, _CNRDS)
    for kind, label in zip(_KINDS, ("Green inventions", "Green utility models"), strict=True):
        for stage, suffix in (("filed", ""), ("granted", "_granted")):
            if stage == "granted" and frame[parts[f"{kind}_granted_alone"]].isna().all():
                continue
            both = counts[f"{kind}_{stage}_alone"] + counts[f"{kind}_{stage}_jointly"]
            sheet.add(both, f"green_{kind}{suffix}", f"{label}{' granted' * bool(suffix)}", "patents", coding, _CNRDS,
                      f"{stage} alone or with others")  # fmt: skip
    joint = counts["inventions_filed_jointly"] + counts["utility_models_filed_jointly"]
    sheet.add(joint, "green_joint_patents", "Green patents with others", "patents", coding, _CNRDS, "filed with others")


def _transforms(sheet: Sheet, source: str) -> None:
    green = sheet.frame["green_patents"].astype("Float64")
    log = pd.Series(np.log1p(green.to_numpy(dtype=float, na_value=np.nan)), index=green.index)
    sheet.add(log, "green_patents_log", "ln(1 + green patents)", "log", "", source, "ln(1 + green_patents)")
    sheet.add(
        (green > 0).astype("Int64"), "any_green", "Any green patent", "", "1 = yes, 0 = no", source, "green_patents > 0"
    )
