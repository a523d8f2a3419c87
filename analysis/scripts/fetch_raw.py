"""Fetch a study's registered public files into data/raw and list them with hash, licence and citation."""

from pathlib import Path

from aigreen.data.csv_export import csv_bytes
from aigreen.data.registry.registry import fetch, registry
from aigreen.disk import write_bytes
from aigreen_study.run.log import logged

with logged(snakemake) as log:
    source, file = snakemake.params.source, snakemake.params.file
    for path in fetch(source, "data/raw", file=file):
        log.info("have %s", path)
    rows = registry().query("source == @source")
    listed = rows[rows["file"] == file if file else rows.index >= 0]
    write_bytes(Path(snakemake.output.manifest), csv_bytes(listed))
