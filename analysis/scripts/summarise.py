"""Bias, coverage and power over the replications of all designs: tables, figure and numbers for the prose."""

from pathlib import Path

import pandas as pd

from aigreen.monte_carlo import summarise, summarise_economy
from aigreen.report.figures import save_figure
from aigreen.report.log import logged
from aigreen.report.monte_carlo import (
    add_economy,
    add_monte_carlo,
    bias_figure,
    economy_table,
    parts_table,
    rivals_table,
    shares_table,
)
from aigreen.report.numbers import Ledger
from aigreen.storage import write_bytes

with logged(snakemake) as log:
    level = snakemake.params.level
    draws = pd.concat([pd.read_parquet(path) for path in snakemake.input.draws], ignore_index=True)
    summary = summarise(draws)
    log.info("\n%s", summary.round(4).to_string())
    write_bytes(Path(snakemake.output.summary), summary.to_csv().encode())
    for holds, key in ((True, "holds"), (False, "broken")):
        parts_table(summary, holds=holds, key=f"parts_{key}").write(Path(snakemake.output[key][0]).with_suffix(""))
        rivals = rivals_table(summary, holds=holds, key=f"rivals_{key}")
        rivals.write(Path(snakemake.output[f"rivals_{key}"][0]).with_suffix(""))
    economies = pd.read_parquet(snakemake.input.economies)
    held = summarise_economy(economies)
    economy_table(held, economies["draw"].nunique(), level).write(Path(snakemake.output.economy[0]).with_suffix(""))
    shares_table(summary).write(Path(snakemake.output.shares[0]).with_suffix(""))
    save_figure(bias_figure(draws), Path(snakemake.output.figure[0]).with_suffix(""))
    ledger = Ledger(rule="summarise")
    add_monte_carlo(ledger, summary, level)
    add_economy(ledger, held, economies["draw"].nunique())
    ledger.write(snakemake.output.numbers)
