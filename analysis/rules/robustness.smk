"""Exhibits that answer objections and are no rows of the registry."""

from aigreen_study.specification.registry import read_answers, read_objections

SET = config.get("checks", {})
KEYS = (
    "study",
    "source",
    "seed",
    "simulated",
    "panel",
    "outcomes",
    "event_study",
    "decomposition",
    "inference",
)
CHECKED = {**{key: config[key] for key in KEYS}, "checks": SET}


rule inference:
    input:
        panel=rules.panel.output.panel,
        codebook=rules.panel.output.codebook,
    output:
        table=multiext(f"{RESULTS}/tables/inference", *FORMATS),
        figure=multiext(f"{RESULTS}/figures/randomisation", ".pdf", ".svg"),
        numbers=f"{RESULTS}/numbers/inference.json",
    log:
        f"{LOGS}/inference.log",
    params:
        config=CHECKED,
        coordinates=config.get("own", {}).get("coordinates"),
        columns=[*config.get("own", {}).get("columns", {}).values()],
    script:
        "../scripts/inference.py"


rule event_study_estimators:
    input:
        panel=rules.panel.output.panel,
        codebook=rules.panel.output.codebook,
    output:
        estimators=multiext(f"{RESULTS}/figures/event_study_estimators", ".pdf", ".svg"),
        honest=multiext(f"{RESULTS}/figures/honest", ".pdf", ".svg"),
        numbers=f"{RESULTS}/numbers/event_study_estimators.json",
    log:
        f"{LOGS}/event_study_estimators.log",
    params:
        config=CHECKED,
        horizons=config["event_study"]["horizons"],
    script:
        "../scripts/event_study_estimators.py"


rule bacon:
    input:
        panel=rules.panel.output.panel,
        codebook=rules.panel.output.codebook,
    output:
        figure=multiext(f"{RESULTS}/figures/bacon", ".pdf", ".svg"),
        numbers=f"{RESULTS}/numbers/bacon.json",
    log:
        f"{LOGS}/bacon.log",
    group:
        "checks"
    params:
        config=CHECKED,
    script:
        "../scripts/bacon.py"


if SPLIT:

    rule decomposition_checks:
        input:
            panel=rules.panel.output.panel,
            codebook=rules.panel.output.codebook,
            truth=rules.simulate.output.truth if SIMULATED else [],
        output:
            sensitivity=(
                multiext(f"{RESULTS}/tables/sensitivity", *FORMATS)
                if config["decomposition"]["channels"]
                else []
            ),
            ring_curve=(
                multiext(f"{RESULTS}/tables/ring_curve", *FORMATS)
                if config["decomposition"]["exposure"]
                else []
            ),
            additivity_test=(
                multiext(f"{RESULTS}/tables/additivity_test", *FORMATS)
                if config["decomposition"]["exposure"]
                else []
            ),
            rho=(
                multiext(f"{RESULTS}/figures/rho", ".pdf", ".svg")
                if config["decomposition"]["channels"]
                else []
            ),
            numbers=f"{RESULTS}/numbers/decomposition_checks.json",
        log:
            f"{LOGS}/decomposition_checks.log",
        params:
            config=CHECKED,
            exposures=config.get("own", {}).get("exposures", {}),
        script:
            "../scripts/decomposition_checks.py"


CHECKS = [
    rules.inference.output,
    rules.event_study_estimators.output,
    rules.bacon.output,
    *([rules.decomposition_checks.output] if SPLIT else []),
]


if config["panel"].get("places") != "none":

    rule map_zones:
        output:
            figure=multiext(f"{RESULTS}/figures/zone_map", ".pdf", ".svg"),
        log:
            f"{LOGS}/map_zones.log",
        group:
            "checks"
        params:
            # Studies on licensed or simulated files need no net.
            boundaries=not (SIMULATED or LICENSED or OPEN),
        script:
            "../scripts/map_zones.py"

    CHECKS.append(rules.map_zones.output)


if "unit_map" in SET:

    rule map_mainland:
        input:
            panel=rules.panel.output.panel,
            codebook=rules.panel.output.codebook,
        output:
            figure=multiext(f"{RESULTS}/figures/unit_map", ".pdf", ".svg"),
        log:
            f"{LOGS}/map_mainland.log",
        group:
            "checks"
        params:
            config=CHECKED,
        script:
            "../scripts/map_mainland.py"

    CHECKS.append(rules.map_mainland.output)


