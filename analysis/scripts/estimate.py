"""Estimate all specifications of one exhibit."""

from pathlib import Path

import pandas as pd

from aigreen_study.run.log import logged
from aigreen_study.specification.estimate import fit_all
from aigreen_study.specification.registry import check_columns
from aigreen_study.specification.results import write_results
from aigreen_study.specification.specification import Specification

with logged(snakemake) as log:
    specifications = [Specification.from_record(record) for record in snakemake.params.specifications]
    frame = pd.read_parquet(snakemake.input.panel)
    check_columns(specifications, list(frame.columns))
    fitted, failures = fit_all(specifications, frame, snakemake.params.roles, log)
    write_results(Path(snakemake.output.estimates), fitted, failures)
