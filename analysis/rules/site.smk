"""The paper as a page, each number with its provenance, held against the accepted values."""

from importlib.resources import files


rule site:
    input:
        paper=rules.page.input,
        page=rules.page.output.page,
        pdf=rules.paper.output.pdf,
        provenance=rules.provenance.output.provenance,
        ledger=rules.ledger.output.ledger,
        accepted=sorted(Path(f"paper/expected/{STUDY}").rglob("*.json")),
        look=sorted(map(str, (files("aigreen_study.site") / "assets").iterdir())),
    output:
        site=directory(f"{RESULTS}/site"),
    log:
        f"{LOGS}/site.log",
    group:
        "paper"
    params:
        root=str(ROOT),
        config=STATED,
        registered=[
            specification.record(printed=True)
            for exhibit in EXHIBITS.values()
            for specification in exhibit.specifications
        ],
    script:
        "../scripts/write_site.py"
