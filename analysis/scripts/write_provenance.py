"""Where each exhibit of the study comes from."""

from pathlib import Path

from aigreen.report.log import logged
from aigreen.report.provenance import provenance, to_json
from aigreen.storage import write_bytes

with logged(snakemake):
    facts = provenance(**snakemake.params.of, graph=snakemake.params.graph, root=".")
    write_bytes(Path(snakemake.output.provenance), to_json(facts).encode())
