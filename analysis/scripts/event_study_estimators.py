"""Event studies of several estimators side by side, and what the first allows to go wrong before it holds zero.

A study may state shorter `estimators_horizons`: stacking then takes the cohorts that have all of these; else it takes
the horizons that all cohorts have. Errors of imputation are conservative, or of the kind under `estimators_variance`.
"""

from aigreen import GroupTimeATT, StackedDiD, SunAbraham
from aigreen_study.figures import event_study_figure, honest_figure, no_bounds_figure, save_figure
from aigreen_study.numbers.checks import add_estimators, bounded, estimable, with_errors
from aigreen_study.numbers.prose import Ledger
from aigreen_study.run.step import study_step
from aigreen_study.specification.calls import common_window, imputation
from aigreen_study.specification.specification import Specification
from aigreen_study.words import in_sentence

RESTRICTIONS = ("relative_magnitudes", "smoothness")

with study_step(snakemake) as step:
    panel, outcome, options = step.compared, step.config["outcomes"]["log"], step.config["event_study"]
    stated = "estimators_horizons" in options
    window = tuple(options["estimators_horizons" if stated else "horizons"])
    stacked, drawn = window if stated else common_window(panel, window), {"window": window}
    asked = {"leads": str(-window[0]), "variance": options.get("estimators_variance", "conservative")}
    imputed = Specification(
        exhibit="event_study_estimators", id="imputation", estimator="imputation", outcome=outcome, options=asked
    )
    studies, failures = estimable(
        {
            "Group-time": lambda: GroupTimeATT(base_period="universal").fit(panel, outcome).event_study(**drawn),
            "Interaction-weighted": lambda: SunAbraham().fit(panel, outcome).event_study(**drawn),
            "Imputation": lambda: imputation(imputed, panel).event_study(**drawn),
            "Stacked": lambda: StackedDiD(window=stacked).fit(panel, outcome).event_study(),
        }
    )
    for label, why in failures.items():
        step.log.warning("%s: %s", label, why)
    base = studies["Group-time"]
    names = {
        "ylabel": f"Effect on {in_sentence(step.labels[outcome])}",
        "simulated": step.simulated,
        "period": step.periods.word,
    }
    save_figure(event_study_figure(studies, level=step.level, simultaneous=False, **names), snakemake.output.estimators)
    honest, unbounded = bounded(with_errors(base), RESTRICTIONS, step.level)
    for kind, why in unbounded.items():
        step.log.warning("bounds, %s: %s", kind, why)
    if honest:
        figure = honest_figure(*honest, ylabel="Average effect", simulated=step.simulated)
    else:
        figure = no_bounds_figure(unbounded[RESTRICTIONS[0]], simulated=step.simulated)
    save_figure(figure, snakemake.output.honest)
    ledger = Ledger(rule="event_study_estimators")
    add_estimators(ledger, studies, honest, base.n_rows, failures)
    ledger.write(snakemake.output.numbers)
