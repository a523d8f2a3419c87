"""Estimation samples of regressions on a panel on disk: singletons, separation."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

import numpy as np

from aigreen.errors import EmptyDataError, SeparationWarning, SingletonWarning
from aigreen.panel.dropped import Dropped
from aigreen.panel.on_disk.blocks import Block, Counted
from aigreen.panel.on_disk.sample import ScannedSample
from aigreen.panel.on_disk.scanned import ScannedPanel
from aigreen.regression.sample import ALONE, NO_ROWS, ZEROS

# Levels of an effect with one row, and those with more that hold no positive count; None for the units of a block.
_Step = tuple[str, np.ndarray, np.ndarray] | None


def draw_scanned(
    panel: ScannedPanel, columns: Sequence[str], fixed_effects: Sequence[str], dropped: Dropped, *, counts: bool = False
) -> tuple[ScannedSample, int]:
    """Take rows as `draw_sample` does: complete, of positive weight, without singletons and all-zero groups.

    Parameters
    ----------
    columns : sequence of str
        The outcome first.
    fixed_effects : sequence of str
        In the order in which they are gone through, with that of the unit.
    counts : bool
        The outcome is one of a count model.

    Returns
    -------
    sample, and the last period of the complete rows

    Raises
    ------
    DataError
    """
    unit, outcome = panel.names["unit"], columns[0] if counts else None
    effects = [name for name in fixed_effects if name != unit]
    sample = ScannedSample.complete(panel, columns, dropped, effects=effects, positive=True, counts=outcome)
    steps: list[_Step] = [None] if fixed_effects[0] == unit else []
    found: _Pass | None = None
    for name in cycle(fixed_effects):
        if name == unit:
            if steps[-1:] != [None]:
                steps.append(None)
                found = None
            if effects:
                continue
        if found is None:
            found = _Pass(sample, steps, outcome)
            if steps[-1:] == [None] and not any(levels.any() for both in found.levels.values() for levels in both):
                break
        if any(levels.any() for levels in found.levels[name]):
            steps.append((name, *found.levels[name]))
            found = None
    assert found is not None
    alone, separated = found.gone
    dropped.add(SingletonWarning, "rows", ALONE, alone.count, alone.first)
    dropped.add(SeparationWarning, "rows", ZEROS, separated.count, separated.first)
    last, n_gone = int(sample.times[-1]), alone.count + separated.count
    if n_gone == sample.rows.sum():
        raise EmptyDataError(NO_ROWS, count=0)
    if n_gone:
        sample = sample.restricted(lambda block: ~np.logical_or(*_lost(block, steps, outcome)))
    return sample, last


class _Pass:
    """A pass through the rows that are left.

    Attributes
    ----------
    levels : dict of str to (ndarray of bool, ndarray of bool)
        Of each effect beside the unit's, those with one row, and those of zeros.
    gone : (Counted, Counted)
        Rows left out so far, alone and in groups of zeros.
    """

    def __init__(self, sample: ScannedSample, steps: Sequence[_Step], counts: str | None) -> None:
        sizes = {name: np.zeros((2, sample.panel.n_levels(name))) for name in sample.effects}
        self.gone = Counted(), Counted()
        for block in sample.blocks("singletons"):
            lost = _lost(block, steps, counts)
            for gone, mask in zip(self.gone, lost, strict=True):
                gone.add(block, np.flatnonzero(mask), sample.periods)
            for name, size in sizes.items():
                size += _sizes(block, block.codes[name], size.shape[1], ~np.logical_or(*lost), counts)
        self.levels = {name: _levels(size) for name, size in sizes.items()}


def _lost(block: Block, steps: Sequence[_Step], counts: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Mark the rows of a block that steps, one after the other, leave out as alone and as in a group of zeros."""
    keep = np.ones(len(block), dtype=bool)
    lost = np.zeros_like(keep), np.zeros_like(keep)
    for step in steps:
        if step is None:
            code, levels = block.unit, _levels(_sizes(block, block.unit, block.n_units, keep, counts))
        else:
            code, levels = block.codes[step[0]], step[1:]
        for mask, some in zip(lost, levels, strict=True):
            gone = keep & some[code]
            mask |= gone
            keep ^= gone
    return lost


def _sizes(block: Block, code: np.ndarray, n: int, keep: np.ndarray, counts: str | None) -> np.ndarray:
    """Rows that are kept, and the sum of their counts, by level, shape (2, n)."""
    size = np.bincount(code, keep, n)
    return np.stack([size, size if counts is None else np.bincount(code, block.columns[counts] * keep, n)])


def _levels(sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    size, total = sizes
    return size == 1, (size > 1) & (total == 0)
