"""Robots of firms as a shift-share of their industry's robots: on the outcome, on a dose, and as its instrument."""

from aigreen_study.numbers.checks import add_shift_share
from aigreen_study.numbers.prose import Ledger
from aigreen_study.run.step import study_step
from aigreen_study.specification.shift_share import instrumented
from aigreen_study.tables import render
from aigreen_study.tables.shift_share import shift_share_table

with study_step(snakemake) as step:
    outcome, options = step.config["outcomes"]["log"], step.checks["shift_share"]
    found = instrumented(step.frame, outcome, step.roles, level=step.level, **options)
    names = {"outcome": step.labels[outcome], "dose": step.labels[options["dose"]]}
    table = shift_share_table(found, level=step.level, simulated=step.simulated, **names)
    render.write(table, snakemake.output.table)
    ledger = Ledger(rule="shift_share")
    add_shift_share(ledger, found, step.level)
    ledger.write(snakemake.output.numbers)
