"""One replication through the estimators of aigreen, or the reason why its data are not here."""

from pathlib import Path

from aigreen.data.csv_export import csv_bytes
from aigreen.disk import write_bytes
from aigreen_study.replications.replications import recompute
from aigreen_study.run.log import logged

with logged(snakemake) as log:
    found = recompute(snakemake.wildcards.replication, "data/raw")
    log.info("\n%s", found.to_string(index=False))
    write_bytes(Path(snakemake.output.found), csv_bytes(found))
