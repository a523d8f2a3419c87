"""Numbers for the prose, executed notebooks, and the paper."""

from aigreen_study.own.paper import printed_facts
from aigreen_study.paper.paper import printed
from aigreen_study.specification.registry import read_table
from aigreen_study.tables.ledgers import ELEMENT_COLUMNS, EVIDENCE_COLUMNS


rule numbers:
    input:
        panel=rules.panel.output.panel,
        codebook=rules.panel.output.codebook,
        sample_flow=rules.panel.output.sample_flow,
        truth=TRUTH,
        estimates=ESTIMATES,
        group_time=rules.group_time.output.estimates,
        decomposition=rules.decomposition.output.estimates if SPLIT else [],
        moves=rules.decomposition.output.moves_estimates if SPLIT else [],
        checks=NUMBERS,
    output:
        numbers=f"{RESULTS}/numbers.json",
    log:
        f"{LOGS}/numbers.log",
    priority: 1  # the paper waits for it
    group:
        "paper"
    params:
        config=config,
        exhibits=[shown.printed() for shown in EXHIBITS.values()],
    script:
        "../scripts/write_numbers.py"


QUOTED = [
    (study, table)
    for study, tables in config.get("quoted", {}).items()
    for table in tables
]


rule quote_studies:
    input:
        tables=[f"paper/expected/{study}/tables/{name}.json" for study, name in QUOTED],
    output:
        tables=[
            f"{RESULTS}/quoted/{study}/{name}{ending}"
            for study, name in QUOTED
            for ending in FORMATS
        ],
    log:
        f"{LOGS}/quote_studies.log",
    group:
        "paper"
    params:
        stems=[f"{RESULTS}/quoted/{study}/{name}" for study, name in QUOTED],
    script:
        "../scripts/quote_studies.py"


QUOTED_NUMBERS = [
    f"paper/expected/{study}/numbers.json" for study in config.get("quoted", {})
]
LEDGERS = []

if QUOTED:

    rule real_evidence:
        input:
            numbers=QUOTED_NUMBERS,
        output:
            table=multiext(f"{RESULTS}/tables/real_evidence", *FORMATS),
        log:
            f"{LOGS}/real_evidence.log",
        group:
            "paper"
        params:
            rows=read_table(CONFIG / "real_evidence.csv", EVIDENCE_COLUMNS),
        script:
            "../scripts/real_evidence.py"

    rule elements:
        input:
            own=rules.numbers.output.numbers,
            numbers=QUOTED_NUMBERS,
        output:
            table=multiext(f"{RESULTS}/tables/elements", *FORMATS),
        log:
            f"{LOGS}/elements.log",
        group:
            "paper"
        params:
            rows=read_table(CONFIG / "elements.csv", ELEMENT_COLUMNS),
            study=STUDY,
        script:
            "../scripts/elements.py"

    LEDGERS = [
        *rules.quote_studies.output,
        *rules.real_evidence.output,
        *rules.elements.output,
    ]


rule notebook:
    input:
        panel=rules.panel.output.panel,
        codebook=rules.panel.output.codebook,
        sample_flow=rules.panel.output.sample_flow,
        notebook="notebooks/{name}.ipynb",
    output:
        html=f"{RESULTS}/notebooks/{{name}}.html",
    log:
        f"{LOGS}/notebook_{{name}}.log",
    priority: -1  # nothing waits for it: for cores that the steps before the paper leave idle
    group:
        "notebooks"
    params:
        study=STUDY,
        config=config,
    script:
        "../scripts/run_notebook.py"


# What the paper reads, and what it prints of the configuration.
READ = {
    "numbers": rules.numbers.output.numbers,
    "exhibits": [
        *rules.describe.output,
        *DRAWN,
        *rules.group_time.output,
        *rules.event_study.output,
        *DECOMPOSED,
        *ANSWERS,
        *([] if USERS else rules.referee.output),
        *LEDGERS,
    ],
    "quoted": QUOTED_NUMBERS,
    "typst": sorted({*(ROOT / "paper").rglob("*.typ"), *Path("paper").rglob("*.typ")}),
    "references": ROOT / "paper/references.bib",
}
STATED = printed(
    config
    | ({"left_out": [left.record() for left in LEFT_OUT]} if LEFT_OUT else {})
    | (printed_facts(config, EXHIBITS) if USERS else {})
)
