"""Total = direct + channels + spillover: tables, figures and, where the truth is known, estimates against it."""

import pandas as pd

from aigreen.simulate.economy.effects import EconomyEffects
from aigreen.simulate.economy.truth import true_log_parts, true_parts
from aigreen_study.figures import parts_figure, parts_horizon_figure, save_figure
from aigreen_study.run.step import ECONOMY, study_step
from aigreen_study.specification.decomposed import moved_by_zones, on_scales, study_decomposition, study_moves
from aigreen_study.specification.known import Known
from aigreen_study.specification.parts import behind, movement, support
from aigreen_study.specification.split import decompositions, exposures, headline_outcome
from aigreen_study.tables import parts, render
from aigreen_study.words import in_sentence

with study_step(snakemake) as step:
    options, panel, labels = step.config["decomposition"], step.panel, step.labels
    outcome, exposed = headline_outcome(options), exposures(options)
    shown = {"level": step.level, "simulated": step.simulated}
    asked = decompositions(options)
    results = {name: study_decomposition(options, exposure=of).fit(panel, outcome) for name, of in asked.items()}
    main = next(iter(results.values()))
    step.save(results, snakemake.output.estimates)
    moves = study_moves(options, panel)
    step.save(moves, snakemake.output.moves_estimates)

    names = parts.part_labels(options["channels"], labels)
    overall = parts.named(main.overall(), names)
    notes = parts.Notes(options, labels, step.roles, step.elsewhere, step.periods.word)
    rows = behind(study_decomposition(options), panel, outcome)
    told = f"{notes.parts} {parts.rows_note(rows, in_sentence(step.config['panel']['unit_label']))}"
    render.write(parts.decomposition_table(overall, notes=told, **shown, **step.bands), snakemake.output.table)
    moved = {labels[name]: movement(result) for name, result in moves.items()}
    true_moves = None
    if step.config["source"] == ECONOMY:
        economy = EconomyEffects(**step.config["simulation"]["effects"])
        truth = pd.read_parquet(snakemake.input.truth)
        known = Known(truth=truth, shares=pd.DataFrame, effects=economy, frame=step.frame, roles=step.roles)
        true = {name: known.of(moved_by_zones(name, options), result) for name, result in moves.items()}
        true_moves = {labels[name]: value for name, value in true.items() if value is not None}
    render.write(parts.moves_table(moved, truth=true_moves, notes=notes.moves, **shown), snakemake.output.moves)
    if exposed:
        columns = {labels[name]: parts.named(results[name].overall(), names) for name in exposed}
        untreated = {labels[name]: support(panel, name) for name in exposed}
        said = {"notes": notes.exposures, "simulated": step.simulated, "period": step.periods.word}
        table = parts.exposures_table(columns, untreated, **said)
        render.write(table, snakemake.output.exposures)
    if snakemake.input.truth:
        true = true_log_parts if "counts" in options else true_parts
        where = {"exposure": options["exposure"], "cohort": step.roles["cohort"]}
        truth = true(step.frame, step.truth, **where)["truth"].rename(index=names)
        table = parts.truth_table(overall, truth, logs="counts" in options, **shown, **step.bands)
        render.write(table, snakemake.output.truth)
    if "counts" in options:
        scales = {name: parts.named(found, names) for name, found in on_scales(options, panel).items()}
        true = {}
        if snakemake.input.truth:
            linear = true_parts(step.frame, step.truth, **where)["truth"].rename(index=names)
            true = {"log": truth, "linear": linear}
        called = {
            "unit": in_sentence(labels[step.roles["unit"]]),
            "units": in_sentence(step.config["panel"]["unit_label"]),
        }
        render.write(parts.scales_table(scales, true, labels, options, **called, **shown), snakemake.output.scales)

    drawn = {"ylabel": parts.on_outcome(options, labels), **shown, **step.bands}
    save_figure(parts_figure(overall, **drawn), snakemake.output.figure)
    study = parts.named(main.event_study(), names)
    save_figure(parts_horizon_figure(study, period=step.periods.word, **drawn), snakemake.output.by_horizon)
