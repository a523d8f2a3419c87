"""Raw files and the analysis panel."""

SIMULATED = config["source"] == "simulated"


if SIMULATED:

    rule simulate:
        input:
            code=sorted(Path("src/aigreen/simulate").glob("*.py")),
            facts=sorted(Path("data/facts").glob("*.csv")),
        output:
            raw=directory(f"{RESULTS}/raw"),
            truth=f"{RESULTS}/truth/truth.parquet",
            others=multiext(
                f"{RESULTS}/truth/", "patents.parquet", "applicants.parquet"
            ),
            calibration=f"{RESULTS}/truth/calibration.csv",
        log:
            f"{LOGS}/simulate.log",
        params:
            seed=config["seed"],
            simulation=config.get("simulation", {}),
        script:
            "../scripts/simulate_raw.py"

    rule panel:
        input:
            raw=rules.simulate.output.raw,
            facts=Path("data/facts").glob("*.csv"),
        output:
            panel=f"{RESULTS}/panel.parquet",
            codebook=f"{RESULTS}/codebook.csv",
            sample_flow=f"{RESULTS}/sample_flow.csv",
            source_flow=f"{RESULTS}/source_flow.csv",
        log:
            f"{LOGS}/panel.log",
        params:
            timing=config["panel"]["timing"],
            years=config["panel"].get("years"),
        script:
            "../scripts/build_firms.py"

else:

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
            raw=rules.fetch.output.manifest,
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