if USERS and "coordinates" in config["own"]:

    rule map_units:
        input:
            panel=rules.panel.output.panel,
            codebook=rules.panel.output.codebook,
            borders=config["own"].get("polygons", []),
        output:
            figure=multiext(f"{RESULTS}/figures/unit_map", ".pdf", ".svg"),
        log:
            f"{LOGS}/map_units.log",
        group:
            "checks"
        params:
            config={**CHECKED, "own": config["own"]},
        script:
            "../scripts/map_units.py"

    CHECKS.append(rules.map_units.output)


if "placebo_links" in SET:

    rule placebo_links:
        input:
            panel=rules.panel.output.panel,
            codebook=rules.panel.output.codebook,
        output:
            table=multiext(f"{RESULTS}/tables/placebo_links", *FORMATS),
            numbers=f"{RESULTS}/numbers/placebo_links.json",
        log:
            f"{LOGS}/placebo_links.log",
        group:
            "checks"
        params:
            config=CHECKED,
        script:
            "../scripts/placebo_links.py"

    CHECKS.append(rules.placebo_links.output)


if "shift_share" in SET:

    rule shift_share:
        input:
            panel=rules.panel.output.panel,
            codebook=rules.panel.output.codebook,
        output:
            table=multiext(f"{RESULTS}/tables/shift_share", *FORMATS),
            numbers=f"{RESULTS}/numbers/shift_share.json",
        log:
            f"{LOGS}/shift_share.log",
        group:
            "checks"
        params:
            config=CHECKED,
        script:
            "../scripts/shift_share.py"

    CHECKS.append(rules.shift_share.output)


if "adoption" in SET:

    rule adoption:
        input:
            panel=rules.panel.output.panel,
            codebook=rules.panel.output.codebook,
            truth=TRUTH,
        output:
            parts=multiext(f"{RESULTS}/tables/adoption_parts", *FORMATS),
            thresholds=multiext(f"{RESULTS}/tables/adoption_thresholds", *FORMATS),
            margins=multiext(f"{RESULTS}/tables/adoption_margins", *FORMATS),
            figure=multiext(f"{RESULTS}/figures/adoption_doses", ".pdf", ".svg"),
            numbers=f"{RESULTS}/numbers/adoption.json",
        log:
            f"{LOGS}/adoption.log",
        group:
            "checks"
        params:
            config={**CHECKED, "simulation": config.get("simulation", {})},
        script:
            "../scripts/adoption.py"

    CHECKS.append(rules.adoption.output)


if "dose_scatter" in SET:

    rule dose_scatter:
        input:
            panel=rules.panel.output.panel,
            codebook=rules.panel.output.codebook,
        output:
            figure=multiext(f"{RESULTS}/figures/dose_scatter", ".pdf", ".svg"),
            numbers=f"{RESULTS}/numbers/dose_scatter.json",
        log:
            f"{LOGS}/dose_scatter.log",
        group:
            "checks"
        params:
            config=CHECKED,
        script:
            "../scripts/dose_scatter.py"

    CHECKS.append(rules.dose_scatter.output)


ANSWERS = [file for output in CHECKS for file in output if "/numbers/" not in file]
NUMBERS = [file for output in CHECKS for file in output if "/numbers/" in file]
"""Tables and figures of this file, and the numbers that they add to the ledger."""


# What answers an objection: exhibits of the registry, those of this file, and others that answers.csv lists.
PURPOSES = read_answers(CONFIG)
MADE = [*ANSWERS, *rules.event_study.output, *DECOMPOSED]
PLACES = {str(Path(file).relative_to(RESULTS).with_suffix("")) for file in MADE}
BESIDE = {str(Path(file).relative_to(RESULTS).with_suffix("")) for file in ANSWERS}
ANSWERING = [
    {
        "place": f"{'figures' if shown.drawn else 'tables'}/{name}",
        "title": shown.title,
        "attack": list(shown.attack),
        "count": len(shown.specifications),
    }
    for name, shown in EXHIBITS.items()
] + [
    {
        "place": place,
        "title": PURPOSES.get(place, {}).get("title", ""),
        "attack": PURPOSES.get(place, {}).get("attack", "").split(),
    }
    for place in sorted(BESIDE | PLACES & PURPOSES.keys())
]


if not USERS:

    rule referee:
        output:
            identification=multiext(f"{RESULTS}/tables/referee", *FORMATS),
            measurement=multiext(f"{RESULTS}/tables/referee_measurement", *FORMATS),
        log:
            f"{LOGS}/referee.log",
        params:
            objections=read_objections(CONFIG),
            shown=ANSWERING,
            simulated=config["simulated"],
        script:
            "../scripts/referee.py"
