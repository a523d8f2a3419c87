"""Which exhibits answer which objection."""

from aigreen_study.run.log import logged
from aigreen_study.tables import render
from aigreen_study.tables.referee import referee_tables

with logged(snakemake):
    params = snakemake.params
    tables = referee_tables(params.objections, params.shown, simulated=params.simulated)
    render.write(tables["identification"], snakemake.output.identification)
    render.write(tables["measurement"], snakemake.output.measurement)
