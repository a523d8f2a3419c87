"""The number ledger of the paper's prose, from saved results."""

import pandas as pd

from aigreen import load
from aigreen.simulate.economy.truth import true_average, true_cells, true_log_parts, true_parts
from aigreen_study.numbers import headline
from aigreen_study.numbers.exhibits import add_exhibit, add_known, add_small_cells
from aigreen_study.numbers.prose import Ledger
from aigreen_study.own.study import is_own
from aigreen_study.run.stem import stem
from aigreen_study.run.step import study_step
from aigreen_study.specification.decomposed import study_decomposition
from aigreen_study.specification.named import NO_PLACES
from aigreen_study.specification.parts import behind, movement, support
from aigreen_study.specification.results import read_printed
from aigreen_study.specification.split import decompositions, exposures, headline_outcome
from aigreen_study.tables.estimates import AVERAGES
from aigreen_study.tables.parts import part_labels

with study_step(snakemake) as step:
    config, frame, panel, level = step.config, step.frame, step.panel, step.level
    options, outcome = config["decomposition"], config["outcomes"]["level"]
    ledger = Ledger(rule="numbers")
    headline.add_sample(ledger, panel, outcome, step.periods, unit=step.codebook.loc[outcome, "unit"])
    if is_own(config):
        headline.add_constant(ledger, panel, config["outcomes"]["log"])
    headline.add_flow(ledger, pd.read_csv(snakemake.input.sample_flow))
    if step.places != NO_PLACES:
        headline.add_zones(ledger, frame[step.roles["cluster"]].unique(), step.places)
    for column in (outcome, *options["channels"]):
        headline.add_gaps(ledger, panel, column, step.unit_names)
    if "growth" in config:
        unit, time = step.roles["unit"], step.roles["time"]
        headline.add_growth(ledger, frame, unit=unit, time=time, column=config["growth"])
    att = load(stem(snakemake.input.group_time))
    averages = {how: att.aggregate(how).overall() for how in AVERAGES}
    study = att.event_study(window=config["event_study"]["horizons"])
    headline.add_averages(ledger, averages, study, level)
    headline.add_horizons(ledger, study, config["event_study"].get("quoted", []), level)

    exposed = exposures(options)
    headline.add_settings(ledger, level, exposed)
    if snakemake.input.decomposition:
        names = part_labels(options["channels"], step.labels)
        files = zip(decompositions(options), snakemake.input.decomposition, strict=True)
        parts = {name: load(stem([path])).overall() for name, path in files}
        overall = next(iter(parts.values()))
        headline.add_decomposition(ledger, overall, names, level=level, **step.bands)
        rows = behind(study_decomposition(options), panel, headline_outcome(options))
        headline.add_behind(ledger, rows, step.unit_names)
        for name in exposed:
            untreated = {kind: step.unit_names[units].tolist() for kind, units in support(panel, name).items()}
            headline.add_exposure(ledger, name, parts[name], untreated, level)
        moved = (headline_outcome(options), *options["channels"])
        for name, path in zip(moved, snakemake.input.moves, strict=True):
            headline.add_move(ledger, name, movement(load(stem([path]))), level)
    if snakemake.input.truth:
        cohort = step.roles["cohort"]
        cells = true_cells(frame, step.truth, att.index, cohort=cohort)
        headline.add_truth(ledger, true_average(cells, averages["simple"]), averages["simple"], level)
        known = true_log_parts if "counts" in options else true_parts
        true = known(frame, step.truth, exposure=options["exposure"], cohort=cohort)
        headline.add_true_parts(ledger, overall, true, names, level=level, **step.bands)
    for record, folder in zip(snakemake.params.exhibits, snakemake.input.estimates, strict=True):
        shown = read_printed(folder, record)
        add_exhibit(ledger, shown, level=level, **step.bands)
        add_known(ledger, shown, level)
        if is_own(config) and not shown.exhibit.drawn:
            add_small_cells(ledger, shown)
    for path in snakemake.input.checks:
        ledger.include(path)
    ledger.write(snakemake.output.numbers)
