"""The differences between groups of firms of the default study, in economies of other seeds."""

from pathlib import Path

from aigreen.disk import write_bytes
from aigreen_study.config import DEFAULT, read_config
from aigreen_study.monte_carlo.contrasts import EXHIBITS, replicate_contrasts
from aigreen_study.run.log import logged
from aigreen_study.specification.registry import read_registry

with logged(snakemake) as log:
    folder = Path(snakemake.input.study).parent
    study = read_config({"study": DEFAULT}, folder)
    registry = read_registry(folder, study)
    draws = replicate_contrasts(
        [registry[name] for name in EXHIBITS], study, **snakemake.params.block, **snakemake.params.options
    )
    log.info("%d lines", len(draws))
    write_bytes(Path(snakemake.output.draws), draws.to_parquet(index=False))
