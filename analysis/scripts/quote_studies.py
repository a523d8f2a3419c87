"""Tables of other studies, as accepted in paper/expected, under labels of their own."""

from pathlib import Path

from aigreen_study.run.log import logged
from aigreen_study.tables import render
from aigreen_study.tables.table import Table, quoted

with logged(snakemake):
    for source, target in zip(snakemake.input.tables, snakemake.params.stems, strict=True):
        table = Table.from_json(Path(source).read_text(encoding="utf-8"))
        render.write(quoted(table, study=Path(source).parts[-3]), target)
