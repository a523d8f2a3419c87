"""Build the firm-year panel from a folder of raw files, with its flows and codebook."""

from dataclasses import replace
from pathlib import Path

from aigreen.assemble.build import build
from aigreen.assemble.options import from_config
from aigreen.report.log import logged

with logged(snakemake) as log:
    options = replace(from_config(snakemake.config), threads=snakemake.threads)
    built = build(snakemake.params.raw, Path(snakemake.output.panel).parent, options)
    log.info("sample flow\n%s", built.assembled.flow.to_string(index=False))
