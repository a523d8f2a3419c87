"""A specification and the study's frame in, Effects out."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import replace
from logging import Logger
from typing import Any

import numpy as np
import pandas as pd

from aigreen.decomposition.parts import TOTAL
from aigreen.did.balance import Balance, entropy_balance, match
from aigreen.effects.effects import Effects
from aigreen.errors import (
    AigreenError,
    ConfigError,
    DataError,
    EffectsError,
    EstimationError,
    SmallCellWarning,
    did_you_mean,
)
from aigreen.panel.panel import Panel
from aigreen_study.specification.calls import FITS
from aigreen_study.specification.derived import derive, written
from aigreen_study.specification.mask import sample_mask, seen_throughout
from aigreen_study.specification.menu import at_year
from aigreen_study.specification.specification import Specification

READ_OFF = ("part", "term", "average", "horizon", "truth")  # options that change no estimation
PLACE, WEIGHT, TREATED, SMALL = "specification", "balance_weight", "treated clusters", "small cells"
Coded = dict[tuple[Any, ...], Panel]  # by the columns that are unit, time, cohort, cluster, and weights
COMPARABLE = {"balance": entropy_balance, "match": match}


def fit(specification: Specification, frame: pd.DataFrame, roles: Mapping[str, str]) -> Effects:
    """Estimate one specification.

    Parameters
    ----------
    specification : Specification
        Completed with the study's defaults.
    frame : DataFrame
        The study's whole panel. Samples are views of it, so the influence functions of any two specifications with the
        same clusters stand on the same rows and can be differenced.
    roles : mapping
        Columns unit, time, cohort and cluster of the study.

    Returns
    -------
    Effects
        As the estimator gives them, with the specification's name and sample, and what `SmallCellWarning` said, among
        the conventions.

    Raises
    ------
    ConfigError
        For a sample that cannot be drawn.
    AigreenError
        Of the estimator, beginning with the specification's name.
    """
    try:
        return _fit(specification, frame, roles, {}, {})
    except AigreenError as error:
        error.args = (f"specification {specification.name}: {error}", *error.args[1:])
        raise


def fit_all(
    specifications: Iterable[Specification], frame: pd.DataFrame, roles: Mapping[str, str], log: Logger
) -> tuple[dict[str, Effects], dict[str, str]]:
    """Estimate the specifications of an exhibit.

    Returns
    -------
    fitted : dict of id to Effects
    failures : dict of id to str
        Those that these data cannot identify, and why.

    Raises
    ------
    AigreenError
        For any other fault, beginning with the specification's name.
    """
    fitted, failures = {}, {}
    seen: dict[str, Effects] = {}
    coded: Coded = {}
    for specification in specifications:
        try:
            fitted[specification.id] = _fit(specification, frame, roles, seen, coded)
        except (DataError, EstimationError) as error:
            failures[specification.id] = str(error)
            log.warning("specification %s: %s", specification.name, error)
        except AigreenError as error:
            error.args = (f"specification {specification.name}: {error}", *error.args[1:])
            raise
        else:
            log.info("%s\n%s", specification.name, fitted[specification.id].summary())
    return fitted, failures


def _fit(
    specification: Specification, frame: pd.DataFrame, roles: Mapping[str, str], seen: dict[str, Effects], coded: Coded
) -> Effects:
    """Estimate a specification; one that differs from a `seen` one in the part that it reads off has its result."""
    options = {key: value for key, value in specification.options.items() if key not in READ_OFF}
    model = repr(replace(specification, id="", label="", group="", options=options, line=0))
    if model not in seen:
        panel = panel_of(specification, frame, roles, coded)
        fitted, small = _with_small_cells(specification, panel)
        treated = {} if specification.dose else {TREATED: str(_treated_clusters(panel, specification.outcome))}
        seen[model] = replace(fitted, conventions=dict(fitted.conventions) | treated | small)
    effects = seen[model]
    said = {PLACE: f"{specification.exhibit}/{specification.id}"}
    if specification.sample:
        said["sample"] = specification.sample
    if scale := written(specification):
        said["outcome"] = scale
    return replace(effects, conventions=dict(effects.conventions) | said)


def _with_small_cells(specification: Specification, panel: Panel) -> tuple[Effects, dict[str, str]]:
    """Fit, giving on all warnings, and return what those of small cells said of errors, under `SMALL`."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", SmallCellWarning)
        fitted = FITS[specification.estimator](specification, panel)
    for given in caught:
        warnings.warn_explicit(given.message, given.category, given.filename, given.lineno)
    small = [str(given.message) for given in caught if issubclass(given.category, SmallCellWarning)]
    of_errors = (text.partition("; first: ")[0] for text in small if "error" in text)  # others are of what is left out
    said = "; ".join(dict.fromkeys(of_errors))
    return fitted, {SMALL: said} if said else {}


