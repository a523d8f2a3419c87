"""Staggered triple differences of Ortiz-Villavicencio and Sant'Anna (2025)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from aigreen.arguments import check_fields, typed
from aigreen.did.group_time.comparisons import NO_CONTROLS, NO_TREATED, Computed, differences
from aigreen.did.group_time.layout import Wide, widen
from aigreen.did.group_time.plan import Cells, ControlGroup, plan
from aigreen.did.group_time.report import report
from aigreen.did.group_time.sample import check_sample, cohort_shares, cohorts_in_reach, unit_weights
from aigreen.did.group_time.two_periods import Method, NotIdentifiedError, panel_att
from aigreen.effects.cluster_shares import ClusterShares
from aigreen.effects.effects import Effects
from aigreen.errors import DataError, EstimationError, NoControlsError, NoTreatedError, OverlapWarning, counted
from aigreen.linalg.arrays import distinct
from aigreen.options import check_choice, check_periods
from aigreen.panel.dropped import Dropped
from aigreen.panel.facts import result_facts
from aigreen.panel.panel import Panel, require_panel

Combination = Literal["auto", "gmm", "size"]
BasePeriod = Literal["varying", "universal"]

MANY = 50  # clusters of each comparison group from which covariances of comparisons serve as weights
NO_THIRD = "no unit of the cohort that is not eligible is seen in both periods"
NO_PAIR = "no eligible, or no other, unit of the comparison cohort is seen in both periods"
_SINGULAR = 1e-10


@dataclass(frozen=True, kw_only=True)
class TripleDifference:
    r"""Group-time effects on the eligible units of a cohort, by three differences.

    Units of cohort g are treated from g on if they are eligible, :math:`Q = 1` (polluting firms of a pilot zone). With
    :math:`DiD(g', q)` the two-period difference between cohort g's eligible units and the units of cohort
    :math:`g'` with :math:`Q = q`, covariates averaged over the former,

    .. math:: ATT_{c}(g, t) = DiD(g, 0) + DiD(c, 1) - DiD(c, 0), \qquad
              ATT(g, t) = \sum_c \omega_c ATT_c(g, t),

    for every cohort c that is not yet treated. Trends may differ between cohorts and between eligible and other units;
    it is the gap between eligible and other units, given the covariates, that must move in parallel in all cohorts
    when untreated, and units that are not eligible must be unaffected.

    Parameters
    ----------
    third : str
        Column of zeros and ones, constant within units: who is eligible.
    control_group : {"not_yet_treated", "never_treated"}
        Not yet treated: each cohort treated after both periods of the comparison plus `anticipation`, and the never
        treated, is a comparison c of its own. Pooled they would not do, with or without covariates: the eligible among
        them would be of other cohorts than the rest, so that the differences in trend between cohorts would not cancel.
    method : {"dr", "ipw", "reg"}
        Of each of the three differences, as in `GroupTimeATT`. Doubly robust: of each difference either model is right.
    anticipation : int
        As in `GroupTimeATT`; so is `base_period`.
    base_period : {"varying", "universal"}
    combination : {"auto", "gmm", "size"}
        Weights :math:`\omega` of the comparison cohorts, which add up to one. gmm: those of least variance,
        :math:`\Omega^{-1}1/1'\Omega^{-1}1`, :math:`\Omega` the covariance of the :math:`ATT_c`, as the paper has them.
        size: :math:`n_1 n_0/(n_1 + n_0)` of the cohort's :math:`n_1` eligible and :math:`n_0` other units, which are
        those for equal variances. auto: gmm where each of these groups has `MANY` clusters, else size, since
        covariances of few clusters put the weight on what is precise by chance.

    Notes
    -----
    Influence functions are those of the three differences (Sant'Anna and Zhao 2020), first steps included, summed by
    cluster, without small-sample factor; :math:`\omega` is taken as given, which is right to first order as every
    :math:`ATT_c` estimates the same effect. Masses for `aggregate` are shares of the cohorts among eligible units.

    Cells and comparison cohorts that cannot be computed are left out, counted. Units treated from the start are left
    out, counted; those first treated later than the last period plus `anticipation` count as never treated.

    References
    ----------
    Ortiz-Villavicencio and Sant'Anna (2025), Better Understanding Triple Differences Estimators. Olden and Moen (2022),
    The Triple Difference Estimator, *Econometrics Journal* 25.

    Examples
    --------
    >>> rows = [(i, t, 3 * (i < 10), i % 2, i + t * (1 + i % 2) + 2 * (i < 10 and t >= 3) * (i % 2))
    ...         for i in range(20) for t in range(1, 5)]
    >>> df = pd.DataFrame(rows, columns=["firm", "year", "first", "polluting", "y"])
    >>> panel = Panel(df, unit="firm", time="year", cohort="first")
    >>> TripleDifference(third="polluting").fit(panel, "y").estimates.round(6).tolist()
    [0.0, 2.0, 2.0]
    """

    third: str
    control_group: ControlGroup = "not_yet_treated"
    method: Method = "dr"
    anticipation: int = 0
    base_period: BasePeriod = "varying"
    combination: Combination = "auto"

    def __post_init__(self) -> None:
        check_fields(self)
        for option, allowed in (
            ("control_group", ControlGroup),
            ("method", Method),
            ("base_period", BasePeriod),
            ("combination", Combination),
        ):
            check_choice(option, getattr(self, option), allowed)
        check_periods("anticipation", self.anticipation)

    @typed
    def fit(self, panel: Panel, outcome: str, *, covariates: str | Sequence[str] | None = None) -> Effects:
        """Estimate the effects of every cohort in every period.

        Parameters
        ----------
        panel : Panel
            With the first treated period of the cohort for eligible and other units alike. Clusters must not cut
            through units.
        outcome : str
        covariates : str or sequence of str, optional
            Numeric columns, or formulas of columns; an intercept is added.

        Returns
        -------
        Effects
            By cohort and time, ready for `aggregate`.

        Raises
        ------
        DataError
            `third` is not zero or one, or varies within units.
        NoTreatedError, NoPrePeriodError, NoControlsError, TooFewPeriodsError, TooFewClustersError, ClusterVariesError
        RepeatedCrossSectionsError
        EstimationError
            Where no cell can be computed.
        """
        require_panel(panel)
        panel.require_units("TripleDifference")
        dropped = Dropped()
        panel, covariates = panel.with_covariates(covariates, dropped)
        panel.check_roles(outcome, third=self.third, covariates=covariates)
        sample = panel.complete(list(dict.fromkeys([outcome, self.third, *covariates])), dropped)
        check_sample(sample)
        eligible = _eligible(sample, self.third)
        cohort = cohorts_in_reach(sample, dropped, anticipation=self.anticipation)
        treated = np.where(eligible | np.isnan(cohort), cohort, np.inf)
        cohorts = np.unique(treated[treated <= sample.times[-1]])
        self._check_groups(cohort, cohorts, eligible, dropped)
        cells = plan(sample.times, cohorts, self.anticipation, self.base_period, self.control_group)
        wide = widen(sample, ~np.isnan(cohort), outcome, covariates, dropped)
        combination = self._weights_from(sample, cohort, eligible)
        groups = _Groups(self.method, cells, cohort, eligible, wide, len(sample.clusters))
        result, lost = _compare(groups, combination)
        for reason in sorted(set(lost.values())):
            pairs_lost = [pair for pair, why in lost.items() if why == reason]
            first = [f"({cells.cohort[k]:.0f}, {sample.times[cells.time[k]]}) with {c:g}" for k, c in pairs_lost]
            dropped.add(OverlapWarning, "comparisons with a cohort", reason, len(first), first)
        computed = ~cells.reference & ~result.failed
        report(cells, result, computed, sample, treated, dropped)
        left = np.flatnonzero(computed | (cells.reference & np.isin(cells.cohort, cells.cohort[computed])))
        times = sample.times[cells.time[left]]
        return Effects(
            values=result.values[left],
            index=pd.MultiIndex.from_arrays([cells.cohort[left].astype(int), times], names=["cohort", "time"]),
            psi=result.psi[left].T,
            method=f"triple difference ({self.method})",
            mass=cohort_shares(sample, np.where(eligible, cohort, np.nan), cells.cohort[left]),
            cluster_shares=ClusterShares.by_cohort(
                sample.unit_cluster,
                treated,
                cells.cohort[left],
                n_clusters=len(sample.clusters),
                weights=unit_weights(sample),
            ),
            leads="path" if self.base_period == "universal" else "changes",
            anticipation=self.anticipation,
            post=times >= cells.cohort[left],
            conventions=self._conventions(sample, combination),
            **result_facts(sample, np.flatnonzero(~np.isnan(cohort)[sample.unit_codes]), outcome, dropped),
        )

    def _check_groups(self, cohort: np.ndarray, cohorts: np.ndarray, eligible: np.ndarray, dropped: Dropped) -> None:
        """Refuse a panel without eligible treated units, or without never treated ones where these are needed."""
        if not cohorts.size:
            message = f"no unit with {self.third!r} = 1 is treated after the first period{dropped.cause()}"
            raise NoTreatedError(message, column=self.third, count=0)
        never = np.isinf(cohort)
        if self.control_group == "never_treated" and not ((never & eligible).any() and (never & ~eligible).any()):
            raise NoControlsError(
                f"never treated units with {self.third!r} = 1 and with 0 are needed, there are "
                f"{(never & eligible).sum():,} and {(never & ~eligible).sum():,}; control_group='not_yet_treated' "
                f"compares with later cohorts{dropped.cause()}",
                column=self.third,
            )

    def _weights_from(self, sample: Panel, cohort: np.ndarray, eligible: np.ndarray) -> Combination:
        """Where the weights of comparison cohorts come from: gmm or size."""
        if self.combination != "auto":
            return self.combination
        groups = [(cohort == c) & (eligible == q) for c in np.unique(cohort[~np.isnan(cohort)]) for q in (False, True)]
        fewest = min(distinct(sample.unit_cluster[group]) for group in groups if group.any())
        return "gmm" if fewest >= MANY else "size"

    def _conventions(self, sample: Panel, combination: Combination) -> dict[str, str]:
        told = {
            "variance": f"influence functions summed by {sample.clusters.name}",
            "small-sample factor": "none",
            "eligible": f"{self.third} = 1",
            "comparison": self.control_group.replace("_", " "),
            "base period": f"{self.base_period}, anticipation {self.anticipation}",
        }
        if self.control_group == "not_yet_treated":
            told["comparison cohorts"] = f"each apart, weights by {combination}"
        return told


def _eligible(sample: Panel, third: str) -> np.ndarray:
    """Read who is eligible, shape (N,)."""
    values = sample.column(third)
    odd = np.flatnonzero((values != 0) & (values != 1))
    if odd.size:
        message = f"column {third!r}: {odd.size:,} values other than 0 and 1"
        raise DataError(message, column=third, count=odd.size, first=sample.labels(odd[:5]))
    by_unit = values[sample.unit_first]
    varies = np.unique(sample.unit_codes[values != by_unit[sample.unit_codes]])
    if varies.size:
        message = f"column {third!r} varies within {counted(varies.size, 'unit')}; take its value before treatment"
        raise DataError(message, column=third, count=varies.size, first=sample.units[varies])
    return by_unit == 1


@dataclass(frozen=True)
class _Groups:
    """Units of each cohort, eligible or not, and their differences.

    Attributes
    ----------
    cohort : ndarray, shape (N,)
        inf for never treated, nan for left out.
    eligible : ndarray of bool, shape (N,)
    """

    method: Method
    cells: Cells
    cohort: np.ndarray
    eligible: np.ndarray
    wide: Wide
    n_clusters: int

    def batches(self) -> Iterator[np.ndarray]:
        """Yield cells of one cohort whose differences to the same units are several outcomes of one fit."""
        if self.wide.seen is not None:
            return self.cells.batches(np.arange(len(self.cells))[:, None])
        earlier = np.zeros(len(self.cells)) if self.wide.fixed else self.cells.earlier
        return self.cells.batches(np.column_stack([self.cells.cohort, earlier]))

    def units(self, batch: np.ndarray, cohort: float, eligible: bool) -> np.ndarray:
        """Positions of the units of a group that are seen in both periods of the cells."""
        inside = (self.cohort == cohort) & (self.eligible == eligible)
        if self.wide.seen is not None:
            inside &= self.wide.seen[self.cells.time[batch[0]]] & self.wide.seen[self.cells.base[batch[0]]]
        return np.flatnonzero(inside)

    def gap(self, batch: np.ndarray, units: np.ndarray, controls: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Differences between two groups, shape (cells,), and their influence functions, shape (cells, clusters)."""
        first, second = (differences(self.wide, self.cells, batch, side)[0] for side in (units, controls))
        values, psi1, psi0, _ = panel_att(self.method, first, second)
        psi = np.zeros((len(batch), self.n_clusters))
        for cell, rows in enumerate(zip(psi1, psi0, strict=True)):
            for side, row in zip((units, controls), rows, strict=True):
                psi[cell] += np.bincount(self.wide.clusters[side], row, self.n_clusters)
        return values, psi

    def weight(self, batch: np.ndarray, units: np.ndarray) -> float:
        """Sum the weights of some units."""
        return float(self.wide.w[self.cells.earlier[batch[0]] if len(self.wide.w) > 1 else 0][units].sum())


def _compare(groups: _Groups, combination: Combination) -> tuple[Computed, dict[tuple[int, float], str]]:
    """Compute all cells; also return the comparisons of a cell with a cohort that cannot be computed, and why."""
    cells, known = groups.cells, np.unique(groups.cohort[~np.isnan(groups.cohort)])
    result, lost = Computed.nothing(len(cells), groups.n_clusters), dict[tuple[int, float], str]()
    for batch in groups.batches():
        g, latest = cells.cohort[batch[0]], cells.latest[batch]
        units, others = (groups.units(batch, g, q) for q in (True, False))
        try:
            if not (units.size and others.size):
                raise NotIdentifiedError(NO_THIRD if units.size else NO_TREATED)
            own, own_psi = groups.gap(batch, units, others)
        except NotIdentifiedError as reason:
            result.reasons.update(dict.fromkeys(batch.tolist(), str(reason)))
            continue
        values = np.full((len(known), len(batch)), np.nan)
        psi = np.zeros((len(known), len(batch), groups.n_clusters))
        size, fewest = np.zeros(len(known)), np.zeros(len(known), dtype=int)
        for j, c in enumerate(known):
            at = np.flatnonzero(np.where(np.isinf(latest), np.isinf(c), c > latest) & (c != g))
            if not at.size:
                continue
            ones, zeros = (groups.units(batch, c, q) for q in (True, False))
            try:
                if not (ones.size and zeros.size):
                    raise NotIdentifiedError(NO_PAIR)
                (first, psi1), (second, psi0) = (groups.gap(batch[at], units, side) for side in (ones, zeros))
            except NotIdentifiedError as reason:
                lost.update({(cell, c): str(reason) for cell in batch[at].tolist()})
                continue
            values[j, at], psi[j, at] = own[at] + first - second, own_psi[at] + psi1 - psi0
            n1, n0 = groups.weight(batch, ones), groups.weight(batch, zeros)
            size[j], fewest[j] = n1 * n0 / (n1 + n0), min(ones.size, zeros.size)
        for k, cell in enumerate(batch.tolist()):
            usable = np.flatnonzero(np.isfinite(values[:, k]))
            if not usable.size:
                result.reasons[cell] = NO_CONTROLS
                continue
            weights = size[usable] if combination == "size" else _least_variance(psi[usable, k])
            weights = weights / weights.sum()
            result.values[cell], result.psi[cell] = weights @ values[usable, k], weights @ psi[usable, k]
            result.smallest[cell] = min(units.size, others.size, fewest[usable].min())
    return result, lost


def _least_variance(psi: np.ndarray) -> np.ndarray:
    """Weights of least variance, up to scale, of estimates with these influence functions, shape (k, clusters)."""
    if len(psi) == 1:
        return np.ones(1)
    covariance = psi @ psi.T
    roots = np.linalg.eigvalsh(covariance)
    if not roots[0] > _SINGULAR * roots[-1]:
        raise EstimationError(
            f"comparisons with {len(psi)} cohorts have a singular covariance: the cohorts have too few clusters; use "
            "combination='size'"
        )
    return np.linalg.solve(covariance, np.ones(len(psi)))
