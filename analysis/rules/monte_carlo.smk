"""Monte Carlo study of the decomposition: draws in blocks of jobs, then tables, figure, numbers and the paper."""

from aigreen.simulate.designs import COUNT_DESIGNS, DESIGNS
from aigreen_study.config import DEFAULT
from aigreen_study.tables.render import FORMATS


scattergather:
    blocks=4,


def block(option):
    """Return the draws of a job, of all those of an option of the study, as a function of its wildcards."""

    def draws(wildcards):
        k, n = map(int, wildcards.scatteritem.split("-of-"))
        first, end = (config[option] * at // n for at in (k - 1, k))
        if first == end:
            raise WorkflowError(
                f"{n} blocks of {config[option]} {option}: fewer blocks"
            )
        return {"first": first, "draws": end - first}

    return draws


rule replicate:
    output:
        draws=f"{RESULTS}/draws/{{design}}/{{scatteritem}}.parquet",
    log:
        f"{LOGS}/replicate_{{design}}_{{scatteritem}}.log",
    resources:
        runtime=120,
    params:
        block=block("replications"),
        options={key: config[key] for key in ("seed", "level")},
    script:
        "../scripts/replicate.py"


rule replicate_economy:
    input:
        study=f"analysis/config/{DEFAULT}.yaml",
    output:
        draws=f"{RESULTS}/economies/{{scatteritem}}.parquet",
    log:
        f"{LOGS}/replicate_economy_{{scatteritem}}.log",
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        block=block("economies"),
        options={key: config[key] for key in ("level", "effects")},
    script:
        "../scripts/replicate_economy.py"


rule replicate_contrasts:
    input:
        study=f"analysis/config/{DEFAULT}.yaml",
        registry=["analysis/config/specifications.csv", "analysis/config/exhibits.csv"],
    output:
        draws=f"{RESULTS}/contrasts/{{scatteritem}}.parquet",
    log:
        f"{LOGS}/replicate_contrasts_{{scatteritem}}.log",
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        block=block("contrasts"),
        options={"level": config["level"]},
    script:
        "../scripts/replicate_contrasts.py"


def drawn(*designs):
    """Return the draws of designs, in their order whatever the number of blocks."""
    of = f"{RESULTS}/draws/{{design}}/{{{{scatteritem}}}}.parquet"
    return [
        path for design in designs for path in gather.blocks(of.format(design=design))
    ]


rule summarise:
    input:
        draws=drawn(*DESIGNS),
        counts=drawn(*COUNT_DESIGNS),
        economies=gather.blocks(rules.replicate_economy.output.draws),
        contrasts=gather.blocks(rules.replicate_contrasts.output.draws),
    output:
        summary=f"{RESULTS}/summary.csv",
        holds=multiext(f"{RESULTS}/tables/parts_holds", *FORMATS),
        counts=multiext(f"{RESULTS}/tables/parts_counts", *FORMATS),
        broken=multiext(f"{RESULTS}/tables/parts_broken", *FORMATS),
        shares=multiext(f"{RESULTS}/tables/shares", *FORMATS),
        economy=multiext(f"{RESULTS}/tables/economy", *FORMATS),
        contrast_size=multiext(f"{RESULTS}/tables/contrasts", *FORMATS),
        rivals_holds=multiext(f"{RESULTS}/tables/rivals_holds", *FORMATS),
        rivals_broken=multiext(f"{RESULTS}/tables/rivals_broken", *FORMATS),
        figure=multiext(f"{RESULTS}/figures/bias", ".pdf", ".svg"),
        numbers=f"{RESULTS}/numbers.json",
    log:
        f"{LOGS}/summarise.log",
    params:
        level=config["level"],
    script:
        "../scripts/summarise.py"


# What the paper reads, and what it prints of the configuration.
READ = {
    "exhibits": rules.summarise.output,
    "typst": sorted(Path("paper").glob("*.typ"))
    + sorted(Path("paper/sections").glob(f"{STUDY}*.typ")),
    "references": "paper/references.bib",
}
STATED = {key: config[key] for key in ("study", "title", "date", "simulated")}
