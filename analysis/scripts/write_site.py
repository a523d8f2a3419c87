"""The web edition: the paper as a page on which every number and exhibit says where it comes from."""

from pathlib import Path

from aigreen_study.run.log import logged
from aigreen_study.site.build import write_site

with logged(snakemake) as log:
    output = Path(snakemake.output.site)
    written = write_site(
        snakemake.params.config,
        output.parent,
        output,
        root=Path(snakemake.params.root),
        registered=snakemake.params.registered,
    )
    log.info("%d numbers, %d exhibits, %d bytes", written["numbers"], written["exhibits"], written["bytes"])
