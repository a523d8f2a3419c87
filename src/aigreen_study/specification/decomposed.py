"""The decomposition that a study's configuration asks for, and what it rests on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from aigreen.data.assemble.rings import circle_label, ring_columns
from aigreen.decomposition.decomposition import Decomposition
from aigreen.decomposition.parts import DIRECT, SPILLOVER
from aigreen.did.imputation import Imputation
from aigreen.effects.effects import Effects
from aigreen.errors import EstimationError
from aigreen.inference.channel_sensitivity import RhoSensitivity
from aigreen.panel.panel import Panel
from aigreen_study.specification.specification import Specification
from aigreen_study.specification.split import exposures, headline_outcome


def study_decomposition(options: Mapping[str, Any], **changes: Any) -> Decomposition:
    """Estimator for the configuration under the key `decomposition`, with changes (exposure, response, family)."""
    names = ("channels", "exposure", "response", "fixed_effects", "variance")
    given = {name: options[name] for name in names if name in options}
    given["family"] = changes.get("family", "poisson" if "counts" in options else "gaussian")
    if given["family"] == "poisson":
        given |= {"fixed_effects": count_effects(options)}
    return Decomposition(**given | changes)


def count_effects(options: Mapping[str, Any]) -> list[str] | None:
    """Return the fixed effects of the models of counts; None for unit and time."""
    return options.get("counts_effects", options.get("fixed_effects"))


def study_moves(options: Mapping[str, Any], panel: Panel) -> dict[str, Effects]:
    """Take outcome and channels as outcomes of their own, on rows without exposure; counts in percent of their mean."""
    names = ("fixed_effects", "variance", "leads")
    given = {name: options[name] for name in names if name in options}
    clean, first = panel.clean(options["exposure"]) if options["exposure"] else panel, headline_outcome(options)
    linear = Imputation(**given)
    counts = linear
    if "counts" in options:
        given["fixed_effects"] = count_effects(options)
        counts = Imputation(family="poisson", scale="percent", **given)
    return {first: counts.fit(clean, first)} | {name: linear.fit(clean, name) for name in options["channels"]}


def moved_by_zones(name: str, options: Mapping[str, Any]) -> Specification:
    """Say as a specification which effect `study_moves` estimates of a variable."""
    estimator = "poisson_imputation" if name == options.get("counts") else "imputation"
    sample = f"{options['exposure']} == 0"
    return Specification(exhibit="moves", id=name, estimator=estimator, outcome=name, sample=sample)


def on_scales(options: Mapping[str, Any], panel: Panel) -> dict[str, Effects]:
    """Overall parts by scale: of the log of the mean, in counts for a treated row, and of the linear outcome."""
    counts = options["counts"]
    return {
        "log": study_decomposition(options).fit(panel, counts).overall(),
        "count": study_decomposition(options, scale="count").fit(panel, counts).overall(),
        "linear": study_decomposition(options, family="gaussian").fit(panel, options["outcome"]).overall(),
    }


@dataclass(frozen=True)
class Circles:
    """Definitions of exposure, narrow to wide.

    Attributes
    ----------
    frame : DataFrame
        With the columns of the circles.
    definitions : mapping of label to column
        The study's exposure first.
    """

    frame: pd.DataFrame
    definitions: Mapping[str, str]


def circles(
    frame: pd.DataFrame, options: Mapping[str, Any], labels: Mapping[str, str], circles_km: Iterable[float] = ()
) -> Circles:
    """Add to a panel that counts zones by ring their numbers within wider circles."""
    definitions = {labels[name]: name for name in exposures(options)}
    made = {f"within_{km}": frame[ring_columns(km)].sum(axis=1) for km in circles_km}
    definitions |= {circle_label(km): f"within_{km}" for km in circles_km}
    return Circles(frame.assign(**made), definitions)


def spillover_gaps(curve: Effects, definitions: Iterable[str]) -> dict[str, Effects]:
    """Spillover under each definition of exposure less that under the first, from `aigreen.ring_curve`."""
    first, *others = definitions
    return {label: (curve[label] - curve[first])[SPILLOVER] for label in others}


def additivity(
    panel: Panel, options: Mapping[str, Any], definitions: Mapping[str, str]
) -> tuple[dict[str, Effects], dict[str, str]]:
    """Test under each definition, with a linear response, whether exposure does the same to treated rows.

    Returns
    -------
    tests : dict of label to Effects
    failures : dict of label to str
        Why a test cannot be computed on these data.
    """
    tests, failures = {}, {}
    for label, column in definitions.items():
        model = study_decomposition(options, exposure=column, response="linear")
        try:
            tests[label] = model.additivity(panel, headline_outcome(options))
        except EstimationError as error:
            failures[label] = str(error)
    return tests, failures


def interactions(
    panel: Panel, options: Mapping[str, Any], labels: Mapping[str, str]
) -> tuple[dict[str, Effects], dict[str, str]]:
    """Estimate for each channel what its other slope among treated rows adds to the direct part, at their movement.

    Returns
    -------
    found : dict of label to Effects
        One effect each, of `aigreen.Decomposition` with ``interaction=True``.
    failures : dict of label to str
        Why these cannot be computed on these data.
    """
    try:
        overall = study_decomposition(options, interaction=True).fit(panel, headline_outcome(options)).overall()
    except EstimationError as error:
        return {}, {"Channels among the treated": str(error)}
    pieces = {labels[name]: overall.index == f"{DIRECT}: interaction {name}" for name in options["channels"]}
    return {label: overall.select(piece) for label, piece in pieces.items()}, {}


def rho_curves(sensitivity: pd.DataFrame, level: float) -> dict[str, RhoSensitivity]:
    """Return the curve of each channel out of `aigreen.Decomposition.sensitivity`."""
    return {
        str(channel): RhoSensitivity(
            frame=table.droplevel("channel")[["mediated", "std_error", "low", "high"]],
            rho_at_zero=float(table["rho_at_zero"].iloc[0]),
            rho_at_zero_std_error=float(table["rho_at_zero_std_error"].iloc[0]),
            level=level,
        )
        for channel, table in sensitivity.groupby(level="channel", sort=False)
    }
