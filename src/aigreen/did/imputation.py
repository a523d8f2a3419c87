"""Imputation estimator of Borusyak, Jaravel and Spiess (2024), linear and for counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from aigreen.arguments import check_fields, typed
from aigreen.counterfactual.factors import check_factors, interactive_slopes
from aigreen.counterfactual.imputed import Imputed, side_by_side
from aigreen.counterfactual.leads import leads
from aigreen.counterfactual.on_disk.design import Design
from aigreen.counterfactual.rows import identified_cells, split_rows
from aigreen.did.imputation_on_disk import impute, impute_counts
from aigreen.effects.aggregation import Mass
from aigreen.effects.cluster_shares import ClusterShares
from aigreen.effects.effects import Effects
from aigreen.errors import OptionError, SeparationWarning, counted, warn
from aigreen.linalg.varying_slopes import Slope
from aigreen.options import as_columns, check_choice, check_fixed_effects, check_periods, check_scale
from aigreen.panel.dropped import Dropped
from aigreen.panel.facts import CONVERGED, counts_of, result_facts
from aigreen.panel.on_disk.offered import check_offered
from aigreen.panel.on_disk.sample import ScannedSample
from aigreen.panel.on_disk.scanned import ScannedPanel
from aigreen.panel.panel import Panel, require_panel, with_weight
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
        Columns, several joined by ``^``; ``"firm[year]"`` adds a trend for each firm, with "gaussian" (see `TWFE`):
        treated rows of units with fewer than two untreated periods are then not reached. Default: the panel's unit and
        time.
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
    factors : int or "cv"
        Number of interactive effects :math:`\lambda_i'f_t` beside those of units and periods (Bai 2009; Xu 2017; Liu,
        Wang and Xu 2024): units may respond differently to common shocks, so that trends need not be parallel. Fitted
        by least squares on all untreated rows, those of treated units among them. "cv": the smallest number whose
        squared error on untreated rows left out of the fit is within 1 % of the least. With "gaussian" and effects of
        units and periods only. Influence functions are those of the regression on the estimated factors, with slopes by
        unit, and loadings, with slopes by period, so that their estimation is part of the error to first order; that
        the number was chosen is not. Treated rows of units with no more untreated rows than factors are not reached,
        and pasts with few rows more are warned of. Serially correlated errors bias the estimates in short panels.

    Notes
    -----
    Untreated rows alone in a fixed effect stay: they change no estimate of their own but let treated rows of the
    same level be imputed. No small-sample factor.

    References
    ----------
    Borusyak, Jaravel and Spiess (2024), Revisiting Event-Study Designs, Review of Economic Studies 91(6).
    Wooldridge (2023), Simple Approaches to Nonlinear Difference-in-Differences with Panel Data, Econometrics Journal.
    Bai (2009), Panel Data Models with Interactive Fixed Effects, Econometrica 77. Xu (2017), Generalized Synthetic
    Control Method, Political Analysis 25. Liu, Wang and Xu (2024), A Practical Guide to Counterfactual Estimators for
    Causal Inference with Time-Series Cross-Sectional Data, American Journal of Political Science 68.

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
    factors: int | Literal["cv"] = 0

    def __post_init__(self) -> None:
        check_fields(self)
        for option, allowed in (("family", Family), ("variance", Variance), ("scale", Scale), ("separated", Separated)):
            check_choice(option, getattr(self, option), allowed)
        check_periods("anticipation", self.anticipation)
        check_periods("leads", self.leads)
        check_scale(self.scale, self.family, self.leads)
        check_fixed_effects(self.fixed_effects)
        check_factors(self.factors)
        if self.factors != 0 and (self.family != "gaussian" or self.fixed_effects is not None):
            raise OptionError("factors", self.factors, ["0 with fixed_effects= or family='poisson'"])

    @typed
    def fit(
        self, panel: Panel | ScannedPanel, outcome: str, *, covariates: str | Sequence[str] | None = None
    ) -> Effects:
        """Estimate the effects by cohort and time.

        Parameters
        ----------
        panel : Panel or ScannedPanel
            With cohorts; rows may be missing at random. From disk (`Panel.scan`) without factors, leads of
            counts, and formulas.
        outcome : str
        covariates : str or sequence of str, optional
            Numeric columns, or formulas of columns, that treatment does not change.

        Returns
        -------
        Effects
            Index levels cohort and time.

        Raises
        ------
        NoTreatedError, NoControlsError, NoPrePeriodError, TooFewClustersError
            Where nothing can be estimated.
        """
        if isinstance(panel, ScannedPanel):
            return self._from_disk(panel, outcome, covariates)
        require_panel(panel)
        if self.factors != 0:
            panel.require_units("Imputation(factors=...)")
        dropped = Dropped()
        panel, names = panel.with_covariates(covariates, dropped)
        panel.check_roles(outcome, self.fixed_effects, covariates=names)
        effects, slopes = panel.varying_slopes(self.fixed_effects)
        if slopes and self.family == "poisson":
            raise OptionError("fixed_effects", self.fixed_effects, ["no varying slopes with family='poisson'"])
        variables = [variable for _, variable in slopes if variable != panel.names["time"]]
        sample = with_weight(panel.complete([outcome, *names, *variables], dropped), dropped)
        y = sample.column(outcome)
        split = split_rows(sample, effects, self.anticipation, dropped)
        poisson = self.family == "poisson"
        if poisson:
            check_counts(y, outcome, sample)
        X = sample.matrix(names)
        given = [Slope(sample.effect_codes(of), sample.slope_variable(on)) for of, on in slopes]
        interactive, n_factors, told = interactive_slopes(self.factors, sample, y, X, split.fitted)
        imputed = Imputed.fit(
            sample,
            y,
            X,
            names,
            split.codes,
            split.fitted,
            dropped,
            poisson=poisson,
            percent=self.scale == "percent",
            leave_one_out=self.variance == "leave_one_out",
            slopes=given + interactive,
        )
        drop = self.separated == "drop"
        cells = identified_cells(sample, split.treated, imputed.reached, imputed.zero, drop=drop, dropped=dropped)
        imputed.check_alone(cells, "treated rows")
        own = None
        if poisson:
            # outcomes, not effects: without another counterfactual in the cell the centre is zero, the error larger
            w = imputed.w[cells.rows]
            own = imputed.centred(cells, w * y[cells.rows], w * imputed.model.mean[cells.rows])
        elif self.variance == "conservative_rows":
            own = imputed.centred_by_rows(cells)
        blocks = [(cells, imputed.average(cells, own=own))]
        if self.leads:
            blocks += leads(imputed, {"lead": sample.unit_cohort}, self.leads, self.anticipation, dropped).values()
        values, psi, mass = side_by_side([average for _, average in blocks])
        if self.scale == "percent":
            _warn_of_zeros(cells.cohort, cells.time, np.bincount(cells.cell, y[cells.rows]) == 0)
        cohort = np.concatenate([block.cohort for block, _ in blocks])
        time = np.concatenate([block.time for block, _ in blocks])
        order = np.lexsort((time, cohort))
        return self._effects(
            values[order],
            cohort[order],
            time[order],
            psi[:, order],
            mass.take(order),
            order < len(cells.cohort),
            (sample.cluster_codes, sample.cohort, imputed.row_masses, sample.time_codes),
            method=self._method(n_factors),
            conventions=self._conventions(sample, int(imputed.zero[cells.rows].sum()), told),
            facts=result_facts(
                sample,
                np.concatenate([imputed.effects.rows, cells.rows]),
                outcome,
                dropped,
                counts=counts_of(self.family, self.scale),
            ),
        )

    def _from_disk(self, panel: ScannedPanel, outcome: str, covariates: str | Sequence[str] | None) -> Effects:
        names = list(dict.fromkeys(as_columns(covariates)))
        poisson = self.family == "poisson"
        offered = {"factors": (self.factors, (0,))}
        check_offered("Imputation", offered | ({"leads": (self.leads, (0,))} if poisson else {}))
        dropped = Dropped()
        effects = panel.effects_beside_unit(self.fixed_effects)
        panel.check_roles(outcome, fixed_effects=effects, covariates=names)
        design = Design.of(panel, [outcome], names, effects, self.anticipation, dropped)
        sample = design.sample
        group, time = sample.cells()
        row_masses = sample.mass.astype(float)
        if poisson:
            found = impute_counts(
                design,
                percent=self.scale == "percent",
                leave_one_out=self.variance == "leave_one_out",
                drop=self.separated == "drop",
                dropped=dropped,
            )
        else:
            found = impute(design, self.variance, self.leads, dropped)
        facts = sample.facts(outcome, dropped, **found.sizes)
        n_zero, influence = 0, None
        if found.counts is not None:
            n_zero, row_masses = found.counts.n_zero, found.counts.row_masses
            facts["resolution"] = CONVERGED * (1.0 if self.scale == "percent" else found.counts.level)
            if self.scale == "percent":
                influence = found.counts.mass_influence
                _warn_of_zeros(found.cohort, found.time, found.counts.none)
        return self._effects(
            found.values,
            found.cohort,
            found.time,
            found.psi,
            Mass(found.mass, np.arange(len(found.values)), influence),
            found.post,
            (sample.unit_cluster[group], panel.group_cohort[group], row_masses[group, time], time),
            method=self._method(0),
            conventions=self._conventions(sample, n_zero, ""),
            facts=facts,
        )

    def _effects(
        self,
        values: np.ndarray,
        cohort: np.ndarray,
        time: np.ndarray,
        psi: np.ndarray,
        mass: Mass,
        post: np.ndarray,
        rows: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
        *,
        method: str,
        conventions: dict[str, str],
        facts: dict[str, Any],
    ) -> Effects:
        """Effects by cohort and time, leads (where `post` is not set) among them.

        `rows` are cluster, cohort, weight and period of the sample, by row or summed.
        """
        clusters, of_row, weights, periods = rows
        return Effects(
            values=values,
            index=pd.MultiIndex.from_arrays([cohort, time], names=["cohort", "time"]),
            psi=psi,
            method=method,
            mass=mass,
            post=post,
            cluster_shares=ClusterShares.by_cohort(
                clusters,
                of_row,
                cohort,
                n_clusters=len(psi),
                weights=weights,
                by_group=post,
                own_left_out=post & (self.variance == "leave_one_out"),
                time=periods,
                common=(np.where(post, -1, cohort - time), mass.value[mass.of]),
            ),
            leads="separate",
            anticipation=self.anticipation,
            conventions=conventions,
            **facts,
        )

    def _method(self, n_factors: int) -> str:
        if n_factors:
            return f"Imputation ({n_factors} factor{'s' * (n_factors > 1)})"
        return "Imputation" if self.family == "gaussian" else f"Imputation ({self.family}, {self.scale})"

    def _conventions(self, sample: Panel | ScannedSample, n_zero: int, factors: str) -> dict[str, str]:
        centring = {
            "conservative": "treated rows centred by cohort x time, squared cluster weights",
            "conservative_rows": "treated rows centred by cohort x time, squared row weights (as R didimputation)",
            "leave_one_out": "treated rows centred by cohort x time without the own cluster",
        }[self.variance]
        if self.family == "poisson":
            centring = centring.split(",")[0] + " at the common ratio to the counterfactual"
        told = {
            "variance": f"clusters: {sample.clusters.name}; {centring}",
            "small-sample factor": "none",
            "fixed effects": ", ".join(sample.effect_names(self.fixed_effects)),
            "singletons": "kept",
        }
        if factors:
            told["factors"] = factors
        if n_zero:
            told["separated"] = f"{n_zero:,} treated rows with an all-zero untreated past have a counterfactual of zero"
        if self.anticipation:
            told["anticipation"] = f"{self.anticipation} periods before treatment left out"
        if self.leads:
            told["leads"] = "separate regression on untreated rows; reference: earlier periods and never treated"
        return told


def _warn_of_zeros(cohort: np.ndarray, time: np.ndarray, zero: np.ndarray) -> None:
    """Warn of cells whose treated counts are all zero: in percent their effect is one number for any counterfactual."""
    if not zero.any():
        return
    first = [f"({g}, {t})" for g, t in zip(cohort[zero], time[zero], strict=True)]
    message = (
        f"the treated counts of {counted(len(first), 'cohort-period')} are all zero: an effect of -100 % without an "
        "error of its own"
    )
    warn(SeparationWarning(message, count=len(first), first=first))
