"""A registry exhibit of kind contrast: estimates, their differences and joint tests."""

from pathlib import Path

import pandas as pd

from aigreen_study.run.log import logged
from aigreen_study.specification.results import read_results
from aigreen_study.specification.specification import Exhibit
from aigreen_study.tables import render
from aigreen_study.tables.exhibits import contrast_table

with logged(snakemake):
    results = read_results(snakemake.input.estimates, Exhibit.from_printed(snakemake.params.exhibit))
    labels = pd.read_csv(snakemake.input.codebook).set_index("column")["label"]
    inference = snakemake.params.inference
    table = contrast_table(
        results,
        labels,
        level=inference["level"],
        simulated=snakemake.params.simulated,
        n_draws=inference["draws"],
        multipliers=inference["multipliers"],
        seed=snakemake.params.seed,
    )
    render.write(table, Path(snakemake.output.table[0]).with_suffix(""))
