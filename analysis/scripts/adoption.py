"""Adoption of AI by firms as the treatment: parts of its effect, other thresholds, the effect by dose."""

import pandas as pd

from aigreen.simulate.economy.effects import EconomyEffects
from aigreen_study.figures import dose_figure, save_figure
from aigreen_study.numbers.checks import add_adoption
from aigreen_study.numbers.prose import Ledger
from aigreen_study.run.step import study_step
from aigreen_study.specification.adoption import FEWEST, Adoption
from aigreen_study.tables import adoption, render
from aigreen_study.words import in_sentence

with study_step(snakemake) as step:
    options, labels, outcomes = step.checks["adoption"], step.labels, step.config["outcomes"]
    truth = pd.read_parquet(snakemake.input.truth) if step.simulated else None
    asked = Adoption(
        options=options,
        decomposition=step.config["decomposition"],
        frame=step.frame,
        roles=step.roles,
        outcome=outcomes["level"],
        log=outcomes["log"],
        truth=truth,
        effects=EconomyEffects(**step.config["simulation"].get("effects", {})) if step.simulated else None,
    )
    shown = {"level": step.level, "simulated": step.simulated}
    held = ", ".join(labels[name] for name in options["covariates"])
    errors = f"errors are clustered by {in_sentence(labels[step.roles['cluster']])}"
    on_mean = f"Effects on the log of the mean of {in_sentence(labels[outcomes['level']])}"

    overall, study = asked.parts()
    parts = adoption.labels_of(overall.effects.index, options["channels"], labels)
    years = [f"{horizon:+d}".replace("-", "−") if horizon else "0" for horizon in study.effects.index]
    groups = {"Averages over adopters": (parts, overall), "Total by years since adoption": (years, study)}
    notes = f"{on_mean}. Held equal: {held}. Firm and year effects; {errors}. Adoption is a choice."
    notes += f" Years with fewer than {FEWEST} adopters are left out."
    if step.simulated:
        notes += " The truth of a spillover is what the exposure does that reports show."
    table = adoption.lines_table(
        groups, key="adoption_parts", title="Adoption of AI by firms and its parts", stub="Part", notes=notes, **shown
    )
    render.write(table, snakemake.output.parts)

    totals = asked.thresholds()
    how = step.codebook["formula"]
    lines = {}
    for name, line in totals.items():
        measure = max((column for column in labels.index if f" {column} " in how[name]), key=len)
        lines[how[name].capitalize().replace(measure, labels[measure])] = ([labels[name]], line)
    table = adoption.lines_table(
        lines,
        key="adoption_thresholds",
        title="Adoption under other thresholds",
        stub="Adoption",
        counts={"Adopters": [asked.adopters(name) for name in totals]},
        notes=f"{on_mean}, total. The truth is what adoption did to those who count as adopters; {errors}.",
        **shown,
    )
    render.write(table, snakemake.output.thresholds)

    curve, margins = asked.doses()
    linear = in_sentence(labels[outcomes["log"]])
    names = [adoption.MARGINS[name] for name in margins.effects.index]
    table = adoption.lines_table(
        {labels[options["dose"]]: (names, margins)},
        key="adoption_margins",
        title="Adoption and its dose",
        stub="Margin",
        notes=f"Effects on {linear}, linear in the dose; controls not yet treated; {errors}.",
        **shown,
    )
    render.write(table, snakemake.output.margins)
    axes = {"xlabel": labels[options["dose"]], "ylabel": f"Effect on {linear}"}
    save_figure(dose_figure(curve, **axes, **shown, **step.bands), snakemake.output.figure)
    ledger = Ledger(rule="adoption")
    counts = {name: asked.adopters(name) for name in totals}
    add_adoption(ledger, overall, study, totals, margins, counts, parts, level=step.level)
    ledger.write(snakemake.output.numbers)
