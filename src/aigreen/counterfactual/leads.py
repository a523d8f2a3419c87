"""Coefficients of the periods before treatment and before exposure, on clean rows: tests of parallel trends."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from aigreen.counterfactual.imputed import Average, Imputed
from aigreen.counterfactual.rows import Cells
from aigreen.effects.aggregation import Mass
from aigreen.errors import NoPrePeriodError
from aigreen.linalg.collinearity import independent_of_effects
from aigreen.panel.dropped import Dropped


def leads(
    imputed: Imputed, onsets: Mapping[str, np.ndarray], n_leads: int, anticipation: int, dropped: Dropped
) -> dict[str, tuple[Cells, Average]]:
    """Fit a dummy for each lead of each kind on the clean rows, all together, common to all cohorts.

    Parameters
    ----------
    onsets : mapping of str to ndarray, shape (n_units,)
        For each kind the period that is waited for; inf for none.
    n_leads : int
        Number of periods, before those of anticipation.

    Returns
    -------
    dict of str to (Cells, Average)
        By kind the cohort-periods of the leads; each holds the number of its lead, for counts in percent.

    Raises
    ------
    NoPrePeriodError
        No clean row is that near to an onset.
    """
    sample, rows = imputed.sample, imputed.model.effects.rows
    clean = np.zeros(sample.n_rows, dtype=bool)
    clean[rows] = True
    kinds, horizons, dummies = [], [], []
    for kind, onset in onsets.items():
        before = onset[sample.unit_codes] - sample.time - anticipation
        for h in range(min(n_leads, int(sample.times[-1] - sample.times[0])), 0, -1):
            at = clean & (before == h)
            if at.any():
                kinds.append(kind)
                horizons.append(h)
                dummies.append(at.astype(float))
    if not dummies:
        onset = "treatment" if len(onsets) == 1 else "treatment or exposure"
        raise NoPrePeriodError(f"no row of the fit is within {n_leads} periods before {onset}", count=0)
    Z, X = np.column_stack(dummies), imputed.X
    keep = independent_of_effects(imputed.effects, np.column_stack([X, Z]), sample.weights)[0][X.shape[1] :]
    names = [f"{kind} {-h - anticipation}" for kind, h in zip(kinds, horizons, strict=True)]
    dropped.collinear(names, keep, "leads", "fixed effects and other leads")
    model = imputed.with_covariates(Z[:, keep])
    p, n_clusters = X.shape[1], len(sample.clusters)
    beta, psi = model.beta[p:], model.beta_influence(sample.cluster_codes[rows], n_clusters)[:, p:]
    if imputed.poisson:
        beta, psi = np.expm1(beta), psi * np.exp(beta)
    position = np.cumsum(keep) - 1
    out = {}
    for kind, onset in onsets.items():
        mine = [j for j in np.flatnonzero(keep) if kinds[j] == kind]
        if not mine:
            continue
        of_horizon = {horizons[j]: position[j] for j in mine}
        cells = Cells.of(sample.reassign(onset), np.flatnonzero(Z[:, mine].any(axis=1)))
        lead = np.array([of_horizon[int(h)] for h in cells.cohort - cells.time - anticipation])
        w = imputed.w[cells.rows] * (model.mean[cells.rows] if imputed.percent else 1.0)
        size, k = np.bincount(cells.cell, w, len(cells.cohort)), len(cells.cohort)
        none = np.zeros((n_clusters, k))
        mass = Mass(size, np.arange(k), none if imputed.percent else None)
        out[kind] = cells, Average(beta[lead], psi[:, lead], mass, none, none)
    return out
