"""A registry exhibit of kind estimates or range: a line an estimate."""

from aigreen_study.run.step import study_step
from aigreen_study.specification.results import read_printed
from aigreen_study.tables import render
from aigreen_study.tables.exhibits import estimates_table, range_table

with study_step(snakemake) as step:
    results = read_printed(snakemake.input.estimates, snakemake.params.exhibit)
    shown = {"level": step.level, "simulated": step.simulated}
    kind = range_table if results.exhibit.kind == "range" else estimates_table
    table = kind(results, step.labels, **shown)
    render.write(table, snakemake.output.table)
