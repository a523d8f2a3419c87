"""Build the analysis panel of a public data set with its sample flow and codebook."""

from pathlib import Path

from aigreen.data.assemble.cities import cities
from aigreen.data.assemble.city_industries import city_industries
from aigreen.data.assemble.ets_firms import ets_firms
from aigreen.data.assemble.provinces import provinces
from aigreen.data.csv_export import csv_bytes
from aigreen.data.raw.flow import Read
from aigreen.data.registry import registry
from aigreen.data.sources import cui2018
from aigreen.data.sources import provinces as public
from aigreen.data.sources.cities import prefecture_panel
from aigreen.data.sources.city_industries import city_industry_patents
from aigreen.disk import write_bytes
from aigreen_study.run.log import logged

STEPS = {
    "cn_province_greenpatent_greenfinance": (public.provinces, provinces),
    "cn_prefecture_lowcarbon": (prefecture_panel, cities),
    "cui2018_ets_firm_patents": (cui2018.firm_panel, ets_firms),
    "cn_ai_pilot_zones_patents": (city_industry_patents, city_industries),
}
WITH_RECORD = (ets_firms,)  # their sample flow begins with that of the raw file

with logged(snakemake) as log:
    source, file = snakemake.params.source, snakemake.params.file
    adapt, assemble = STEPS[source]
    tidy = adapt(registry.fetch(source, "data/raw", file=file)[0])
    if isinstance(tidy, Read):
        log.info("raw file\n%s", tidy.flow.to_string(index=False))
        tidy = tidy if assemble in WITH_RECORD else tidy.table
    timing = snakemake.params.timing  # of zones, where the study has any
    built = assemble(tidy, timing=timing) if timing else assemble(tidy)
    log.info("sample flow\n%s", built.flow.to_string(index=False))
    write_bytes(Path(snakemake.output.codebook), csv_bytes(built.codebook))
    write_bytes(Path(snakemake.output.sample_flow), csv_bytes(built.flow))
    built.frame.to_parquet(snakemake.output.panel, index=False)
