"""Published estimates recomputed: one job a replication, then the comparison and the paper."""

import os

from aigreen.data.registry.registry import MIRROR
from aigreen_study.replications.replications import REPLICATIONS
from aigreen_study.tables.render import FORMATS


def held(name):
    """Files of a replication that stand in data/raw or the mirror: a change makes its job run again."""
    places = [Path("data/raw"), *map(Path, filter(None, [os.environ.get(MIRROR)]))]
    names = [f"{REPLICATIONS[name].source}/{file}" for file in REPLICATIONS[name].files]
    return [file for file in names if any((place / file).is_file() for place in places)]


rule replicate_published:
    output:
        found=f"{RESULTS}/found/{{replication}}.csv",
    log:
        f"{LOGS}/replicate_{{replication}}.log",
    params:
        held=lambda wildcards: held(wildcards.replication),
    script:
        "../scripts/replicate_published.py"


rule compare_published:
    input:
        found=expand(rules.replicate_published.output.found, replication=REPLICATIONS),
        published="analysis/config/replications.csv",
    output:
        comparison=f"{RESULTS}/comparison.csv",
        table=multiext(f"{RESULTS}/tables/replications", *FORMATS),
        numbers=f"{RESULTS}/numbers.json",
    log:
        f"{LOGS}/compare_published.log",
    script:
        "../scripts/compare_published.py"


# What the paper reads, and what it prints of the configuration.
READ = {
    "exhibits": rules.compare_published.output,
    "typst": sorted(Path("paper").glob("*.typ"))
    + sorted(Path("paper/sections").glob(f"{STUDY}*.typ")),
    "references": "paper/references.bib",
}
STATED = {key: config[key] for key in ("study", "title", "date", "simulated")}
