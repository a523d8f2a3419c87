"""Exhibits of a study of one's own panel that no table lists: those for which its file names the input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aigreen_study.own.study import column_of, exposure_label, plain
from aigreen_study.specification.specification import Exhibit, Specification
from aigreen_study.specification.split import response_note
from aigreen_study.words import in_sentence

AVERAGE, FIRST = "Average effect on the treated", "Effect in the first period of treatment"
CURVED = ("imputation", "group_time", "sun_abraham", "stacked", "ols")


def default_exhibits(config: Mapping[str, Any]) -> list[Exhibit]:
    """List the exhibits, each with its specifications."""
    found = [_baseline(config), _robust_estimators(config), _timing(config)]
    if config["decomposition"]["exposure"]:
        found.append(_contamination(config))
    if "dose" in config["own"]:
        found.append(_doses(config))
    if covariates(config):
        found.append(_curve(config))
    return found + [_heterogeneity(column, values, config) for column, values in config["own"]["groups"].items()]


def covariates(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Columns that are held equal where a table holds any."""
    return tuple(config["own"].get("covariates", ()))


def _window(config: Mapping[str, Any]) -> str:
    return ",".join(map(str, config["event_study"]["horizons"]))


def _imputed(config: Mapping[str, Any]) -> dict[str, str]:
    """Options of imputation: one kind of error, so that an estimate has the same one in all exhibits."""
    return {"variance": config["decomposition"]["variance"]}


def _baseline(config: Mapping[str, Any]) -> Exhibit:
    kinds = {"ols": "OLS"} | ({"poisson": "Poisson"} if "counts" in config["own"] else {})
    rows = []
    for estimator, label in kinds.items():
        rows.append(Specification(exhibit="baseline", id=estimator, label=label, estimator=estimator))
        if held := covariates(config):
            with_controls = {"id": f"{estimator}_controls", "covariates": held}
            rows.append(Specification(exhibit="baseline", label=label, estimator=estimator, **with_controls))
    return Exhibit(
        exhibit="baseline",
        kind="columns",
        title="Two-way fixed effects",
        section="results",
        quoted_as="twfe_{id}_treated",
        specifications=tuple(rows),
    )


def _robust_estimators(config: Mapping[str, Any]) -> Exhibit:
    window = {"window": _window(config)}
    lines: list[tuple[str, str, str, str, dict[str, str]]] = [
        ("twfe", "Two-way fixed effects", AVERAGE, "ols", {}),
        ("group_time_not_yet", "Group-time, controls not yet treated", AVERAGE, "group_time", {}),
        ("group_time_never", "Group-time, controls never treated", AVERAGE, "group_time",
         {"control_group": "never_treated"}),
        ("imputation", "Imputation", AVERAGE, "imputation", _imputed(config)),
        ("sun_abraham", "Interaction-weighted", AVERAGE, "sun_abraham", {}),
        ("stacked", "Stacked", AVERAGE, "stacked", window | {"cohorts": "all"}),
        ("local_projection_0", "Local projections", FIRST, "local_projection", window),
        ("de_chaisemartin_0", "de Chaisemartin and D'Haultfoeuille, balanced panel", FIRST, "de_chaisemartin",
         {"horizons": "1", "balanced": "yes"}),
    ]  # fmt: skip
    return Exhibit(
        exhibit="robust_estimators",
        kind="estimates",
        title="Estimators of the effect under staggered adoption",
        notes="Averages over treated rows, or in the first period of treatment where stated. Stacked: over those "
        f"horizons from {window['window'].replace(',', ' to ').replace('-', '−')} that every cohort has.",
        section="robustness",
        specifications=tuple(
            Specification(
                exhibit="robust_estimators", id=name, label=label, group=group, estimator=kind, options=options
            )
            for name, label, group, kind, options in lines
        ),
    )


