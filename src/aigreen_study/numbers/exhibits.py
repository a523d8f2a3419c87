"""The numbers of the specification registry: every estimate, difference and joint test of every exhibit."""

from __future__ import annotations

from typing import Any

import numpy as np

from aigreen.effects.effects import Effects
from aigreen.inference.specification_curve import specification_tests
from aigreen_study.numbers.headline import add_estimate, add_test
from aigreen_study.numbers.prose import Ledger
from aigreen_study.numbers.slug import slug
from aigreen_study.specification.precision import detectable
from aigreen_study.specification.results import Results
from aigreen_study.specification.specification import Specification
from aigreen_study.words import listed


def add_exhibit(ledger: Ledger, results: Results, *, level: float, **bootstrap: Any) -> None:
    """Enter an exhibit.

    Estimates are called ``<exhibit>_<id>``, and as the exhibit's `quoted_as` says; where the outcome is a count also in
    percent (``_percent``) and with the effective number of treated clusters (``_effective``). Precision adds the
    smallest effect that could be found (``_detectable``), clusters and effective treated clusters, and of counts the
    interval in percent. A contrast adds adjusted p-values, differences to the first of the group,
    ``<exhibit>_<group>_diff`` (with ``_<id>`` in groups of three or more), and the test that a group is equal,
    ``<exhibit>_<group>_equal_p``. A curve adds how many specifications have no interval (``_without_interval``) and the
    joint tests of the others. A range adds, for each group, the estimates that are ``<exhibit>_<group>_lowest`` and
    ``_highest``, in percent too where the outcome is a count, the label of the sample of each (``_sample``), those
    whose interval excludes zero (``<exhibit>_<group>_found``), and the ends of all intervals together,
    ``<exhibit>_<group>_reach_low`` and ``_reach_high``; for each estimate its clusters and those treated, ``_clusters``
    and ``_treated``.

    Parameters
    ----------
    level : float
        Of intervals and verdicts.
    bootstrap
        n_draws, multipliers and seed.
    """
    name = results.exhibit.exhibit
    place = f"{'figures' if results.exhibit.drawn else 'tables'}/{name}"
    for part in results.estimated:
        _add_one(ledger, f"{name}_{part.id}", results, part, place, level)
        if results.exhibit.quoted_as:
            _add_one(ledger, results.exhibit.quoted_as.format(id=part.id), results, part, place, level)
    if results.exhibit.kind == "precision":
        _add_precision(ledger, name, results, place, level)
    if results.exhibit.kind == "contrast":
        _add_contrasts(ledger, name, results, place, level, bootstrap)
    if results.exhibit.kind == "curve":
        _add_curve(ledger, name, results, place, level, bootstrap)
    if results.exhibit.kind == "range":
        _add_range(ledger, name, results, place, level)


def add_known(ledger: Ledger, results: Results, level: float) -> None:
    """Enter the truth of the estimates of an exhibit as ``<exhibit>_<id>_truth``, and which intervals hold it.

    ``<exhibit>_known`` counts the estimates whose truth is known, ``<exhibit>_held`` those whose interval holds it and
    ``<exhibit>_missed`` names the others, in exhibits that are tables. A contrast adds those of its differences, under
    their names.
    """
    held = results.held(level)
    if not held:
        return
    name = results.exhibit.exhibit
    place = f"{'figures' if results.exhibit.drawn else 'tables'}/{name}"
    for id_ in held:
        ledger.add(f"{name}_{id_}_truth", results.truth[id_], exhibit=place)
    ledger.add(f"{name}_known", len(held), fmt="count", exhibit=place)
    ledger.add(f"{name}_held", sum(held.values()), fmt="count", exhibit=place)
    if not results.exhibit.drawn:
        label = {part.id: part.label for part in results.estimated}
        missed = [f"“{label[id_]}”" for id_, inside in held.items() if not inside]
        ledger.add(f"{name}_missed", listed(missed) if missed else "none of them", exhibit=place)
    if results.exhibit.kind == "contrast":
        inside = results.held_differences(level)
        for group in results.compared:
            gaps, true = results.differences(group), results.true_differences(group)
            for id_, value in true.items():
                key = difference_key(name, group, id_, alone=len(gaps) == 1)
                ledger.add(f"{key}_truth", value, exhibit=place)
                if (group, id_) in inside:
                    ledger.add(f"{key}_covered", "covers" if inside[group, id_] else "misses", exhibit=place)


def add_small_cells(ledger: Ledger, results: Results) -> None:
    """Enter which estimators of an exhibit have errors that are too small as ``<exhibit>_small_cells``, if any."""
    parts = [part for parts in results.small_cells.values() for part in parts]
    names = list(dict.fromkeys(f"“{part.label}”" for part in parts))
    if names:
        name = results.exhibit.exhibit
        ledger.add(f"{name}_small_cells", listed(names), exhibit=f"tables/{name}")


def difference_key(name: str, group: str, id_: str, *, alone: bool) -> str:
    """Name of a difference to the first of its group."""
    base = f"{name}_{slug(group)}" if group else name
    return f"{base}_diff" if alone else f"{base}_diff_{id_}"


def _add_one(ledger: Ledger, key: str, results: Results, part: Specification, place: str, level: float) -> None:
    fitted, effect = results.fitted[part.id], results.single[part.id]
    source = _source(fitted, f"{part.exhibit}/{part.id}")
    _add(ledger, key, effect, place, level, source)
    ledger.add(f"{key}_n", fitted.n_rows, fmt="count", exhibit=place, **source)
    if part.method.counts and part.outcome and not part.dose:
        ledger.add(f"{key}_percent", _percent(part, effect.values[0]), fmt="percent", unit="%", exhibit=place, **source)
        if effect.cluster_shares is not None:
            treated = float(effect.effective_clusters()["treated"].iloc[0])
            ledger.add(f"{key}_effective", treated, fmt="effective", exhibit=place, **source)


