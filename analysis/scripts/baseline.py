"""Baseline table: least squares and Poisson with unit and year effects."""

from pathlib import Path

import pandas as pd

from aigreen import TWFE, Panel
from aigreen.report.log import logged
from aigreen.report.tables import regression_table

with logged(snakemake.log[0]) as log:
    config = snakemake.params.config
    roles, columns = config["panel"], config["baseline"]
    labels = pd.read_csv(snakemake.input.codebook).set_index("column")["label"]
    frame = pd.read_parquet(snakemake.input.panel)
    panel = Panel(frame, **{role: roles[role] for role in ("unit", "time", "cohort", "cluster")})
    results = {
        column["name"]: TWFE(family=column["family"]).fit(panel, column["outcome"], covariates=column.get("covariates"))
        for column in columns
    }
    for path, (name, result) in zip(snakemake.output.estimates, results.items(), strict=True):
        log.info("%s\n%s", name, result.summary())
        result.save(Path(path).with_suffix(""))

    covariates = {name: labels[name] for column in columns for name in column.get("covariates", [])}
    table = regression_table(
        results,
        key="baseline",
        title="AI pilot zones: two-way fixed effects",
        terms={"treated": labels["treated"], **covariates},
        outcomes=labels.to_dict(),
        headings=[{"gaussian": "OLS", "poisson": "Poisson"}[column["family"]] for column in columns],
        facts={f"{labels[roles['unit']]} and year effects": ["Yes"] * len(columns)},
        simulated=config["simulated"],
    )
    table.write(Path(snakemake.output.table[0]).with_suffix(""))
