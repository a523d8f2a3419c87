"""Green patents at the quantiles of AI words, other things equal."""

from pathlib import Path

import pandas as pd

from aigreen import Panel
from aigreen_study.figures import binned_means, binned_scatter, save_figure
from aigreen_study.numbers.prose import Ledger
from aigreen_study.run.log import logged
from aigreen_study.specification.derived import lag

DOSE, CONTROLS = "ai_words_log", ["report_length", "size", "age"]

with logged(snakemake):
    config = snakemake.params.config
    roles, outcome, level = config["panel"], config["outcomes"]["log"], config["inference"]["level"]
    names = pd.read_csv(snakemake.input.codebook).set_index("column")["label"]
    frame = pd.read_parquet(snakemake.input.panel)
    before = lag(frame, DOSE, 1, unit=roles["unit"], time=roles["time"])
    panel = Panel(frame.assign(dose=before), **{role: roles[role] for role in ("unit", "time", "cohort", "cluster")})
    binned = binned_means(panel, outcome, "dose", covariates=CONTROLS, bins=20)
    figure = binned_scatter(
        binned,
        xlabel=f"{names[DOSE]}, a year before",
        ylabel=names[outcome],
        level=level,
        simulated=config["simulated"],
    )
    save_figure(figure, Path(snakemake.output.figure[0]).with_suffix(""))

    ledger = Ledger(rule="dose_scatter")
    facts = {"exhibit": "figures/dose_scatter", "n": binned.slope.n_rows}
    ledger.add("dose_scatter_slope", float(binned.slope.values[0]), **facts)
    ledger.add("dose_scatter_slope_se", float(binned.slope.std_errors.iloc[0]), **facts)
    ledger.add("dose_scatter_bins", len(binned.at), fmt="count", **facts)
    ledger.write(snakemake.output.numbers)
