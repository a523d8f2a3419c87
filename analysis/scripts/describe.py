"""Sample flow, descriptive statistics and raw trends by cohort."""

import pandas as pd

from aigreen_study.figures import cohort_trends_figure, save_figure
from aigreen_study.run.step import study_step
from aigreen_study.tables import render
from aigreen_study.tables.calibration import calibration_table
from aigreen_study.tables.descriptives import descriptives_table, sample_flow_table
from aigreen_study.words import in_sentence

with study_step(snakemake) as step:
    config, labels, shown = step.config, step.labels, {"simulated": step.simulated}
    flow = pd.read_csv(snakemake.input.sample_flow)
    render.write(sample_flow_table(flow, units=config["panel"]["unit_label"], **shown), snakemake.output.sample_flow)
    described = descriptives_table(step.frame, labels[config["describe"]].to_dict(), **shown)
    render.write(described, snakemake.output.descriptives)
    if snakemake.input.calibration:
        render.write(calibration_table(pd.read_csv(snakemake.input.calibration)), snakemake.output.calibration)
    outcome = config["outcomes"]["log"]
    axes = {"time": step.roles["time"], "cohort": step.roles["cohort"]}
    steps = {axes["time"]: step.panel.time, axes["cohort"]: step.panel.cohort}
    frame = step.frame.assign(**{name: step.panel.in_frame_order(values) for name, values in steps.items()})
    figure = cohort_trends_figure(
        frame, outcome=outcome, **axes, ylabel=f"Mean of {in_sentence(labels[outcome])}", periods=step.periods, **shown
    )
    save_figure(figure, snakemake.output.trends)