def _timing(config: Mapping[str, Any]) -> Exhibit:
    lines = [
        (f"anticipation_{n}", label, "imputation", n) for n, label in enumerate(("None", "One period", "Two periods"))
    ]
    lines += [(f"group_time_base_{n + 1}", f"Group-time, base {word} periods before", "group_time", n)
              for n, word in ((1, "two"), (2, "three"))]  # fmt: skip
    return Exhibit(
        exhibit="timing",
        kind="estimates",
        title="The effect with anticipation",
        notes="Imputation estimates where nothing else is said. With anticipation the periods before treatment stated "
        "are neither controls nor effects.",
        section="robustness",
        specifications=tuple(
            Specification(
                exhibit="timing", id=name, label=label, group="Anticipation", estimator=estimator,
                options=(_imputed(config) if estimator == "imputation" else {})
                | ({"anticipation": str(periods)} if periods else {}),
            )
            for name, label, estimator, periods in lines
        ),
    )  # fmt: skip


def _contamination(config: Mapping[str, Any]) -> Exhibit:
    own = config["own"]
    exposures = {column_of(name, how): exposure_label(name, own) for name, how in own["exposures"].items()}
    treated = "Effect on the treated"
    rows = [
        Specification(
            exhibit="contamination",
            id="ignored",
            label="Spillovers ignored",
            group=treated,
            estimator="imputation",
            options=_imputed(config),
        )
    ]
    for part, group in (("net", treated), ("exposed", "Effect on untreated exposed rows")):
        for name, label in exposures.items():
            rows.append(
                Specification(
                    exhibit="contamination", id=f"{part}_{name}", label=f"{'Net of: ' if part == 'net' else ''}{label}",
                    group=group, estimator="spillover", exposure=(name,),
                    options={"part": part, "response": config["decomposition"]["response"]},
                )
            )  # fmt: skip
    return Exhibit(
        exhibit="contamination",
        kind="estimates",
        title="Own effect and spillovers",
        notes="Estimates of the spillover model: clean rows, untreated and without any exposure of the row's line, are "
        "the only controls. The effect net of exposure is that of own treatment. "
        f"{response_note(config['decomposition'])}",
        section="robustness",
        specifications=tuple(rows),
    )


def _doses(config: Mapping[str, Any]) -> Exhibit:
    dose, held = config["own"]["dose"], covariates(config)
    rows = [Specification(exhibit="doses", id="ols", label="OLS", estimator="ols", treatment=dose)]
    if held:
        rows.append(
            Specification(
                exhibit="doses", id="ols_controls", label="OLS", estimator="ols", treatment=dose, covariates=held
            )
        )
    return Exhibit(
        exhibit="doses",
        kind="columns",
        title="The effect of the dose",
        notes="Two-way fixed effects; the coefficient is that of one unit of the dose.",
        section="results",
        specifications=tuple(rows),
    )


def _curve(config: Mapping[str, Any]) -> Exhibit:
    rows = []
    for estimator in CURVED:
        options = {"stacked": {"window": _window(config), "cohorts": "all"}, "imputation": _imputed(config)}.get(
            estimator, {}
        )
        for suffix, held in (("", ()), ("_controls", covariates(config))):
            rows.append(
                Specification(
                    exhibit="specification_curve", id=f"{estimator}{suffix}", estimator=estimator, covariates=held,
                    options=options,
                )
            )  # fmt: skip
    return Exhibit(
        exhibit="specification_curve",
        kind="curve",
        title="The effect under all specifications",
        notes="The first specification is the preferred one.",
        section="robustness",
        specifications=tuple(rows),
    )


def _quoted(value: object) -> str:
    """Write a value of a sample, in quotes where its sign would join conditions."""
    return f'"{value}"' if "&" in str(value) else str(value)


def _heterogeneity(column: str, values: Mapping[str, Any], config: Mapping[str, Any]) -> Exhibit:
    name = f"heterogeneity_{column}"
    own = config["own"]
    original = next(name for name, new in own["columns"].items() if new == column)
    group = own["labels"].get(column, plain(original))
    return Exhibit(
        exhibit=name,
        kind="contrast",
        title=f"The effect by {in_sentence(group)}",
        notes="Imputation estimates on the subsamples, each with controls of the same group.",
        section="heterogeneity",
        specifications=tuple(
            Specification(
                exhibit=name, id=f"group_{i}", label=label, group=group, estimator="imputation",
                sample=f"{column} == {_quoted(value)}", options=_imputed(config),
            )
            for i, (label, value) in enumerate(values.items(), 1)
        ),
    )  # fmt: skip
