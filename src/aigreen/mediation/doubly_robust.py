"""Parts of an effect as differences of doubly robust effects, each given one channel more."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from aigreen.decomposition.parts import Layout, Parts
from aigreen.did.group_time.group_time import GroupTimeATT
from aigreen.did.group_time.plan import ControlGroup
from aigreen.effects.aggregation import Mass
from aigreen.effects.cluster_shares import ClusterShares
from aigreen.effects.effects import Effects, merged
from aigreen.errors import EstimationError
from aigreen.panel.dropped import Dropped
from aigreen.panel.panel import Panel


def fit_doubly_robust(
    channels: Sequence[str],
    control_group: ControlGroup,
    anticipation: int,
    panel: Panel,
    outcome: str,
    covariates: Sequence[str],
) -> Parts:
    """Estimate the parts by cohort and time; see `aigreen.Mediation`."""
    panel.require_units("Mediation(design='doubly_robust')")
    dropped = Dropped()
    panel, covariates = panel.with_covariates(covariates, dropped)
    sample = panel.complete([outcome, *channels, *covariates], dropped)
    estimator = GroupTimeATT(control_group=control_group, anticipation=anticipation)
    stages: list[Effects] = []
    for j in range(len(channels) + 1):
        earlier = list(channels[:j])
        stages.append(estimator.fit(sample, outcome, covariates=[*covariates, *earlier], current=earlier))
    common = stages[0].index
    for stage in stages[1:]:
        common = common[common.isin(stage.index)]
    if not len(common):
        raise EstimationError("no cohort and period can be computed given the channels: no overlap")
    stages = [stage.select(stage.index.isin(common)) for stage in stages]
    values = np.array([stage.values for stage in stages])
    psi = np.stack([stage.psi for stage in stages])
    layout = Layout(channels)
    values = np.concatenate([values[[0, -1]], values[:-1] - values[1:]])
    psi = np.concatenate([psi[[0, -1]], psi[:-1] - psi[1:]])
    n_parts, n_cells = values.shape
    mass = stages[0].mass
    facts = merged(stages)
    facts["dropped"] = pd.concat([dropped.to_frame(), facts["dropped"]], ignore_index=True)
    facts["conventions"] = {
        "identity": layout.identity,
        **stages[0].conventions,
        "channels": "ordered: each beyond the earlier ones; conditioned on in both periods",
    }
    facts["method"] = "Mediation (doubly robust)"
    levels = [
        np.repeat(layout.labels, n_cells),
        np.tile(common.get_level_values("cohort"), n_parts),
        np.tile(common.get_level_values("time"), n_parts),
    ]
    return Parts(
        values=values.ravel(),
        index=pd.MultiIndex.from_arrays(levels, names=["part", "cohort", "time"]),
        psi=psi.transpose(1, 0, 2).reshape(psi.shape[1], -1),
        clusters=sample.clusters,
        mass=Mass(mass.value, np.tile(mass.of, n_parts), mass.influence),
        post=np.tile(stages[0].post, n_parts),
        cluster_shares=ClusterShares.beside([stages[0].cluster_shares] * n_parts),
        **facts,
    )
