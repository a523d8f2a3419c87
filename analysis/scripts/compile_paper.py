"""Typeset the paper from its sections, the tables, the figures and the number ledger."""

from pathlib import Path

from aigreen.report.lint import check_sections
from aigreen.report.log import logged
from aigreen.report.paper import compile_paper

with logged(snakemake):
    check_sections([path for path in map(Path, snakemake.input.typst) if path.parent.name == "sections"], Path())
    output = Path(snakemake.output.pdf)
    compile_paper(snakemake.params.config, output.parent, output)
