"""Sample flow, descriptive statistics and raw trends by cohort."""

from pathlib import Path

import pandas as pd

from aigreen_study.figures import cohort_trends_figure, save_figure
from aigreen_study.run.log import logged
from aigreen_study.tables import render
from aigreen_study.tables.calibration import calibration_table
from aigreen_study.tables.descriptives import descriptives_table, sample_flow_table

with logged(snakemake):
    config = snakemake.params.config
    simulated, roles = config["simulated"], config["panel"]
    frame = pd.read_parquet(snakemake.input.panel)
    labels = pd.read_csv(snakemake.input.codebook).set_index("column")["label"]

    flow = sample_flow_table(pd.read_csv(snakemake.input.sample_flow), units=roles["unit_label"], simulated=simulated)
    render.write(flow, Path(snakemake.output.sample_flow[0]).with_suffix(""))
    described = descriptives_table(frame, labels[config["describe"]].to_dict(), simulated=simulated)
    render.write(described, Path(snakemake.output.descriptives[0]).with_suffix(""))
    if simulated:
        reached = calibration_table(pd.read_csv(snakemake.input.calibration))
        render.write(reached, Path(snakemake.output.calibration[0]).with_suffix(""))
    outcome = config["outcomes"]["log"]
    figure = cohort_trends_figure(
        frame,
        outcome=outcome,
        time=roles["time"],
        cohort=roles["cohort"],
        ylabel=f"Mean of {labels[outcome]}",
        simulated=simulated,
    )
    save_figure(figure, Path(snakemake.output.trends[0]).with_suffix(""))
