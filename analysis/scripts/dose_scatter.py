"""The outcome at the quantiles of a dose a year before, other things equal."""

from aigreen_study.figures import binned_scatter, save_figure
from aigreen_study.numbers.checks import add_binned
from aigreen_study.numbers.prose import Ledger
from aigreen_study.run.step import study_step
from aigreen_study.specification.binned import binned_means
from aigreen_study.specification.derived import lag

with study_step(snakemake) as step:
    outcome, dose = step.config["outcomes"]["log"], step.checks["dose_scatter"]["dose"]
    before = lag(step.frame, dose, 1, unit=step.roles["unit"], time=step.roles["time"])
    panel = step.panel_of(step.frame.assign(dose=before))
    binned = binned_means(panel, outcome, "dose", covariates=step.checks["dose_scatter"]["covariates"])
    names = {"xlabel": f"{step.labels[dose]}, a year before", "ylabel": step.labels[outcome]}
    save_figure(binned_scatter(binned, **names, level=step.level, simulated=step.simulated), snakemake.output.figure)
    ledger = Ledger(rule="dose_scatter")
    add_binned(ledger, binned)
    ledger.write(snakemake.output.numbers)
