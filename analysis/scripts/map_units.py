"""Map of the units of a study by their first treated year."""

from aigreen_study.figures import save_figure, unit_map
from aigreen_study.run.step import study_step

with study_step(snakemake) as step:
    named = {role: step.roles[role] for role in ("unit", "time", "cohort")}
    figure = unit_map(step.frame, **named, **step.checks["unit_map"], simulated=step.simulated)
    save_figure(figure, snakemake.output.figure)
