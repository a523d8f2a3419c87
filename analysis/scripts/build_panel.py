"""Build the analysis panel of a public data set with its sample flow and codebook."""

from pathlib import Path

from aigreen.data.assemble.cities import cities
from aigreen.data.assemble.provinces import provinces
from aigreen.data.csv_export import csv_bytes
from aigreen.data.raw.flow import Read
from aigreen.data.registry import registry
from aigreen.data.sources import provinces as public
from aigreen.data.sources.cities import prefecture_panel
from aigreen.disk import write_bytes
from aigreen_study.run.log import logged

STEPS = {
    "cn_province_greenpatent_greenfinance": (public.provinces, provinces),
    "cn_prefecture_lowcarbon": (prefecture_panel, cities),
}

with logged(snakemake) as log:
    source, file = snakemake.params.source, snakemake.params.file
    adapt, assemble = STEPS[source]
    tidy = adapt(registry.fetch(source, "data/raw", file=file)[0])
    if isinstance(tidy, Read):
        log.info("raw file\n%s", tidy.flow.to_string(index=False))
        tidy = tidy.table
    built = assemble(tidy, timing=snakemake.params.timing)
    log.info("sample flow\n%s", built.flow.to_string(index=False))
    write_bytes(Path(snakemake.output.codebook), csv_bytes(built.codebook))
    write_bytes(Path(snakemake.output.sample_flow), csv_bytes(built.flow))
    built.frame.to_parquet(snakemake.output.panel, index=False)
