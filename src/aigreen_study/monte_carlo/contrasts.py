"""Size of the tests of heterogeneity: differences between groups of firms over draws of the economy."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from aigreen.data import facts
from aigreen.errors import AigreenWarning
from aigreen.simulate.economy.economy import perfect_panel
from aigreen.simulate.economy.effects import EconomyEffects
from aigreen_study.numbers.prose import Ledger
from aigreen_study.specification.estimate import fit_all
from aigreen_study.specification.known import Known
from aigreen_study.specification.results import Results
from aigreen_study.specification.specification import Exhibit
from aigreen_study.tables.formats import MINUS
from aigreen_study.tables.table import Cell, Group, Row, Table

EXHIBITS = tuple(f"heterogeneity_{name}" for name in ("size", "ownership", "pollution", "technology", "region", "hub"))
EQUAL = "All equal"
TEST = 0.05


def replicate_contrasts(
    exhibits: Sequence[Exhibit], study: Mapping[str, Any], *, draws: int, first: int = 0, level: float = 0.95
) -> pd.DataFrame:
    """Draw the economy of a study again and again and estimate its differences between groups of firms.

    Parameters
    ----------
    exhibits : sequence of Exhibit
        Contrasts of the registry whose samples need no more than `perfect_panel` has.
    study : mapping
        Configuration; economies have its effects and the seeds behind its own.
    draws : int
    first : int
        Number of the first draw.
    level : float
        Of the intervals.

    Returns
    -------
    DataFrame
        A row for each draw, exhibit, group and difference: label, truth, estimate, std_error, conf_low, conf_high, and
        equal_p, the p-value of the test that the group is equal.
    """
    effects = EconomyEffects(**study["simulation"]["effects"])
    roles, silent = study["panel"], logging.getLogger(f"{__name__}.silent")
    silent.setLevel(logging.ERROR)
    blocks = []
    begin = study["seed"] + 1 + first
    for seed in range(begin, begin + draws):
        frame, truth = perfect_panel(seed=seed, effects=effects)
        frame = _with_groups(frame)
        known = Known(truth=truth, shares=pd.DataFrame, effects=effects, frame=frame, roles=roles)
        for exhibit in exhibits:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", AigreenWarning)
                fitted, failures = fit_all(exhibit.specifications, frame, roles, silent)
                true = {
                    part.id: known.of(part, fitted[part.id]) for part in exhibit.specifications if part.id in fitted
                }
            blocks.append(_differences(Results(exhibit, fitted, failures, true), level).assign(draw=seed))
    return pd.concat(blocks, ignore_index=True)


def summarise_contrasts(draws: pd.DataFrame) -> pd.DataFrame:
    """Bias, spread, coverage and rejections of each difference, and rejections of the tests that a group is equal.

    Returns
    -------
    DataFrame, by exhibit, group and label
        truth (mean), bias, noise (its Monte Carlo error), spread, std_error (mean), coverage, rejects. In lines
        `EQUAL`, of groups of three or more, rejects alone.
    """
    held = draws.assign(
        gap=draws["estimate"] - draws["truth"],
        coverage=(draws["conf_low"] <= draws["truth"]) & (draws["truth"] <= draws["conf_high"]),
        rejects=(draws["conf_low"] > 0) | (draws["conf_high"] < 0),
    )
    keys = ["exhibit", "group", "label"]
    by = held.groupby(keys, sort=False)
    table = by[["truth", "gap", "std_error", "coverage", "rejects"]].mean().rename(columns={"gap": "bias"})
    spread = by["gap"].std()
    table = table.assign(noise=spread / np.sqrt(by.size()), spread=spread)
    several = held.groupby(keys[:2], sort=False)["label"].nunique()
    tests = held[held["equal_p"].notna()].drop_duplicates([*keys[:2], "draw"])
    size = (tests["equal_p"] < TEST).groupby([tests["exhibit"], tests["group"]], sort=False).mean()
    equal = size[several.index[several > 1]].to_frame("rejects").assign(label=EQUAL).set_index("label", append=True)
    table = pd.concat([table, equal])[["truth", "bias", "noise", "spread", "std_error", "coverage", "rejects"]]
    place = {name: k for k, name in enumerate(several.index)}
    return table.iloc[np.argsort([place[line[:2]] for line in table.index], kind="stable")]


def contrasts_table(summary: pd.DataFrame, n: int, level: float, *, key: str = "contrasts") -> Table:
    """One line a difference, as `summarise_contrasts` returns them, and one a joint test."""
    groups: dict[str, list[Row]] = {}
    for (_, group, label), line in summary.iterrows():
        cells = [Cell() if np.isnan(value) else Cell.number(value, 3) for value in line]
        groups.setdefault(group, []).append(Row(label, tuple(cells)))
    return Table(
        key=key,
        title="Differences between groups of firms, over draws of the economy",
        stub="",
        columns=("Truth", "Bias", "MC error", "Std. dev.", "Std. error", "Coverage", "Rejects"),
        groups=tuple(Group(tuple(rows), title) for title, rows in groups.items()),
        notes=f"{n:,} economies with the effects of the study simulated-firms and other seeds, all listed firms, "
        "records without error; estimates as in the tables of heterogeneity. Coverage: share of intervals of nominal "
        f"{level:.2f} that hold the true difference. Rejects: share of intervals without zero, and of tests of nominal "
        f"{TEST:.2f} that reject that all are equal. True differences are small, so rejections are near the size of "
        "the test. Other columns as in the tables of the parts.",
        simulated=True,
    )


def add_contrasts(ledger: Ledger, summary: pd.DataFrame, n: int) -> None:
    """Enter coverage and rejections of each difference and of the tests, and their extremes."""
    exhibit = "tables/contrasts"
    ledger.add("n_contrasts", n, fmt="count", exhibit=exhibit)
    gaps = summary[summary["coverage"].notna()]
    tests = summary[summary["coverage"].isna()]
    for what, line in (("low", gaps["coverage"].idxmin()), ("high", gaps["coverage"].idxmax())):
        ledger.add(f"contrasts_coverage_{what}", gaps.loc[line, "coverage"], fmt="share", exhibit=exhibit)
        ledger.add(f"contrasts_coverage_{what}_place", f"{line[1]}: {line[2]}".lower(), exhibit=exhibit)
    ledger.add("contrasts_coverage_mean", gaps["coverage"].mean(), fmt="share", exhibit=exhibit)
    ledger.add("contrasts_rejects_mean", gaps["rejects"].mean(), fmt="share", exhibit=exhibit)
    ledger.add("contrasts_equal_low", tests["rejects"].min(), fmt="share", exhibit=exhibit)
    ledger.add("contrasts_equal_high", tests["rejects"].max(), fmt="share", exhibit=exhibit)
    for (name, group, _), line in gaps.iterrows():
        if (gaps.index.droplevel(2) == (name, group)).sum() == 1:
            key = f"{name}_{'poisson_' if 'Poisson' in group else ''}coverage"
            ledger.add(key, line["coverage"], fmt="share", exhibit=exhibit)
            ledger.add(key.replace("coverage", "spread"), line["spread"], exhibit=exhibit)


def _with_groups(frame: pd.DataFrame) -> pd.DataFrame:
    """Add what groups are formed by: the flags of industries, and region and rank of cities."""
    trades = facts.table("industries").set_index("code").reindex(frame["industry_code"])
    places = facts.table("divisions").set_index("gb_code").reindex(frame["home_city"])
    flags = {name: (trades[name] == "1").to_numpy(dtype=float) for name in ("hightech_broad", "heavy_polluting")}
    capital = (places["provincial_capital"] == "1").to_numpy(dtype=float)
    return frame.assign(region=places["nbs_region"].to_numpy(), provincial_capital=capital, **flags)


def _differences(results: Results, level: float) -> pd.DataFrame:
    rows = []
    for group in results.compared:
        label = {part.id: part.label for part in results.groups[group]}
        true, test = results.true_differences(group), results.equality(group)
        for key, gap in results.differences(group).items():
            line = gap.to_frame(level).iloc[0][["estimate", "std_error", "conf_low", "conf_high"]]
            said = {"exhibit": results.exhibit.exhibit, "group": group}
            said["label"] = f"{label[key]} {MINUS} {results.groups[group][0].label}"
            p_value = np.nan if test is None else test.p_value
            rows.append({**said, "truth": true[key], **line.to_dict(), "equal_p": p_value})
    return pd.DataFrame(rows)
