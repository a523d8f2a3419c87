"""Fetch a study's registered public files into data/raw and list them with hash, licence and citation."""

from aigreen.report.log import logged
from aigreen.sources.registry import fetch, registry

with logged(snakemake) as log:
    source, file = snakemake.params.source, snakemake.params.file
    for path in fetch(source, "data/raw", file=file):
        log.info("have %s", path)
    rows = registry().query("source == @source")
    rows[rows["file"] == file if file else rows.index >= 0].to_csv(snakemake.output.manifest, index=False)
