"""What the decomposition rests on: correlated errors, the width of the ring, exposure that adds up."""

import pandas as pd

from aigreen import ring_curve
from aigreen.simulate.economy.truth import study_truth, true_log_parts
from aigreen_study.figures import rho_figure, save_figure
from aigreen_study.numbers.checks import add_circles, add_factors, add_sensitivity
from aigreen_study.numbers.prose import Ledger
from aigreen_study.run.step import study_step
from aigreen_study.specification.decomposed import (
    additivity,
    circles,
    interactions,
    rho_curves,
    spillover_gaps,
    study_decomposition,
)
from aigreen_study.specification.results import holds
from aigreen_study.specification.split import headline_outcome, response_note
from aigreen_study.tables import render
from aigreen_study.tables.decomposition_checks import additivity_table, ring_table, sensitivity_table
from aigreen_study.tables.exhibits import not_estimated
from aigreen_study.tables.parts import on_outcome
from aigreen_study.words import in_sentence

with study_step(snakemake) as step:
    options, labels, shown = step.config["decomposition"], step.labels, {"simulated": step.simulated}
    outcome, model = headline_outcome(options), study_decomposition(options)
    wide = circles(step.frame, options, labels, step.checks.get("circles_km", []))
    panel, definitions = step.panel_of(wide.frame), wide.definitions
    notes = f"{on_outcome(options, labels)}; errors by {in_sentence(labels[step.roles['cluster']])}."

    ledger = Ledger(rule="decomposition_checks")
    if options["channels"]:
        sensitivity = model.sensitivity(panel, outcome, level=step.level)
        fitted = model.fit(panel, outcome)
        table = sensitivity_table(sensitivity, labels, of=fitted, notes=notes, **shown)
        render.write(table, snakemake.output.sensitivity)
        curves = {labels[channel]: curve for channel, curve in rho_curves(sensitivity, step.level).items()}
        save_figure(rho_figure(curves, **shown), snakemake.output.rho)
        add_sensitivity(ledger, sensitivity, fitted.n_rows)

    if definitions:
        curve = ring_curve(model, panel, outcome, definitions)
        true = None
        if snakemake.input.truth and "counts" in options:
            known = study_truth(pd.read_parquet(snakemake.input.truth), options["channels"])
            parts = {name: true_log_parts(wide.frame, known, exposure=column) for name, column in definitions.items()}
            true = {name: table["truth"] for name, table in parts.items()}
        gaps = spillover_gaps(curve, definitions)
        rings = all("within_km" in how for how in snakemake.params.exposures.values())
        told = f"{notes} {response_note(options)}"
        table = ring_table(curve, gaps, truth=true, level=step.level, notes=told, rings=rings, **shown)
        render.write(table, snakemake.output.ring_curve)

        tests, failures = additivity(panel, options, definitions)
        found, more = interactions(step.panel, options, labels) if options["channels"] else ({}, {})
        notes = " ".join([notes, *not_estimated(failures | more)])
        if snakemake.input.truth:
            told = [holds(effect, 0.0, step.level) for effect in (*tests.values(), *found.values())]
            held = [inside for inside in told if inside is not None]
            notes += f" In the simulation all are zero. Covers the truth: {sum(held)} of {len(held)} intervals."
        table = additivity_table(tests, found, response=options["response"], level=step.level, notes=notes, **shown)
        render.write(table, snakemake.output.additivity_test)

        add_circles(ledger, curve, tests, definitions, step.level)
        if options["channels"]:
            by_channel = {name: found[labels[name]] for name in options["channels"] if labels[name] in found}
            add_factors(ledger, model.factors(panel, outcome), by_channel, options["channels"], step.level)
    ledger.write(snakemake.output.numbers)
