"""The paper: the page that the web edition is made of, and the PDF, that of an online appendix apart."""

SHOWN = [
    str(file)
    for files in READ.values()
    for file in ([files] if isinstance(files, (str, Path)) else files)
    if str(file).startswith(f"{RESULTS}/")
]


rule page:
    input:
        **READ,
    output:
        page=f"{RESULTS}/page.html",
        labels=f"{RESULTS}/labels.json",
    log:
        f"{LOGS}/page.log",
    group:
        "paper"
    params:
        config=STATED,
        root=str(ROOT),
    script:
        "../scripts/typeset_page.py"


rule paper:
    input:
        **READ,
        labels=rules.page.output.labels if "online_appendix" in config else [],
    output:
        pdf=f"{RESULTS}/paper.pdf",
    log:
        f"{LOGS}/paper.log",
    priority: 1  # the web edition waits for it
    group:
        "paper"
    params:
        config=STATED,
        root=str(ROOT),
        part="paper" if "online_appendix" in config else None,
    script:
        "../scripts/compile_paper.py"


if "online_appendix" in config:

    use rule paper as appendix with:
        output:
            pdf=f"{RESULTS}/appendix.pdf",
        log:
            f"{LOGS}/appendix.log",
        priority: 0
        params:
            config=STATED,
            root=str(ROOT),
            part="appendix",
