"""Total = direct + channels + spillover: tables, figures and, where the truth is known, estimates against it."""

from pathlib import Path

import pandas as pd

from aigreen import Decomposition, Imputation, Panel
from aigreen.simulate.economy.truth import study_truth, true_parts
from aigreen_study.figures import parts_figure, parts_horizon_figure, save_figure
from aigreen_study.run.log import logged
from aigreen_study.tables import render
from aigreen_study.tables.parts import (
    decomposition_table,
    exposures_table,
    moves_table,
    named,
    part_labels,
    support,
    truth_table,
)

CENTRED = {
    "conservative": "treated rows centred by cohort and year",
    "leave_one_out": "treated rows centred by cohort and year without the own cluster",
}

SHARES = (
    "Intervals of shares hold the values for which part less share times total is not rejected (Fieller); where the "
    "total is too near zero, nothing bounds a share (none)."
)

with logged(snakemake) as log:
    config = snakemake.params.config
    roles, options, inference = config["panel"], config["decomposition"], config["inference"]
    simulated, outcome, level = config["simulated"], options["outcome"], inference["level"]
    labels = pd.read_csv(snakemake.input.codebook).set_index("column")["label"]
    frame = pd.read_parquet(snakemake.input.panel)
    panel = Panel(frame, **{role: roles[role] for role in ("unit", "time", "cohort", "cluster")})
    exposures = [options["exposure"], *options.get("alternatives", [])]
    results = {
        exposure: Decomposition(
            channels=options["channels"],
            exposure=exposure,
            response=options["response"],
            fixed_effects=options.get("fixed_effects"),
            variance=options["variance"],
        ).fit(panel, outcome)
        for exposure in exposures
    }
    for path, (exposure, result) in zip(snakemake.output.estimates, results.items(), strict=True):
        log.info("exposure %s\n%s", exposure, result.overall().summary())
        result.save(Path(path).with_suffix(""))

    names = part_labels(options["channels"], labels)
    parts = results[options["exposure"]]
    overall, study = named(parts.overall(), names), named(parts.event_study(), names)
    bands = {"n_draws": inference["draws"], "multipliers": inference["multipliers"], "seed": config["seed"]}
    shown = {"level": level, "simulated": simulated, **bands}
    effects = options.get("fixed_effects", [roles["unit"], roles["time"]])
    crossed = [" × ".join(labels[name].lower() for name in effect.split("^")) for effect in effects]
    notes = (
        f"Effects on {labels[outcome]}, averaged over treated rows. The parts add up to the total. "
        f"Exposure: {labels[options['exposure']].lower()}. Fixed effects: {', '.join(crossed)}. "
        f"Errors are clustered by {labels[roles['cluster']].lower()}, {CENTRED[options['variance']]}."
    )
    table = decomposition_table(overall, title="The effect and its parts", notes=f"{notes} {SHARES}", **shown)
    render.write(table, Path(snakemake.output.table[0]).with_suffix(""))
    clean = panel.clean(options["exposure"])
    estimator = Imputation(
        fixed_effects=options.get("fixed_effects"), variance=options["variance"], leads=options["leads"]
    )
    moves = {name: estimator.fit(clean, name) for name in [outcome, *options["channels"]]}
    for path, (name, result) in zip(snakemake.output.moves_estimates, moves.items(), strict=True):
        log.info("%s\n%s", name, result.overall().summary())
        result.save(Path(path).with_suffix(""))
    moved = moves_table(
        {labels[name]: result for name, result in moves.items()},
        title="Outcome and channels, each as an outcome of its own",
        level=level,
        notes="Imputation estimates on rows without exposure to zones elsewhere, averaged over treated rows; the test "
        f"is joint for the {options['leads']} years before treatment. {notes[notes.index('Fixed effects') :]}",
        simulated=simulated,
    )
    render.write(moved, Path(snakemake.output.moves[0]).with_suffix(""))
    columns = exposures_table(
        {labels[exposure]: named(result.overall(), names) for exposure, result in results.items()},
        {labels[exposure]: support(panel, exposure) for exposure in exposures},
        title="The effect and its parts, by what counts as exposure",
        notes=notes.split(" Exposure:")[0],
        simulated=simulated,
    )
    render.write(columns, Path(snakemake.output.exposures[0]).with_suffix(""))
    if simulated:
        known = study_truth(pd.read_parquet(snakemake.input.truth), options["channels"])
        truth = true_parts(frame, known, exposure=options["exposure"])
        render.write(
            truth_table(
                overall,
                truth.rename(index=names),
                title="The parts against the truth",
                notes="The truth of a part is the change that it makes in the mean of ln(1 + Y) of the treated rows, "
                "averaged over all orders in which parts can be added.",
                **shown,
            ),
            Path(snakemake.output.truth[0]).with_suffix(""),
        )
    figure = parts_figure(overall, ylabel=f"Effect on {labels[outcome]}", **shown)
    save_figure(figure, Path(snakemake.output.figure[0]).with_suffix(""))
    figure = parts_horizon_figure(study, ylabel=f"Effect on {labels[outcome]}", **shown)
    save_figure(figure, Path(snakemake.output.by_horizon[0]).with_suffix(""))
