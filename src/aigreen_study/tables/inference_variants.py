"""One coefficient under many errors: clusters of several kinds, the wild bootstrap, reassignment, distance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from aigreen.effects.multiplier import Multipliers
from aigreen.inference.clusters import effective_clusters
from aigreen.inference.randomization import Randomization
from aigreen.inference.spatial import conley
from aigreen.inference.wild import wild_cluster_bootstrap
from aigreen.panel.panel import Panel
from aigreen.regression.twfe import TWFE
from aigreen_study.tables.formats import decimal
from aigreen_study.tables.table import Cell, Group, Row, Spanner, Table

_FEW_KM = (100.0, 300.0)


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
        See `effective_clusters`.
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
    roles: Mapping[str, str],
    *,
    clusters: Mapping[str, str],
    coordinates: pd.DataFrame,
    reassigned: Randomization,
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
        Latitude and longitude, indexed by the study's cluster.
    reassigned : Randomization
        Of cohorts across the study's clusters.
    n_draws, multipliers, seed
        Of the wild bootstrap.
    level : float
    """
    found: list[Variant] = []
    for column, label in clusters.items():
        panel = Panel(frame, **{**roles, "cluster": column})
        effect = TWFE().fit(panel, outcome)["treated"]
        line = effect.to_frame(level).iloc[0]
        held = panel.cluster_codes[panel.treated.astype(bool)]
        sizes = {
            "clusters": effect.n_clusters,
            "treated": len(np.unique(held)),
            "effective": effective_clusters(panel, outcome),
        }
        found.append(
            Variant(
                key=f"cluster_{column}",
                label=label,
                group="Clusters",
                std_error=line["std_error"],
                low=line["conf_low"],
                high=line["conf_high"],
                p=line["p_value"],
                **sizes,
            )
        )
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
        if column == roles["cluster"]:
            for km in _FEW_KM:
                line = conley(effect, coordinates, km).to_frame(level).iloc[0]
                found.append(
                    Variant(
                        key=f"conley_{km:.0f}km",
                        label=f"Neighbours within {km:.0f} km",
                        group="Spatial correlation (Conley)",
                        std_error=line["std_error"],
                        low=line["conf_low"],
                        high=line["conf_high"],
                        p=line["p_value"],
                        clusters=effect.n_clusters,
                    )
                )
    how = "all" if reassigned.enumerated else f"{len(reassigned.draws):,}"
    found.append(
        Variant(
            key="randomisation",
            label=next(iter(clusters.values())),
            group=f"Reassignment of cohorts, {how} assignments",
            low=reassigned.low,
            high=reassigned.high,
            p=reassigned.p_value,
            clusters=reassigned.n_assigned,
        )
    )
    return found


def inference_table(
    variants: Sequence[Variant], *, estimate: float, level: float, notes: str, simulated: bool = False
) -> Table:
    """One line a variant, under its kind: error, interval, p-value, clusters."""
    groups: dict[str, list[Row]] = {}
    for variant in variants:
        numbers = [Cell.number(variant.std_error, brackets="()") if np.isfinite(variant.std_error) else Cell()]
        numbers += [Cell.number(bound) if np.isfinite(bound) else Cell("none") for bound in (variant.low, variant.high)]
        sizes = [Cell() if n is None else Cell.count(n) for n in (variant.clusters, variant.treated)]
        effective = Cell() if variant.effective is None else Cell.number(variant.effective, 1)
        cells = (*numbers, Cell.p_value(variant.p), *sizes, effective)
        groups.setdefault(variant.group, []).append(Row(variant.label, cells))
    return Table(
        key="inference",
        title="One estimate under many errors",
        stub="",
        columns=("Std. error", "low", "high", "p-value", "Clusters", "Treated", "Effective"),
        spanners=((Spanner(f"{level:.0%} interval", 1, 3), Spanner("Number of clusters", 4, 7)),),
        groups=tuple(Group(tuple(rows), title) for title, rows in groups.items()),
        notes=f"The estimate is {decimal(estimate)} in all lines but that of reassignment. {notes}",
        simulated=simulated,
    )
