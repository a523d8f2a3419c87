"""Map of the units of a study of one's own panel."""

from aigreen_study.figures import read_boundaries, save_figure, unit_map
from aigreen_study.own.panel import places
from aigreen_study.run.step import study_step

with study_step(snakemake) as step:
    unit, cohort, own = step.roles["unit"], step.roles["cohort"], step.config["own"]
    first = step.frame.drop_duplicates(unit).set_index(unit)[cohort]
    borders = read_boundaries(own["polygons"]) if "polygons" in own else ()
    figure = unit_map(places(step.frame, unit, own), first, borders, simulated=step.simulated)
    save_figure(figure, snakemake.output.figure)
