"""One neutral table object, kept as JSON; `render` gives it its looks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from math import isfinite
from typing import Any, Literal

from aigreen.errors import ReportError
from aigreen_study.tables.formats import MINUS, STAR, count, decimal, p_value

Role = Literal["", "estimate", "std_error", "low", "high", "p_value", "count"]

# Facts of specifications, by the heading of the row or column that shows them.
SIZES = {"Observations": "n_rows", "Units": "n_units", "Clusters": "n_clusters"}

NO_INTERVAL = "None: no interval, as too few clusters, treated or compared, tell the error."
_SAID = re.compile(r"has none\b|\bNone: ")

_OPENING, _CLOSING = "([", f")]{STAR}"


@dataclass(frozen=True)
class Cell:
    """What stands in a cell: a text, and the number behind it where there is one.

    Parameters
    ----------
    text : str
        As printed, with typographic minus; stars are apart.
    value : float, optional
        Unrounded number, for comparing runs cell by cell.
    stars : int
        Number of significance stars.
    centred : bool
        Centre a number as if it were a word (sample sizes below coefficients).
    spec : str
        Specification that the number comes from, a key of the table's `specifications`.
    unit : str
        What the number counts or measures, where row and column do not say.
    role : Role
        What the number is to an estimate: it, its error, an end of its interval, its p-value; or a count.
    """

    text: str = ""
    value: float | None = None
    stars: int = 0
    centred: bool = False
    spec: str = ""
    unit: str = ""
    role: Role = ""

    @classmethod
    def number(cls, value: float, digits: int = 3, *, role: Role = "", stars: int = 0) -> Cell:
        """Write a number with fixed decimals; a standard error stands in parentheses."""
        text = decimal(value, digits)
        return cls(f"({text})" if role == "std_error" else text, float(value), stars, role=role)

    @classmethod
    def count(cls, value: float, *, centred: bool = False) -> Cell:
        """Write a whole number with thousands separators."""
        return cls(count(value), float(value), centred=centred, role="count")

    @classmethod
    def p_value(cls, value: float) -> Cell:
        """Write a p-value, a small one as an inequality; empty where there is none."""
        return cls(p_value(value), float(value), role="p_value") if isfinite(value) else cls()

    @property
    def printed(self) -> str:
        """Text with its stars."""
        return self.text + STAR * self.stars

    @property
    def parts(self) -> tuple[str, str, str, str] | None:
        """Opening bracket, digits before the decimal point, digits after it, closing bracket; None where centred."""
        if self.centred:
            return None
        body = self.text.lstrip(_OPENING)
        before, body = self.text[: len(self.text) - len(body)], body.rstrip(_CLOSING)
        after = self.text[len(before) + len(body) :]
        whole, _, fraction = body.partition(".")
        if not whole.removeprefix(MINUS).replace(",", "").isdigit() or not (fraction.isdigit() or not fraction):
            return None
        return before, whole, fraction, after


@dataclass(frozen=True)
class Row:
    """A stub label and one cell a column."""

    label: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Group:
    """Rows between two rules, under an optional title (a panel of the table)."""

    rows: tuple[Row, ...]
    title: str = ""


@dataclass(frozen=True)
class Spanner:
    """A heading over columns `start` to `stop` (not included)."""

    label: str
    start: int
    stop: int


@dataclass(frozen=True)
class Table:
    """A table without a format.

    Parameters
    ----------
    key : str
        Name of the files and, behind ``tab-``, the label for references.
    title : str
        Caption.
    stub : str
        Heading of the row labels.
    columns : tuple of str
        Column headings.
    groups : tuple of Group
    spanners : tuple of tuple of Spanner
        Headings over the columns, from top to bottom.
    notes : str
        Below the table; `remarks` are printed.
    simulated : bool
        The caption then says so.
    specifications : mapping of name to facts
        For each specification that cells name: its `method`, `outcome`, `n_rows`, `n_units`, `n_clusters`, `errors`
        (how standard errors are computed) and, where it is of several `samples`, these in words.
    chart : mapping
        Numbers that the page of the web edition draws beside the table, as readers choose (site/assets/charts.js).
    """

    key: str
    title: str
    stub: str
    columns: tuple[str, ...]
    groups: tuple[Group, ...]
    spanners: tuple[tuple[Spanner, ...], ...] = ()
    notes: str = ""
    simulated: bool = False
    specifications: Mapping[str, Mapping[str, str | int]] = field(default_factory=dict)
    chart: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row.cells) != len(self.columns):
                raise ReportError(
                    f"table {self.key!r}, row {row.label!r}: {len(row.cells)} cells for {len(self.columns)} columns"
                )
        for line in self.spanners:
            covered = [i for spanner in line for i in range(spanner.start, spanner.stop)]
            if covered != sorted(set(covered)) or any(not 0 <= i < len(self.columns) for i in covered):
                raise ReportError(f"table {self.key!r}: spanners overlap or leave the table")
        unknown = {cell.spec for row in self.rows for cell in row.cells if cell.spec} - set(self.specifications)
        if unknown:
            raise ReportError(f"table {self.key!r}: no facts on the specification {', '.join(sorted(unknown))}")

    @property
    def rows(self) -> list[Row]:
        """All rows, whatever their group."""
        return [row for group in self.groups for row in group.rows]

    @property
    def caption(self) -> str:
        """Title, with a remark on simulated data."""
        return f"{self.title} (simulated data)" if self.simulated else self.title

    @property
    def remarks(self) -> str:
        """Notes, with what they do not say: why intervals are "none", and sizes that rows and columns do not state."""
        stated = {*self.columns, *(row.label for row in self.rows)}
        sizes = []
        for name, fact in SIZES.items():
            of_estimates = [facts for spec, facts in self.specifications.items() if " less " not in spec]
            found = {size for facts in of_estimates for size in _sizes(facts, fact)}
            if not found or name in stated or re.search(rf"\b{name}\b[^.]*\d", self.notes):
                continue
            ends = dict.fromkeys(f"{size:,}" for size in (min(found), max(found)))
            sizes.append(f"{name.lower() if sizes else name}: {' to '.join(ends)}")
        refused = NO_INTERVAL if self._refuses() and not _SAID.search(self.notes) else ""
        return " ".join(filter(None, [self.notes, refused, f"{'; '.join(sizes)}." if sizes else ""]))

    def _refuses(self) -> bool:
        """Whether an interval of an effect is "none"; one of a share, which is a ratio, can be unbounded."""
        shares = {
            j for line in self.spanners for s in line if s.label.startswith("Share") for j in range(s.start, s.stop)
        }
        return any(cell.text == "none" for row in self.rows for j, cell in enumerate(row.cells) if j not in shares)

    def column(self, j: int) -> list[Cell]:
        """Cells of a column."""
        return [row.cells[j] for row in self.rows]

    def to_json(self) -> str:
        """Text that `from_json` reads back."""
        facts = asdict(self)
        if not facts["chart"]:
            del facts["chart"]
        for cell in (cell for group in facts["groups"] for row in group["rows"] for cell in row["cells"]):
            for name in ("spec", "unit", "role"):
                if not cell[name]:
                    del cell[name]
        return json.dumps(facts, ensure_ascii=False, indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Table:
        """Read a table written by `to_json`."""
        facts = json.loads(text)
        facts["columns"] = tuple(facts["columns"])
        facts["spanners"] = tuple(tuple(Spanner(**s) for s in line) for line in facts["spanners"])
        facts["groups"] = tuple(
            Group(
                tuple(Row(row["label"], tuple(Cell(**cell) for cell in row["cells"])) for row in group["rows"]),
                group["title"],
            )
            for group in facts["groups"]
        )
        return cls(**facts)


def _sizes(facts: Mapping[str, str | int], fact: str) -> set[int]:
    """Sizes of the sample of a specification, or of its samples where it has several."""
    several = re.findall(rf"([\d,]+) {fact.removeprefix('n_')}", str(facts.get("samples", "")))
    return {int(size.replace(",", "")) for size in several} or {int(facts.get(fact, 0))} - {0}


def quoted(table: Table, study: str) -> Table:
    """Name a table of another study as it stands in this one; real data are called so, beside simulated ones."""
    title = table.title if table.key == study or table.simulated else f"{study}: {table.title}"
    return replace(table, key=f"{study}-{table.key}", title=title if table.simulated else f"{title} (real data)")


def runs(labels: Iterable[str]) -> tuple[Spanner, ...]:
    """Spanners over runs of equal labels; an empty label has none."""
    spanners: list[Spanner] = []
    for i, label in enumerate(labels):
        if spanners and spanners[-1].label == label and spanners[-1].stop == i:
            spanners[-1] = Spanner(label, spanners[-1].start, i + 1)
        else:
            spanners.append(Spanner(label, i, i + 1))
    return tuple(spanner for spanner in spanners if spanner.label)
