"""Tables of other studies, as accepted in paper/expected, under labels of their own."""

from dataclasses import replace
from pathlib import Path

from aigreen_study.run.log import logged
from aigreen_study.tables import render
from aigreen_study.tables.table import Table

with logged(snakemake):
    for source, target in zip(snakemake.input.tables, snakemake.params.stems, strict=True):
        table = Table.from_json(Path(source).read_text(encoding="utf-8"))
        study = Path(source).parts[-3]
        title = table.title if table.key == study or table.simulated else f"{table.title}, {study}"
        title += "" if table.simulated else " (real data)"
        render.write(replace(table, key=f"{study}-{table.key}", title=title), target)
