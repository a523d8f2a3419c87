r"""Parts before treatment: the decomposition of leads on clean rows, exactly additive.

With dummies :math:`Z` of the periods before treatment (and before exposure) less fixed effects and covariates, the
leads of any variable are :math:`\pi(z) = A'z`, :math:`A = W\ddot Z(\ddot Z'W\ddot Z)^{-1}`. As :math:`A'F = 0` and
:math:`\pi` is linear, :math:`\pi(Y) = \pi(Y - Mb) + \sum_k b_k\pi(M_k)` for every b: ``docs/decomposition.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from aigreen.counterfactual.leave_out import without_each
from aigreen.counterfactual.rows import Cells
from aigreen.decomposition.count_parts import lead_coefficients
from aigreen.decomposition.estimates import ResponseFit, Slopes, fill_channels, fill_others, fill_spillover
from aigreen.errors import CollinearError, CollinearWarning, NoPrePeriodError, SeparationWarning
from aigreen.linalg.arrays import sum_by
from aigreen.linalg.collinearity import independent_of_effects, symmetric_inverse
from aigreen.panel.dropped import Dropped

if TYPE_CHECKING:
    from aigreen.decomposition.counts import CountFit
    from aigreen.decomposition.options import PartOptions
    from aigreen.decomposition.sample import Setup

_TREATMENT = -1


@dataclass(frozen=True, eq=False)
class LeadDummies:
    r"""Dummies of the periods before treatment and before exposure.

    Attributes
    ----------
    Z : ndarray, shape (n, p)
        Whether the unit is treated `distance` periods later; for exposure, times the mean basis of exposure that the
        unit will have while untreated.
    distance : ndarray of int, shape (p,)
        Periods to wait, those of anticipation not counted.
    term : ndarray of int, shape (p,)
        Basis function of exposure; -1 for treatment.
    names : ndarray of str, shape (p,)
        As "treated -2", "ring -3".
    """

    Z: np.ndarray
    distance: np.ndarray
    term: np.ndarray
    names: np.ndarray

    @classmethod
    def of(cls, setup: Setup, anticipation: int, distances: Sequence[int] | range) -> LeadDummies:
        """Lay out the dummies that some clean row has; of exposure those of basis functions treated rows have.

        Those of exposure start with the nearest: where all clean periods of exposed units are leads, the first of them
        is the reference.
        """
        sample, clean = setup.sample, setup.fit.effects.rows
        cohort = sample.unit_cohort
        wait = cohort[sample.unit_codes] - sample.time - anticipation
        columns, distance, term = [], [], []
        for h in distances:
            at = (wait == h).astype(float)
            if at[clean].any():
                columns.append(at)
                distance.append(h)
                term.append(_TREATMENT)
        dose = later_dose(setup)
        wait = np.where(setup.onset < cohort, setup.onset, np.inf)[sample.unit_codes] - sample.time - anticipation
        for q in np.flatnonzero(mean_dose(setup)):
            for h in sorted(distances):
                at = np.where(wait == h, dose[sample.unit_codes, q], 0.0)
                if at[clean].any():
                    columns.append(at)
                    distance.append(h)
                    term.append(int(q))
        Z = np.column_stack(columns) if columns else np.zeros((sample.n_rows, 0))
        label = {_TREATMENT: "treated"} | dict(enumerate(setup.terms))
        names = [f"{label[q]} {-h - anticipation}" for q, h in zip(term, distance, strict=True)]
        return cls(Z, np.array(distance, dtype=np.intp), np.array(term, dtype=np.intp), np.array(names, dtype=object))

    def select(self, which: np.ndarray) -> LeadDummies:
        """Return some of the dummies, marked or by position."""
        return LeadDummies(self.Z[:, which], self.distance[which], self.term[which], self.names[which])


def mean_dose(setup: Setup) -> np.ndarray:
    """Mean of each basis function of exposure over the treated rows, shape (q,)."""
    w = None if setup.weights is None else setup.weights[setup.cells.rows]
    return np.average(setup.dose, axis=0, weights=w) if setup.dose.shape[1] else np.zeros(0)


def later_dose(setup: Setup) -> np.ndarray:
    """Mean of each basis function over the exposed untreated rows of each unit, shape (n_units, q); zero without."""
    unit = setup.sample.unit_codes[setup.exposed]
    w = setup.weights_of(setup.exposed)
    total = sum_by(unit, setup.response * w[:, None], setup.sample.n_units)
    size = np.bincount(unit, w, setup.sample.n_units)
    return total / np.where(size > 0, size, 1.0)[:, None]


@dataclass(frozen=True, eq=False)
class LeadFit:
    """Regressions of outcome and channels on the dummies, on clean rows.

    Attributes
    ----------
    dummies : LeadDummies
        Those that are independent.
    coefficients : ndarray, shape (p, 1 + K)
    residuals : ndarray, shape (n_clean, 1 + K)
    z : ndarray, shape (n_clean, p)
        Dummies less fixed effects and covariates.
    w : ndarray, shape (n_clean,)
    kept : ndarray of bool
        Which of the dummies that were given these are; fixed effects, covariates and others determine the rest.
    empty : ndarray of bool
        Which of them hold no positive count, where the outcome is one: their coefficient would be minus infinity.
    counts : CountFit, or None
        Models of a count that the dummies are to be added to.
    """

    dummies: LeadDummies
    coefficients: np.ndarray
    residuals: np.ndarray
    z: np.ndarray
    w: np.ndarray
    kept: np.ndarray
    empty: np.ndarray
    counts: CountFit | None

    @classmethod
    def of(cls, setup: Setup, dummies: LeadDummies) -> LeadFit:
        """Regress the deviations of `setup` on the dummies."""
        fit, rows, w = setup.fit, setup.fit.effects.rows, setup.fit.weights
        p = setup.covariates.shape[1]
        both = np.column_stack([setup.covariates, dummies.Z])
        keep = independent_of_effects(fit.effects, both, setup.weights)[0][p:]
        empty = np.zeros(len(keep), dtype=bool)
        if setup.counts is not None:
            long = setup.counts.long
            fitted = long.model.effects.rows
            empty = long.y[fitted] @ (dummies.Z[fitted] != 0) == 0
            beside = np.column_stack([long.X, dummies.Z[:, ~empty]])
            keep &= ~empty
            keep[~empty] &= independent_of_effects(long.effects, beside, setup.weights)[0][long.X.shape[1] :]
        dummies = dummies.select(keep)
        z = (dummies.Z - fit.effects.predict(fit.effects.coefficients(dummies.Z)))[rows]
        if p:
            x = fit.covariates[rows]
            wx = x if w is None else x * w[:, None]
            z = z - x @ (fit.bread @ (wx.T @ z))
        weights = np.ones(len(rows)) if w is None else w
        wz = z * weights[:, None]
        deviations = np.column_stack([fit.outcome[rows], fit.channels[rows]])
        coefficients = symmetric_inverse(wz.T @ z) @ (wz.T @ deviations)
        return cls(dummies, coefficients, deviations - z @ coefficients, z, weights, keep, empty, setup.counts)

    def influence(
        self, residual: np.ndarray, clusters: np.ndarray, n_clusters: int, *, leave_one_out: bool
    ) -> np.ndarray:
        r"""Influence of clean rows on the coefficients of a variable with this residual, shape (clusters, p).

        :math:`G^{-1}s_c`, or how far the cluster moves the coefficients, :math:`(G - G_c)^{-1}s_c`: far leads stand on
        few rows, and their residuals are small for that.
        """
        wz = self.z * self.w[:, None]
        scores = sum_by(clusters, wz * residual[:, None], n_clusters)
        if leave_one_out:
            return without_each(self.z, self.w, scores, clusters)[0]
        return scores @ symmetric_inverse(wz.T @ self.z)


@dataclass(frozen=True, eq=False)
class Leads:
    """Parts at leads of treatment.

    Attributes
    ----------
    distance : ndarray of int, shape (H,)
        Periods before treatment, those of anticipation not counted, descending.
    values : ndarray, shape (P, H)
    psi : ndarray, shape (clusters, P, H)
    """

    distance: np.ndarray
    values: np.ndarray
    psi: np.ndarray

    def cells(self, setup: Setup, anticipation: int) -> tuple[Cells, np.ndarray]:
        """Cohort-periods of the leads on clean rows, and the lead of each."""
        sample, rows = setup.sample, setup.fit.effects.rows
        wait = (sample.cohort - sample.time - anticipation)[rows]
        cells = Cells.of(sample, rows[np.isin(wait, self.distance)])
        return cells, np.searchsorted(-self.distance, -(cells.cohort - cells.time - anticipation))


def lead_parts(options: PartOptions, setup: Setup, leads: LeadFit, gap: Slopes | None) -> Leads:
    r"""Compute the parts at each lead of treatment that is identified in all parts, with the slopes of ``setup.fit``.

    With :math:`\rho = \pi(Y) - \sum_k b_k\pi(M_k)`: spillover :math:`\bar B'\rho_E`, direct
    :math:`\rho_T - \bar B'\rho_E`, channel k :math:`\lambda_k'\pi_T(M)`, total :math:`\pi_T(Y)`, their sum. For counts
    the total is the dummy's coefficient in the model without channels, :math:`\rho_E` those in the model with
    channels, and direct is the rest.

    Parameters
    ----------
    gap : Slopes, optional
        Slopes of the channels under treatment less those without, where they may differ.
    """
    layout, coefficients, residuals = options.layout, leads.coefficients, leads.residuals
    leave_one_out = options.leave_one_out

    def influence(residual: np.ndarray) -> np.ndarray:
        return leads.influence(residual, setup.clean_clusters, setup.n_clusters, leave_one_out=leave_one_out)

    own, through = _contrasts(leads.dummies, mean_dose(setup))
    values = np.zeros((len(layout.labels), len(own)))
    psi = np.zeros((setup.n_clusters, *values.shape))
    moved_psi = [influence(residuals[:, 1 + i]) for i in range(coefficients.shape[1] - 1)]
    moved = coefficients[own, 1:].T
    fill_channels(layout, setup.loadings, moved, lambda i: moved_psi[i][:, own], gap, values, psi)
    if leads.counts is None:
        slopes = setup.fit.slopes
        rho = coefficients[:, 0] - coefficients[:, 1:] @ slopes
        rho_psi = influence(residuals[:, 0] - residuals[:, 1:] @ slopes)
        rho_psi -= setup.slopes_influence @ coefficients[:, 1:].T
        values[layout.direct], psi[:, layout.direct] = rho[own], rho_psi[:, own]
    else:
        Z = leads.dummies.Z
        whole, whole_psi = lead_coefficients(leads.counts.short, Z)
        rho, rho_psi = lead_coefficients(leads.counts.long, Z)
        values[layout.total], psi[:, layout.total] = whole[own], whole_psi[:, own]
    if options.exposures:
        term = leads.dummies.term
        of = np.array([_TREATMENT if q == _TREATMENT else setup.of[q] for q in term], dtype=np.intp)
        channels_psi = np.array(moved_psi) if options.origins else np.zeros((0, *rho_psi.shape))
        response = ResponseFit(rho, rho_psi, coefficients[:, 1:].T, channels_psi)
        fill_spillover(layout, response, through, of, values, psi)
        fill_others(layout, setup.loadings, response, through, values, psi)
        if leads.counts is None:
            values[layout.direct] -= values[layout.spillover]
            psi[:, layout.direct] -= psi[:, layout.spillover]
    layout.add_up(values, psi, given=layout.direct if leads.counts is None else layout.total)
    return Leads(leads.dummies.distance[own], values, psi)


def _contrasts(dummies: LeadDummies, dose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the leads of treatment that have all leads of exposure, and the doses of these, shape (p, H)."""
    needed = np.flatnonzero(dose)
    at = {(int(q), int(h)): j for j, (q, h) in enumerate(zip(dummies.term, dummies.distance, strict=True))}
    own = [j for j in np.flatnonzero(dummies.term == _TREATMENT) if all((q, dummies.distance[j]) in at for q in needed)]
    own.sort(key=lambda j: -dummies.distance[j])
    through = np.zeros((len(dummies.term), len(own)))
    for column, j in enumerate(own):
        for q in needed:
            through[at[q, dummies.distance[j]], column] = dose[q]
    return np.array(own, dtype=np.intp), through


