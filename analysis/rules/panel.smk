"""Raw files and the analysis panel."""

from aigreen_study.own.study import files_of

SIMULATED = config["source"] == "simulated"
LICENSED = config["source"] == "licensed"
OPEN = config["source"] == "us_patents"
BUILD = config.get("build", {})


if SIMULATED:

    rule simulate:
        output:
            raw=directory(f"{RESULTS}/raw"),
            truth=f"{RESULTS}/truth/truth.parquet",
            others=multiext(
                f"{RESULTS}/truth/", "patents.parquet", "applicants.parquet"
            ),
            calibration=f"{RESULTS}/truth/calibration.csv",
        log:
            f"{LOGS}/simulate.log",
        resources:
            mem_mb=6000,
            runtime=60,
        params:
            seed=config["seed"],
            simulation=config.get("simulation", {}),
        script:
            "../scripts/simulate_raw.py"

    RAW = f"{RESULTS}/raw"
    RAW_FILES = rules.simulate.output.raw


if LICENSED:

    # Placed there by the user; texts of annual reports are too many to list.
    RAW = "data/restricted"
    RAW_FILES = [
        str(path)
        for path in sorted(Path(RAW).rglob("*"))
        if path.is_file() and path.suffix != ".txt"
    ]
    if not RAW_FILES:
        raise WorkflowError(
            f"study {STUDY} reads licensed files from {RAW}, and there are none: "
            f"`aigreen doctor --study {STUDY}` says which and where to get them"
        )


if SIMULATED or LICENSED:

    # Groups of tables, with those that each is made of (GROUPS of aigreen.data.assemble.build). The panel takes what is
    # made here, and makes again what is no longer there.
    GROUPS = {"firms": [], "words": [], "patents": [], "counts": ["firms", "patents"]}

    rule canonical:
        input:
            raw=RAW_FILES,
            mapping=BUILD.get("mapping", []),
            tables=lambda wildcards: expand(
                f"{RESULTS}/canonical/{{group}}.json", group=GROUPS[wildcards.group]
            ),
        output:
            made=f"{RESULTS}/canonical/{{group}}.json",
        log:
            f"{LOGS}/canonical_{{group}}.log",
        wildcard_constraints:
            group="|".join(GROUPS),
        priority: lambda wildcards: int(wildcards.group != "words")  # nothing but the panel waits for words
        threads: lambda wildcards: BUILD.get("threads", 1) if wildcards.group == "counts" else 1
        resources:
            mem_mb=6000,
            runtime=60,
        params:
            raw=RAW,
        script:
            "../scripts/make_canonical.py"

    rule panel:
        input:
            raw=RAW_FILES,
            mapping=BUILD.get("mapping", []),
            tables=expand(rules.canonical.output.made, group=GROUPS),
        output:
            panel=f"{RESULTS}/panel.parquet",
            codebook=f"{RESULTS}/codebook.csv",
            sample_flow=f"{RESULTS}/sample_flow.csv",
            source_flow=f"{RESULTS}/source_flow.csv",
        log:
            f"{LOGS}/panel.log",
        threads: BUILD.get("threads", 2)
        resources:
            mem_mb=6000,
            runtime=60,
        params:
            raw=RAW,
            timing=config["panel"]["timing"],
            # The script reads the whole configuration; memory and threads do not change the panel.
            build={
                key: value
                for key, value in BUILD.items()
                if key not in ("memory_limit", "threads")
            },
        script:
            "../scripts/build_firms.py"

elif OPEN:

    # Generated, or placed there by the user: the files are too large to be fetched with a study.
    RAW = f"{RESULTS}/raw" if config["simulated"] else "data/raw/us_patents"

    if config["simulated"]:

        rule simulate:
            output:
                raw=directory(RAW),
                truth=f"{RESULTS}/truth/truth.parquet",
            log:
                f"{LOGS}/simulate.log",
            resources:
                mem_mb=6000,
                runtime=60,
            params:
                config={
                    key: config[key]
                    for key in ("seed", "us_build", "us_generated")
                    if key in config
                },
            script:
                "../scripts/generate_us_patents.py"

    RAW_FILES = (
        rules.simulate.output.raw
        if config["simulated"]
        else [str(path) for path in sorted(Path(RAW).rglob("*")) if path.is_file()]
    )
    if not RAW_FILES:
        raise WorkflowError(
            f"study {STUDY} reads open files from {RAW}, and there are none: "
            f"`aigreen doctor --study {STUDY}` says which and where to get them"
        )

    rule panel:
        input:
            raw=RAW_FILES,
            mapping=config["us_build"].get("mapping", []),
        output:
            panel=f"{RESULTS}/panel.parquet",
            codebook=f"{RESULTS}/codebook.csv",
            sample_flow=f"{RESULTS}/sample_flow.csv",
            source_flow=f"{RESULTS}/source_flow.csv",
        log:
            f"{LOGS}/panel.log",
        threads: 2
        resources:
            mem_mb=6000,
            runtime=60,
        params:
            raw=RAW,
            config={"us_build": config["us_build"]},
        script:
            "../scripts/build_us_firms.py"

elif USERS:

    rule panel:
        input:
            data=config["source"]["file"],
            beside=list(files_of(config["own"]).values()),
        output:
            panel=f"{RESULTS}/panel.parquet",
            codebook=f"{RESULTS}/codebook.csv",
            sample_flow=f"{RESULTS}/sample_flow.csv",
        log:
            f"{LOGS}/panel.log",
        params:
            # The script reads the whole configuration; of it these keys change the panel.
            own={key: config[key] for key in ("panel", "outcomes", "own")},
        script:
            "../scripts/build_own.py"

elif BUILD:

    raise WorkflowError(
        f"study {STUDY}: keys under build are for studies of firms; source {config['source']} takes none"
    )

elif "facts" in config:

    rule panel:
        input:
            facts=expand("data/facts/{table}.csv", table=config["facts"]),
        output:
            panel=f"{RESULTS}/panel.parquet",
            codebook=f"{RESULTS}/codebook.csv",
            sample_flow=f"{RESULTS}/sample_flow.csv",
        log:
            f"{LOGS}/panel.log",
        params:
            source=config["source"],
            facts=config["facts"],
        script:
            "../scripts/build_from_facts.py"

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
        output:
            panel=f"{RESULTS}/panel.parquet",
            codebook=f"{RESULTS}/codebook.csv",
            sample_flow=f"{RESULTS}/sample_flow.csv",
        log:
            f"{LOGS}/panel.log",
        params:
            source=config["source"],
            file=config.get("file"),
            timing=config["panel"].get("timing"),
        script:
            "../scripts/build_panel.py"


# What is known of generated data, for the rules that hold estimates to it.
TRUTH = (
    rules.simulate.output.truth if SIMULATED or (OPEN and config["simulated"]) else []
)
