"""Build the analysis panel of a study whose raw data are compiled in fact tables, with sample flow and codebook."""

from pathlib import Path

from aigreen.data import facts
from aigreen.data.assemble.facilities import facilities
from aigreen.data.csv_export import csv_bytes
from aigreen.disk import write_bytes
from aigreen_study.run.log import logged

STEPS = {"us_facilities": facilities}

with logged(snakemake) as log:
    built = STEPS[snakemake.params.source](*(facts.table(name) for name in snakemake.params.facts))
    log.info("sample flow\n%s", built.flow.to_string(index=False))
    write_bytes(Path(snakemake.output.codebook), csv_bytes(built.codebook))
    write_bytes(Path(snakemake.output.sample_flow), csv_bytes(built.flow))
    built.frame.to_parquet(snakemake.output.panel, index=False)
