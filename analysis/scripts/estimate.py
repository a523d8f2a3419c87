"""Estimate all specifications of one exhibit, or put together what blocks of them gave."""

from functools import cache
from pathlib import Path

import pandas as pd
from pyarrow.parquet import ParquetFile

from aigreen.simulate.economy.effects import EconomyEffects
from aigreen.simulate.economy.true_outcomes import flag_shares
from aigreen_study.run.log import logged
from aigreen_study.specification.blocks import gather
from aigreen_study.specification.estimate import fit_all
from aigreen_study.specification.known import KEYS, Known
from aigreen_study.specification.registry import check_columns
from aigreen_study.specification.results import write_results
from aigreen_study.specification.specification import Specification


def estimate(folder, log):
    specifications = [Specification.from_record(record) for record in snakemake.params.specifications]
    columns = ParquetFile(snakemake.input.panel).schema_arrow.names
    check_columns(specifications, columns)
    named = {*KEYS, *snakemake.params.roles.values(), *(name for part in specifications for name in part.columns)}
    frame = pd.read_parquet(snakemake.input.panel, columns=[name for name in columns if name in named])
    fitted, failures = fit_all(specifications, frame, snakemake.params.roles, log)
    truth = None
    if snakemake.input.truth:

        @cache
        def shares():
            patents = ParquetFile(snakemake.input.patents)
            flags = [name for name in patents.schema_arrow.names if name not in ("patent_id", "firm_id")]
            return flag_shares(patents.read(flags).to_pandas())

        known = Known(
            truth=pd.read_parquet(snakemake.input.truth),
            shares=shares,
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
