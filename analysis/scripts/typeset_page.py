"""The paper as the page that the web edition is made of, and how it refers to its sections and exhibits."""

import json
from pathlib import Path

from aigreen.disk import write_bytes
from aigreen_study.paper.paper import page
from aigreen_study.run.log import logged
from aigreen_study.trust.lint import check_sections

with logged(snakemake):
    # Those of the folder at hand: the project's own, or what a user has written beside a study.
    check_sections([path for path in map(Path, snakemake.input.typst) if path.parent == Path("paper/sections")], Path())
    output = Path(snakemake.output.page)
    text, labels = page(snakemake.params.config, output.parent, root=snakemake.params.root)
    write_bytes(output, text.encode())
    write_bytes(Path(snakemake.output.labels), json.dumps(labels, ensure_ascii=False, indent=1).encode())
