"""Estimates, each with its tables and figures."""

FORMATS = [".json", ".tex", ".typ", ".html"]
COLUMNS = [column["name"] for column in config["baseline"]]


rule describe:
    input:
        panel=rules.panel.output.panel,
        codebook=rules.panel.output.codebook,
        sample_flow=rules.panel.output.sample_flow,
    output:
        sample_flow=multiext(f"{RESULTS}/tables/sample_flow", *FORMATS),
        descriptives=multiext(f"{RESULTS}/tables/descriptives", *FORMATS),
        trends=multiext(f"{RESULTS}/figures/trends", ".pdf", ".svg"),
    log:
        f"{LOGS}/describe.log",
    params:
        config=config,
    script:
        "../scripts/describe.py"


rule baseline:
    input:
        panel=rules.panel.output.panel,
        codebook=rules.panel.output.codebook,
    output:
        table=multiext(f"{RESULTS}/tables/baseline", *FORMATS),
        estimates=expand(f"{RESULTS}/estimates/baseline/{{name}}.json", name=COLUMNS),
        influence=expand(f"{RESULTS}/estimates/baseline/{{name}}.parquet", name=COLUMNS),
    log:
        f"{LOGS}/baseline.log",
    params:
        config=config,
    script:
        "../scripts/baseline.py"


rule event_study:
    input:
        panel=rules.panel.output.panel,
        codebook=rules.panel.output.codebook,
        truth=rules.simulate.output.truth if SIMULATED else [],
    output:
        event_study=multiext(f"{RESULTS}/tables/event_study", *FORMATS),
        overall=multiext(f"{RESULTS}/tables/overall", *FORMATS),
        figure=multiext(f"{RESULTS}/figures/event_study", ".pdf", ".svg"),
        estimates=multiext(f"{RESULTS}/estimates/group_time", ".json", ".parquet"),
    log:
        f"{LOGS}/event_study.log",
    params:
        config=config,
    script:
        "../scripts/event_study.py"