def placebo_leads(
    options: PartOptions,
    setup: Setup,
    gap: Slopes | None,
    dropped: Dropped,
) -> Leads:
    """Compute the parts in the last ``options.leads`` periods before treatment, relative to all earlier ones.

    Raises
    ------
    NoPrePeriodError
        No lead is identified in all parts.
    """
    span = int(setup.sample.times[-1] - setup.sample.times[0])
    dummies = LeadDummies.of(setup, options.anticipation, range(min(options.leads, span), 0, -1))
    if not (dummies.term == _TREATMENT).any():
        raise NoPrePeriodError(f"no clean row is within {options.leads} periods before treatment", count=0)
    fit = LeadFit.of(setup, dummies)
    dropped.collinear(dummies.names, fit.kept | fit.empty, "leads", "fixed effects and other leads")
    names = list(dummies.names[fit.empty])
    dropped.add(SeparationWarning, "leads", "no positive count at them (separated)", len(names), names)
    if not (fit.dummies.term == _TREATMENT).any():
        raise NoPrePeriodError(f"fixed effects determine all {len(dummies.names)} leads{dropped.cause()}", count=0)
    found = lead_parts(options, setup, fit, gap)
    alone = (fit.dummies.term == _TREATMENT) & ~np.isin(fit.dummies.distance, found.distance)
    reason = "the spillover has no lead as long before exposure, where no exposed unit, or each, is seen clean"
    dropped.add(CollinearWarning, "leads", reason, int(alone.sum()), list(fit.dummies.names[alone]))
    if not found.distance.size:
        raise NoPrePeriodError(f"no lead of {options.leads} is identified in all parts", count=0)
    return found


