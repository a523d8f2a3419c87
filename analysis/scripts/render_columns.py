"""A registry exhibit of kind columns: a regression table."""

from aigreen_study.run.step import study_step
from aigreen_study.specification.results import read_printed
from aigreen_study.tables import render
from aigreen_study.tables.exhibits import columns_table

with study_step(snakemake) as step:
    results = read_printed(snakemake.input.estimates, snakemake.params.exhibit)
    table = columns_table(results, step.labels, step.roles, level=step.level, simulated=step.simulated)
    render.write(table, snakemake.output.table)
