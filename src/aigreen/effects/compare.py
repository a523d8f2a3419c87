"""Results of several estimators side by side: one plot, one table."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import pandas as pd

from aigreen.arguments import typed
from aigreen.effects.as_statsmodels import labels
from aigreen.effects.effects import Effects
from aigreen.effects.maketables import write_document
from aigreen.effects.multiplier import Band
from aigreen.effects.sample_sizes import sizes_of
from aigreen.errors import EffectsError, WrongTypeError
from aigreen.options import check_level

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STATISTICS = ("estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high")
# Signs of LaTeX; maketables passes names on as they are.
_LATEX = str.maketrans(
    {sign: f"\\{sign}" for sign in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}"}
    | {"^": r"\textasciicircum{}"}
)


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Results side by side, each row one effect; made by `compare`.

    Attributes
    ----------
    results : mapping of label to Effects
        As they were given.
    """

    results: Mapping[str, Effects]

    @cached_property
    def shown(self) -> dict[str, Effects]:
        """What plot and tables show: event studies if all results are by horizon, else averages after treatment."""
        if all("horizon" in result.index.names for result in self.results.values()):
            return dict(self.results)
        return {label: _overall(label, result) for label, result in self.results.items()}

    def event_study(
        self,
        *,
        balanced: int | None = None,
        window: tuple[int, int] | None = None,
        bins: tuple[int, int] | None = None,
    ) -> Comparison:
        """Compare by horizon; keywords as those of `Effects.event_study`.

        Raises
        ------
        EffectsError
            A result has no horizons; it is named.
        """
        studies = {}
        for label, result in self.results.items():
            try:
                studies[label] = result.event_study(balanced=balanced, window=window, bins=bins)
            except EffectsError as error:
                raise type(error)(f"{label}: {error}") from None
        return Comparison(studies)

    @typed
    def plot(
        self, ax: Axes | None = None, *, level: float = 0.95, simultaneous: bool = False, **band: Unpack[Band]
    ) -> Axes:
        """Draw all results, a colour and a marker each: by horizon where they are, else one row an effect.

        Thick bars are pointwise intervals, thin ones simultaneous; the reference horizon is a hollow point without bar.
        Further keywords (n_draws, multipliers, seed) go to the simultaneous intervals.
        """
        from aigreen.effects.comparison_plot import overlay_plot

        rows = self._rows
        how = {"level": level, "simultaneous": simultaneous, "by_horizon": rows.name == "horizon"}
        return overlay_plot(self.shown, rows.tolist(), self._keys, ax, **how, **band)

    @typed
    def to_frame(self, level: float = 0.95) -> pd.DataFrame:
        """Estimate, std_error, statistic, p_value, conf_low, conf_high of each result, rows aligned.

        Returns
        -------
        DataFrame
            Columns by result and statistic; nan where a result has no such effect.
        """
        check_level(level)
        tables = {
            label: result.to_frame(level).set_axis(pd.Index(self._keys[label], dtype=object)).reindex(self._rows)
            for label, result in self.shown.items()
        }
        return pd.concat(tables, axis=1, names=["result", "statistic"])[
            [(label, statistic) for label in tables for statistic in _STATISTICS]
        ]

    @typed
    def to_markdown(self, digits: int = 3) -> str:
        """Table in Markdown, errors in parentheses, sizes below."""
        cells = self._cells(digits).map(lambda cell: cell.replace("\n", " "))
        cells = cells.rename(index=_in_markdown, columns=_in_markdown)
        return f"{cells.to_markdown(disable_numparse=True)}\n\n{self._note}"

    @typed
    def to_latex(self, digits: int = 3) -> str:
        """Table for LaTeX (packages booktabs, makecell, tabularx, threeparttable)."""
        return str(self._table(digits, "tex"))

    @typed
    def to_html(self, digits: int = 3) -> str:
        """Table as HTML, by great-tables."""
        return str(self._table(digits, "gt").as_raw_html())

    @typed
    def to_word(self, path: str | Path, digits: int = 3) -> None:
        """Write the table to a .docx file."""
        write_document(self._table(digits, "docx"), path)

    def __repr__(self) -> str:
        return self._cells(3).map(lambda cell: cell.replace("\n", " ")).to_string()

    def _repr_html_(self) -> str:
        return self.to_html()

    @cached_property
    def _keys(self) -> dict[str, list[Hashable]]:
        """The row of each effect of each result; results of one effect each share one row whatever its label."""
        found: dict[str, list[Hashable]] = {
            label: list(labels(r.index)) if isinstance(r.index, pd.MultiIndex) else r.index.tolist()
            for label, r in self.shown.items()
        }
        if all(len(rows) == 1 for rows in found.values()) and len({rows[0] for rows in found.values()}) > 1:
            return {label: ["effect"] for label in found}
        for label, rows in found.items():
            if len(set(rows)) < len(rows):
                twice = next(row for row in rows if rows.count(row) > 1)
                raise EffectsError(f"{label}: {rows.count(twice)} effects are called {twice!r}")
        return found

    @property
    def _rows(self) -> pd.Index:
        """All rows, horizons in order, others as they first appear."""
        rows: list[Any] = list(dict.fromkeys(row for mine in self._keys.values() for row in mine))
        by_horizon = all(result.index.names == ["horizon"] for result in self.shown.values())
        return pd.Index(sorted(rows) if by_horizon else rows, dtype=object, name="horizon" if by_horizon else "effect")

    @property
    def _note(self) -> str:
        """Say what stands in parentheses, and whose intervals and p-values do not follow from it."""
        small = [label for label, result in self.shown.items() if result.cluster_shares is not None]
        whose = "" if len(small) == len(self.shown) else f" of {', '.join(small)}"
        bare = any(result.to_frame()["std_error"].isna().any() for result in self.shown.values())
        said = ["Standard errors in parentheses."]
        if small:
            said.append(
                f"Intervals and p-values{whose} (to_frame, plot) use small-sample errors, which few treated clusters "
                "make larger, and their degrees of freedom."
            )
        return " ".join([*said, *(["None: an effect without an error of its own."] if bare else [])])

    def _cells(self, digits: int) -> pd.DataFrame:
        """Text of the table: estimates over errors, then sizes."""
        columns = {}
        for label, result in self.shown.items():
            pairs = zip(self._keys[label], result.values, result.to_frame()["std_error"], strict=True)
            cells = {str(row): f"{value:.{digits}f}" + _below(error, digits) for row, value, error in pairs}
            columns[label] = cells | sizes_of(result)
        order = [*map(str, self._rows), "rows", "units", "clusters"]
        return pd.DataFrame(columns).reindex(order).fillna("").rename_axis(self._rows.name)

    def _table(self, digits: int, form: str) -> Any:
        from maketables import MTable

        cells = self._cells(digits).rename_axis(None)
        if form == "tex":
            rows, columns = ([name.translate(_LATEX) for name in names] for names in (cells.index, cells.columns))
            cells = cells.set_axis(rows).set_axis(columns, axis=1)
        return MTable(cells, notes=self._note.translate(_LATEX) if form == "tex" else self._note).make(form)


