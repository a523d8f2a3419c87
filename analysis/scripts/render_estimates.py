"""A registry exhibit of kind estimates: a line an estimate."""

from pathlib import Path

import pandas as pd

from aigreen.report.log import logged
from aigreen.report.specifications import estimates_table
from aigreen.specification.results import read_results
from aigreen.specification.rows import Exhibit

with logged(snakemake):
    results = read_results(snakemake.input.estimates, Exhibit.from_printed(snakemake.params.exhibit))
    labels = pd.read_csv(snakemake.input.codebook).set_index("column")["label"]
    level, simulated = snakemake.params.inference["level"], snakemake.params.simulated
    table = estimates_table(results, labels, level=level, simulated=simulated)
    table.write(Path(snakemake.output.table[0]).with_suffix(""))
