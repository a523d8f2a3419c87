"""The event study of the group-time effects and their overall averages: tables and figure."""

from aigreen import load
from aigreen.simulate.economy.truth import true_average, true_cells
from aigreen_study.figures import event_study_figure, save_figure
from aigreen_study.run.stem import stem
from aigreen_study.run.step import study_step
from aigreen_study.tables import render
from aigreen_study.tables.estimates import AVERAGES, effects_table, overall_table
from aigreen_study.words import in_sentence

with study_step(snakemake) as step:
    options, labels, outcome = step.config["event_study"], step.labels, step.config["outcomes"]["log"]
    period = step.periods.word
    att = load(stem(snakemake.input.estimates))
    study = att.event_study(window=options["horizons"])
    averages = {
        label.format(f"{period.capitalize()}s"): att.aggregate(how).overall() for how, label in AVERAGES.items()
    }
    truth, path = None, None
    if snakemake.input.truth:
        cells = true_cells(step.frame, step.truth, att.index, cohort=step.roles["cohort"])
        truth = {label: true_average(cells, average) for label, average in averages.items()}
        path = cells.loc[study.weights.index].to_numpy() @ study.weights.to_numpy()
    controls = options["control_group"].replace("_", " ")
    notes = (
        f"Group-time effects on {in_sentence(labels[outcome])}; controls: {controls}; "
        f"errors clustered by {in_sentence(labels[step.roles['cluster']])}{step.compared_in_words}."
    )
    shown = {"level": step.level, "simulated": step.simulated}
    table = effects_table(
        study, key="event_study", title="Event study", truth=path, notes=notes, period=period, **shown, **step.bands
    )
    render.write(table, snakemake.output.event_study)
    table = overall_table(
        averages, key="overall", title="Average effects on the treated", truth=truth, notes=notes, **shown
    )
    render.write(table, snakemake.output.overall)
    figure = event_study_figure(
        study, ylabel=f"Effect on {in_sentence(labels[outcome])}", period=period, **shown, **step.bands
    )
    save_figure(figure, snakemake.output.figure)