def compare(results: Mapping[str, Effects]) -> Comparison:
    """Set results side by side, as ``compare({"Group-time": att, "Imputation": imputed})``.

    Averages after treatment are compared, or effects as they are where they are not by cohort and time (parts,
    coefficients); ``compare(...).event_study()`` compares by horizon. Rows with the same label stand beside each other.
    Sizes below a result of several samples are those of each, as ``374; 176``.

    Parameters
    ----------
    results : mapping of label to Effects

    Returns
    -------
    Comparison
        With `plot`, `event_study`, `to_frame`, `to_markdown`, `to_latex`, `to_html`, `to_word`.

    Raises
    ------
    WrongTypeError
        They are no mapping; two of a list may well have the same method, so labels are for the caller to say.
    EffectsError
        There is no result, or one is empty.
    """
    if not isinstance(results, Mapping | pd.Series):
        raise WrongTypeError("results", results, "a mapping, as compare({'Group-time': a, 'Imputation': b}),")
    for label, result in results.items():
        if not isinstance(result, Effects):
            raise WrongTypeError(f"results[{label!r}]", result, "an Effects")
        if not len(result):
            raise EffectsError(f"{label}: there is no effect in it")
    if not len(results):
        raise EffectsError("there is no result to compare")
    return Comparison({str(label): result for label, result in results.items()})


def _overall(label: str, result: Effects) -> Effects:
    """Average effects over time; leave others as they are."""
    if not {"time", "horizon"} & set(result.index.names):
        return result
    try:
        return result.overall()
    except EffectsError as error:
        raise type(error)(f"{label}: {error}; event_study() compares by horizon") from None


def _below(error: float, digits: int) -> str:
    """Write an error below its estimate; a reference has none."""
    if error == 0:
        return ""
    return f"\n({error:.{digits}f})" if math.isfinite(error) else "\n(none)"


def _in_markdown(name: str) -> str:
    """Write a name as one cell of a Markdown table."""
    return " ".join(name.replace("|", r"\|").split())
