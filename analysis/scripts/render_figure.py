"""A registry exhibit of kind figure: estimates by group, one line each."""

from pathlib import Path

import pandas as pd

from aigreen_study.figures import coefficient_figure, save_figure
from aigreen_study.run.log import logged
from aigreen_study.specification.results import read_results
from aigreen_study.specification.specification import Exhibit
from aigreen_study.tables.exhibits import equalities, grouped, outcome_label

with logged(snakemake):
    results = read_results(snakemake.input.estimates, Exhibit.from_printed(snakemake.params.exhibit))
    labels = pd.read_csv(snakemake.input.codebook).set_index("column")["label"]
    figure = coefficient_figure(
        grouped(results),
        p_values=equalities(results) if results.exhibit.kind == "figure" else {},
        xlabel=f"Effect on {outcome_label(results, labels)}",
        level=snakemake.params.inference["level"],
        simulated=snakemake.params.simulated,
    )
    save_figure(figure, Path(snakemake.output.figure[0]).with_suffix(""))