def _percent(part: Specification, value: float) -> float:
    """Change of a mean count in percent; imputation gives it as a share already, regressions in logs."""
    return 100 * float(value if "imputation" in part.estimator else np.expm1(value))


def _add_precision(ledger: Ledger, name: str, results: Results, place: str, level: float) -> None:
    for part in results.estimated:
        key, fitted, effect = f"{name}_{part.id}", results.fitted[part.id], results.single[part.id]
        source = _source(fitted, f"{name}/{part.id}")
        found, line = detectable(effect, level), effect.conf_int(level).iloc[0]
        ledger.add(f"{key}_detectable", found, exhibit=place, **source)
        ledger.add(f"{key}_clusters", fitted.n_clusters, fmt="count", exhibit=place, **source)
        treated = float(effect.effective_clusters()["treated"].iloc[0])
        ledger.add(f"{key}_treated", treated, fmt="effective", exhibit=place, **source)
        if part.method.counts and not part.dose:
            ends = {"percent_low": line["low"], "percent_high": line["high"], "detectable_percent": found}
            for end, value in ends.items():
                ledger.add(f"{key}_{end}", _percent(part, value), fmt="percent", unit="%", exhibit=place, **source)


def _add_contrasts(
    ledger: Ledger, name: str, results: Results, place: str, level: float, bootstrap: dict[str, Any]
) -> None:
    for key, p in results.adjusted(**bootstrap).items():
        ledger.add(f"{name}_{key}_p_adjusted", p if np.isfinite(p) else "none", fmt="p_value", exhibit=place)
    adjusted = results.adjusted_differences(**bootstrap)
    for group in results.compared:
        base = f"{name}_{slug(group)}" if group else name
        gaps = results.differences(group)
        for id_, gap in gaps.items():
            key = difference_key(name, group, id_, alone=len(gaps) == 1)
            first = results.groups[group][0].id
            _add(ledger, key, gap, place, level, _source(gap, f"{name}/{id_} - {name}/{first}"))
            if np.isfinite(adjusted[group, id_]):  # missing where the outcomes are the same: the difference is zero
                ledger.add(f"{key}_p_adjusted", adjusted[group, id_], fmt="p_value", exhibit=place)
        equal = results.equality(group)
        if equal is not None:
            add_test(ledger, f"{base}_equal", equal.p_value, level, exhibit=place)


def _add_curve(
    ledger: Ledger, name: str, results: Results, place: str, level: float, bootstrap: dict[str, Any]
) -> None:
    joint = specification_tests(results.single, level=level, **bootstrap)
    values = joint.frame["estimate"]
    ledger.add(f"{name}_count", len(values), fmt="count", exhibit=place)
    ledger.add(f"{name}_lowest", values.min(), exhibit=place)
    ledger.add(f"{name}_highest", values.max(), exhibit=place)
    ledger.add(f"{name}_positive", float((values > 0).mean()), fmt="share", exhibit=place)
    ledger.add(f"{name}_without_interval", len(joint.without_interval), fmt="count", exhibit=place)
    for statistic, fmt in (("median", "coefficient"), ("share_significant", "share"), ("mean_z", "coefficient")):
        value, p = joint.tests.loc[statistic, ["value", "p_value"]]
        if np.isfinite(p):
            ledger.add(f"{name}_{statistic}", value, fmt=fmt, exhibit=place)
            add_test(ledger, f"{name}_{statistic}", p, level, exhibit=place)


def _add_range(ledger: Ledger, name: str, results: Results, place: str, level: float) -> None:
    label = {part.id: part.label for part in results.estimated}
    for part in results.estimated:
        ledger.add(f"{name}_{part.id}_clusters", results.fitted[part.id].n_clusters, fmt="count", exhibit=place)
        treated = results.treated_clusters(part.id)
        if treated is not None:
            ledger.add(f"{name}_{part.id}_treated", treated, fmt="count", exhibit=place)
    for group, parts in results.groups.items():
        base = f"{name}_{slug(group)}" if group else name
        by_id = {part.id: part for part in parts}
        for end, id_ in zip(("lowest", "highest"), results.extremes(group), strict=True):
            _add_one(ledger, f"{base}_{end}", results, by_id[id_], place, level)
            ledger.add(f"{base}_{end}_sample", label[id_], exhibit=place)
        told = {id_: results.single[id_].conf_int(level).iloc[0] for id_ in by_id}
        found = [label[id_] for id_, ends in told.items() if ends["low"] > 0 or ends["high"] < 0]
        ledger.add(f"{base}_found", listed(found), exhibit=place)
        lows, highs = [ends["low"] for ends in told.values()], [ends["high"] for ends in told.values()]
        for end, value in (("low", min(lows)), ("high", max(highs))):
            ledger.add(f"{base}_reach_{end}", value if np.isfinite(value) else "none", exhibit=place)


def _add(ledger: Ledger, key: str, effect: Effects, place: str, level: float, source: dict[str, Any]) -> None:
    line = effect.to_frame(level).iloc[0]
    add_estimate(ledger, key, line, place, **source)
    if np.isfinite(line["p_value"]):
        ledger.add(f"{key}_p", line["p_value"], fmt="p_value", exhibit=place, **source)


def _source(fitted: Effects, spec: str) -> dict[str, Any]:
    return {"spec": spec, "n": fitted.n_rows, "errors": fitted.conventions.get("variance", "")}
