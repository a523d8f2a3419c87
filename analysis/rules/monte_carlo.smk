"""Monte Carlo study of the decomposition: one job a design, then tables, figure, numbers and the paper."""

from aigreen.simulate.designs import COUNT_DESIGNS, DESIGNS
from aigreen_study.config import DEFAULT
from aigreen_study.tables.render import FORMATS


rule replicate:
    output:
        draws=f"{RESULTS}/draws/{{design}}.parquet",
    log:
        f"{LOGS}/replicate_{{design}}.log",
    params:
        options={key: config[key] for key in ("replications", "seed", "level")},
    script:
        "../scripts/replicate.py"


rule replicate_economy:
    input:
        study=f"analysis/config/{DEFAULT}.yaml",
    output:
        draws=f"{RESULTS}/economies.parquet",
    log:
        f"{LOGS}/replicate_economy.log",
    params:
        options={
            "draws": config["economies"],
            "level": config["level"],
            "effects": config["effects"],
        },
    script:
        "../scripts/replicate_economy.py"


rule replicate_contrasts:
    input:
        study=f"analysis/config/{DEFAULT}.yaml",
        registry=["analysis/config/specifications.csv", "analysis/config/exhibits.csv"],
    output:
        draws=f"{RESULTS}/contrasts.parquet",
    log:
        f"{LOGS}/replicate_contrasts.log",
    params:
        options={"draws": config["contrasts"], "level": config["level"]},
    script:
        "../scripts/replicate_contrasts.py"


rule summarise:
    input:
        draws=expand(rules.replicate.output.draws, design=DESIGNS),
        counts=expand(rules.replicate.output.draws, design=COUNT_DESIGNS),
        economies=rules.replicate_economy.output.draws,
        contrasts=rules.replicate_contrasts.output.draws,
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


rule paper:
    input:
        exhibits=rules.summarise.output,
        typst=sorted(Path("paper").glob("*.typ"))
        + sorted(Path("paper/sections").glob(f"{STUDY}*.typ")),
        references="paper/references.bib",
    output:
        pdf=f"{RESULTS}/paper.pdf",
    log:
        f"{LOGS}/paper.log",
    params:
        config={key: config[key] for key in ("study", "title", "date", "simulated")},
    script:
        "../scripts/compile_paper.py"
