r"""AI adoption of firms by annual-report words and by robots (AI patents stand in `aigreen.data.patents.counts`).

Robots are a shift-share: firms of an industry share its stock of robots by their production staff in a base year,

.. math:: R_{it} = \frac{p_{i,b}}{\mathrm{median}_i\, p_{i,b}} \cdot \frac{\mathrm{robots}_{s(i)t}}{L_{s(i),b}},

with p the production share of staff and L the employment of the industry in the base year.

A firm adopts AI in the first year in which a measure of it reaches a threshold, and has adopted from then on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from aigreen.data.assemble.words import ai_dictionary, by_type, count_words
from aigreen.errors import UnknownColumnError

KEY = ["firm_id", "year"]
_WORDS = "ai_words_"


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """What counts as adoption of AI.

    Parameters
    ----------
    column : str
        Measure of AI by firm and year, as core words in the annual report. A count of words rises with the length of
        reports and with fashion, so the threshold decides who counts: low, and talk counts; high, and adopters who say
        little stand among the controls.
    threshold : float
        The first year at or above it is that of adoption.
    others : tuple of float
        Thresholds whose years stand in columns of their own.
    """

    column: str = "ai_words_core"
    threshold: float = 100
    others: tuple[float, ...] = (50, 150)


def adoption_year(frame: pd.DataFrame, column: str, threshold: float) -> pd.Series:
    """Give each firm the first year in which a measure of AI reaches a threshold.

    Parameters
    ----------
    frame : DataFrame
        ``firm_id, year`` and the measure, missing where there is no report: such a year is none of adoption.
    column : str
    threshold : float

    Returns
    -------
    Series of float
        Aligned to ``frame``; missing = never.

    Raises
    ------
    UnknownColumnError
    """
    if column not in frame:
        raise UnknownColumnError(column, list(frame.columns), role="adoption")
    reached = frame["year"].where(frame[column].astype(float) >= threshold).astype(float)
    return reached.groupby(frame["firm_id"]).transform("min").rename("adoption_year")


def adoption_dose(frame: pd.DataFrame, column: str, year: pd.Series) -> pd.Series:
    """Give each firm the logarithm of its measure of AI in the year of adoption; missing = never."""
    first = np.log(frame[column].astype(float).where(frame["year"] == year))
    return first.groupby(frame["firm_id"]).transform("max").rename("adoption_dose")


def report_words(reports: Iterable[tuple[str, int, str]]) -> pd.DataFrame:
    """Count AI words in reports that come one by one.

    Parameters
    ----------
    reports : iterable of (firm_id, year, text)
        As `aigreen.data.sources.reports.texts` gives them; an empty text is no report and is left out.

    Returns
    -------
    DataFrame
        ``firm_id, year, ai_words, ai_words_core, ai_words_<type>``, ``report_length`` (characters without blanks);
        sorted by firm and year.
    """
    dictionary = ai_dictionary()
    words, keys, counts = tuple(dictionary["word"]), [], []
    for firm_id, year, text in reports:
        if text:
            keys.append((firm_id, year))
            counts.append(count_words(text, words))
    told = by_type(np.array(counts, dtype=np.int64).reshape(len(counts), len(words) + 1), dictionary)
    frame = pd.DataFrame(keys, columns=KEY).astype({"firm_id": "str", "year": "int64"})
    return frame.join(told.rename(columns={"length": "report_length"})).sort_values(KEY, ignore_index=True)


def main_type(frame: pd.DataFrame) -> pd.Series:
    """Give the type of AI that a firm has written of most so far.

    Parameters
    ----------
    frame : DataFrame
        ``firm_id, year`` and the columns of `report_words`, missing in years without a report.

    Returns
    -------
    Series of str
        Aligned to ``frame``: the type, ``none`` before the first AI word, missing before the first report. Of types
        with equally many words it is the first by name.
    """
    types = {name: name.removeprefix(_WORDS) for name in sorted(frame) if name.startswith(_WORDS)}
    types = {name: kind for name, kind in types.items() if kind not in ("core", "log")}
    rows = frame.sort_values(KEY)
    counts = rows[list(types)].astype(float)
    so_far = counts.fillna(0).groupby(rows["firm_id"]).cumsum()
    seen = counts.notna().any(axis=1).groupby(rows["firm_id"]).cummax()
    kind = so_far.idxmax(axis=1).map(types).where(so_far.sum(axis=1) > 0, "none").where(seen)
    return kind.reindex(frame.index).astype("str").rename("ai_type")


def robot_exposure(frame: pd.DataFrame, production: pd.DataFrame, robots: pd.DataFrame, *, base_year: int) -> pd.Series:
    """Give the robots per thousand workers that fall to a firm.

    Parameters
    ----------
    frame : DataFrame
        ``firm_id, year, industry_code``.
    production : DataFrame
        ``firm_id, year, production_share`` (`channel_measures.staff_structure`); the first year from
        ``base_year`` on that a firm reports is its base, and the median is over firms.
    robots : DataFrame
        ``industry_code, year, robots`` (stock) and ``employment`` (persons, of the base year).
    base_year : int
        Before the treatment.

    Returns
    -------
    Series
        Aligned to ``frame``; missing for firms without a base and industries without robots.
    """
    for column in ("industry_code", "year", "robots", "employment"):
        if column not in robots:
            raise UnknownColumnError(column, list(robots.columns), role="robots")
    known = production[production["production_share"].notna() & (production["year"] >= base_year)].sort_values(KEY)
    base = known.groupby("firm_id")["production_share"].first()
    density = robots.assign(density=1000 * robots["robots"] / robots["employment"])
    rows = frame[["industry_code", "year"]].merge(
        density[["industry_code", "year", "density"]], on=["industry_code", "year"], how="left", validate="many_to_one"
    )
    share = frame["firm_id"].map(base / base.median())
    return pd.Series(share.to_numpy(dtype=float) * rows["density"].to_numpy(), index=frame.index, name="robots")
