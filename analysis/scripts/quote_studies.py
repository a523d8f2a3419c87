"""Tables of other studies, as accepted in paper/expected, under labels of their own."""

from dataclasses import replace
from pathlib import Path

from aigreen.report.log import logged
from aigreen.report.table import Table

with logged(snakemake):
    for source, target in zip(snakemake.input.tables, snakemake.params.stems, strict=True):
        table = Table.from_json(Path(source).read_text(encoding="utf-8"))
        study = Path(source).parts[-3]
        title = table.title if table.key == study or table.simulated else f"{table.title}, {study}"
        title += "" if table.simulated else " (real data)"
        replace(table, key=f"{study}-{table.key}", title=title).write(target)
