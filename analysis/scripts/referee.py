"""Which exhibits answer which objection."""

from pathlib import Path

from aigreen.report.log import logged
from aigreen.report.referee import referee_tables

with logged(snakemake):
    params = snakemake.params
    tables = referee_tables(params.exhibits, params.others, simulated=params.simulated)
    for table, files in zip(tables, (snakemake.output.identification, snakemake.output.measurement), strict=True):
        table.write(Path(files[0]).with_suffix(""))