def _treated_clusters(panel: Panel, outcome: str) -> int:
    """Count the clusters with a treated row that has the outcome."""
    return len(np.unique(panel.cluster_codes[panel.treated & ~np.isnan(panel.column(outcome))]))


def panel_of(specification: Specification, frame: pd.DataFrame, roles: Mapping[str, str], coded: Coded) -> Panel:
    """Return the view of the study's panel that a specification uses: its columns, its cohorts, its sample.

    Panels of these rows that are `coded` are not coded again.
    """
    unit, time = roles["unit"], roles["time"]
    cohort, options = specification.cohort or roles["cohort"], specification.options
    cluster = specification.cluster[0] if len(specification.cluster) == 1 else roles["cluster"]
    named = [unit, time, cohort, roles["cohort"], cluster, *specification.columns]
    own = frame[list(dict.fromkeys(named))]
    own = derive(specification, own, unit=unit, time=time)
    keys = {"unit": unit, "time": time, "cohort": cohort, "cluster": cluster, "freq": roles.get("freq")}
    roles_of = tuple(keys.values()), options.get("weights") or None
    if roles_of not in coded:
        coded[roles_of] = Panel(own, **keys, weights=roles_of[1])
    panel = coded[roles_of].with_frame(own)
    mask = _rows(specification, own, panel)
    comparable = [name for name in COMPARABLE if name in options]
    if comparable:
        balance = _balance(comparable[0], options[comparable[0]], panel[mask])
        own = own.assign(**{WEIGHT: own[unit].map(balance.weights).fillna(0.0)})
        panel = Panel(own, **keys, weights=WEIGHT)
        mask &= own[WEIGHT].to_numpy() > 0
    return panel if mask.all() else panel[mask]


def _rows(specification: Specification, frame: pd.DataFrame, panel: Panel) -> np.ndarray:
    """Rows of the frame that the sample and the options about it keep."""
    unit, time, options = panel.names["unit"], panel.names["time"], specification.options
    year = frame[panel.names["cohort"]].to_numpy(dtype=float, na_value=np.nan)
    never = ~(np.isfinite(year) & (year > 0))
    first = float(year[~never].min(initial=np.inf))
    mask = sample_mask(specification.sample, frame, unit=unit, time=time, first_treated=first)
    if options.get("controls") == "all":
        mask |= never
    if "cohort" in options:
        mask &= never | (year == float(options["cohort"]))
    if options.get("balanced") == "yes":
        used = [specification.outcome, *specification.covariates]
        mask &= seen_throughout(frame, mask, used, unit=unit, time=time)
    return mask


def _balance(kind: str, text: str, panel: Panel) -> Balance:
    """Make controls comparable on columns in a year before treatment."""
    columns, year = at_year(text)
    return COMPARABLE[kind](panel, columns, period=year)


def one_effect(specification: Specification, effects: Effects) -> Effects:
    """Return the one effect that a specification is about: its term, its part, or its average over treated rows."""
    wanted, names = specification.options, effects.index.names
    if "term" in names:
        chosen = wanted.get("term") or specification.dose_column or "treated"
        return _chosen(specification, effects, "term", chosen)
    if "horizon" in names and effects.psi is None:
        return _chosen(specification, effects, "horizon", int(wanted.get("horizon", "0")))
    if "cohort" in names:
        effects = _average(effects, wanted.get("average", "simple"))
    if "part" in effects.index.names:
        first = effects.index[0] if TOTAL not in effects.index else TOTAL
        # A part of an exposure is called "spillover: ring_100km", and options have no blanks.
        return _chosen(specification, effects, "part", (wanted.get("part") or first).replace(":", ": "))
    if len(effects) != 1:
        raise EffectsError(f"specification {specification.name}: {len(effects)} effects, none of them chosen")
    return effects


def _average(effects: Effects, how: str) -> Effects:
    return effects.overall() if how == "simple" else effects.aggregate(how).overall()


def _chosen(specification: Specification, effects: Effects, level: str, label: object) -> Effects:
    labels = list(effects.index.get_level_values(level))
    if label not in labels:
        known = [str(name) for name in labels]
        raise ConfigError(
            f"specification {specification.name}: no {level} {label!r}{did_you_mean(str(label), known)}; "
            f"there are {', '.join(known[:8])}"
        )
    return effects.select(np.array([name == label for name in labels]))
