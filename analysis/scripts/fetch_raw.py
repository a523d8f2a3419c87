"""Fetch a study's registered public files into data/raw and list them with hash, licence and citation."""

from aigreen.report.log import logged
from aigreen.sources.registry import fetch, registry

with logged(snakemake.log[0]) as log:
    source = snakemake.params.source
    for path in fetch(source, "data/raw"):
        log.info("have %s", path)
    registry().query("source == @source").to_csv(snakemake.output.manifest, index=False)
