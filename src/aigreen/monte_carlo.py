"""Monte Carlo replications: the decomposition and the estimators it replaces, on panels whose truth is known."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd

from aigreen.decomposition import Decomposition
from aigreen.did.imputation import Imputation
from aigreen.effects import Effects
from aigreen.errors import AigreenError, AigreenWarning
from aigreen.mediation import Mediation
from aigreen.panel import Panel
from aigreen.parts import Parts
from aigreen.simulate.designs import CHANNELS, DESIGNS, PARTS, draw
from aigreen.spillover import Spillover

KEYS = {"unit": "firm", "time": "year", "cohort": "first", "cluster": "city"}
SHARE = "share "


def _decomposition(panel: Panel, variance: str) -> dict[str, Effects]:
    parts: Parts = Decomposition(channels=CHANNELS, exposure="exposure", variance=variance).fit(panel, "y").overall()
    shares = parts.shares()
    return {name: parts.select(parts.index == name) for name in PARTS} | {
        SHARE + name: shares.select(shares.index == name) for name in PARTS[1:]
    }


def _baron_kenny(panel: Panel) -> dict[str, Effects]:
    parts = Mediation(channels=CHANNELS).fit(panel, "y")
    return {name: parts.select(parts.index == name) for name in PARTS[:-1]}


def _imputation(panel: Panel) -> dict[str, Effects]:
    return {"total": Imputation().fit(panel, "y").overall()}


def _rings(panel: Panel) -> dict[str, Effects]:
    parts = Spillover(exposure="exposure").fit(panel, "y").overall()
    named = {"total": "treated", "spillover": "spillover"}
    return {name: parts.select(parts.index == part) for name, part in named.items()}


ESTIMATORS: Mapping[str, Callable[[Panel], dict[str, Effects]]] = MappingProxyType(
    {
        "decomposition": lambda panel: _decomposition(panel, "conservative"),
        "leave_one_out": lambda panel: _decomposition(panel, "leave_one_out"),
        "baron_kenny": _baron_kenny,
        "imputation": _imputation,
        "rings": _rings,
    }
)


def replicate(name: str, *, replications: int, seed: int, level: float = 0.95) -> pd.DataFrame:
    """Estimate a design again and again.

    Parameters
    ----------
    name : str
        One of `aigreen.simulate.designs.DESIGNS`.
    replications : int
    seed : int
        Each replication of each design has a stream of its own: the first ones are the same however many there are.
    level : float
        Of the intervals.

    Returns
    -------
    DataFrame
        A row for each replication, estimator and part (``share direct`` for a share): truth, estimate, std_error,
        conf_low, conf_high; missing where an estimator stopped with an error.
    """
    design, position = DESIGNS[name], list(DESIGNS).index(name)
    blocks = []
    for r in range(replications):
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(position, r)))
        frame, truth = draw(design, rng)
        if truth["total"]:
            truth |= {SHARE + part: truth[part] / truth["total"] for part in PARTS[1:]}
        panel = Panel(frame, **KEYS)
        for label, estimate in ESTIMATORS.items():
            blocks.append(_attempt(estimate, panel, truth, level).assign(replication=r, estimator=label))
    draws = pd.concat(blocks, ignore_index=True)
    return draws.assign(design=name)[
        ["design", "replication", "estimator", "part", "truth", "estimate", "std_error", "conf_low", "conf_high"]
    ]


def _attempt(
    estimate: Callable[[Panel], dict[str, Effects]], panel: Panel, truth: Mapping[str, float], level: float
) -> pd.DataFrame:
    """One estimator in one sample; a total without estimate where it stops with an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AigreenWarning)
        try:
            found = estimate(panel)
        except AigreenError:
            return pd.DataFrame({"part": ["total"], "truth": [truth["total"]]})
    lines = [
        {"part": part, "truth": truth[part], **effect.to_frame(level).iloc[0].to_dict()}
        for part, effect in found.items()
        if part in truth
    ]
    return pd.DataFrame(lines)


def summarise(draws: pd.DataFrame) -> pd.DataFrame:
    """Bias, spread, coverage and power over the replications of one design or several.

    Parameters
    ----------
    draws : DataFrame
        As `replicate` returns it.

    Returns
    -------
    DataFrame
        By design, estimator and part: truth (mean), bias, noise (its Monte Carlo error, the standard deviation over
        the root of the number of replications), spread, std_error (mean), coverage, rejects (share of intervals that
        exclude zero: power, or size where the truth is zero), n and failed.
    """
    table = draws.assign(
        gap=draws["estimate"] - draws["truth"],
        covered=((draws["conf_low"] <= draws["truth"]) & (draws["truth"] <= draws["conf_high"])).astype(float),
        rejects=((draws["conf_low"] > 0) | (draws["conf_high"] < 0)).astype(float),
    )
    there = table[table["estimate"].notna()]
    by = there.groupby(["design", "estimator", "part"], sort=False)
    means = by[["truth", "gap", "std_error", "covered", "rejects"]].mean()
    spread, n = by["gap"].std(), by.size()
    total = draws.groupby(["design", "estimator"])["replication"].nunique()
    summary = pd.DataFrame(
        {
            "truth": means["truth"],
            "bias": means["gap"],
            "noise": spread / np.sqrt(n),
            "spread": spread,
            "std_error": means["std_error"],
            "coverage": means["covered"],
            "rejects": means["rejects"],
            "n": n,
        }
    )
    summary["failed"] = total.reindex(summary.index.droplevel("part")).to_numpy() - summary["n"]
    return summary
