"""Build the firm-year panel of US listed firms from a folder of open patent files, with its flows and codebook."""

from dataclasses import replace
from pathlib import Path

from aigreen.data.assemble.us_build import build, from_config
from aigreen.data.csv_export import csv_bytes
from aigreen.disk import write_bytes
from aigreen_study.run.log import logged

with logged(snakemake) as log:
    options = replace(from_config(snakemake.params.config), threads=snakemake.threads)
    built, source_flow = build(snakemake.params.raw, options)
    log.info("sample flow\n%s", built.flow.to_string(index=False))
    write_bytes(Path(snakemake.output.codebook), csv_bytes(built.codebook))
    write_bytes(Path(snakemake.output.sample_flow), csv_bytes(built.flow))
    write_bytes(Path(snakemake.output.source_flow), csv_bytes(source_flow))
    built.frame.to_parquet(snakemake.output.panel, index=False)
