"""A registry exhibit of kind figure: estimates by group, one line each."""

from pathlib import Path

import pandas as pd

from aigreen.report.figures import coefficient_figure, save_figure
from aigreen.report.log import logged
from aigreen.report.specifications import equalities, grouped, outcome_label
from aigreen.specification.results import read_results
from aigreen.specification.rows import Exhibit

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
