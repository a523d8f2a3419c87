"""What real data say, from the accepted numbers of the studies of real data."""

from pathlib import Path

from aigreen_study.run.log import logged
from aigreen_study.tables import ledgers, render

with logged(snakemake):
    table = ledgers.real_evidence(snakemake.params.rows, ledgers.read(map(Path, snakemake.input.numbers)))
    render.write(table, snakemake.output.table)
