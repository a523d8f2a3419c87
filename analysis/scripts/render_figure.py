"""A registry exhibit of kind figure or points: estimates by group, one line each."""

from aigreen_study.figures import coefficient_figure, save_figure
from aigreen_study.run.step import study_step
from aigreen_study.specification.results import read_printed
from aigreen_study.tables.exhibits import outcome_label

with study_step(snakemake) as step:
    results = read_printed(snakemake.input.estimates, snakemake.params.exhibit)
    figure = coefficient_figure(
        results.grouped,
        p_values=results.equalities if results.exhibit.joint else {},
        xlabel=f"Effect on {outcome_label(results, step.labels)}",
        level=step.level,
        simulated=step.simulated,
    )
    save_figure(figure, snakemake.output.figure)
