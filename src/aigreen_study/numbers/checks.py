"""The numbers of the exhibits that answer objections and are no rows of the registry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from aigreen.decomposition.parts import DIRECT, SPILLOVER, TOTAL
from aigreen.effects.effects import Effects
from aigreen.errors import DataError, EffectsError, EstimationError
from aigreen.inference.honest import HonestDiD, Restriction, honest_did
from aigreen.inference.placebo_links import LinkCheck
from aigreen.inference.randomization import Randomization
from aigreen.inference.variants import Variant
from aigreen_study.numbers.headline import add_estimate, add_test
from aigreen_study.numbers.prose import Ledger
from aigreen_study.numbers.slug import slug
from aigreen_study.own.levels import Level
from aigreen_study.specification.adoption import Lines
from aigreen_study.specification.bacon import by_kind, weighted_sum
from aigreen_study.specification.binned import BinnedMeans
from aigreen_study.specification.joint_tests import has_leads, joint_test, pretrend
from aigreen_study.specification.shift_share import Instrumented
from aigreen_study.tables.shift_share import set_text
from aigreen_study.words import listed


def add_adoption(
    ledger: Ledger,
    overall: Lines,
    study: Lines,
    totals: Mapping[str, Lines],
    margins: Lines,
    adopters: Mapping[str, int],
    names: Sequence[str],
    *,
    level: float,
) -> None:
    """Enter parts, leads, thresholds and margins of adoption, with what is true where it is known.

    Parameters
    ----------
    overall, study, totals, margins : Lines
        Parts, the total by horizon, the total by column of first years, margins of the dose.
    adopters : mapping of column to count
        The study's threshold first.
    names : sequence of str
        Printed names of the parts.
    """
    exhibit = "tables/adoption_parts"
    for part, line in overall.effects.to_frame(level).iterrows():
        add_estimate(ledger, f"adopt_{slug(str(part))}", line, exhibit)
    leads = pretrend(study.effects)
    add_test(ledger, "adopt_leads", leads.p_value, level, exhibit=exhibit)
    first = next(iter(totals))
    ledger.add("adopt_adopters", adopters[first], fmt="count", exhibit="tables/adoption_thresholds")
    for name, lines in totals.items():
        key, place = f"adopt_{name}", "tables/adoption_thresholds"
        add_estimate(ledger, key, lines.effects.to_frame(level).iloc[0], place)
        ledger.add(f"{key}_adopters", adopters[name], fmt="count", exhibit=place)
    for margin, line in margins.effects.to_frame(level).iterrows():
        add_estimate(ledger, f"adopt_margin_{margin}", line, "tables/adoption_margins")
    if overall.truth is None:
        return
    for part, value in zip(overall.effects.index, overall.truth, strict=True):
        ledger.add(f"adopt_{slug(str(part))}_truth", float(value), fmt="coefficient4", exhibit=exhibit)
    missed = [f"“{name}”" for name, held in zip(names, overall.covered(level), strict=True) if not held]
    ledger.add("adopt_missed", listed(missed) if missed else "none of them", exhibit=exhibit)
    held = [_held(lines.covered(level)[0]) for lines in totals.values()]
    for name, lines, told in zip(totals, totals.values(), held, strict=True):
        ledger.add(
            f"adopt_{name}_truth", float(lines.truth[0]), fmt="coefficient4", exhibit="tables/adoption_thresholds"
        )
        ledger.add(f"adopt_{name}_covered", told, exhibit="tables/adoption_thresholds")
    for margin, value, inside in zip(margins.effects.index, margins.truth, margins.covered(level), strict=True):
        ledger.add(f"adopt_margin_{margin}_truth", float(value), fmt="coefficient4", exhibit="tables/adoption_margins")
        ledger.add(f"adopt_margin_{margin}_covered", _held(inside), exhibit="tables/adoption_margins")


def _held(inside: bool) -> str:
    return "holds" if inside else "does not hold"


def add_bacon(ledger: Ledger, comparisons: pd.DataFrame, *, n_rows: int, n_units: int) -> None:
    """Enter the two-way estimate of the units seen throughout, and weight and mean of each kind of comparison."""
    facts = {"exhibit": "figures/bacon", "n": n_rows}
    ledger.add("bacon_estimate", weighted_sum(comparisons), **facts)
    ledger.add("bacon_units", n_units, fmt="count", **facts)
    for kind, line in by_kind(comparisons).iterrows():
        ledger.add(f"bacon_{kind}_weight", line["weight"], fmt="share", **facts)
        ledger.add(f"bacon_{kind}_mean", line["mean"], **facts)


def add_binned(ledger: Ledger, binned: BinnedMeans) -> None:
    """Enter the slope of the line through the bins, and their number."""
    facts = {"exhibit": "figures/dose_scatter", "n": binned.slope.n_rows}
    ledger.add("dose_scatter_slope", float(binned.slope.values[0]), **facts)
    ledger.add("dose_scatter_slope_se", float(binned.slope.std_errors.iloc[0]), **facts)
    ledger.add("dose_scatter_bins", len(binned.at), fmt="count", **facts)


def add_shift_share(ledger: Ledger, found: Instrumented, level: float) -> None:
    """Enter reduced form, first stage and instrumented dose with errors by shock, effective F and weak-IV set."""
    for step, effect in found.by_shock.items():
        line = effect.to_frame(level).iloc[0]
        facts = {"exhibit": "tables/shift_share", "n": effect.n_rows}
        for name, column in (("", "estimate"), ("_se", "std_error"), ("_low", "conf_low"), ("_high", "conf_high")):
            ledger.add(f"shift_share_{step}{name}", line[column], **facts)
    second = found.by_shock["second"]
    facts = {"exhibit": "tables/shift_share", "n": second.n_rows}
    ledger.add("shift_share_f", float(second.conventions["effective F"]), fmt="adaptive", **facts)
    ledger.add("shift_share_set", set_text(found.weak), **facts)


def estimable(fits: Mapping[str, Callable[[], Effects]]) -> tuple[dict[str, Effects], dict[str, str]]:
    """Return the results of those fits that the data bear, and why the others fail; the first has to succeed."""
    found, failures = {}, {}
    for label, fit in fits.items():
        try:
            found[label] = fit()
        except (DataError, EstimationError) as error:
            if not found:
                raise
            failures[label] = str(error)
    return found, failures


def with_errors(study: Effects) -> Effects:
    """Return the horizons around treatment up to the first, on either side, that rests on one treated cluster."""
    horizons, known = study.index.to_numpy(), study.conf_int().notna().all(axis=1).to_numpy()
    lone = horizons[~known]
    low = lone[lone < 0].max(initial=horizons.min() - 1)
    high = lone[lone >= 0].min(initial=horizons.max() + 1)
    return study.select((horizons > low) & (horizons < high))


def bounded(
    study: Effects, restrictions: Iterable[Restriction], level: float
) -> tuple[list[HonestDiD], dict[Restriction, str]]:
    """Bound the average effect under those restrictions that effects before treatment tell of; why not, of others."""
    found: list[HonestDiD] = []
    failures: dict[Restriction, str] = {}
    for restriction in restrictions:
        try:
            found.append(honest_did(study, weights="average", restriction=restriction, level=level))
        except (DataError, EffectsError) as error:
            failures[restriction] = str(error)
    return found, failures


def add_estimators(
    ledger: Ledger,
    studies: Mapping[str, Effects],
    honest: Iterable[HonestDiD],
    n_rows: int,
    failures: Iterable[str] = (),
) -> None:
    """Enter the test of leads of each event study, what the first allows to go wrong, and estimators that fail."""
    if failures := list(failures):
        ledger.add("estimators_left_out", listed(failures), exhibit="figures/event_study_estimators")
    for label, study in studies.items():
        key = label.lower().replace("-", "_")
        facts = {"exhibit": "figures/event_study_estimators", "n": study.n_rows}
        p, trend_p = np.nan, np.nan  # stacking may leave the reference alone before treatment
        if has_leads(study):
            found = pretrend(study)
            p, trend_p = found.p_value, found.trend_p_value
        ledger.add(f"pretrend_{key}_p", p if np.isfinite(p) else "none", fmt="p_value", **facts)
        ledger.add(f"pretrend_{key}_trend_p", trend_p if np.isfinite(trend_p) else "none", fmt="p_value", **facts)
    for result in honest:
        key, facts = f"honest_{result.restriction}", {"exhibit": "figures/honest", "n": n_rows}
        ledger.add(f"{key}_breakdown", result.breakdown if np.isfinite(result.breakdown) else "none found", **facts)
        last = result.frame.iloc[-1]
        ledger.add(f"{key}_low", float(last["low"]), **facts)
        ledger.add(f"{key}_high", float(last["high"]), **facts)
        ledger.add(f"{key}_bound", float(last["bound"]), fmt="adaptive", **facts)


def add_inference(
    ledger: Ledger, effect: Effects, variants: Iterable[Variant], reassigned: Randomization, n_rows: int, level: float
) -> None:
    """Enter the estimate, how each way of inference judges it, and the test by reassignment on `n_rows` rows."""
    exhibit = "tables/inference"
    ledger.add("inference_estimate", float(effect.values[0]), exhibit=exhibit, n=effect.n_rows)
    for variant in variants:
        key = f"inference_{variant.key}"
        add_test(ledger, key, variant.p, level, exhibit=exhibit)
        if variant.effective is not None:
            ledger.add(f"{key}_effective", variant.effective, fmt="effective", exhibit=exhibit)
            ledger.add(f"{key}_treated", variant.treated, fmt="count", exhibit=exhibit)
            ledger.add(f"{key}_clusters", variant.clusters, fmt="count", exhibit=exhibit)
    ledger.add("randomisation_estimate", reassigned.estimate, exhibit="figures/randomisation", n=n_rows)
    ledger.add("randomisation_p", reassigned.p_value, fmt="p_value", exhibit="figures/randomisation")
    ledger.add("randomisation_draws", len(reassigned.draws), fmt="count", exhibit="figures/randomisation")


def add_level(ledger: Ledger, column: str, sizes: Level) -> None:
    """Enter the column above the clusters at whose level treatment varies, its groups and those with treated units."""
    ledger.add("treatment_level", column, exhibit="tables/inference")
    ledger.add("treatment_level_groups", sizes.groups, fmt="count", exhibit="tables/inference")
    ledger.add("treatment_level_treated", sizes.treated, fmt="count", exhibit="tables/inference")


def add_links(ledger: Ledger, checks: Mapping[str, LinkCheck], level: float) -> None:
    """Enter the coefficients of each exposure, plain and recentred, and the test by placebo links.

    Parameters
    ----------
    checks : mapping of key to LinkCheck
    """
    exhibit = "tables/placebo_links"
    for key, check in checks.items():
        for kind, effect in (("plain", check.plain), ("recentred", check.recentred)):
            line = effect.to_frame(level).iloc[0]
            ledger.add(f"links_{key}_{kind}", line["estimate"], exhibit=exhibit, n=effect.n_rows)
            ledger.add(f"links_{key}_{kind}_p", line["p_value"], fmt="p_value", exhibit=exhibit, n=effect.n_rows)
        add_test(ledger, f"links_{key}_placebo", check.p_placebo, level, exhibit=exhibit)


def add_sensitivity(ledger: Ledger, sensitivity: pd.DataFrame, n_rows: int) -> None:
    """Enter what takes the part of each channel to zero, from `aigreen.Decomposition.sensitivity`."""
    facts = {"exhibit": "tables/sensitivity", "n": n_rows}
    for channel, table in sensitivity.groupby(level="channel", sort=False):
        line = table.iloc[0]
        ledger.add(f"sensitivity_{channel}_rho", line["rho_at_zero"], **facts)
        for name in ("robustness_value", "robustness_value_significance"):
            ledger.add(f"sensitivity_{channel}_{name}", line[name], fmt="share", **facts)


def add_factors(
    ledger: Ledger, factors: Effects, interactions: Mapping[str, Effects], channels: Iterable[str], level: float
) -> None:
    """Enter the slope and the movement of each channel, and what its other slope among the treated adds.

    Parameters
    ----------
    factors : Effects
        By channel and factor, of `aigreen.Decomposition.factors`.
    interactions : mapping of channel to Effects
    """
    lines = factors.to_frame(level)
    for channel in channels:
        for factor in ("slope", "moved"):
            add_estimate(ledger, f"factor_{channel}_{factor}", lines.loc[(channel, factor)], "tables/sensitivity")
        if channel in interactions:
            line = interactions[channel].to_frame(level).iloc[0]
            add_estimate(ledger, f"interaction_{channel}", line, "tables/additivity_test")


def add_circles(
    ledger: Ledger, curve: Effects, tests: Mapping[str, Effects], definitions: Mapping[str, str], level: float
) -> None:
    """Enter the parts under each definition of exposure, and the test that exposure adds to own treatment.

    Parameters
    ----------
    curve : Effects
        By label of the definition and part.
    tests : mapping of label to Effects
    definitions : mapping of label to column
    """
    for label, column in definitions.items():
        for part in (TOTAL, DIRECT, SPILLOVER):
            value = float(curve[label][part].values[0])
            ledger.add(f"ring_curve_{column}_{part}", value, exhibit="tables/ring_curve", n=curve.n_rows)
        if label in tests:
            p = joint_test(tests[label]).p_value
            add_test(ledger, f"additivity_{column}", p, level, exhibit="tables/additivity_test")
