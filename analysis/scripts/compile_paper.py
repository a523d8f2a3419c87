"""Typeset the paper from its sections, the tables, the figures and the number ledger."""

from pathlib import Path

from aigreen_study.paper.paper import compile_paper
from aigreen_study.run.log import logged
from aigreen_study.trust.lint import check_sections

with logged(snakemake):
    check_sections([path for path in map(Path, snakemake.input.typst) if path.parent.name == "sections"], Path())
    output = Path(snakemake.output.pdf)
    compile_paper(snakemake.params.config, output.parent, output, appendix=snakemake.output.get("appendix"))
