"""Build the analysis panel from a file of the user's, with its sample flow and codebook."""

from pathlib import Path

from aigreen.data.csv_export import csv_bytes
from aigreen.disk import write_bytes
from aigreen_study.own.panel import own_panel
from aigreen_study.run.log import logged

with logged(snakemake) as log:
    built = own_panel(snakemake.params.own)
    log.info("sample flow\n%s", built.flow.to_string(index=False))
    write_bytes(Path(snakemake.output.codebook), csv_bytes(built.codebook))
    write_bytes(Path(snakemake.output.sample_flow), csv_bytes(built.flow))
    built.frame.to_parquet(snakemake.output.panel, index=False)
