"""Group-time effects: their event study, overall averages, tables and figure."""

from pathlib import Path

import pandas as pd

from aigreen import GroupTimeATT, Panel
from aigreen.simulate.economy.truth import true_average, true_cells
from aigreen_study.figures import event_study_figure, save_figure
from aigreen_study.run.log import logged
from aigreen_study.tables import render
from aigreen_study.tables.estimates import effects_table, overall_table

AVERAGES = {
    "simple": "All treated rows (simple)",
    "group": "Cohorts (group)",
    "event_study": "Years since treatment (event study)",
    "calendar": "Years (calendar)",
}

with logged(snakemake) as log:
    config = snakemake.params.config
    roles, options, inference = config["panel"], config["event_study"], config["inference"]
    simulated, outcome = config["simulated"], config["outcomes"]["log"]
    labels = pd.read_csv(snakemake.input.codebook).set_index("column")["label"]
    frame = pd.read_parquet(snakemake.input.panel)
    panel = Panel(frame, **{role: roles[role] for role in ("unit", "time", "cohort", "cluster")})
    estimator = GroupTimeATT(
        control_group=options["control_group"],
        method=options["method"],
        base_period=options["base_period"],
        anticipation=options["anticipation"],
    )
    att = estimator.fit(panel, outcome, covariates=options.get("covariates"))
    log.info("group-time effects\n%s", att.summary())
    att.save(Path(snakemake.output.estimates[0]).with_suffix(""))

    study = att.event_study(window=options["horizons"])
    bands = {
        "level": inference["level"],
        "n_draws": inference["draws"],
        "multipliers": inference["multipliers"],
        "seed": config["seed"],
    }
    averages = {label: att.aggregate(how).overall() for how, label in AVERAGES.items()}
    truth = None
    if simulated:
        cells = true_cells(frame, pd.read_parquet(snakemake.input.truth), att.index)
        truth = {label: true_average(cells, average) for label, average in averages.items()}
    notes = (
        f"Group-time effects on {labels[outcome]}; controls: {options['control_group'].replace('_', ' ')}; "
        f"errors clustered by {labels[roles['cluster']].lower()}."
    )

    table = effects_table(study, key="event_study", title="Event study", notes=notes, simulated=simulated, **bands)
    render.write(table, Path(snakemake.output.event_study[0]).with_suffix(""))
    overall = overall_table(
        averages,
        key="overall",
        title="Average effects on the treated",
        truth=truth,
        level=inference["level"],
        notes=notes,
        simulated=simulated,
    )
    render.write(overall, Path(snakemake.output.overall[0]).with_suffix(""))
    figure = event_study_figure(study, ylabel=f"Effect on {labels[outcome]}", simulated=simulated, **bands)
    save_figure(figure, Path(snakemake.output.figure[0]).with_suffix(""))
