"""One coefficient under many errors: clusters of several kinds, the wild bootstrap, reassignment, distance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from aigreen.effects.effects import Effects
from aigreen.effects.multiplier import Multipliers
from aigreen.inference.clusters import effective_clusters
from aigreen.inference.randomization import Randomization
from aigreen.inference.spatial import conley
from aigreen.inference.wild import wild_cluster_bootstrap
from aigreen.panel.panel import Panel
from aigreen.regression.twfe import TWFE

CUTOFFS_KM = (100.0, 300.0)  # of spatial correlation


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One way to judge the coefficient of treatment.

    Attributes
    ----------
    key, label, group : str
    std_error : float
        nan where the method has none.
    low, high, p : float
    clusters, treated : int, optional
        Clusters, and those with a treated row.
    effective : float, optional
        See `aigreen.inference.clusters.effective_clusters`.
    """

    key: str
    label: str
    group: str
    low: float
    high: float
    p: float
    std_error: float = np.nan
    clusters: int | None = None
    treated: int | None = None
    effective: float | None = None


def inference_variants(
    frame: pd.DataFrame,
    outcome: str,
    roles: Mapping[str, Any],
    *,
    clusters: Mapping[str, str],
    coordinates: pd.DataFrame | None,
    reassigned: Mapping[str, Randomization],
    n_draws: int,
    multipliers: Multipliers,
    seed: int,
    level: float,
) -> list[Variant]:
    """Judge the two-way fixed-effect coefficient of treatment in every way.

    Parameters
    ----------
    frame : DataFrame
    outcome : str
    roles : mapping
        Columns unit, time, cohort and cluster.
    clusters : mapping of column to label
        Kinds of clusters; the first is the study's.
    coordinates : DataFrame
        Latitude and longitude, indexed by the study's cluster; None, without spatial errors, where that is no place.
    reassigned : mapping of label to Randomization
        Of cohorts across the study's clusters: first among all, then within strata.
    n_draws, multipliers, seed
        Of the wild bootstrap.
    level : float
    """
    found: list[Variant] = []
    for column, label in clusters.items():
        keys = {role: roles[role] for role in ("unit", "time", "cohort")}
        panel = Panel(frame, **keys, cluster=column, freq=roles.get("freq"))
        effect = TWFE().fit(panel, outcome)["treated"]
        sizes = {
            "clusters": effect.n_clusters,
            "treated": len(np.unique(panel.cluster_codes[panel.treated.astype(bool)])),
            "effective": effective_clusters(panel, outcome),
        }
        found.append(_analytic(effect, level, key=f"cluster_{column}", label=label, group="Clusters", **sizes))
        wild = wild_cluster_bootstrap(panel, outcome, n_draws=n_draws, multipliers=multipliers, seed=seed, level=level)
        found.append(
            Variant(
                key=f"wild_{column}",
                label=label,
                group=f"Wild cluster bootstrap, {n_draws:,} draws",
                low=wild.low,
                high=wild.high,
                p=wild.p_value,
            )
        )
        if column == roles["cluster"] and coordinates is not None:
            found += [
                _analytic(
                    conley(effect, coordinates, km),
                    level,
                    key=f"conley_{km:.0f}km",
                    label=f"Neighbours within {km:.0f} km",
                    group="Spatial correlation (Conley)",
                    clusters=effect.n_clusters,
                )
                for km in CUTOFFS_KM
            ]
    for (label, result), key in zip(reassigned.items(), ("randomisation", "randomisation_within"), strict=False):
        how = "all" if result.enumerated else f"{len(result.draws):,}"
        compared = ", t statistics" if result.studentized else ""
        found.append(
            Variant(
                key=key,
                label=label,
                group=f"Reassignment of cohorts, {how} assignments{compared}",
                low=result.low,
                high=result.high,
                p=result.p_value,
                clusters=result.n_assigned,
            )
        )
    return found


def _analytic(effect: Effects, level: float, **named: Any) -> Variant:
    line = effect.to_frame(level).iloc[0]
    return Variant(
        low=line["conf_low"], high=line["conf_high"], p=line["p_value"], std_error=line["std_error"], **named
    )
