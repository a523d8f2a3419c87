"""Monte Carlo replications: the decomposition and the estimators it replaces, on panels whose truth is known."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from aigreen.decomposition.decomposition import Decomposition
from aigreen.did.imputation import Imputation
from aigreen.errors import AigreenError, AigreenWarning
from aigreen.mediation.mediation import Mediation
from aigreen.panel.panel import Panel
from aigreen.simulate.designs import CHANNELS, COUNT_DESIGNS, DESIGNS, ORIGINS, PARTS, draw, draw_counts
from aigreen.simulate.economy.economy import perfect_panel
from aigreen.simulate.economy.effects import EconomyEffects
from aigreen.simulate.economy.truth import study_truth, true_log_parts, true_parts
from aigreen.spillover.spillover import Spillover
from aigreen_study.specification.decomposed import study_decomposition
from aigreen_study.specification.split import headline_outcome

KEYS = {"unit": "firm", "time": "year", "cohort": "first", "cluster": "city"}
SHARE = "share "
COLUMNS = ("truth", "estimate", "std_error", "conf_low", "conf_high")
Truth = Mapping[str, float]


def _decomposition(panel: Panel, truth: Truth, level: float, **options: str) -> pd.DataFrame:
    parts = Decomposition(channels=CHANNELS, exposure="exposure", **options).fit(panel, "y").overall()
    found = parts.to_frame(level).loc[list(PARTS)]
    if not truth["total"]:
        return found
    names = list(PARTS[1:])
    shares, sets = parts.shares().to_frame(level).loc[names], parts.share_sets(level)
    shares["in_set"] = [float(truth[SHARE + name] in sets[name]) for name in names]
    return pd.concat([found, shares.set_axis([SHARE + name for name in names])])


def _counts(panel: Panel, _: Truth, level: float, **options: str) -> pd.DataFrame:
    estimator = Decomposition(channels=CHANNELS, exposure="exposure", family="poisson", origins=True, **options)
    return estimator.fit(panel, "y").overall().to_frame(level).loc[[*PARTS, *ORIGINS]]


def _baron_kenny(panel: Panel, _: Truth, level: float) -> pd.DataFrame:
    return Mediation(channels=CHANNELS).fit(panel, "y").to_frame(level).loc[list(PARTS[:-1])]


def _imputation(panel: Panel, _: Truth, level: float) -> pd.DataFrame:
    return Imputation().fit(panel, "y").overall().to_frame(level).set_axis(["total"])


def _rings(panel: Panel, _: Truth, level: float) -> pd.DataFrame:
    parts = Spillover(exposure="exposure").fit(panel, "y").overall().to_frame(level)
    # Without an exposed treated row there is no spillover on them: it is zero, without error.
    return parts.reindex(["treated", "spillover"], fill_value=0.0).set_axis(["total", "spillover"])


Estimator = Callable[[Panel, Truth, float], pd.DataFrame]
ESTIMATORS: Mapping[str, Estimator] = MappingProxyType(
    {
        "decomposition": _decomposition,
        "conservative": lambda *given: _decomposition(*given, variance="conservative"),
        "baron_kenny": _baron_kenny,
        "imputation": _imputation,
        "rings": _rings,
    }
)
COUNT_ESTIMATORS: Mapping[str, Estimator] = MappingProxyType(
    {"decomposition": _counts, "conservative": lambda *given: _counts(*given, variance="conservative")}
)


def replicate(name: str, *, draws: int, seed: int, first: int = 0, level: float = 0.95) -> pd.DataFrame:
    """Estimate a design again and again.

    Parameters
    ----------
    name : str
        One of `aigreen.simulate.designs.DESIGNS` or `COUNT_DESIGNS`.
    draws : int
        Replications.
    seed : int
        Each replication of each design has a stream of its own, and is the same however many there are.
    first : int
        Number of the first replication.
    level : float
        Of the intervals.

    Returns
    -------
    DataFrame
        A row for each replication, estimator and part (``share direct`` for a share): truth, estimate, std_error,
        conf_low, conf_high, missing where an estimator stopped with an error; in_set, for shares, whether
        `Parts.share_sets` holds the truth.
    """
    position = [*DESIGNS, *COUNT_DESIGNS].index(name)
    estimators = COUNT_ESTIMATORS if name in COUNT_DESIGNS else ESTIMATORS
    blocks = []
    for r in range(first, first + draws):
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(position, r)))
        if name in COUNT_DESIGNS:
            frame, truth = draw_counts(COUNT_DESIGNS[name], rng)
        else:
            frame, truth = draw(DESIGNS[name], rng)
        if truth["total"]:
            truth |= {SHARE + part: truth[part] / truth["total"] for part in PARTS[1:]}
        panel = Panel(frame, **KEYS)
        for label, estimate in estimators.items():
            blocks.append(_attempt(estimate, panel, truth, level).assign(replication=r, estimator=label))
    return pd.concat(blocks, ignore_index=True).assign(design=name)[
        ["design", "replication", "estimator", "part", *COLUMNS, "in_set"]
    ]


def _attempt(estimate: Estimator, panel: Panel, truth: Truth, level: float) -> pd.DataFrame:
    """One estimator in one sample; a total without estimate where it stops with an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AigreenWarning)
        try:
            found = estimate(panel, truth, level)
        except AigreenError:
            found = pd.DataFrame(index=["total"])
    found = found.assign(truth=[truth[part] for part in found.index])
    return found.reindex(columns=[*COLUMNS, "in_set"]).rename_axis("part").reset_index()


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
        the root of the number of replications), median (of estimates less their truth), spread, std_error (mean),
        coverage, in_set (share of sets that hold the truth), rejects (share of intervals that exclude zero: power, or
        size where the truth is zero), n and failed.
    """
    known = draws["conf_low"].notna()  # an effect of one treated cluster has no interval
    table = draws.assign(
        gap=draws["estimate"] - draws["truth"],
        covered=((draws["conf_low"] <= draws["truth"]) & (draws["truth"] <= draws["conf_high"]))
        .where(known)
        .astype(float),
        rejects=((draws["conf_low"] > 0) | (draws["conf_high"] < 0)).where(known).astype(float),
    )
    there = table[table["estimate"].notna()]
    by = there.groupby(["design", "estimator", "part"], sort=False)
    means = by[["truth", "gap", "std_error", "covered", "in_set", "rejects"]].mean()
    spread, n = by["gap"].std(), by.size()
    total = draws.groupby(["design", "estimator"])["replication"].nunique()
    summary = pd.DataFrame(
        {
            "truth": means["truth"],
            "bias": means["gap"],
            "noise": spread / np.sqrt(n),
            "median": by["gap"].median(),
            "spread": spread,
            "std_error": means["std_error"],
            "coverage": means["covered"],
            "in_set": means["in_set"],
            "rejects": means["rejects"],
            "n": n,
        }
    )
    summary["failed"] = total.reindex(summary.index.droplevel("part")).to_numpy() - summary["n"]
    return summary


def replicate_economy(
    decomposition: Mapping[str, Any],
    *,
    draws: int,
    seed: int,
    first: int = 0,
    level: float = 0.95,
    effects: Mapping[str, float] = MappingProxyType({}),
) -> pd.DataFrame:
    """Draw the synthetic economy of a study again and again and decompose it as the study does.

    Parameters
    ----------
    decomposition : mapping
        As under the key `decomposition` of a study.
    draws : int
        Economies, with all listed firms and records without error, of the seeds from ``seed + 1`` on.
    seed : int
        That of the study, whose own economy is left out.
    first : int
        Number of the first draw.
    level : float
        Of the intervals and of the joint band.
    effects : mapping
        What differs from the default `EconomyEffects`.

    Returns
    -------
    DataFrame
        A row for each draw and part: truth, estimate, std_error, conf_low, conf_high, and the joint band_low,
        band_high.
    """
    estimator, outcome = study_decomposition(decomposition), headline_outcome(decomposition)
    exposure = decomposition["exposure"]
    true_of = true_log_parts if estimator.family == "poisson" else true_parts
    keys = {"unit": "firm_id", "time": "year", "cohort": "zone_year", "cluster": "home_city"}
    blocks = []
    for one in range(seed + first + 1, seed + first + draws + 1):
        frame, truth = perfect_panel(seed=one, effects=EconomyEffects(**effects))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AigreenWarning)
            parts = estimator.fit(Panel(frame, **keys), outcome).overall()
        true = true_of(frame, study_truth(truth, decomposition["channels"]), exposure=exposure)["truth"]
        found = parts.to_frame(level).reindex(columns=[*COLUMNS]).assign(truth=true)
        band = parts.conf_int(level, simultaneous=True)
        blocks.append(found.assign(band_low=band["low"], band_high=band["high"], draw=one).reset_index())
    return pd.concat(blocks, ignore_index=True)


def summarise_economy(draws: pd.DataFrame) -> pd.DataFrame:
    """Bias, spread and coverage of each part over draws of the economy, and of all parts at once.

    Parameters
    ----------
    draws : DataFrame
        As `replicate_economy` returns it.

    Returns
    -------
    DataFrame, indexed by part
        truth (mean), bias, noise (its Monte Carlo error), spread, std_error (mean), coverage, joint (share of bands
        that hold the truth of the part) and rejects; in the row ``all`` the shares of draws in which intervals, or
        bands, hold the truth of every part.
    """
    held = draws.assign(
        gap=draws["estimate"] - draws["truth"],
        coverage=(draws["conf_low"] <= draws["truth"]) & (draws["truth"] <= draws["conf_high"]),
        joint=(draws["band_low"] <= draws["truth"]) & (draws["truth"] <= draws["band_high"]),
        rejects=(draws["conf_low"] > 0) | (draws["conf_high"] < 0),
    )
    by = held.groupby("part", sort=False)
    means, spread = by[["truth", "gap", "std_error", "coverage", "joint", "rejects"]].mean(), by["gap"].std()
    table = means.rename(columns={"gap": "bias"}).assign(noise=spread / np.sqrt(by.size()), spread=spread)
    table.loc["all", ["coverage", "joint"]] = held.groupby("draw")[["coverage", "joint"]].all().mean()
    return table[["truth", "bias", "noise", "spread", "std_error", "coverage", "joint", "rejects"]]
