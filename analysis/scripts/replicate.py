"""Panels of one design, each estimated by all estimators."""

from pathlib import Path

from aigreen.disk import write_bytes
from aigreen_study.monte_carlo.replicate import replicate
from aigreen_study.run.log import logged

with logged(snakemake) as log:
    draws = replicate(snakemake.wildcards.design, **snakemake.params.block, **snakemake.params.options)
    log.info("%d lines, %d without an estimate", len(draws), draws["estimate"].isna().sum())
    write_bytes(Path(snakemake.output.draws), draws.to_parquet(index=False))
