"""Exposure through near cities and through the industry, recentred and against placebo links."""

from aigreen.data.assemble.rings import NEAR_KM, circle_column, circle_label
from aigreen_study.numbers.checks import add_links
from aigreen_study.numbers.prose import Ledger
from aigreen_study.run.step import study_step
from aigreen_study.specification.links import link_checks
from aigreen_study.specification.places import stayed
from aigreen_study.tables import render
from aigreen_study.tables.placebo_links import links_table
from aigreen_study.words import in_sentence

LABELS = {
    circle_column(NEAR_KM): circle_label(NEAR_KM),
    "industry_peers": "Treated industry peers in other cities (share)",
}

with study_step(snakemake) as step:
    outcome, options = step.config["outcomes"]["log"], step.checks["placebo_links"]
    panel = step.panel_of(stayed(step.frame).reset_index(drop=True))
    found = link_checks(panel, outcome, radius_km=NEAR_KM, **options, seed=step.bands["seed"])
    notes = (
        f"Effects on {in_sentence(step.labels[outcome])}; errors by {in_sentence(step.labels[step.roles['cluster']])}."
    )
    if "moved" in step.frame:
        notes += " Units that moved between places are left out."
    if step.simulated:
        notes += " The truth of these coefficients is not recorded."
    named = {LABELS[key]: check for key, check in found.items()}
    table = links_table(named, level=step.level, notes=notes, simulated=step.simulated)
    render.write(table, snakemake.output.table)
    ledger = Ledger(rule="placebo_links")
    add_links(ledger, found, step.level)
    ledger.write(snakemake.output.numbers)
