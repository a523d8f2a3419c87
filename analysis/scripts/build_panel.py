"""Build the analysis panel with its sample flow and codebook."""

from aigreen.assemble.firm_year import firm_year
from aigreen.assemble.provinces import provinces
from aigreen.report.log import logged
from aigreen.sources import public, registry, simulated

with logged(snakemake.log[0]) as log:
    source, timing = snakemake.params.source, snakemake.params.timing
    if source == "simulated":
        built = firm_year(simulated.firm_years(snakemake.input.raw), timing=timing)
    else:
        built = provinces(public.provinces(registry.fetch(source, "data/raw")[0]), timing=timing)
    log.info("sample flow\n%s", built.flow.to_string(index=False))
    built.codebook.to_csv(snakemake.output.codebook, index=False)
    built.flow.to_csv(snakemake.output.sample_flow, index=False)
    built.frame.to_parquet(snakemake.output.panel, index=False)
