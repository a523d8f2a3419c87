"""Bias, coverage and power over the replications of all designs: tables, figure and numbers for the prose."""

from pathlib import Path

import pandas as pd

from aigreen.disk import write_bytes
from aigreen_study.figures import save_figure
from aigreen_study.monte_carlo.contrasts import add_contrasts, contrasts_table, summarise_contrasts
from aigreen_study.monte_carlo.exhibits import (
    add_counts,
    add_economy,
    add_monte_carlo,
    bias_figure,
    counts_table,
    economy_table,
    parts_table,
    rivals_table,
    shares_table,
)
from aigreen_study.monte_carlo.replicate import summarise, summarise_economy
from aigreen_study.numbers.prose import Ledger
from aigreen_study.run.log import logged
from aigreen_study.tables import render


def read(paths: list[str]) -> pd.DataFrame:
    """Put blocks of draws together."""
    return pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True)


with logged(snakemake) as log:
    level = snakemake.params.level
    draws = read(snakemake.input.draws)
    summary = summarise(draws)
    log.info("\n%s", summary.round(4).to_string())
    counts = summarise(read(snakemake.input.counts))
    log.info("\n%s", counts.round(4).to_string())
    write_bytes(Path(snakemake.output.summary), pd.concat([summary, counts]).to_csv().encode())
    render.write(counts_table(counts), snakemake.output.counts)
    for holds, key in ((True, "holds"), (False, "broken")):
        render.write(parts_table(summary, holds=holds, key=f"parts_{key}"), snakemake.output[key])
        rivals = rivals_table(summary, holds=holds, key=f"rivals_{key}")
        render.write(rivals, snakemake.output[f"rivals_{key}"])
    economies = read(snakemake.input.economies)
    held = summarise_economy(economies)
    render.write(economy_table(held, economies["draw"].nunique(), level), snakemake.output.economy)
    contrasts = read(snakemake.input.contrasts)
    size, n = summarise_contrasts(contrasts), contrasts["draw"].nunique()
    render.write(contrasts_table(size, n, level), snakemake.output.contrast_size)
    render.write(shares_table(summary), snakemake.output.shares)
    save_figure(bias_figure(draws), snakemake.output.figure)
    ledger = Ledger(rule="summarise")
    add_monte_carlo(ledger, summary, level)
    add_counts(ledger, counts)
    add_economy(ledger, held, economies["draw"].nunique())
    add_contrasts(ledger, size, n)
    ledger.write(snakemake.output.numbers)
