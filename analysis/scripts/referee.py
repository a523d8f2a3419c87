"""Which exhibits answer which objection."""

from pathlib import Path

from aigreen.report.log import logged
from aigreen.report.referee import referee_table

with logged(snakemake):
    params = snakemake.params
    table = referee_table(params.exhibits, params.others, simulated=params.simulated)
    table.write(Path(snakemake.output.table[0]).with_suffix(""))
