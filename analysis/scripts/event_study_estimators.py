"""Event studies of several estimators side by side, and what the first allows to go wrong before it holds zero."""

from aigreen import GroupTimeATT, Imputation, StackedDiD, SunAbraham
from aigreen.inference.honest import honest_did
from aigreen_study.figures import event_study_figure, honest_figure, save_figure
from aigreen_study.numbers.checks import add_estimators, estimable
from aigreen_study.numbers.prose import Ledger
from aigreen_study.run.step import study_step

PRE, POST = -5, 2
RESTRICTIONS = ("relative_magnitudes", "smoothness")

with study_step(snakemake) as step:
    first, last = snakemake.params.horizons
    window = (max(PRE, first), min(POST, last))
    panel, outcome, drawn = step.compared, step.config["outcomes"]["log"], {"window": window}
    studies, failures = estimable(
        {
            "Group-time": lambda: GroupTimeATT(base_period="universal").fit(panel, outcome).event_study(**drawn),
            "Interaction-weighted": lambda: SunAbraham().fit(panel, outcome).event_study(**drawn),
            "Imputation": lambda: Imputation(leads=-window[0]).fit(panel, outcome).event_study(**drawn),
            "Stacked": lambda: StackedDiD(**drawn).fit(panel, outcome).event_study(),
        }
    )
    for label, why in failures.items():
        step.log.warning("%s: %s", label, why)
    base = studies["Group-time"]
    names = {"ylabel": f"Effect on {step.labels[outcome]}", "simulated": step.simulated, "period": step.periods.word}
    save_figure(event_study_figure(studies, level=step.level, simultaneous=False, **names), snakemake.output.estimators)
    honest = [honest_did(base, weights="average", restriction=kind, level=step.level) for kind in RESTRICTIONS]
    save_figure(honest_figure(*honest, ylabel="Average effect", simulated=step.simulated), snakemake.output.honest)
    ledger = Ledger(rule="event_study_estimators")
    add_estimators(ledger, studies, honest, base.n_rows, failures)
    ledger.write(snakemake.output.numbers)
