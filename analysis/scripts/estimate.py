"""Estimate all specifications of one exhibit."""

from pathlib import Path

import pandas as pd

from aigreen.errors import DataError, EstimationError
from aigreen_study.run.log import logged
from aigreen_study.specification.estimate import fit
from aigreen_study.specification.registry import check_columns
from aigreen_study.specification.results import write_results
from aigreen_study.specification.specification import Specification

with logged(snakemake) as log:
    specifications = [Specification.from_record(record) for record in snakemake.params.specifications]
    frame = pd.read_parquet(snakemake.input.panel)
    check_columns(specifications, list(frame.columns))
    fitted, failures = {}, {}
    for specification in specifications:
        try:
            fitted[specification.id] = fit(specification, frame, snakemake.params.roles)
        except (DataError, EstimationError) as error:
            failures[specification.id] = str(error).removeprefix(f"specification {specification.name}: ")
            log.warning("%s", error)
        else:
            log.info("%s\n%s", specification.name, fitted[specification.id].summary())
    write_results(Path(snakemake.output.estimates), fitted, failures)
