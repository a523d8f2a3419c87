"""The economy of the default study with other seeds, with exposure by distance alone, decomposed as that study does."""

from pathlib import Path

from aigreen.data.raw.yaml_file import read_yaml
from aigreen.disk import write_bytes
from aigreen.errors import ConfigError
from aigreen_study.monte_carlo.replicate import replicate_economy
from aigreen_study.run.log import logged

with logged(snakemake) as log:
    study = read_yaml(Path(snakemake.input.study), ConfigError)
    draws = replicate_economy(
        study["decomposition"], seed=study["seed"], **snakemake.params.block, **snakemake.params.options
    )
    log.info("%d lines", len(draws))
    write_bytes(Path(snakemake.output.draws), draws.to_parquet(index=False))
