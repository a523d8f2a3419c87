"""Write the synthetic economy as raw files; the truth goes to a folder of its own."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from aigreen.simulate.economy.writing import parquet

FIRM_YEARS = "firm_years.parquet"
TRUTH = "truth.parquet"


def write_raw_files(
    frame: pd.DataFrame, truth: pd.DataFrame, *, raw_folder: Path | str, truth_folder: Path | str
) -> tuple[Path, Path]:
    """Write what an observer sees and what only the simulation knows.

    The same frames give the same bytes, and a file appears only when it is whole.

    Parameters
    ----------
    frame, truth : DataFrame
        As `aigreen.simulate.world.firm_panel` returns them.
    raw_folder, truth_folder : path
        Made if absent; no adapter reads from the second.

    Returns
    -------
    tuple of Path
        ``raw_folder/firm_years.parquet`` and ``truth_folder/truth.parquet``.
    """
    return parquet(Path(raw_folder) / FIRM_YEARS, frame), parquet(Path(truth_folder) / TRUTH, truth)
