"""The number ledger of the paper's prose, from saved results."""

from pathlib import Path

import pandas as pd

from aigreen import Panel, load
from aigreen.report.headline import add_averages, add_baseline, add_sample, add_truth
from aigreen.report.log import logged
from aigreen.report.numbers import Ledger
from aigreen.simulate.truth import true_average, true_cells

AVERAGES = ("simple", "group", "event_study", "calendar")

with logged(snakemake.log[0]):
    config = snakemake.params.config
    roles, level = config["panel"], config["inference"]["level"]
    frame = pd.read_parquet(snakemake.input.panel)
    panel = Panel(frame, **{role: roles[role] for role in ("unit", "time", "cohort", "cluster")})
    ledger = Ledger(rule="numbers")
    add_sample(ledger, panel, config["outcomes"]["count"])
    for column, path in zip(config["baseline"], snakemake.input.baseline, strict=True):
        result = load(Path(path).with_suffix(""))
        add_baseline(ledger, column["name"], result, family=column["family"], level=level)
    att = load(Path(snakemake.input.group_time[0]).with_suffix(""))
    averages = {how: att.aggregate(how).overall() for how in AVERAGES}
    add_averages(ledger, averages, att.event_study(window=config["event_study"]["horizons"]), level)
    if config["simulated"]:
        cells = true_cells(frame, pd.read_parquet(snakemake.input.truth), att.index)
        add_truth(ledger, true_average(cells, averages["simple"]), averages["simple"], level)
    ledger.write(snakemake.output.numbers)
