"""Raw files and the analysis panel."""

SIMULATED = config["source"] == "simulated"
RAW = f"{RESULTS}/raw/{'firm_years.parquet' if SIMULATED else 'manifest.csv'}"


rule simulate:
    output:
        raw=f"{RESULTS}/raw/firm_years.parquet",
        truth=f"{RESULTS}/raw/truth.parquet",
    log:
        f"{LOGS}/simulate.log",
    params:
        seed=config["seed"],
        simulation=config.get("simulation", {}),
    script:
        "../scripts/simulate_raw.py"


rule fetch:
    output:
        manifest=f"{RESULTS}/raw/manifest.csv",
    log:
        f"{LOGS}/fetch.log",
    params:
        source=config["source"],
        file=config.get("file"),
    script:
        "../scripts/fetch_raw.py"


rule panel:
    input:
        raw=RAW,
        facts=Path("data/facts").glob("*.csv"),
    output:
        panel=f"{RESULTS}/panel.parquet",
        codebook=f"{RESULTS}/codebook.csv",
        sample_flow=f"{RESULTS}/sample_flow.csv",
    log:
        f"{LOGS}/panel.log",
    params:
        source=config["source"],
        file=config.get("file"),
        timing=config["panel"]["timing"],
    script:
        "../scripts/build_panel.py"
