"""The two-group comparisons inside the two-way fixed-effect estimate."""

from aigreen_study.figures import bacon_figure, save_figure
from aigreen_study.numbers.checks import add_bacon
from aigreen_study.numbers.prose import Ledger
from aigreen_study.run.step import study_step
from aigreen_study.specification.bacon import balanced_weights
from aigreen_study.words import in_sentence

with study_step(snakemake) as step:
    outcome = step.config["outcomes"]["log"]
    comparisons, panel = balanced_weights(step.compared_frame, outcome, step.roles)
    shown = {"ylabel": f"Estimate on {in_sentence(step.labels[outcome])}", "periods": step.periods}
    figure = bacon_figure(comparisons, simulated=step.simulated, **shown)
    save_figure(figure, snakemake.output.figure)
    ledger = Ledger(rule="bacon")
    add_bacon(ledger, comparisons, n_rows=panel.n_rows, n_units=panel.n_units)
    ledger.write(snakemake.output.numbers)
