"""Randomisation inference: reassign first treated periods across clusters, refit by matrix products."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd
from scipy import sparse

from aigreen.arguments import typed
from aigreen.effects.effects import Effects
from aigreen.errors import ClusterVariesError, EffectsError, NoControlsError, NoTreatedError, OptionError
from aigreen.inference.arrangements import arrangements
from aigreen.inference.coefficient import Regression
from aigreen.inference.inversion import Alternative, bounds, check_options, p_value
from aigreen.linalg.arrays import compact
from aigreen.panel.dropped import Dropped
from aigreen.panel.panel import Panel, require_nested, require_panel

_COLLINEAR = 1e-10  # squares of the projected treatment, relative to those of the actual one
_CELLS = 2**22  # rows times assignments that are projected at a time
Statistic = Callable[[Panel, str], "float | Effects"]


@dataclass(frozen=True, eq=False)
class Randomization:
    """Result of `randomization_inference`.

    Attributes
    ----------
    estimate : float
    statistic : float
        What the draws are compared with: the estimate less the null, or its t statistic.
    studentized : bool
        Whether statistics are divided by their clustered error.
    p_value : float
    low, high : float
        Values of a constant effect that the test does not reject (matrix-product statistics, two-sided); else nan.
    n_assigned : int
        Number of clusters that cohorts were reassigned across.
    enumerated : bool
        Whether all distinct assignments were used, the actual one among them.
    draws : ndarray, shape (n_draws,)
        Statistic under reassignment.
    conventions : mapping of str to str
    dropped : DataFrame
    """

    estimate: float
    statistic: float
    studentized: bool
    p_value: float
    low: float
    high: float
    n_assigned: int
    enumerated: bool
    draws: np.ndarray = field(repr=False)
    conventions: dict[str, str] = field(repr=False)
    dropped: pd.DataFrame = field(repr=False)


@typed
def randomization_inference(
    panel: Panel,
    outcome: str,
    statistic: Literal["twfe"] | Statistic = "twfe",
    *,
    covariates: str | Sequence[str] = (),
    fixed_effects: Sequence[str] | None = None,
    by: str | None = None,
    strata: str | None = None,
    null: float = 0.0,
    studentized: bool = False,
    n_draws: int = 999,
    alternative: Alternative = "symmetric",
    seed: int = 0,
    level: float = 0.95,
) -> Randomization:
    r"""Test the sharp null of a constant effect by reassigning cohorts across clusters.

    The statistic "twfe" is the coefficient of `treated` in a regression on fixed effects and covariates. With
    M the projection off these, an assignment :math:`\pi` of cohorts gives a sparse sum over clusters c,

    .. math:: T_\pi = \frac{D_\pi' W M y}{D_\pi' W M D_\pi}, \qquad D_\pi = \sum_c 1_c\, 1\{t \ge g_{\pi(c)}\},

    whose terms depend on cluster and cohort only, through cluster sums; all draws are one sparse matrix product, equal
    to refitting each, on unbalanced and weighted panels too. With the scores of each fit by cluster,
    :math:`S_c = \sum_{i \in c} (MD_\pi)_i W_i e_i`, the studentised statistic is
    :math:`T_\pi D_\pi' W M D_\pi / (\sum_c S_c^2)^{1/2}`.

    Parameters
    ----------
    panel : Panel
    outcome : str
    statistic : "twfe", or callable (panel, outcome) -> float or Effects of length one
        A callable is called with each reassigned panel (`Panel.reassign`); it must read treatment from its cohorts.
    covariates, fixed_effects : sequence of str, optional
        Of "twfe"; fixed effects are unit and time by default.
    by : str, optional
        Column of the clusters that treatment was assigned to. Default: the panel's. Cohorts must not vary within.
    strata : str, optional
        Column, constant within clusters; cohorts are only reassigned between clusters of the same stratum.
    null : float
        Constant effect under the sharp null ("twfe" only).
    studentized : bool
        Compare t statistics, each with the clustered error of its own draw, and not coefficients ("twfe" only). Where
        effects differ between clusters and average to the null, or treated clusters are more or less noisy than others,
        coefficients reject too often or too seldom, and t statistics keep the size in large samples (Wu and Ding 2021).
        Errors are clustered as treatment is assigned.
    n_draws : int
        Number of draws; where no more distinct assignments exist, all are used.
    alternative : {"symmetric", "equal_tailed", "greater", "less"}
    seed : int
    level : float
        Coverage of the interval.

    Notes
    -----
    p = (1 + draws as extreme) / (1 + draws), or the plain share where all assignments are enumerated. Source: Fisher
    (1935); MacKinnon and Webb (2020); Wu and Ding (2021), Randomization tests for weak null hypotheses in randomized
    experiments, Journal of the American Statistical Association 116; Young (2019).

    Raises
    ------
    ClusterVariesError
        Where cohorts (or strata) vary within an assigned cluster.
    NoTreatedError, NoControlsError, CollinearError
    """
    require_panel(panel)
    check_options(alternative, n_draws, level, seed)
    if statistic != "twfe" and not callable(statistic):
        raise OptionError("statistic", statistic, ["twfe", "a function of (panel, outcome)"])
    if statistic != "twfe" and (covariates or fixed_effects is not None or null or studentized):
        raise EffectsError(
            "covariates, fixed_effects, null and studentized go with statistic='twfe'; put them inside the function"
        )
    dropped = Dropped()
    if statistic == "twfe":
        fit = Regression.of(panel, outcome, None, covariates, fixed_effects, by, dropped)
        fit.require_residuals(outcome)
        sample, scale = fit.sample, fit.std_error
    else:
        sample, scale = panel.complete([outcome], dropped), 1.0
    plan = _Plan.of(sample, by, strata)
    enumerated, blocks = arrangements(plan.cohort, plan.stratum, n_draws, seed)
    if statistic == "twfe":
        estimate, draws = fit.estimate, (_t_draws if studentized else _twfe_draws)(fit, plan, blocks)
    else:
        estimate = _number(statistic(sample, outcome))
        draws = _Draws(
            np.concatenate(
                [[_number(statistic(plan.panel(sample, row), outcome)) for row in block] for block in blocks]
            )
        )

    def actual(effect: float) -> float:
        return (estimate - effect) / (scale if studentized else 1.0)

    def p_of(effect: float) -> float:
        return p_value(actual(effect), draws.under(effect), alternative, complete=enumerated)

    low, high = bounds(p_of, estimate, scale, level, alternative) if statistic == "twfe" else (np.nan, np.nan)
    return Randomization(
        estimate=estimate,
        statistic=actual(null),
        studentized=studentized,
        p_value=p_of(null),
        low=float(low),
        high=float(high),
        n_assigned=len(plan.cohort),
        enumerated=enumerated,
        draws=draws.under(null),
        conventions={
            "randomisation": f"cohorts across {len(plan.cohort):,} {by or 'clusters'}"
            + (f" within {strata}" if strata else "")
            + (f", all {len(draws):,} assignments" if enumerated else f", {len(draws):,} draws, seed {seed}"),
            "p-value": f"{alternative}, t statistics" if studentized else alternative,
        },
        dropped=dropped.to_frame(),
    )


@dataclass(frozen=True)
class _Draws:
    """Statistics under reassignment: of the outcome, less those of the actual treatment for each unit of effect."""

    outcome: np.ndarray
    treatment: np.ndarray | float = 0.0

    def __len__(self) -> int:
        return len(self.outcome)

    def under(self, effect: float) -> np.ndarray:
        """Return the statistics where the constant effect is this, shape (draws,)."""
        return self.outcome - effect * self.treatment


@dataclass(frozen=True)
class _TDraws:
    """Sums by draw and cluster of the reassigned treatment with outcome, actual treatment and itself, projected."""

    outcome: np.ndarray
    treatment: np.ndarray
    own: np.ndarray
    small_sample: float
    defined: np.ndarray

    def __len__(self) -> int:
        return len(self.outcome)

    def under(self, effect: float) -> np.ndarray:
        """Return t statistics where the constant effect is this, shape (draws,)."""
        made = self.outcome - effect * self.treatment
        square = np.where(self.defined, self.own.sum(axis=1), np.nan)
        coefficient = made.sum(axis=1) / square
        scores = made - coefficient[:, None] * self.own
        return coefficient * square / np.sqrt(self.small_sample * (scores**2).sum(axis=1))


@dataclass(frozen=True)
class _Plan:
    """Assigned clusters of a sample: their code for each row, cohort position and stratum."""

    code: np.ndarray
    unit_code: np.ndarray
    cohort: np.ndarray
    stratum: np.ndarray
    cohorts: np.ndarray

    @classmethod
    def of(cls, sample: Panel, by: str | None, strata: str | None) -> _Plan:
        codes, labels = (sample.cluster_codes, sample.clusters) if by is None else sample.codes(by)
        code, labels = compact(codes)[0], labels[np.bincount(codes, minlength=len(labels)) > 0]
        require_nested(sample, code, by or sample.names.get("cluster"))
        cohorts, position = np.unique(sample.unit_cohort, return_inverse=True)
        reached = cohorts <= sample.times[-1]
        if not reached.any():
            raise NoTreatedError("no unit is treated inside the sample: nothing to reassign")
        if len(cohorts) == 1:
            raise NoControlsError(f"all units are first treated in {cohorts[0]:g}: every reassignment is the same")
        unit_code = code[sample.unit_first]
        remedy = "reassign across clusters inside which they do not (by=)"
        cohort = _constant(position, unit_code, labels, "cohorts vary", remedy)
        stratum = np.zeros(len(labels), dtype=np.intp)
        if strata is not None:
            stratum = _constant(
                sample.codes(strata)[0], code, labels, f"column {strata!r} varies", "use another stratum"
            )
        return cls(code, unit_code, cohort, stratum, cohorts)

    def panel(self, sample: Panel, assignment: np.ndarray) -> Panel:
        """Return the sample with these cohort positions of the assigned clusters."""
        return sample.reassign(self.cohorts[assignment][self.unit_code])


def _twfe_draws(fit: Regression, plan: _Plan, blocks: Iterator[np.ndarray]) -> _Draws:
    """Coefficients of every assignment for the outcome, and for the actual treatment as the outcome."""
    projection, times, n = fit.projection, fit.sample.times, len(plan.cohort)
    # Treatment of a cluster by a cohort is a union of its periods: rows are only summed by cluster and period.
    cell = fit.sample.time_codes * n + plan.code
    treated = (times >= plan.cohorts[:, None]).astype(float)
    unions = sparse.csr_array(sparse.kron(treated, sparse.eye_array(n), format="csr"))
    ones = np.ones(fit.n_rows)
    table = [
        unions @ np.bincount(cell, projection.weights * values, minlength=len(times) * n)
        for values in (fit.within_outcome, fit.treatment, ones)
    ]
    pieces = projection.pieces(ones, cell, len(times) * n, unions)
    nested = projection.nested_in(plan.code)
    if nested:
        table[2] -= pieces.first.multiply(pieces.first).sum(axis=1)
    terms = np.column_stack([*table, pieces.left, pieces.right])
    width = pieces.left.shape[1]
    spread = fit.treatment_square
    parts = []
    for block in blocks:
        cells = block * n + np.arange(n)
        pick = sparse.csr_array(
            (np.ones(cells.size), cells.ravel(), np.arange(0, cells.size + 1, n)), shape=(len(block), len(terms))
        )
        sums = pick @ terms
        square = sums[:, 2] - np.einsum("bj,bj->b", sums[:, 3 : 3 + width], sums[:, 3 + width :])
        if not nested:
            on_first = pick @ pieces.first
            square -= on_first.multiply(on_first).sum(axis=1)
        square[square <= _COLLINEAR * spread] = np.nan
        parts.append(sums[:, :2] / square[:, None])
    return _Draws(*np.vstack(parts).T)


def _t_draws(fit: Regression, plan: _Plan, blocks: Iterator[np.ndarray]) -> _TDraws:
    """Cluster sums of the projected treatment of every assignment, some assignments at a time."""
    n, w = fit.n_rows, fit.projection.weights
    sum_up = sparse.csr_array((w, (plan.code, np.arange(n))), shape=(len(plan.cohort), n))
    treated = fit.sample.times[fit.sample.time_codes] >= plan.cohorts[:, None]
    rows, width = np.arange(n), max(1, _CELLS // n)
    parts = []
    for block in blocks:
        for start in range(0, len(block), width):
            assigned = treated[block[start : start + width, plan.code].T, rows[:, None]].astype(float)
            d = fit.projection.residuals(assigned)
            others = (fit.within_outcome[:, None], fit.treatment[:, None], d)
            parts.append(np.stack([(sum_up @ (d * other)).T for other in others]))
    outcome, treatment, own = np.concatenate(parts, axis=1)
    defined = own.sum(axis=1) > _COLLINEAR * fit.treatment_square
    return _TDraws(outcome, treatment, own, fit.small_sample, defined)


def _constant(codes: np.ndarray, cluster: np.ndarray, labels: pd.Index, what: str, remedy: str) -> np.ndarray:
    """Code of each cluster, which must be the same in all its rows."""
    by_cluster = np.zeros(len(labels), dtype=np.intp)
    by_cluster[cluster] = codes
    bad = np.unique(cluster[codes != by_cluster[cluster]])
    if bad.size:
        name = labels.name
        raise ClusterVariesError(
            f"{what} within {bad.size:,} values of {name!r}; {remedy}",
            column=None if name is None else str(name),
            count=bad.size,
            first=labels[bad[:5]],
        )
    return by_cluster


def _number(value: float | Effects) -> float:
    if not isinstance(value, Effects):
        return float(value)
    if len(value) != 1:
        raise EffectsError(f"the statistic has {len(value)} effects; one is needed (use overall())")
    return float(value.values[0])
