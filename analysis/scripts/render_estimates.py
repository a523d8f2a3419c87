"""A registry exhibit of kind estimates: a line an estimate."""

from pathlib import Path

from aigreen.report.log import logged
from aigreen.report.specifications import estimates_table
from aigreen.specification.registry import Exhibit
from aigreen.specification.results import read_results

with logged(snakemake.log[0]):
    results = read_results(snakemake.input.estimates, Exhibit.from_printed(snakemake.params.exhibit))
    level, simulated = snakemake.params.inference["level"], snakemake.params.simulated
    estimates_table(results, level=level, simulated=simulated).write(Path(snakemake.output.table[0]).with_suffix(""))
