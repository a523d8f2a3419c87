"""A registry exhibit of kind curve: all specifications in order, their joint tests, and the choices that make them."""

from pathlib import Path

import pandas as pd

from aigreen_study.figures import save_figure, specification_curve
from aigreen_study.run.log import logged
from aigreen_study.specification.results import read_results
from aigreen_study.specification.specification import Exhibit
from aigreen_study.tables.exhibits import choices, outcome_label

with logged(snakemake):
    results = read_results(snakemake.input.estimates, Exhibit.from_printed(snakemake.params.exhibit))
    labels = pd.read_csv(snakemake.input.codebook).set_index("column")["label"]
    inference = snakemake.params.inference
    figure = specification_curve(
        results.single,
        choices(results, labels, snakemake.params.roles),
        preferred=results.estimated[0].id,
        ylabel=f"Effect on {outcome_label(results, labels)}",
        level=inference["level"],
        n_draws=inference["draws"],
        multipliers=inference["multipliers"],
        seed=snakemake.params.seed,
        simulated=snakemake.params.simulated,
    )
    save_figure(figure, Path(snakemake.output.figure[0]).with_suffix(""))
