"""Where each exhibit of the study comes from."""

from pathlib import Path

from aigreen.disk import write_bytes
from aigreen_study.run.log import logged
from aigreen_study.trust.provenance import provenance, to_json

with logged(snakemake):
    facts = provenance(**snakemake.params.of, graph=snakemake.params.graph, root=snakemake.params.root, built=".")
    write_bytes(Path(snakemake.output.provenance), to_json(facts).encode())
