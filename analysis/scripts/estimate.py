"""Estimate all specifications of one exhibit, or put together what blocks of them gave."""

from pathlib import Path

import pandas as pd
from pyarrow.parquet import ParquetFile

from aigreen.simulate.economy.effects import EconomyEffects
from aigreen.simulate.economy.true_outcomes import flag_shares
from aigreen_study.run.log import logged
from aigreen_study.specification.blocks import gather
from aigreen_study.specification.estimate import fit_all
from aigreen_study.specification.known import Known
from aigreen_study.specification.registry import check_columns
from aigreen_study.specification.results import write_results
from aigreen_study.specification.specification import Specification


def estimate(folder, log):
    specifications = [Specification.from_record(record) for record in snakemake.params.specifications]
    frame = pd.read_parquet(snakemake.input.panel)
    check_columns(specifications, list(frame.columns))
    fitted, failures = fit_all(specifications, frame, snakemake.params.roles, log)
    truth = None
    if snakemake.input.truth:
        patents = ParquetFile(snakemake.input.patents)
        flags = [name for name in patents.schema_arrow.names if name not in ("patent_id", "firm_id")]
        known = Known(
            truth=pd.read_parquet(snakemake.input.truth),
            shares=flag_shares(patents.read(flags).to_pandas()),
            effects=EconomyEffects(**snakemake.params.effects),
            frame=frame,
            roles=snakemake.params.roles,
        )
        found = {part.id: known.of(part, fitted[part.id]) for part in specifications if part.id in fitted}
        truth = {key: value for key, value in found.items() if value is not None}
        log.info("truth: %s", truth)
    write_results(folder, fitted, failures, truth)


with logged(snakemake) as log:
    folder = Path(snakemake.output.estimates)
    if snakemake.input.blocks:
        gather(map(Path, snakemake.input.blocks), folder)
    else:
        estimate(folder, log)
