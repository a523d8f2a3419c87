"""Exhibits of the specification registry: one job estimates an exhibit, another draws it."""

from aigreen_study.run.scatter import dealt

PRINTED = {key: config[key] for key in ("panel", "inference", "seed", "simulated")}


def exhibit_names(*kinds):
    """Match the names of the study's exhibits of these kinds, or nothing."""
    names = [name for name, shown in EXHIBITS.items() if shown.kind in kinds]
    return "|".join(names) or "(?!)"


def estimated(wildcards):
    return EXHIBITS[wildcards.exhibit].estimated()


def printed(wildcards):
    return EXHIBITS[wildcards.exhibit].printed()


# One block on one machine: what a second would read and import again costs more than it saves (docs/clusters.md).
scattergather:
    specifications=1,


def blocks_of(exhibit):
    """Names of the blocks that an exhibit is estimated in; none where one step estimates all of it.

    Only a specification curve is split: it has many specifications, each with a fit of its own.
    """
    shown = EXHIBITS[exhibit]
    asked = len(gather.specifications("{scatteritem}")) if shown.kind == "curve" else 1
    n = min(asked, len(shown.specifications))
    return [f"{k}-of-{n}" for k in range(1, n + 1)] if n > 1 else []


def estimated_in_block(wildcards):
    k, n = map(int, wildcards.scatteritem.split("-of-"))
    return dealt(estimated(wildcards), k - 1, n)


def blocks(wildcards):
    return [
        f"{RESULTS}/blocks/{wildcards.exhibit}/{block}"
        for block in blocks_of(wildcards.exhibit)
    ]


# What a step reads that estimates specifications.
ESTIMATED_FROM = {
    "panel": rules.panel.output.panel,
    "truth": rules.simulate.output.truth if SIMULATED else [],
    "patents": rules.simulate.output.others[0] if SIMULATED else [],
}
ESTIMATED_WITH = {
    "roles": config["panel"],
    "effects": config.get("simulation", {}).get("effects", {}),
}


rule estimate_block:
    input:
        **ESTIMATED_FROM,
        blocks=[],
    output:
        estimates=directory(f"{RESULTS}/blocks/{{exhibit}}/{{scatteritem}}"),
    log:
        f"{LOGS}/estimate_{{exhibit}}_{{scatteritem}}.log",
    wildcard_constraints:
        exhibit=exhibit_names("curve"),
    params:
        **ESTIMATED_WITH,
        specifications=estimated_in_block,
    script:
        "../scripts/estimate.py"


rule estimate:
    input:
        **ESTIMATED_FROM,
        blocks=blocks,
    output:
        estimates=directory(f"{RESULTS}/estimates/{{exhibit}}"),
    log:
        f"{LOGS}/estimate_{{exhibit}}.log",
    wildcard_constraints:
        exhibit="|".join(EXHIBITS) or "(?!)",
    group:
        "exhibits"
    params:
        **ESTIMATED_WITH,
        specifications=estimated,
    script:
        "../scripts/estimate.py"


rule render_columns:
    input:
        estimates=rules.estimate.output.estimates,
        codebook=rules.panel.output.codebook,
    output:
        table=multiext(f"{RESULTS}/tables/{{exhibit}}", *FORMATS),
    log:
        f"{LOGS}/render_{{exhibit}}.log",
    wildcard_constraints:
        exhibit=exhibit_names("columns"),
    group:
        "exhibits"
    params:
        exhibit=printed,
        config=PRINTED,
    script:
        "../scripts/render_columns.py"


rule render_estimates:
    input:
        estimates=rules.estimate.output.estimates,
        codebook=rules.panel.output.codebook,
    output:
        table=multiext(f"{RESULTS}/tables/{{exhibit}}", *FORMATS),
    log:
        f"{LOGS}/render_{{exhibit}}.log",
    wildcard_constraints:
        exhibit=exhibit_names("estimates", "range"),
    group:
        "exhibits"
    params:
        exhibit=printed,
        config=PRINTED,
    script:
        "../scripts/render_estimates.py"


rule render_precision:
    input:
        estimates=rules.estimate.output.estimates,
        codebook=rules.panel.output.codebook,
    output:
        table=multiext(f"{RESULTS}/tables/{{exhibit}}", *FORMATS),
    log:
        f"{LOGS}/render_{{exhibit}}.log",
    wildcard_constraints:
        exhibit=exhibit_names("precision"),
    group:
        "exhibits"
    params:
        exhibit=printed,
        config=PRINTED,
    script:
        "../scripts/render_precision.py"


rule render_contrast:
    input:
        estimates=rules.estimate.output.estimates,
        codebook=rules.panel.output.codebook,
    output:
        table=multiext(f"{RESULTS}/tables/{{exhibit}}", *FORMATS),
    log:
        f"{LOGS}/render_{{exhibit}}.log",
    wildcard_constraints:
        exhibit=exhibit_names("contrast"),
    group:
        "exhibits"
    params:
        exhibit=printed,
        config=PRINTED,
    script:
        "../scripts/render_contrast.py"


rule render_figure:
    input:
        estimates=rules.estimate.output.estimates,
        codebook=rules.panel.output.codebook,
    output:
        figure=multiext(f"{RESULTS}/figures/{{exhibit}}", ".pdf", ".svg"),
    log:
        f"{LOGS}/render_{{exhibit}}.log",
    wildcard_constraints:
        exhibit=exhibit_names("figure", "points"),
    group:
        "exhibits"
    params:
        exhibit=printed,
        config=PRINTED,
    script:
        "../scripts/render_figure.py"


rule render_curve:
    input:
        estimates=rules.estimate.output.estimates,
        codebook=rules.panel.output.codebook,
    output:
        figure=multiext(f"{RESULTS}/figures/{{exhibit}}", ".pdf", ".svg"),
    log:
        f"{LOGS}/render_{{exhibit}}.log",
    wildcard_constraints:
        exhibit=exhibit_names("curve"),
    group:
        "exhibits"
    params:
        exhibit=printed,
        config=PRINTED,
    script:
        "../scripts/render_curve.py"


ESTIMATES = expand(f"{RESULTS}/estimates/{{exhibit}}", exhibit=EXHIBITS)
DRAWN = [
    f"{RESULTS}/{'figures' if shown.drawn else 'tables'}/{name}{ending}"
    for name, shown in EXHIBITS.items()
    for ending in ([".pdf", ".svg"] if shown.drawn else FORMATS)
]
