"""The numbers of a study's prose: sample, baseline, group-time averages and, where simulated, the truth."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from aigreen.effects import Effects
from aigreen.panel import Panel
from aigreen.report.numbers import Ledger


def add_sample(ledger: Ledger, panel: Panel, count: str) -> None:
    """Enter the size of the panel and the distribution of the count outcome."""
    outcome = panel.column(count)
    sizes = {
        "n_rows": panel.n_rows,
        "n_units": panel.n_units,
        "n_clusters": panel.n_clusters,
        "n_treated_units": int(np.isfinite(panel.unit_cohort).sum()),
        "n_cohorts": len(panel.cohorts),
    }
    for key, value in sizes.items():
        ledger.add(key, value, fmt="count", exhibit="tables/sample_flow")
    for key, year in (("first_year", panel.times[0]), ("last_year", panel.times[-1])):
        ledger.add(key, int(year), fmt="year", exhibit="tables/sample_flow")
    ledger.add("outcome_mean", float(outcome.mean()), fmt="adaptive", unit="patents", exhibit="tables/descriptives")
    ledger.add("outcome_zero_share", float((outcome == 0).mean()), fmt="share", exhibit="tables/descriptives")


def add_baseline(ledger: Ledger, name: str, result: Effects, *, family: str, level: float) -> None:
    """Enter the treatment coefficient of a column of the baseline table, of Poisson also in percent."""
    line = result.to_frame(level).loc["treated"]
    _add_estimate(ledger, f"twfe_{name}_treated", line, "tables/baseline")
    if family == "poisson":
        percent = 100 * np.expm1(line["estimate"])
        ledger.add(f"twfe_{name}_treated_percent", percent, fmt="percent", unit="%", exhibit="tables/baseline")


def add_averages(ledger: Ledger, averages: Mapping[str, Effects], study: Effects, level: float) -> None:
    """Enter overall averages of group-time effects and the pre-trend test of their event study."""
    for how, average in averages.items():
        line = average.to_frame(level).iloc[0]
        _add_estimate(ledger, f"att_{how}", line, "tables/overall")
    pretrend = study.pretrend_test()
    ledger.add("pretrend_p", pretrend.p_value, fmt="p_value", exhibit="tables/event_study")
    ledger.add("pretrend_df", pretrend.df, fmt="count", exhibit="tables/event_study")


def add_truth(ledger: Ledger, truth: float, average: Effects, level: float) -> None:
    """Enter the true simple average and whether the estimated interval covers it."""
    bounds = average.conf_int(level).iloc[0]
    ledger.add("truth_att_log", truth, exhibit="tables/overall")
    ledger.add("truth_covered", "covers" if bounds["low"] <= truth <= bounds["high"] else "does not cover")


def _add_estimate(ledger: Ledger, key: str, line: Mapping[str, float], exhibit: str) -> None:
    low, high = line["conf_low"], line["conf_high"]
    for suffix, value in (("", line["estimate"]), ("_se", line["std_error"]), ("_low", low), ("_high", high)):
        ledger.add(f"{key}{suffix}", value, exhibit=exhibit)
    ledger.add(f"{key}_verdict", "includes zero" if low <= 0 <= high else "excludes zero", exhibit=exhibit)
