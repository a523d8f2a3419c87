"""Table and numbers of the replications study."""

from __future__ import annotations

from types import MappingProxyType

import pandas as pd

from aigreen_study.numbers.prose import Ledger
from aigreen_study.replications.replications import ABSENT, AGREES, DIFFERS
from aigreen_study.tables.formats import decimal
from aigreen_study.tables.table import Cell, Group, Row, Table

TITLES = MappingProxyType(
    {
        "cui": "Emission trading and low-carbon patents (Cui, Zhang and Zheng 2018)",
        "castle": "Castle-doctrine laws and homicide (Cheng and Hoekstra 2013)",
        "mpdta": "Minimum wages and teen employment (Callaway and Sant’Anna 2021)",
        "jobs": "Job-search seminars and depression (Tingley et al. 2014)",
        "talor": "Presumed media influence (Tal-Or, Cohen, Tsfati and Gunther 2010)",
        "adh": "Import competition and employment (Autor, Dorn and Hanson 2013)",
        "hgh": "Patents and R&D lags (Hall, Griliches and Hausman 1986)",
        "rdspillovers": "Returns to R&D (Eberhardt, Helmers and Strauss 2013)",
        "organs": "Active choice and organ donors (Kessler and Roth 2014)",
        "beer": "Beer taxes and deaths in traffic (Stock and Watson 2007)",
    }
)
GAP_DIGITS = 7
WORDS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def replications_table(comparison: pd.DataFrame, *, key: str = "replications") -> Table:
    """Every number: published, ours, difference, rows, and whether it agrees.

    Parameters
    ----------
    comparison : DataFrame
        As `aigreen_study.replications.replications.compare` returns it.
    """
    cited = comparison.groupby("replication", sort=False)["reference"].unique()
    references = "; ".join(f"{TITLES[str(name)].split(' (')[0]}: {', '.join(given)}" for name, given in cited.items())
    groups = tuple(
        Group(tuple(map(_row, rows.to_dict("records"))), TITLES[str(name)])
        for name, rows in comparison.groupby("replication", sort=False)
    )
    return Table(
        key=key,
        title="Published estimates and ours",
        stub="",
        columns=("Published", "Ours", "Difference", "N", "Agrees"),
        groups=groups,
        notes=f"Published values: {references}. Ours is rounded to the decimals published; the difference is not. A "
        "number agrees if it is within half a unit of the last published decimal. N: rows of the estimation sample. "
        "Where data are not here, the text says how to get them.",
    )


def add_replications(ledger: Ledger, comparison: pd.DataFrame) -> None:
    """Enter every number of the comparison, a sentence on each replication, and the counts."""
    exhibit = "tables/replications"
    for row in comparison.to_dict("records"):
        name, decimals = f"{row['replication']}_{row['number']}", row["decimals"]
        ledger.add(f"{name}_published", decimal(row["published"], decimals), exhibit=exhibit)
        absent = row["verdict"] == ABSENT
        ours = f"({ABSENT})" if absent else decimal(row["ours"], decimals)
        ledger.add(f"{name}_ours", ours, exhibit=exhibit)
        if not absent:
            ledger.add(f"{name}_value", row["ours"], fmt="coefficient4", exhibit=exhibit)
            ledger.add(f"{name}_difference", row["difference"], fmt="coefficient4", exhibit=exhibit)
    for name, rows in comparison.groupby("replication", sort=False):
        ledger.add(f"{name}_state", state(rows), exhibit=exhibit)
        n = int(rows["n_rows"].iloc[0])
        ledger.add(f"{name}_sample", n if n else f"({ABSENT})", fmt="count", unit="rows", exhibit=exhibit)
    counts = comparison["verdict"].value_counts()
    for key, verdict in (("n_agree", AGREES), ("n_differ", DIFFERS), ("n_absent", ABSENT)):
        ledger.add(key, int(counts.get(verdict, 0)), fmt="count", unit="numbers", exhibit=exhibit)
    ledger.add("n_numbers", len(comparison), fmt="count", unit="numbers", exhibit=exhibit)
    ledger.add("n_replications", comparison["replication"].nunique(), fmt="count", exhibit=exhibit)


def state(rows: pd.DataFrame) -> str:
    """Say in a sentence how the numbers of one replication compare, or how to get its data."""
    if (rows["verdict"] == ABSENT).all():
        return f"The data are not here. {rows['reason'].iloc[0]}"
    wrong = rows[rows["verdict"] == DIFFERS]
    if wrong.empty:
        subject = f"All {_word(len(rows))} numbers agree" if len(rows) > 2 else "Both numbers agree"
        return f"{subject} to the last published decimal."
    listed = ", ".join(wrong["label"])
    return f"{_word(len(wrong)).capitalize()} of {_word(len(rows))} numbers differ: {listed}."


def _row(row: dict) -> Row:
    digits = row["decimals"]
    published = Cell.number(row["published"], digits)
    if row["verdict"] == ABSENT:
        return Row(row["label"], (published, Cell(), Cell(), Cell(), Cell(ABSENT)))
    ours, gap = Cell.number(row["ours"], digits), Cell.number(row["difference"], GAP_DIGITS if digits else 0)
    return Row(row["label"], (published, ours, gap, Cell.number(row["n_rows"], 0), Cell(row["verdict"])))


def _word(count: int) -> str:
    return WORDS[count] if count < len(WORDS) else str(count)
