"""Imputation estimator of Borusyak, Jaravel and Spiess (2024), linear and for counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import sparse

from aigreen.counterfactual.centring import at_common_ratio, centred, check_lone_cells
from aigreen.counterfactual.models import Untreated, fit_linear, fit_poisson
from aigreen.counterfactual.rows import Cells, distinct, identified_cells, split_rows, without_zero_groups
from aigreen.effects.aggregation import Mass
from aigreen.effects.effects import Effects
from aigreen.errors import (
    CollinearWarning,
    NoPrePeriodError,
)
from aigreen.linalg.collinearity import independent
from aigreen.linalg.fixed_effects import FixedEffects
from aigreen.options import check_choice, check_fixed_effects, check_periods, check_scale
from aigreen.panel.dropped import Dropped
from aigreen.panel.panel import Panel, with_weight
from aigreen.regression.sample import check_counts

Family = Literal["gaussian", "poisson"]
Variance = Literal["conservative", "conservative_rows", "leave_one_out"]
Scale = Literal["level", "percent"]
Separated = Literal["zero", "drop"]


@dataclass(frozen=True, kw_only=True)
class Imputation:
    r"""Effects of staggered adoption: treated outcomes less outcomes imputed from untreated rows.

    On untreated rows :math:`Y_{it} = F_{it}'\gamma + X_{it}'\beta + \varepsilon_{it}` is fitted; on treated rows
    :math:`\hat\tau_{it} = Y_{it} - F_{it}'\hat\gamma - X_{it}'\hat\beta`. The effect of cohort g in period t is the
    (weighted) mean of its :math:`\hat\tau_{it}`, and its mass is the (weighted) number of its treated rows, so that
    ``aggregate("simple")`` and ``event_study()`` are the static and the event-study estimates of the paper.

    With weights :math:`v` of an effect on all rows (:math:`v_1 = w` on treated rows,
    :math:`v_0 = -WF_0(F_0'WF_0)^{-1}F_1'w` on untreated rows) its influence function by cluster is

    .. math:: \psi_c = \sum_{it \in c, D=0} v_{it}\hat\varepsilon_{it}
              + \sum_{it \in c, D=1} v_{it}(\hat\tau_{it} - \tilde\tau_{gt}), \qquad
              \tilde\tau_{gt} = \frac{\sum_c v_{c,gt} (v\hat\tau)_{c,gt}}{\sum_c v_{c,gt}^2},

    where :math:`v_{c,gt}` sums v over the rows of cluster c in cohort g and period t. The centring has the same value
    for every average whose weights inside a cohort-period are proportional to the panel's weights, so averages of
    these influence functions are those of the paper exactly. Errors are conservative: heterogeneity inside a
    cohort-period makes them larger, never smaller.

    Parameters
    ----------
    family : {"gaussian", "poisson"}
        poisson: :math:`E[Y(0)] = \exp(F'\gamma + X'\beta)` fitted by pseudo-maximum likelihood (Wooldridge 2023), so
        that trends are parallel in growth; treated rows are centred at the cell's common ratio of Y to the
        counterfactual mean.
    fixed_effects : sequence of str, optional
        Columns, several joined by ``^``. Default: the panel's unit and time.
    variance : {"conservative", "conservative_rows", "leave_one_out"}
        conservative: as above. conservative_rows: :math:`\tilde\tau_{gt}` with squared weights of rows rather than
        clusters, as R's didimputation; the same where clusters are units. leave_one_out: :math:`\tilde\tau_{gt}`
        without the cluster itself (paper, appendix A.9): larger, better with small cohorts.
    anticipation : int
        Periods before treatment that are neither untreated nor effects.
    leads : int
        Number of pre-treatment coefficients for the event study, before the anticipation periods: least squares on
        untreated rows with a dummy for each lead, common to all cohorts. They test parallel trends separately from
        estimation and are of another kind than the effects after treatment (reference: all earlier periods and the
        never treated), so the two do not form one line through zero. Every cohort-period of a lead holds the same
        number; test them by ``event_study().pretrend_test()``.
    scale : {"level", "percent"}
        For counts, effects as mean differences or as :math:`\sum Y / \sum \hat\mu - 1`, whose masses are the
        counterfactual sums, so that averages are ratios of sums again.
    separated : {"zero", "drop"}
        Treated rows of units (or other effects) whose untreated counts are all zero. zero: their counterfactual is the
        limit of the fit, zero, which keeps the mean of counterfactuals unbiased: units with a lucky zero balance those
        with lucky counts. drop: leave them out; this selects on the outcome and biases effects towards minus when
        counts are small. Both are counted.

    Notes
    -----
    Untreated rows alone in a fixed effect stay: they change no estimate of their own but let treated rows of the
    same level be imputed. No small-sample factor.

    References
    ----------
    Borusyak, Jaravel and Spiess (2024), Revisiting Event-Study Designs, Review of Economic Studies 91(6).
    Wooldridge (2023), Simple Approaches to Nonlinear Difference-in-Differences with Panel Data, Econometrics Journal.

    Examples
    --------
    >>> import pandas as pd
    >>> df = pd.DataFrame({"firm": list("aabbcc"), "year": [1, 2] * 3, "first": [2, 2, 2, 2, 0, 0],
    ...                    "y": [1.0, 4.0, 2.0, 6.0, 1.0, 2.0]})
    >>> panel = Panel(df, unit="firm", time="year", cohort="first")
    >>> Imputation().fit(panel, "y").estimates.to_dict()
    {(2, 2): 2.5}
    """

    family: Family = "gaussian"
    fixed_effects: Sequence[str] | None = None
    variance: Variance = "conservative"
    anticipation: int = 0
    leads: int = 0
    scale: Scale = "level"
    separated: Separated = "zero"

    def __post_init__(self) -> None:
        for option, allowed in (("family", Family), ("variance", Variance), ("scale", Scale), ("separated", Separated)):
            check_choice(option, getattr(self, option), allowed)
        check_periods("anticipation", self.anticipation)
        check_periods("leads", self.leads)
        check_scale(self.scale, self.family, self.leads)
        check_fixed_effects(self.fixed_effects)

    def fit(self, panel: Panel, outcome: str, *, covariates: Sequence[str] | None = None) -> Effects:
        """Estimate the effects by cohort and time.

        Parameters
        ----------
        panel : Panel
            With cohorts; rows may be missing at random.
        outcome : str
        covariates : sequence of str, optional
            Numeric columns that treatment does not change.

        Returns
        -------
        Effects
            Index levels cohort and time.

        Raises
        ------
        NoTreatedError, NoControlsError, NoPrePeriodError, TooFewClustersError
            Where nothing can be estimated.
        """
        names = list(covariates or [])
        dropped = Dropped()
        sample = with_weight(panel.complete([outcome, *names], dropped), dropped)
        y, X = sample.column(outcome), sample.matrix(names)
        split = split_rows(sample, self.fixed_effects, self.anticipation, dropped)
        fitted, zero = split.fitted, np.zeros(len(y), dtype=bool)
        if self.family == "poisson":
            check_counts(y, outcome, sample)
            fitted, zero = without_zero_groups(split.codes, fitted, y, sample, dropped)
        effects = FixedEffects(split.codes, fitted=fitted, weights=sample.weights)
        keep, reached = independent(effects, X, sample.weights)
        gone = [name for name, kept in zip(names, keep, strict=True) if not kept]
        dropped.add(CollinearWarning, "covariates", "determined by fixed effects and others", len(gone), gone)
        X = X[:, keep]
        drop = self.separated == "drop"
        cells = identified_cells(sample, split.treated, reached, zero, drop=drop, dropped=dropped)
        model = self._model(y, X, effects, sample)
        values, psi, mass = self._effects(y, cells, model, sample)
        cohort, time, post = cells.cohort, cells.time, np.ones(len(values), dtype=bool)
        if self.leads:
            lead = self._leads(y, X, effects, sample, dropped)
            values, psi = np.concatenate([values, lead.values]), np.hstack([psi, lead.psi])
            post = np.concatenate([post, np.zeros(len(lead.values), dtype=bool)])
            influence = None if mass.influence is None else np.hstack([mass.influence, np.zeros_like(lead.psi)])
            mass = Mass(np.concatenate([mass.value, lead.mass]), np.arange(len(values)), influence)
            cohort, time = np.append(cohort, lead.cohort), np.append(time, lead.time)
        order = np.lexsort((time, cohort))
        used = np.concatenate([effects.rows, cells.rows])
        return Effects(
            values=values[order],
            index=pd.MultiIndex.from_arrays([cohort[order], time[order]], names=["cohort", "time"]),
            psi=psi[:, order],
            clusters=sample.clusters,
            n_rows=used.size,
            n_units=distinct(sample.unit_codes[used]),
            n_clusters=distinct(sample.cluster_codes[used]),
            method="Imputation" if self.family == "gaussian" else f"Imputation ({self.family}, {self.scale})",
            outcome=outcome,
            mass=mass.take(order),
            post=post[order],
            conventions=self._conventions(sample, int(zero[cells.rows].sum())),
            dropped=dropped.to_frame(),
        )

    # -- steps ---------------------------------------------------------------------------------------------------

    def _model(
        self,
        y: np.ndarray,
        X: np.ndarray,
        effects: FixedEffects,
        sample: Panel,
    ) -> Untreated:
        if self.family == "gaussian":
            return fit_linear(y, X, effects, sample.weights)
        return fit_poisson(y, X, effects, sample.weights)

    def _effects(
        self, y: np.ndarray, cells: Cells, model: Untreated, sample: Panel
    ) -> tuple[np.ndarray, np.ndarray, Mass]:
        """Effects of the cells, their influence functions and masses."""
        rows, of, k = cells.rows, cells.cell, len(cells.cohort)
        w = np.ones(len(rows)) if sample.weights is None else sample.weights[rows]
        clusters, n_clusters = sample.cluster_codes, len(sample.clusters)
        targets = sparse.coo_array((w, (rows, of)), shape=(len(y), k))
        counterfactual = model.influence(targets, clusters[model.effects.rows], n_clusters)
        count = np.bincount(of, w, k)
        at = clusters[rows].astype(np.intp) * k + of
        seen, mean = w * y[rows], w * model.mean[rows]

        def by_cluster(values: np.ndarray) -> np.ndarray:
            return np.bincount(at, values, n_clusters * k).reshape(n_clusters, k)

        weight = by_cluster(w if self.family == "gaussian" else mean)
        leave_one_out = self.variance == "leave_one_out"
        alone = np.count_nonzero(weight, axis=0) == 1
        check_lone_cells(alone, cells, sample.cluster_codes[cells.rows], leave_one_out=leave_one_out)
        gap = np.bincount(of, seen - mean, k)
        if self.family == "gaussian":
            own = by_cluster(seen - mean)
            if self.variance == "conservative_rows":
                own -= weight * (np.bincount(of, w * (seen - mean), k) / np.bincount(of, w * w, k))
            else:
                own = centred(own, weight, leave_one_out=leave_one_out)
            return gap / count, (own - counterfactual) / count, Mass(count, np.arange(k))
        own = at_common_ratio(by_cluster(seen), weight, leave_one_out=leave_one_out)
        if self.scale == "level":
            return gap / count, (own - counterfactual) / count, Mass(count, np.arange(k))
        total = np.bincount(of, mean, k)
        theta = gap / total
        return theta, (own - (1 + theta) * counterfactual) / total, Mass(total, np.arange(k), counterfactual)

    def _leads(
        self,
        y: np.ndarray,
        X: np.ndarray,
        effects: FixedEffects,
        sample: Panel,
        dropped: Dropped,
    ) -> _Leads:
        """Coefficients of lead dummies on untreated rows, one number for each cohort-period of a lead."""
        before = sample.cohort - sample.time - self.anticipation
        fitted = np.zeros(sample.n_rows, dtype=bool)
        fitted[effects.rows] = True
        nearest = np.where(fitted & (before >= 1) & (before <= self.leads), before, 0).astype(int)
        horizons = np.unique(nearest[nearest > 0])[::-1]
        if not horizons.size:
            raise NoPrePeriodError(f"no untreated row is within {self.leads} periods before treatment", count=0)
        dummies = (nearest[:, None] == horizons).astype(float)
        keep, _ = independent(effects, np.column_stack([X, dummies]), sample.weights)
        keep = keep[X.shape[1] :]
        gone = [f"lead {-h - self.anticipation}" for h in horizons[~keep]]
        dropped.add(CollinearWarning, "leads", "determined by fixed effects and other leads", len(gone), gone)
        horizons, dummies = horizons[keep], dummies[:, keep]
        model = self._model(y, np.column_stack([X, dummies]), effects, sample)
        beta = model.beta[X.shape[1] :]
        psi = model.beta_influence(sample.cluster_codes[model.effects.rows], len(sample.clusters))[:, X.shape[1] :]
        if self.family == "poisson":
            beta, psi = np.expm1(beta), psi * np.exp(beta)
        cells = Cells.of(sample, np.flatnonzero(dummies.any(axis=1)))
        w = np.ones(len(cells.rows)) if sample.weights is None else sample.weights[cells.rows]
        w = w if self.family == "gaussian" else w * model.mean[cells.rows]
        lead = np.searchsorted(-horizons, -(cells.cohort - cells.time - self.anticipation))
        mass = np.bincount(cells.cell, w, len(cells.cohort))
        return _Leads(cells.cohort, cells.time, beta[lead], psi[:, lead], mass)

    def _conventions(self, sample: Panel, n_zero: int) -> dict[str, str]:
        centring = {
            "conservative": "treated rows centred by cohort x time, squared cluster weights",
            "conservative_rows": "treated rows centred by cohort x time, squared row weights (as R didimputation)",
            "leave_one_out": "treated rows centred by cohort x time without the own cluster",
        }[self.variance]
        if self.family == "poisson":
            centring = centring.split(",")[0] + " at the common ratio to the counterfactual"
        effects = self.fixed_effects or (sample.names["unit"], sample.names["time"])
        told = {
            "variance": f"clusters: {sample.clusters.name}; {centring}",
            "small-sample factor": "none",
            "fixed effects": ", ".join(effects),
            "singletons": "kept",
        }
        if n_zero:
            told["separated"] = f"{n_zero:,} treated rows with an all-zero untreated past have a counterfactual of zero"
        if self.anticipation:
            told["anticipation"] = f"{self.anticipation} periods before treatment left out"
        if self.leads:
            told["leads"] = "separate regression on untreated rows; reference: earlier periods and never treated"
        return told


@dataclass(frozen=True)
class _Leads:
    cohort: np.ndarray
    time: np.ndarray
    values: np.ndarray
    psi: np.ndarray
    mass: np.ndarray
