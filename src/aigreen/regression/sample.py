"""Estimation samples of regressions with absorbed fixed effects: coding, singletons, separation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from aigreen.errors import (
    AlwaysTreatedWarning,
    EmptyDataError,
    MissingRowsWarning,
    SeparationWarning,
    SingletonWarning,
    counted,
    warn,
)
from aigreen.linalg.arrays import compact, distinct, take_rows
from aigreen.linalg.varying_slopes import Slope
from aigreen.panel.columns import require_counts
from aigreen.panel.dropped import Dropped
from aigreen.panel.panel import Panel
from aigreen.panel.untreated import no_treated

ALONE, ZEROS = "alone in a fixed effect", "outcome always zero in a fixed effect (separated)"
NO_ROWS = "no rows are left: every row is alone in a fixed effect or perfectly fitted"


@dataclass(frozen=True)
class Sample:
    """Rows of a panel that a regression uses.

    Attributes
    ----------
    panel : Panel
    rows : ndarray of int, shape (n,)
        Positions in panel order.
    effects : list of ndarray of int, each of shape (n,)
        Codes of the fixed effects, without gaps.
    weights : ndarray, shape (n,), or None
    slopes : list of Slope
        Variables whose coefficients differ by level of a fixed effect.
    """

    panel: Panel
    rows: np.ndarray
    effects: list[np.ndarray]
    weights: np.ndarray | None
    slopes: list[Slope] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, values: np.ndarray) -> np.ndarray:
        """Values of the rows; `values` itself, shape (n_rows,) or (n_rows, k), where the sample has all of them."""
        return values if len(self) == self.panel.n_rows else take_rows(values, self.rows)

    @property
    def clusters(self) -> np.ndarray:
        """Positions in `panel.clusters` of the rows."""
        return self.take(self.panel.cluster_codes)

    @property
    def n_clusters(self) -> int:
        """Number of clusters with a row."""
        return distinct(self.clusters)

    def matrix(self, names: Sequence[str]) -> np.ndarray:
        """Columns of the sample, shape (n, len(names))."""
        return self.take(self.panel.matrix(names))

    def without(self, gone: np.ndarray) -> Sample:
        """Drop rows (mask of shape (n,))."""
        left = ~gone
        effects = [compact(codes[left])[0] for codes in self.effects]
        weights = None if self.weights is None else self.weights[left]
        return Sample(self.panel, self.rows[left], effects, weights, [slope.take(left) for slope in self.slopes])


def draw_sample(
    panel: Panel,
    fixed_effects: Sequence[str],
    dropped: Dropped,
    *,
    counts: np.ndarray | None,
    slopes: Sequence[tuple[str, str]] = (),
) -> Sample:
    """Take rows with positive weight, without singletons and (for counts) without all-zero groups, repeatedly.

    Parameters
    ----------
    counts : shape (n_rows,), optional
        Outcome of a count model.
    slopes : sequence of (str, str)
        Fixed effect and variable, as `Panel.varying_slopes` gives them.
    """
    codes = [panel.effect_codes(name) for name in fixed_effects]
    keep = np.ones(panel.n_rows, dtype=bool) if panel.weights is None else panel.weights > 0
    _count(dropped, MissingRowsWarning, "weight zero", panel, ~keep)
    alone, separated = _prune(codes, keep, counts)
    _count(dropped, SingletonWarning, ALONE, panel, alone)
    _count(dropped, SeparationWarning, ZEROS, panel, separated)
    rows = np.flatnonzero(keep)
    if not rows.size:
        raise EmptyDataError(NO_ROWS, count=0)
    whole = Sample(panel, rows, [], None)
    weights = None if panel.weights is None else whole.take(panel.weights)
    effects = [compact(whole.take(code))[0] for code in codes]
    varying = [Slope(panel.effect_codes(name), panel.slope_variable(of)).take(rows) for name, of in slopes]
    return Sample(panel, rows, effects, weights, varying)


def draw_cohort_sample(
    panel: Panel, outcome: str, covariates: str | Sequence[str] | None, dropped: Dropped
) -> tuple[Sample, list[str]]:
    """Take complete rows, as `draw_sample` does with effects of units and periods; also name the covariates' columns.

    Raises
    ------
    DataError, OptionError
    """
    if "cohort" not in panel.names:
        raise no_treated(panel.names, "", dropped)
    panel, names = panel.with_covariates(covariates, dropped)
    panel.check_roles(outcome, None, covariates=names)
    complete = panel.complete([outcome, *names], dropped)
    return draw_sample(complete, panel.effect_names(None), dropped, counts=None), names


def always_treated(count: int, first: Iterable[object]) -> dict[str, str]:
    """Say what becomes of units treated in all their rows."""
    if not count:
        return {}
    message = (
        f"{counted(count, 'unit is', 'units are')} treated in all periods: treated rows stay in the regression as "
        "comparison"
    )
    warn(AlwaysTreatedWarning(message, count=count, first=first))
    return {"always treated": f"{counted(count, 'unit')}, kept as comparison"}


def no_reference(horizons: Iterable[int], reference: int) -> str:
    """Say that no row stands at the reference horizon, and what to do where the calendar has gaps."""
    found = [str(h) for h in horizons]
    some = ", ".join(found if len(found) < 10 else [*found[:4], "...", *found[-4:]])
    return (
        f"no row of a treated unit is at the reference horizon {reference} (horizons {some}): choose another "
        "reference=, or on a calendar with gaps let horizons count steps, Panel(..., freq='observed')"
    )


def check_counts(outcome: np.ndarray, name: str, panel: Panel) -> None:
    """Raise a `DataError` where a count outcome is negative or always zero."""
    negative = np.flatnonzero(outcome < 0)
    require_counts(name, len(outcome), negative.size, panel.labels(negative[:5]), positive=bool(outcome.any()))


def _prune(codes: Sequence[np.ndarray], keep: np.ndarray, counts: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Clear `keep` for singletons and all-zero groups until none is left; return the masks of both."""
    alone, separated = np.zeros_like(keep), np.zeros_like(keep)
    changed = True
    while changed:
        changed = False
        for code in codes:
            size = np.bincount(code, keep)
            out = [(alone, size == 1)]
            if counts is not None:
                out.append((separated, (size > 1) & (np.bincount(code, np.where(keep, counts, 0.0)) == 0)))
            for mask, levels in out:
                if levels.any():
                    gone = keep & levels[code]
                    mask |= gone
                    keep ^= gone
                    changed = True
    return alone, separated


def _count(dropped: Dropped, category: type, reason: str, panel: Panel, gone: np.ndarray) -> None:
    rows = np.flatnonzero(gone)
    dropped.add(category, "rows", reason, rows.size, panel.labels(rows[:5]))