def all_leads(setup: Setup, anticipation: int) -> tuple[LeadFit, np.ndarray]:
    """Fit a dummy for every period before treatment and before exposure but the last, which is the reference.

    Returns
    -------
    LeadFit
    separated : ndarray of bool, shape (n,)
        Rows of dummies without a positive count.

    Raises
    ------
    NoPrePeriodError
        No clean row is in the last period before treatment.
    CollinearError
        The dummies and the fixed effects are not independent.
    """
    sample, rows = setup.sample, setup.fit.effects.rows
    if not ((sample.cohort - sample.time - anticipation)[rows] == 1).any():
        raise NoPrePeriodError("no clean row is in the last period before treatment, the reference", count=0)
    longest = int(sample.times[-1] - sample.times[0])
    dummies = LeadDummies.of(setup, anticipation, range(longest, 1, -1))
    fit = LeadFit.of(setup, dummies)
    if not (fit.kept | fit.empty).all():
        lost = ", ".join(dummies.names[~fit.kept & ~fit.empty][:5])
        raise CollinearError(
            f"effects relative to the last period before treatment are not identified: {lost} "
            "determined by fixed effects and other periods; units never treated and never exposed are needed"
        )
    return fit, (dummies.Z[:, fit.empty] != 0).any(axis=1)
