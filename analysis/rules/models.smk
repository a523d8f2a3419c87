"""Estimates, each with its tables and figures."""

from aigreen_study.specification.split import decompositions, headline_outcome
from aigreen_study.tables.render import FORMATS

EXPOSURES = decompositions(config["decomposition"])
MOVES = [
    headline_outcome(config["decomposition"]),
    *config["decomposition"]["channels"],
]


rule describe:
    input:
        panel=rules.panel.output.panel,
        codebook=rules.panel.output.codebook,
        sample_flow=rules.panel.output.sample_flow,
        calibration=rules.simulate.output.calibration if SIMULATED else [],
    output:
        sample_flow=multiext(f"{RESULTS}/tables/sample_flow", *FORMATS),
        descriptives=multiext(f"{RESULTS}/tables/descriptives", *FORMATS),
        calibration=(
            multiext(f"{RESULTS}/tables/calibration", *FORMATS) if SIMULATED else []
        ),
        trends=multiext(f"{RESULTS}/figures/trends", ".pdf", ".svg"),
    log:
        f"{LOGS}/describe.log",
    group:
        "checks"
    params:
        config=config,
    script:
        "../scripts/describe.py"


rule group_time:
    input:
        panel=rules.panel.output.panel,
        codebook=rules.panel.output.codebook,
    output:
        estimates=multiext(f"{RESULTS}/estimates/group_time", ".json", ".parquet"),
    log:
        f"{LOGS}/group_time.log",
    params:
        config=config,
    script:
        "../scripts/group_time.py"


rule event_study:
    input:
        estimates=rules.group_time.output.estimates,
        panel=rules.panel.output.panel,
        codebook=rules.panel.output.codebook,
        truth=TRUTH,
    output:
        event_study=multiext(f"{RESULTS}/tables/event_study", *FORMATS),
        overall=multiext(f"{RESULTS}/tables/overall", *FORMATS),
        figure=multiext(f"{RESULTS}/figures/event_study", ".pdf", ".svg"),
    log:
        f"{LOGS}/event_study.log",
    params:
        config=config,
    script:
        "../scripts/event_study.py"


if SPLIT:

    rule decomposition:
        input:
            panel=rules.panel.output.panel,
            codebook=rules.panel.output.codebook,
            truth=TRUTH,
        output:
            table=multiext(f"{RESULTS}/tables/decomposition", *FORMATS),
            moves=multiext(f"{RESULTS}/tables/moves", *FORMATS),
            exposures=(
                multiext(f"{RESULTS}/tables/decomposition_exposures", *FORMATS)
                if config["decomposition"]["exposure"]
                else []
            ),
            truth=(
                multiext(f"{RESULTS}/tables/decomposition_truth", *FORMATS)
                if TRUTH
                else []
            ),
            scales=(
                multiext(f"{RESULTS}/tables/decomposition_scales", *FORMATS)
                if "counts" in config["decomposition"]
                else []
            ),
            figure=multiext(f"{RESULTS}/figures/decomposition", ".pdf", ".svg"),
            by_horizon=multiext(
                f"{RESULTS}/figures/decomposition_horizons", ".pdf", ".svg"
            ),
            estimates=expand(
                f"{RESULTS}/estimates/decomposition/{{name}}.json", name=EXPOSURES
            ),
            influence=expand(
                f"{RESULTS}/estimates/decomposition/{{name}}.parquet", name=EXPOSURES
            ),
            moves_estimates=expand(
                f"{RESULTS}/estimates/moves/{{name}}.json", name=MOVES
            ),
            moves_influence=expand(
                f"{RESULTS}/estimates/moves/{{name}}.parquet", name=MOVES
            ),
        log:
            f"{LOGS}/decomposition.log",
        params:
            config=config,
        script:
            "../scripts/decomposition.py"


DECOMPOSED = list(rules.decomposition.output) if SPLIT else []
