"""A registry exhibit of kind contrast: estimates, their differences and joint tests."""

from aigreen_study.run.step import study_step
from aigreen_study.specification.results import read_printed
from aigreen_study.tables import render
from aigreen_study.tables.exhibits import contrast_table

with study_step(snakemake) as step:
    results = read_printed(snakemake.input.estimates, snakemake.params.exhibit)
    table = contrast_table(results, step.labels, level=step.level, simulated=step.simulated, **step.bands)
    render.write(table, snakemake.output.table)
