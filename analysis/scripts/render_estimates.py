"""A registry exhibit of kind estimates: a line an estimate."""

from aigreen_study.run.step import study_step
from aigreen_study.specification.results import read_printed
from aigreen_study.tables import render
from aigreen_study.tables.exhibits import estimates_table

with study_step(snakemake) as step:
    results = read_printed(snakemake.input.estimates, snakemake.params.exhibit)
    table = estimates_table(results, step.labels, level=step.level, simulated=step.simulated)
    render.write(table, snakemake.output.table)
