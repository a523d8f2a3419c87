"""The number ledger of the paper's prose, from saved results."""

from pathlib import Path

import pandas as pd

from aigreen import Panel, load
from aigreen.simulate.economy.truth import study_truth, true_average, true_cells, true_parts
from aigreen_study.numbers import headline
from aigreen_study.numbers.exhibits import add_exhibit
from aigreen_study.numbers.prose import Ledger
from aigreen_study.run.log import logged
from aigreen_study.specification.results import read_results
from aigreen_study.specification.specification import Exhibit
from aigreen_study.tables.parts import part_labels, support

AVERAGES = ("simple", "group", "event_study", "calendar")

with logged(snakemake):
    config = snakemake.params.config
    roles, inference, options = config["panel"], config["inference"], config["decomposition"]
    level, outcome = inference["level"], config["outcomes"]["level"]
    frame = pd.read_parquet(snakemake.input.panel)
    book = pd.read_csv(snakemake.input.codebook, keep_default_na=False).set_index("column")
    panel = Panel(frame, **{role: roles[role] for role in ("unit", "time", "cohort", "cluster")})
    ledger = Ledger(rule="numbers")
    headline.add_sample(ledger, panel, outcome, unit=book.loc[outcome, "unit"])
    headline.add_flow(ledger, pd.read_csv(snakemake.input.sample_flow))
    places = "province" if roles["cluster"] == "province_code" else "prefecture"
    headline.add_zones(ledger, frame[roles["cluster"]].unique(), places)
    names_column = roles.get("name", roles["unit"])
    name_of = frame.drop_duplicates(roles["unit"]).set_index(roles["unit"], drop=False)[names_column]
    for column in [outcome, *options["channels"]]:
        headline.add_gaps(ledger, panel, column, name_of)
    if "growth" in config:
        headline.add_growth(ledger, frame, unit=roles["unit"], time=roles["time"], column=config["growth"])
    att = load(Path(snakemake.input.group_time[0]).with_suffix(""))
    averages = {how: att.aggregate(how).overall() for how in AVERAGES}
    headline.add_averages(ledger, averages, att.event_study(window=config["event_study"]["horizons"]), level)

    exposures = [options["exposure"], *options.get("alternatives", [])]
    headline.add_settings(ledger, level, exposures)
    names = part_labels(options["channels"], book["label"])
    bands = {"n_draws": inference["draws"], "multipliers": inference["multipliers"], "seed": config["seed"]}
    parts = {
        exposure: load(Path(path).with_suffix("")).overall()
        for exposure, path in zip(exposures, snakemake.input.decomposition, strict=True)
    }
    overall = parts[options["exposure"]]
    headline.add_decomposition(ledger, overall, names, level=level, **bands)
    for exposure, result in parts.items():
        untreated = {kind: name_of[units].tolist() for kind, units in support(panel, exposure).items()}
        headline.add_exposure(ledger, exposure, result, untreated, level)
    moved = [options["outcome"], *options["channels"]]
    for name, path in zip(moved, snakemake.input.moves, strict=True):
        headline.add_move(ledger, name, load(Path(path).with_suffix("")), level)
    if config["simulated"]:
        truth = pd.read_parquet(snakemake.input.truth)
        cells = true_cells(frame, truth, att.index)
        headline.add_truth(ledger, true_average(cells, averages["simple"]), averages["simple"], level)
        true = true_parts(frame, study_truth(truth, options["channels"]), exposure=options["exposure"])
        headline.add_true_parts(ledger, overall, true, names, level=level, **bands)
    for record, folder in zip(snakemake.params.exhibits, snakemake.input.estimates, strict=True):
        results = read_results(folder, Exhibit.from_printed(record))
        add_exhibit(ledger, results, level=level, **bands)
    for path in snakemake.input.checks:
        ledger.include(path)
    ledger.write(snakemake.output.numbers)
