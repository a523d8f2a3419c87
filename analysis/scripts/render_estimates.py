"""A registry exhibit of kind estimates: a line an estimate."""

from pathlib import Path

import pandas as pd

from aigreen_study.run.log import logged
from aigreen_study.specification.results import read_results
from aigreen_study.specification.specification import Exhibit
from aigreen_study.tables import render
from aigreen_study.tables.exhibits import estimates_table

with logged(snakemake):
    results = read_results(snakemake.input.estimates, Exhibit.from_printed(snakemake.params.exhibit))
    labels = pd.read_csv(snakemake.input.codebook).set_index("column")["label"]
    level, simulated = snakemake.params.inference["level"], snakemake.params.simulated
    table = estimates_table(results, labels, level=level, simulated=simulated)
    render.write(table, Path(snakemake.output.table[0]).with_suffix(""))
