"""An estimate for each element of the argument, from the numbers of this study and the accepted ones of others."""

from pathlib import Path

from aigreen_study.run.log import logged
from aigreen_study.tables import ledgers, render

with logged(snakemake):
    numbers = ledgers.read(map(Path, [snakemake.input.own, *snakemake.input.numbers]))
    render.write(ledgers.elements(snakemake.params.rows, numbers, snakemake.params.study), snakemake.output.table)
