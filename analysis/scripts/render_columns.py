"""A registry exhibit of kind columns: a regression table."""

from pathlib import Path

import pandas as pd

from aigreen.report.log import logged
from aigreen.report.specifications import columns_table
from aigreen.specification.results import read_results
from aigreen.specification.rows import Exhibit

with logged(snakemake):
    results = read_results(snakemake.input.estimates, Exhibit.from_printed(snakemake.params.exhibit))
    labels = pd.read_csv(snakemake.input.codebook).set_index("column")["label"]
    table = columns_table(results, labels.to_dict(), snakemake.params.roles, simulated=snakemake.params.simulated)
    table.write(Path(snakemake.output.table[0]).with_suffix(""))
