"""Which exhibits answer which objection."""

from pathlib import Path

from aigreen_study.run.log import logged
from aigreen_study.tables import render
from aigreen_study.tables.referee import referee_tables

with logged(snakemake):
    params = snakemake.params
    tables = referee_tables(params.exhibits, params.others, simulated=params.simulated)
    for table, files in zip(tables, (snakemake.output.identification, snakemake.output.measurement), strict=True):
        render.write(table, Path(files[0]).with_suffix(""))
