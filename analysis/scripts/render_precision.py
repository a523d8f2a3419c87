"""A registry exhibit of kind precision: a line an estimate, with the smallest effect that it could have found."""

from aigreen_study.run.step import study_step
from aigreen_study.specification.results import read_printed
from aigreen_study.tables import render
from aigreen_study.tables.exhibits import precision_table

with study_step(snakemake) as step:
    results = read_printed(snakemake.input.estimates, snakemake.params.exhibit)
    table = precision_table(results, step.labels, level=step.level, simulated=step.simulated)
    render.write(table, snakemake.output.table)
