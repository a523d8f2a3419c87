"""Map of the units of a study by their first treated year."""

from aigreen_study.figures import mainland_map, save_figure
from aigreen_study.run.step import study_step

with study_step(snakemake) as step:
    named = {role: step.roles[role] for role in ("unit", "time", "cohort")}
    figure = mainland_map(step.frame, **named, **step.checks["unit_map"], simulated=step.simulated)
    save_figure(figure, snakemake.output.figure)
