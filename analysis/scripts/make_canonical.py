"""Make the canonical tables of one group from a folder of raw files; the panel is built of them."""

import json
from dataclasses import replace
from pathlib import Path

from aigreen.data.assemble.build import make_group
from aigreen.data.assemble.options import from_config
from aigreen.disk import write_bytes
from aigreen_study.run.log import logged

with logged(snakemake) as log:
    options = replace(from_config(snakemake.config), threads=snakemake.threads)
    place, group = Path(snakemake.output.made), snakemake.wildcards.group
    made = make_group(snakemake.params.raw, place.parents[1], group, options)
    log.info("tables: %s", ", ".join(made))
    write_bytes(place, json.dumps(made, indent=1).encode())
