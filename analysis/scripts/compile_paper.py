"""Typeset the paper from its sections, the tables, the figures and the number ledger."""

from pathlib import Path

from aigreen_study.paper.paper import compile_paper
from aigreen_study.run.log import logged
from aigreen_study.trust.lint import check_sections

with logged(snakemake):
    root = Path(snakemake.params.get("root", "."))
    # Those of the folder at hand: the project's own, or what a user has written beside a study.
    check_sections([path for path in map(Path, snakemake.input.typst) if path.parent == Path("paper/sections")], Path())
    output = Path(snakemake.output.pdf)
    config, appendix = snakemake.params.config, snakemake.output.get("appendix")
    compile_paper(config, output.parent, output, appendix=appendix, root=root)
