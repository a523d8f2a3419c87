"""Group-time average treatment effects of Callaway and Sant'Anna."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from aigreen.arguments import check_fields, typed
from aigreen.did.group_time.comparisons import Computed, compare_rows, compare_units
from aigreen.did.group_time.layout import lengthen, plain, widen
from aigreen.did.group_time.learners import Learners, compare_learned
from aigreen.did.group_time.on_disk import check_scanned, compare_blocks
from aigreen.did.group_time.on_disk_units import compare_by_unit
from aigreen.did.group_time.plan import BasePeriod, Cells, ControlGroup, plan
from aigreen.did.group_time.report import report
from aigreen.did.group_time.sample import CohortWeights, check_sample, cohort_shares, cohorts_in_reach, unit_weights
from aigreen.did.group_time.two_periods import Method
from aigreen.effects.cluster_shares import ClusterShares
from aigreen.effects.effects import Effects
from aigreen.errors import OptionError, OverlapWarning
from aigreen.options import as_columns
from aigreen.panel.dropped import Dropped
from aigreen.panel.facts import result_facts
from aigreen.panel.on_disk.offered import check_offered
from aigreen.panel.on_disk.sample import ScannedSample
from aigreen.panel.on_disk.scanned import ScannedPanel
from aigreen.panel.panel import Panel, require_panel

NOT_KEPT = "not kept by cluster; products are, by cohort: bands from normal draws with the covariance"
Sampling = Literal["panel", "balanced", "repeated_cross_sections"]
FOLDS = 5


@dataclass(frozen=True, kw_only=True)
class GroupTimeATT:
    r"""Group-time average treatment effects under staggered adoption.

    .. math:: ATT(g, t) = E[Y_t - Y_t(0) \mid G = g], \qquad t \ge g,

    each from the two-period comparison of cohort g with a control group between a base period and t. Under no
    anticipation beyond `anticipation` periods and parallel trends given the covariates at the base period.

    Parameters
    ----------
    control_group : {"not_yet_treated", "never_treated"}
        Not yet treated: units first treated after both periods of the comparison plus `anticipation`, never treated
        ones included.
    method : {"dr", "ipw", "reg"}
        Doubly robust, inverse probability weighting, outcome regression; the same without covariates.
    anticipation : int
        Periods before treatment in which its effects may be felt already; the base period moves back by as many.
    base_period : {"varying", "universal", "varying_window"}
        Before treatment and anticipation, compare with the period before ("varying"), or with the last period before
        both, as after treatment ("universal"; that period itself is then in the result, with effect zero).
        "varying_window" compares with the period before inside the window of anticipation too, as R did 2.5.1: its
        cells then measure steps of the anticipated effect.
    sampling : {"panel", "balanced", "repeated_cross_sections"}
        "panel": true differences of the units seen in both periods of a comparison. "balanced": the same after units
        not seen in every period are left out, counted. "repeated_cross_sections": compare the units seen in each
        period, whether or not they are the same, and use each row's own covariates. A panel of repeated cross-sections
        (`Panel(repeated=True)`) is always taken so.
    cohort_weights : {"mean", "first"}
        Where weights vary over time, a unit counts in the cohort shares of averages with its mean weight, or with that
        of its first row, as in R did.
    outcome_learner, propensity_learner : objects with fit and predict, fit and predict_proba, optional
        method="dr": learners of scikit-learn, or made like them, in place of the least squares and the logit, both or
        neither. They are given the covariates as columns stand, and weights if the panel has any. Each is fitted on the
        clusters outside of a fold and predicts those inside. Where its ``random_state`` is None it is set to `seed`.
    folds : int
        For learners: number of folds of whole clusters. Clusters of the same cohorts are spread evenly; all cells have
        the same folds. A cell needs as many treated and as many comparison clusters as there are folds.
    seed : int, optional
        For learners, needed: it deals the clusters out to folds.
    trim : float, optional
        For learners: comparison units whose propensity score is this or more get no weight, counted; treated units all
        stay, as in R did. Default: a cell with scores of comparison units above 0.999 is left out.

    Notes
    -----
    Influence functions are those of Sant'Anna and Zhao (2020), first steps included, summed by cluster, without
    small-sample factor. Masses for `aggregate` are cohort shares among the units of the sample; their sampling error
    is part of the errors. They equal those of R did 2.5.1, except for "dr" with covariates in repeated cross-sections,
    where DRDID 1.2.3 gives the influence of the first-period outcome regression the opposite sign in places.

    Covariates and weights are those of the earlier period of each comparison, which after treatment is the base period.

    Units first treated later than the last period plus `anticipation` count as never treated; those treated from the
    start have no base period and are left out, counted. A cell without comparison units, with propensity scores above
    0.999 or with collinear covariates is left out, counted; comparison units are never trimmed but by `trim`.

    With learners the moment is that of "dr", which is Neyman-orthogonal: the errors of both nuisances enter as their
    product, and influence functions have no part of the first steps. It needs learners whose errors, multiplied, vanish
    faster than one over the root of the number of clusters. Another seed makes other folds and another estimate. Where
    every cluster of several units adopts as a whole their errors are too small; a `FewClustersWarning` says so.

    References
    ----------
    Callaway and Sant'Anna (2021), *Journal of Econometrics* 225. Sant'Anna and Zhao (2020), *Journal of Econometrics*
    219. Chang (2020), *Econometrics Journal* 23. Chernozhukov et al. (2018), *Econometrics Journal* 21.

    Examples
    --------
    >>> rows = [(i, t, 3 * (i < 10), i + t + 2 * (i < 10 and t >= 3)) for i in range(20) for t in range(1, 5)]
    >>> df = pd.DataFrame(rows, columns=["firm", "year", "first", "y"])
    >>> att = GroupTimeATT().fit(Panel(df, unit="firm", time="year", cohort="first"), "y")
    >>> att.estimates.round(6).tolist()
    [0.0, 2.0, 2.0]
    """

    control_group: ControlGroup = "not_yet_treated"
    method: Method = "dr"
    anticipation: int = 0
    base_period: BasePeriod = "varying"
    sampling: Sampling = "panel"
    cohort_weights: CohortWeights = "mean"
    outcome_learner: Any = None
    propensity_learner: Any = None
    folds: int = FOLDS
    seed: int | None = None
    trim: float | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        for option, kinds in (
            ("control_group", ControlGroup),
            ("method", Method),
            ("base_period", BasePeriod),
            ("sampling", Sampling),
            ("cohort_weights", CohortWeights),
        ):
            if getattr(self, option) not in get_args(kinds):
                raise OptionError(option, getattr(self, option), get_args(kinds))
        if isinstance(self.anticipation, bool) or not isinstance(self.anticipation, int) or self.anticipation < 0:
            raise OptionError("anticipation", self.anticipation, (0, 1, 2, "..."))
        if self._learners() is None:
            for option, unset in (("seed", None), ("trim", None), ("folds", FOLDS)):
                if getattr(self, option) != unset:
                    raise OptionError(option, getattr(self, option), [unset, "a value beside learners"])
        elif self.method != "dr":
            raise OptionError("method", self.method, ["dr (with learners: its moment alone is orthogonal to them)"])
        elif self.sampling == "repeated_cross_sections":
            raise OptionError("sampling", self.sampling, ["panel", "balanced (learners follow units over time)"])

    @typed
    def fit(
        self,
        panel: Panel | ScannedPanel,
        outcome: str,
        *,
        covariates: str | Sequence[str] | None = None,
        propensity_covariates: str | Sequence[str] | None = None,
        current: str | Sequence[str] | None = None,
    ) -> Effects:
        """Estimate the effects of every cohort in every period.

        Parameters
        ----------
        panel : Panel or ScannedPanel
            With `cohort`; clusters must not cut through units. From disk (`Panel.scan`) without `current` and
            `propensity_covariates`; where units are the clusters and influence functions would not fit into its memory,
            the result has a `root` in their place.
        outcome : str
        covariates : str or sequence of str, optional
            Numeric columns, or formulas of columns; an intercept is added. Rows with a missing value are left out and
            counted.
        propensity_covariates : str or sequence of str, optional
            method="dr": those of the propensity score, `covariates` being those of the outcome regression only; an
            empty list compares with equal odds. Default: the same in both. One of the two models must be right.
        current : str or sequence of str, optional
            Numeric columns whose values in the later period of each comparison are conditioned on as well. Where
            treatment changes them, the effects are those that do not run through them: see `Mediation`. Not for
            repeated cross-sections.

        Returns
        -------
        Effects
            By cohort and time, ready for `aggregate`.

        Raises
        ------
        NoTreatedError, NoPrePeriodError, NoControlsError, TooFewPeriodsError, TooFewClustersError, ClusterVariesError
        EstimationError
            Where no cell can be computed.
        """
        dropped = Dropped()
        if isinstance(panel, ScannedPanel):
            return self._from_disk(panel, outcome, covariates, propensity_covariates, current, dropped)
        require_panel(panel)
        panel, covariates = panel.with_covariates(covariates, dropped)
        current = as_columns(current)
        if propensity_covariates is not None:
            panel, propensity_covariates = panel.with_covariates(propensity_covariates, dropped)
            if self.method != "dr":
                raise OptionError("propensity_covariates", propensity_covariates, ["None with method='ipw' or 'reg'"])
        panel.check_roles(
            outcome, covariates=covariates, propensity_covariates=propensity_covariates, current=current
        )  # fmt: skip
        crossed = panel.repeated or self.sampling == "repeated_cross_sections"
        if self.sampling == "balanced":
            panel.require_units("GroupTimeATT(sampling='balanced')")
        if (learners := self._learners()) is not None:
            panel.require_units("GroupTimeATT(outcome_learner=...)")
            if current:
                raise OptionError("current", current, ["None with learners"])
            for option, names in (("covariates", covariates), ("propensity_covariates", propensity_covariates)):
                if names is not None and not names:
                    raise OptionError(option, names, ["columns that the learners are given"])
        if current and crossed:
            raise OptionError("current", current, ["None with repeated cross-sections"])
        columns = [outcome, *covariates, *(propensity_covariates or []), *current]
        sample = panel.complete(list(dict.fromkeys(columns)), dropped)
        check_sample(sample)
        cohort = cohorts_in_reach(
            sample,
            dropped,
            anticipation=self.anticipation,
            balanced=self.sampling == "balanced",
            control_group=self.control_group,
        )
        cells = self._plan(sample.times, cohort)
        if crossed:
            long = lengthen(sample, outcome, covariates, dropped, propensity_covariates)
            result = compare_rows(self.method, cells, cohort, long, len(sample.clusters))
        elif learners is not None:
            wide = replace(
                widen(sample, ~np.isnan(cohort), outcome, [], dropped),
                x=plain(sample, covariates),
                z=None if propensity_covariates is None else plain(sample, propensity_covariates),
            )
            weighted = sample.weights is not None
            result, trimmed = compare_learned(
                learners, cells, cohort, wide, len(sample.clusters), weighted=weighted
            )  # fmt: skip
            reason = f"propensity scores of {self.trim} or more in a comparison"
            first = sample.units[trimmed][:5]
            dropped.add(OverlapWarning, "comparison units", reason, int(trimmed.sum()), first)
        else:
            wide = widen(sample, ~np.isnan(cohort), outcome, covariates, dropped, propensity_covariates, current)
            result = compare_units(self.method, cells, cohort, wide, len(sample.clusters))
        rows = np.flatnonzero(~np.isnan(cohort)[sample.unit_codes])
        return self._effects(
            cells, result, sample, cohort, dropped, lambda: result_facts(sample, rows, outcome, dropped)
        )

    def _from_disk(
        self,
        panel: ScannedPanel,
        outcome: str,
        covariates: str | Sequence[str] | None,
        propensity_covariates: str | Sequence[str] | None,
        current: str | Sequence[str] | None,
        dropped: Dropped,
    ) -> Effects:
        names = list(dict.fromkeys(as_columns(covariates)))
        check_offered(
            "GroupTimeATT",
            {
                "sampling": (self.sampling, ("panel",)),
                "outcome_learner": (self.outcome_learner, (None,)),
                "current": (as_columns(current) or None, (None,)),
                "propensity_covariates": (propensity_covariates, (None,)),
            },
        )
        panel.check_roles(outcome, covariates=names)
        if panel.by_unit and not panel.has_room(4 * len(panel.cohorts) * panel.n_periods * panel.n_units):
            panel = panel.in_cohorts()
        sample = ScannedSample.complete(panel, [outcome, *names], dropped)
        check_scanned(sample)
        cohort = cohorts_in_reach(
            sample, dropped, anticipation=self.anticipation, control_group=self.control_group
        )  # fmt: skip
        cells = self._plan(sample.times, cohort)
        if names or panel.by_cohort:
            result, largest = compare_by_unit(
                self.method, cells, cohort, sample, outcome, names, dropped, self.cohort_weights
            )
        else:
            result, largest = compare_blocks(cells, cohort, sample, outcome)
        used = ~np.isnan(cohort)
        sizes: dict[str, Any] = {
            "n_rows": int(sample.rows[used].sum()),
            "n_units": sample.count_units(used),
            "n_clusters": sample.count_clusters(used),
        }
        return self._effects(
            cells, result, sample, cohort, dropped, lambda: sample.facts(outcome, dropped, largest=largest, **sizes)
        )

    def _learners(self) -> Learners | None:
        """Nuisances by learners; None where neither is given."""
        if self.outcome_learner is None and self.propensity_learner is None:
            return None
        return Learners(
            outcome=self.outcome_learner,
            propensity=self.propensity_learner,
            folds=self.folds,
            seed=self.seed,
            trim=self.trim,
        )

    def _plan(self, times: np.ndarray, cohort: np.ndarray) -> Cells:
        treated = cohort[np.isfinite(cohort) & (cohort <= times[-1])]
        return plan(times, np.unique(treated), self.anticipation, self.base_period, self.control_group)

    def _effects(
        self,
        cells: Cells,
        result: Computed,
        sample: Panel | ScannedSample,
        cohort: np.ndarray,
        dropped: Dropped,
        facts: Callable[[], dict[str, Any]],
    ) -> Effects:
        """Effects of the cells that could be computed; `facts` of the result are asked for after all warnings."""
        computed = ~cells.reference & ~result.failed
        report(cells, result, computed, sample, cohort, dropped)
        left = np.flatnonzero(computed | (cells.reference & np.isin(cells.cohort, cells.cohort[computed])))
        times, of, root = sample.times[cells.time[left]], cells.cohort[left], result.root
        mass = cohort_shares(sample, cohort, of, self.cohort_weights)
        if root is None:
            psi = result.psi if len(left) == len(cells) else result.psi[left]
            shares = ClusterShares.by_cohort(
                sample.unit_cluster, cohort, of, n_clusters=len(sample.clusters), weights=unit_weights(sample)
            )
        else:
            known = np.unique(cohort[~np.isnan(cohort)])
            at = len(cells) + np.searchsorted(known, np.unique(of))
            mass, shares = replace(mass, influence=root.rows[:, at]), root.cluster_shares(known, of)
        return Effects(
            values=result.values[left],
            index=pd.MultiIndex.from_arrays([of.astype(int), times], names=["cohort", "time"]),
            psi=psi.T if root is None else None,
            root=None if root is None else root.rows[:, left],
            method=f"group-time ATT ({self.method})",
            mass=mass,
            cluster_shares=shares,
            leads="path" if self.base_period == "universal" else "changes",
            anticipation=self.anticipation,
            post=times >= of,
            conventions=self._conventions(sample, cohort) | ({} if root is None else {"influence": NOT_KEPT}),
            **facts(),
        )

    def _conventions(self, sample: Panel | ScannedSample, cohort: np.ndarray) -> dict[str, str]:
        later = sample.count_units(np.isinf(cohort) & np.isfinite(sample.unit_cohort))
        never = f"coded never, or first treated after the last period ({later:,} units)" if later else "as coded"
        learners = self._learners()
        return ({} if learners is None else {"nuisances": learners.names()}) | {
            "variance": f"influence functions summed by {sample.names.get('cluster', sample.names['unit'])}",
            "small-sample factor": "none",
            "comparison": self.control_group.replace("_", " "),
            "never treated": never,
            "base period": f"{self.base_period}, anticipation {self.anticipation}",
            "sampling": ("repeated_cross_sections" if getattr(sample, "repeated", False) else self.sampling).replace(
                "_", " "
            ),
        }
