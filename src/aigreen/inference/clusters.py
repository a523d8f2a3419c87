"""How many clusters an estimate rests on."""

from __future__ import annotations

import numpy as np

from aigreen.arguments import typed
from aigreen.errors import CollinearError, NoTreatedError
from aigreen.panel.dropped import Dropped
from aigreen.panel.panel import Panel, require_panel
from aigreen.regression.absorbed import EXPLAINED, project


@typed
def effective_clusters(panel: Panel, outcome: str) -> float:
    r"""Effective number of clusters behind the coefficient of treatment.

    .. math:: G^* = \frac{G}{1 + G^{-1} \sum_g ((\gamma_g - \bar\gamma)/\bar\gamma)^2}, \qquad
              \gamma_g = \sum_{it \in g} \ddot D_{it}^2

    with :math:`\ddot D` treatment less unit and time effects: few treated or very unequal clusters make it small.

    References
    ----------
    Carter, Schnepel and Steigerwald (2017), Asymptotic Behavior of a t-Test Robust to Cluster Heterogeneity, Review of
    Economics and Statistics 99(4), for errors that are not correlated inside clusters.
    """
    require_panel(panel)
    sample = panel.complete([outcome], Dropped())
    effects = [sample.effect_codes(panel.names[role]) for role in ("unit", "time")]
    within = project(sample.treated.astype(float)[:, None], effects, None)[:, 0]
    if not sample.treated.any():
        raise NoTreatedError("no row is at or after a first treated period", count=0)
    if np.abs(within).max() <= EXPLAINED:
        raise CollinearError("the unit and time effects determine the treatment 'treated'")
    gamma = np.bincount(sample.cluster_codes, within**2, minlength=len(sample.clusters))
    gamma = gamma[np.bincount(sample.cluster_codes, minlength=len(gamma)) > 0]
    return float(len(gamma) / (1 + np.mean((gamma / gamma.mean() - 1) ** 2)))
