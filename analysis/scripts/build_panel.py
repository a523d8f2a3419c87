"""Build the analysis panel with its sample flow and codebook."""

from aigreen.assemble.cities import cities
from aigreen.assemble.firm_year import firm_year
from aigreen.assemble.provinces import provinces
from aigreen.report.log import logged
from aigreen.sources import public, registry, simulated
from aigreen.sources.cities import prefecture_panel
from aigreen.sources.record import Read

STEPS = {
    "simulated": (simulated.firm_years, firm_year),
    "cn_province_greenpatent_greenfinance": (public.provinces, provinces),
    "cn_prefecture_lowcarbon": (prefecture_panel, cities),
}

with logged(snakemake.log[0]) as log:
    source, file = snakemake.params.source, snakemake.params.file
    adapt, assemble = STEPS[source]
    raw = snakemake.input.raw if source == "simulated" else registry.fetch(source, "data/raw", file=file)[0]
    tidy = adapt(raw)
    if isinstance(tidy, Read):
        log.info("raw file\n%s", tidy.flow.to_string(index=False))
        tidy = tidy.table
    built = assemble(tidy, timing=snakemake.params.timing)
    log.info("sample flow\n%s", built.flow.to_string(index=False))
    built.codebook.to_csv(snakemake.output.codebook, index=False)
    built.flow.to_csv(snakemake.output.sample_flow, index=False)
    built.frame.to_parquet(snakemake.output.panel, index=False)
