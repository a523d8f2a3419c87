"""Every number of the prose and of the tables with its facts."""

import json
from pathlib import Path

from aigreen.disk import write_bytes
from aigreen_study.numbers.ledger import ledger, to_json
from aigreen_study.run.log import logged
from aigreen_study.tables.table import Table

with logged(snakemake) as log:
    texts = {Path(path): Path(path).read_text(encoding="utf-8") for path in snakemake.input.tables}
    tables = {f"tables/{path.stem}": Table.from_json(text) for path, text in texts.items()}
    numbers = json.loads(Path(snakemake.input.numbers).read_bytes())
    entries = ledger(numbers, tables, json.loads(Path(snakemake.input.provenance).read_bytes()))
    log.info("%d numbers in the prose, %d cells of %d tables", len(numbers), len(entries) - len(numbers), len(tables))
    write_bytes(Path(snakemake.output.ledger), to_json(entries).encode())
