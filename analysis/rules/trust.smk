"""What the paper rests on: where each exhibit comes from, and every number with its facts."""

from aigreen_study.run.workflow import exhibit_graph


rule provenance:
    input:
        shown=SHOWN,
    output:
        provenance=f"{RESULTS}/provenance.json",
    log:
        f"{LOGS}/provenance.log",
    group:
        "paper"
    params:
        root=str(ROOT),
        graph=exhibit_graph(workflow, workflow.basedir, RESULTS),
        of={
            "study": STUDY,
            **(
                {"command": f"aigreen run {STUDY}.yaml"}
                if USERS and ROOT != Path()
                else {}
            ),
            "source": None if USERS else config.get("source"),
            "file": config.get("file"),
            **({"left_out": [left.record() for left in LEFT_OUT]} if LEFT_OUT else {}),
        },
    script:
        "../scripts/write_provenance.py"


rule ledger:
    input:
        numbers=f"{RESULTS}/numbers.json",
        tables=[
            file
            for file in SHOWN
            if file.startswith(f"{RESULTS}/tables/") and file.endswith(".json")
        ],
        provenance=rules.provenance.output.provenance,
    output:
        ledger=f"{RESULTS}/ledger.json",
    log:
        f"{LOGS}/ledger.log",
    group:
        "paper"
    script:
        "../scripts/write_ledger.py"
