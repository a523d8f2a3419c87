"""Build the firm-year panel from a folder of raw files, with its flows and codebook."""

from dataclasses import replace
from pathlib import Path

from aigreen.data.assemble.build import build
from aigreen.data.assemble.options import from_config
from aigreen_study.run.log import logged

with logged(snakemake) as log:
    options = replace(from_config(snakemake.config), threads=snakemake.threads)
    built = build(snakemake.params.raw, Path(snakemake.output.panel).parent, options)
    log.info("sample flow\n%s", built.assembled.flow.to_string(index=False))
