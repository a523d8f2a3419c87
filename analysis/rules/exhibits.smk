"""Exhibits of the specification registry: one job estimates an exhibit, another draws it."""

PRINTED = {key: config[key] for key in ("panel", "inference", "seed", "simulated")}


def exhibit_names(*kinds):
    """Match the names of the study's exhibits of these kinds, or nothing."""
    names = [name for name, shown in EXHIBITS.items() if shown.kind in kinds]
    return "|".join(names) or "(?!)"


def estimated(wildcards):
    return EXHIBITS[wildcards.exhibit].estimated()


def printed(wildcards):
    return EXHIBITS[wildcards.exhibit].printed()


rule estimate:
    input:
        panel=rules.panel.output.panel,
        truth=rules.simulate.output.truth if SIMULATED else [],
        patents=rules.simulate.output.others[0] if SIMULATED else [],
    output:
        estimates=directory(f"{RESULTS}/estimates/{{exhibit}}"),
    log:
        f"{LOGS}/estimate_{{exhibit}}.log",
    wildcard_constraints:
        exhibit="|".join(EXHIBITS) or "(?!)",
    group:
        "exhibits"
    params:
        specifications=estimated,
        roles=config["panel"],
        effects=config.get("simulation", {}).get("effects", {}),
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
