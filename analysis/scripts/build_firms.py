"""Build the firm-year panel from a folder of raw files, with its flows and codebook."""

from pathlib import Path

from aigreen.assemble.build import BuildOptions, build
from aigreen.assemble.firm_years import Options
from aigreen.report.log import logged

with logged(snakemake.log[0]) as log:
    years = snakemake.params.years
    options = Options(timing=snakemake.params.timing, years=tuple(years) if years else None)
    out = Path(snakemake.output.panel).parent
    built = build(snakemake.input.raw, out, BuildOptions(panel=options, threads=snakemake.threads))
    log.info("sample flow\n%s", built.assembled.flow.to_string(index=False))
