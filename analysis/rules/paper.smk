"""Numbers for the prose, executed notebooks, and the paper."""


rule numbers:
    input:
        panel=rules.panel.output.panel,
        truth=rules.simulate.output.truth if SIMULATED else [],
        baseline=rules.baseline.output.estimates,
        group_time=rules.event_study.output.estimates,
    output:
        numbers=f"{RESULTS}/numbers.json",
    params:
        config=config,
    log:
        f"{LOGS}/numbers.log",
    script:
        "../scripts/write_numbers.py"


rule notebook:
    input:
        panel=rules.panel.output.panel,
        notebook="notebooks/{name}.ipynb",
    output:
        html=f"{RESULTS}/notebooks/{{name}}.html",
    params:
        study=STUDY,
    log:
        f"{LOGS}/notebook_{{name}}.log",
    script:
        "../scripts/run_notebook.py"


rule paper:
    input:
        numbers=rules.numbers.output.numbers,
        exhibits=[*rules.describe.output, *rules.baseline.output.table, *rules.event_study.output],
        config=f"analysis/config/{STUDY}.yaml",
        typst=sorted(Path("paper").rglob("*.typ")),
        references="paper/references.bib",
    output:
        pdf=f"{RESULTS}/paper.pdf",
    params:
        study=STUDY,
    log:
        f"{LOGS}/paper.log",
    script:
        "../scripts/compile_paper.py"
