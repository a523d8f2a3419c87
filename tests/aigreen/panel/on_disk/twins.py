"""The same panel in memory and on disk, in blocks of a few rows, and two results compared."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from aigreen import Effects, Panel
from aigreen.panel.on_disk.scanned import ScannedPanel

KEYS = {"unit": "firm", "time": "year", "cohort": "first"}


def twins(
    df: pd.DataFrame, folder: Path, rows: int = 40, memory: str = "500MB", **roles: str
) -> tuple[Panel, ScannedPanel]:
    """Rows are shuffled over two files; blocks hold about `rows` rows."""
    shuffled = df.sample(frac=1, random_state=1)
    half = len(df) // 2
    shuffled[:half].to_parquet(folder / "a.parquet", index=False)
    shuffled[half:].to_parquet(folder / "b.parquet", index=False)
    scanned = Panel.scan(folder / "*.parquet", **(KEYS | roles), memory=memory)
    scanned.block_rows = rows
    return Panel(df, **(KEYS | roles)), scanned


def outcome(fit, *args, **kwargs) -> tuple[Effects | Exception, list[tuple[type, str]]]:
    """Return a result or the error in its place, with the warnings."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            result = fit(*args, **kwargs)
        except Exception as error:
            result = error
    return result, [(one.category, str(one.message)) for one in told]


def assert_same(memory: Effects, disk: Effects, tolerance: float = 1e-10) -> None:
    """Every number and every word of a result."""
    assert disk.index.equals(memory.index)
    assert disk.clusters.equals(memory.clusters) and disk.clusters.name == memory.clusters.name
    finite = np.isfinite(memory.values)  # the log of a sum of zero is not
    assert np.array_equal(disk.values[~finite], memory.values[~finite], equal_nan=True)
    a, b = disk.values[finite], memory.values[finite]
    rounding = 1e-15  # all there is of effects that are zero
    assert np.abs(a - b).max(initial=0.0) <= tolerance * np.abs(b).max(initial=0.0) + rounding
    real = memory.to_frame()["std_error"].notna().to_numpy()  # others are rounding, with any degrees of freedom
    gap, size = (np.abs(psi[:, real]).max(initial=0.0) for psi in (disk.psi - memory.psi, memory.psi))
    assert gap <= tolerance * size
    for field in ("n_rows", "n_units", "n_clusters", "df", "method", "outcome", "leads", "anticipation"):
        assert getattr(disk, field) == getattr(memory, field), field
    assert dict(disk.conventions) == dict(memory.conventions)
    pd.testing.assert_frame_equal(disk.dropped, memory.dropped)
    pd.testing.assert_frame_equal(disk.to_frame(), memory.to_frame(), rtol=1e-8, atol=1e-10)
    pd.testing.assert_frame_equal(
        disk.effective_clusters()[real], memory.effective_clusters()[real], rtol=1e-8, atol=1e-10
    )
    if memory.mass is not None and "cohort" in memory.index.names:
        for how in ("simple", "group", "event_study", "calendar"):
            a, b = outcome(disk.aggregate, how)[0], outcome(memory.aggregate, how)[0]
            if isinstance(b, Exception):
                assert str(a) == str(b)
            else:
                pd.testing.assert_frame_equal(a.to_frame(), b.to_frame(), rtol=1e-8, atol=1e-10)


def assert_same_outcome(fit, panel: Panel, scanned: ScannedPanel, *args, **kwargs) -> Effects | Exception:
    """Fit both: the same result and the same warnings, or the same error."""
    memory, told = outcome(fit, panel, *args, **kwargs)
    disk, said = outcome(fit, scanned, *args, **kwargs)
    assert said == told, (said, told)
    if isinstance(memory, Exception):
        assert (type(disk), str(disk)) == (type(memory), str(memory)), (disk, memory)
    else:
        assert not isinstance(disk, Exception), disk
        assert_same(memory, disk)
    return disk
