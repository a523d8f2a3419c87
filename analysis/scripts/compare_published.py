"""Published numbers and ours side by side: table, and numbers for the prose."""

from pathlib import Path

import pandas as pd

from aigreen.data.csv_export import csv_bytes
from aigreen.disk import write_bytes
from aigreen_study.numbers.prose import Ledger
from aigreen_study.replications.exhibits import add_replications, replications_table
from aigreen_study.replications.replications import compare, read_published
from aigreen_study.run.log import logged
from aigreen_study.tables import render

with logged(snakemake) as log:
    found = pd.concat(
        [pd.read_csv(path, keep_default_na=False, na_values={"ours": [""]}) for path in snakemake.input.found]
    )
    comparison = compare(read_published(snakemake.input.published), found)
    log.info("\n%s", comparison.drop(columns="reason").to_string(index=False))
    write_bytes(Path(snakemake.output.comparison), csv_bytes(comparison))
    render.write(replications_table(comparison), snakemake.output.table)
    ledger = Ledger(rule="compare_published")
    add_replications(ledger, comparison)
    ledger.write(snakemake.output.numbers)
