"""Map of the units of a study of one's own panel."""

import numpy as np
import pandas as pd

from aigreen_study.figures import read_boundaries, save_figure, unit_map
from aigreen_study.own.panel import places
from aigreen_study.run.step import study_step

with study_step(snakemake) as step:
    unit, own = step.roles["unit"], step.config["own"]
    first = pd.Series(step.panel.unit_cohort, step.panel.units).replace(np.inf, np.nan)
    borders = read_boundaries(own["polygons"]) if "polygons" in own else ()
    figure = unit_map(places(step.frame, unit, own), first, borders, simulated=step.simulated, periods=step.periods)
    save_figure(figure, snakemake.output.figure)
