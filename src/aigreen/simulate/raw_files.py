"""Write the synthetic economy as raw files; the truth goes to a folder of its own."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import NamedTemporaryFile

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

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
    return _write(frame, Path(raw_folder) / FIRM_YEARS), _write(truth, Path(truth_folder) / TRUTH)


def _write(frame: pd.DataFrame, path: Path) -> Path:
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, delete=False) as part:
        try:
            pq.write_table(table, part, compression="zstd", version="2.6", use_dictionary=True)
            part.close()
            os.replace(part.name, path)
        except BaseException:
            Path(part.name).unlink(missing_ok=True)
            raise
    return path
