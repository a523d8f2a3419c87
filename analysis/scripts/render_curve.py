"""A registry exhibit of kind curve: all specifications in order, their joint tests, and the choices that make them."""

from aigreen_study.figures import save_figure, specification_curve
from aigreen_study.run.step import study_step
from aigreen_study.specification.results import read_printed
from aigreen_study.tables.exhibits import choices, outcome_label

with study_step(snakemake) as step:
    results = read_printed(snakemake.input.estimates, snakemake.params.exhibit)
    figure = specification_curve(
        results.single,
        choices(results, step.labels, step.roles),
        preferred=results.estimated[0].id,
        ylabel=f"Effect on {outcome_label(results, step.labels)}",
        level=step.level,
        simulated=step.simulated,
        **step.bands,
    )
    save_figure(figure, snakemake.output.figure)
