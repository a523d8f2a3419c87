"""Typeset the paper, or its online appendix, from its sections, the tables, the figures and the number ledger."""

import json
from pathlib import Path

from aigreen_study.paper.paper import compile_paper
from aigreen_study.run.log import logged

with logged(snakemake):
    output, part = Path(snakemake.output.pdf), snakemake.params.part
    labels = json.loads(Path(snakemake.input.labels).read_bytes()) if part else {}
    compile_paper(snakemake.params.config, output.parent, output, part=part, labels=labels, root=snakemake.params.root)
