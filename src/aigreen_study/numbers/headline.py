"""The numbers of a study's prose: sample, group-time averages, decomposition, truth where simulated."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from aigreen.data import facts
from aigreen.decomposition.parts import DIRECT, SPILLOVER, TOTAL
from aigreen.effects.effects import Effects, PretrendTest
from aigreen.panel.panel import Panel
from aigreen_study.numbers.prose import Ledger
from aigreen_study.run.periods import IN_A_YEAR, YEARS, Periods
from aigreen_study.specification.joint_tests import IN_WORDS, has_leads, pretrend
from aigreen_study.specification.parts import Behind, Movement, against_truth, shares, tells_total, unbounded_shares
from aigreen_study.words import in_sentence, listed

FEW = 5


def add_settings(ledger: Ledger, level: float, exposures: Iterable[str]) -> None:
    """Enter what the configuration sets and the prose repeats: the level of intervals, the radius of exposures.

    Parameters
    ----------
    level : float
        Coverage of intervals; enters as ``level_percent``.
    exposures : iterable of str
        Columns; those with a radius in their name, as ring_100km, enter as ``ring_100km_km``.
    """
    ledger.add("level_percent", 100 * level, fmt="count", unit="percent")
    for name in exposures:
        if radius := re.search(r"(\d+)km", name):
            ledger.add(f"{name}_km", int(radius[1]), fmt="count", unit="km")


def add_sample(ledger: Ledger, panel: Panel, outcome: str, periods: Periods = YEARS, *, unit: str = "") -> None:
    """Enter the size of the panel, its first and last period, and the distribution of the outcome in levels."""
    values = panel.column(outcome)
    sizes = {
        "n_rows": panel.n_rows,
        "n_units": panel.n_units,
        "n_clusters": panel.n_clusters,
        "n_treated_units": int(np.isfinite(panel.unit_cohort).sum()),
        "n_cohorts": len(panel.cohorts),
    }
    for key, value in sizes.items():
        ledger.add(key, value, fmt="count", exhibit="tables/sample_flow")
    for key, step in (("first_year", panel.times[0]), ("last_year", panel.times[-1])):
        if periods.freq in IN_A_YEAR:
            ledger.add(key, periods.name(step), exhibit="tables/sample_flow")
        else:
            ledger.add(key, int(step), fmt="year", exhibit="tables/sample_flow")
    ledger.add("outcome_mean", float(np.nanmean(values)), fmt="adaptive", unit=unit, exhibit="tables/descriptives")
    ledger.add("outcome_zero_share", float((values == 0).mean()), fmt="share", exhibit="tables/descriptives")


def add_constant(ledger: Ledger, panel: Panel, outcome: str) -> None:
    """Enter the value of an outcome that is the same in all treated rows, and their number; nothing of any other."""
    after = panel.column(outcome)[panel.treated]
    after = after[~np.isnan(after)]
    if len(after) and (after == after[0]).all():
        ledger.add("outcome_constant", float(after[0]), fmt="adaptive", exhibit="tables/descriptives")
        ledger.add("outcome_constant_rows", len(after), fmt="count", exhibit="tables/descriptives")


def add_flow(ledger: Ledger, flow: pd.DataFrame) -> None:
    """Enter the units of the raw file and those left out on the way to the panel."""
    units = flow["n_units"]
    ledger.add("n_units_raw", int(units.iloc[0]), fmt="count", exhibit="tables/sample_flow")
    ledger.add("n_units_left_out", int(units.iloc[0] - units.iloc[-1]), fmt="count", exhibit="tables/sample_flow")


def add_zones(ledger: Ledger, places: Iterable[str], level: facts.Level) -> None:
    """Enter how many places hold a pilot zone, and the names of those that have no row in the panel."""
    names = {"prefecture": ("gb_code", "name_en"), "province": ("province_code", "province_en")}[level]
    name_of = facts.table("divisions").drop_duplicates(names[0]).set_index(names[0])[names[1]]
    zones, here = facts.pilot_zone_cohorts(level), set(places)
    absent = sorted(name_of[code] for code in zones.index if code not in here)
    ledger.add("n_zones", len(zones), fmt="count")
    ledger.add("n_zones_absent", len(absent), fmt="count")
    ledger.add("zones_absent", listed(absent))


def add_gaps(ledger: Ledger, panel: Panel, column: str, names: pd.Series) -> None:
    """Enter the rows without a value of a column, and the treated units that have none after treatment."""
    missing = np.isnan(panel.column(column))
    after = panel.time >= panel.unit_cohort[panel.unit_codes]
    seen = set(panel.unit_codes[after & ~missing])
    lost = [panel.units[code] for code in sorted(set(panel.unit_codes[after]) - seen)]
    ledger.add(f"gap_{column}_rows", int(missing.sum()), fmt="count", exhibit="tables/descriptives")
    ledger.add(f"gap_{column}_treated", listed([str(names[unit]) for unit in lost]), exhibit="tables/descriptives")


def add_growth(ledger: Ledger, frame: pd.DataFrame, *, unit: str, time: str, column: str) -> None:
    """Enter how far apart units grow in a log column: the median over years of the interquartile range of changes."""
    ordered = frame.sort_values([unit, time])
    change = ordered.groupby(unit)[column].diff()
    quartiles = change.groupby(ordered[time]).quantile([0.25, 0.75]).unstack().dropna()
    spread = quartiles[0.75] - quartiles[0.25]
    ledger.add("growth_spread", float(spread.median()), fmt="share", exhibit="tables/descriptives")


def add_averages(ledger: Ledger, averages: Mapping[str, Effects], study: Effects, level: float) -> None:
    """Enter overall averages of group-time effects and the pre-trend test of their event study, where there is one."""
    for how, average in averages.items():
        line = average.to_frame(level).iloc[0]
        add_estimate(ledger, f"att_{how}", line, "tables/overall")
    if not has_leads(study):
        return
    found, exhibit = pretrend(study), "tables/event_study"
    if not np.isfinite(found.p_value):
        return
    add_test(ledger, "pretrend", found.p_value, level, exhibit=exhibit)
    ledger.add("pretrend_leads", found.leads, fmt="count", exhibit=exhibit)
    ledger.add("pretrend_how", IN_WORDS[found.method], exhibit=exhibit)
    ledger.add("pretrend_treated", found.treated_clusters, fmt="effective", exhibit=exhibit)
    add_trend(ledger, "pretrend", found, level, exhibit=exhibit)


def add_horizons(ledger: Ledger, study: Effects, horizons: Iterable[int], level: float) -> None:
    """Enter single effects of the event study, as ``event_study_before_1`` and ``event_study_after_0``."""
    lines = study.to_frame(level)
    for horizon in horizons:
        key = f"event_study_{'before' if horizon < 0 else 'after'}_{abs(horizon)}"
        add_estimate(ledger, key, lines.loc[horizon], "tables/event_study")


def add_truth(ledger: Ledger, truth: float, average: Effects, level: float) -> None:
    """Enter the true simple average and whether the estimated interval covers it."""
    bounds = average.conf_int(level).iloc[0]
    ledger.add("truth_att_log", truth, exhibit="tables/overall")
    ledger.add("truth_covered", "covers" if bounds["low"] <= truth <= bounds["high"] else "does not cover")


def add_decomposition(
    ledger: Ledger, overall: Effects, labels: Mapping[str, str], *, level: float, key: str = "dec", **band: Any
) -> None:
    """Enter every part with both intervals, its share of the total, and what can be said of them.

    Parameters
    ----------
    overall : Effects
        By part, the total first, under the names of the columns.
    labels : mapping of part to printed name
    key : str
        Begins the keys.
    """
    exhibit = "tables/decomposition"
    point, wide = overall.to_frame(level), overall.conf_int(level, simultaneous=True, **band)
    ratio = shares(overall, level)
    for part, line in point.iterrows():
        add_estimate(ledger, f"{key}_{part}", line, exhibit)
        for end in ("low", "high"):
            ledger.add(f"{key}_{part}_band_{end}", wide.loc[part, end], exhibit=exhibit)
    for part, line in ratio.iterrows():
        for suffix, name in (("", "estimate"), ("_low", "low"), ("_high", "high")):
            value = line[name] if np.isfinite(line[name]) else "none"
            ledger.add(f"{key}_{part}_share{suffix}", value, fmt="share", exhibit=exhibit)
    found = [part for part, (low, high) in wide.iterrows() if low > 0 or high < 0]
    ledger.add(f"{key}_found", _phrase(found, labels), exhibit=exhibit)
    unknown = unbounded_shares(ratio)
    but = f", but for that of {_phrase(unknown, labels)}, which too few clusters bear" if unknown else ""
    ledger.add(
        f"{key}_shares_verdict",
        f"shares of it can be read, with their intervals{but}"
        if tells_total(point)
        else "shares of a total that may be zero have no clear meaning and stand in the table for completeness only",
        exhibit=exhibit,
    )
    total, *parts = overall.values
    ledger.add(
        f"{key}_signs",
        "all parts have the sign of the total"
        if all(part * total >= 0 for part in parts)
        else "the parts do not all have the sign of the total, so that some shares lie outside zero to one",
        exhibit=exhibit,
    )


def add_behind(ledger: Ledger, found: Behind, names: pd.Series) -> None:
    """Enter the rows and clusters behind the decomposition, and the units that are treated and exposed at once."""
    exhibit = "tables/decomposition"
    for name in ("clean", "exposed", "treated", "treated_left_out"):
        ledger.add(f"dec_rows_{name}", getattr(found, name), fmt="count", exhibit=exhibit)
    every = found.treated + found.treated_left_out
    ledger.add("dec_rows_treated_left_out_share", found.treated_left_out / every, fmt="share", exhibit=exhibit)
    for name in ("clusters", "exposed_clusters", "treated_clusters"):
        ledger.add(f"dec_{name}", getattr(found, name), fmt="count", exhibit=exhibit)
    ledger.add("dec_both", len(found.both), fmt="count", exhibit=exhibit)
    if len(found.both) <= FEW:
        ledger.add("dec_both_names", listed([str(names[unit]) for unit in found.both]), exhibit=exhibit)


def add_exposure(
    ledger: Ledger, name: str, overall: Effects, support: Mapping[str, Sequence[str]], level: float
) -> None:
    """Enter total and spillover under an exposure, and the untreated units that it leaves clean and exposed."""
    point = overall.to_frame(level)
    exhibit = "tables/decomposition_exposures"
    for part in (TOTAL, DIRECT, SPILLOVER):
        add_estimate(ledger, f"exposure_{name}_{part}", point.loc[part], exhibit)
    for kind, units in support.items():
        ledger.add(f"exposure_{name}_{kind}", len(units), fmt="count", exhibit=exhibit)
        if len(units) <= FEW:
            ledger.add(f"exposure_{name}_{kind}_names", listed(list(units)), exhibit=exhibit)


def add_move(ledger: Ledger, name: str, found: Movement, level: float) -> None:
    """Enter the average effect on a variable, the joint test of its movements before treatment and their slope."""
    add_estimate(ledger, f"move_{name}", found.effect.to_frame(level).iloc[0], "tables/moves")
    add_test(ledger, f"move_{name}_leads", found.leads.p_value, level, exhibit="tables/moves")
    add_trend(ledger, f"move_{name}", found.leads, level, exhibit="tables/moves")


def add_true_parts(
    ledger: Ledger, overall: Effects, truth: pd.DataFrame, labels: Mapping[str, str], *, level: float, **band: Any
) -> None:
    """Enter the truth of every part, which intervals miss it, and, off the log scale, how far their order matters."""
    exhibit = "tables/decomposition_truth"
    found = against_truth(overall, truth["truth"], level, **band)
    for part, value in found["truth"].items():
        ledger.add(f"dec_{part}_truth", float(value), exhibit=exhibit)
    for name, covered in (("pointwise", found["covered"]), ("band", found["band_covered"])):
        ledger.add(f"dec_missed_{name}", _phrase(list(found.index[~covered]), labels), exhibit=exhibit)
    if "low" in truth:
        gap = float((truth["high"] - truth["low"]).max())
        ledger.add("dec_truth_order_gap", gap, fmt="coefficient4", exhibit=exhibit)


def add_trend(ledger: Ledger, key: str, found: PretrendTest, level: float, *, exhibit: str) -> None:
    """Enter the slope of the path before treatment, a period, and the test that it is zero."""
    line = found.trend.to_frame(level).iloc[0]
    for suffix, column in (("", "estimate"), ("_se", "std_error")):
        ledger.add(f"{key}_trend{suffix}", line[column], exhibit=exhibit)
    add_test(ledger, f"{key}_trend", found.trend_p_value, level, exhibit=exhibit)


def add_test(ledger: Ledger, key: str, p: float, level: float, *, exhibit: str) -> None:
    """Enter the p-value of a test as ``<key>_p``, and what it does at one less `level` as ``<key>_verdict``."""
    ledger.add(f"{key}_p", p if np.isfinite(p) else "none", fmt="p_value", exhibit=exhibit)
    ledger.add(f"{key}_verdict", verdict(p, level), exhibit=exhibit)


def verdict(p: float, level: float) -> str:
    """Say in words what a test does at one less `level`."""
    if np.isnan(p):
        return "cannot be made for"
    return "rejects" if p < 1 - level else "does not reject"


def _phrase(parts: Sequence[str], labels: Mapping[str, str]) -> str:
    """Name parts as in a sentence."""
    plain = {TOTAL: "the total", DIRECT: "the direct part", SPILLOVER: "the spillover"}
    names = [plain[part] if part in plain else f"the part {in_sentence(labels[part])}" for part in parts]
    return listed(names) if names else "none of them"


def add_estimate(ledger: Ledger, key: str, line: Mapping[str, float], exhibit: str, **source: Any) -> None:
    """Enter an estimate with its error, interval and verdict; `source` are more fields of the entries.

    An estimate that rests on one treated cluster has no interval: its ends are "none".
    """
    low, high = line["conf_low"], line["conf_high"]
    for suffix, value in (("", line["estimate"]), ("_se", line["std_error"]), ("_low", low), ("_high", high)):
        ledger.add(f"{key}{suffix}", value if np.isfinite(value) else "none", exhibit=exhibit, **source)
    told = "includes zero" if low <= 0 <= high else "excludes zero"
    ledger.add(f"{key}_verdict", told if np.isfinite(low) else "is not known", exhibit=exhibit, **source)
