r"""Outcomes imputed from clean rows, averages of them with influence functions, and their response to exposure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import linalg, sparse

from aigreen.counterfactual.centring import at_common_ratio, centred, check_lone_cells
from aigreen.counterfactual.leave_out import check_lone_terms, without_each
from aigreen.counterfactual.log_response import LogResponse, solve_log_response
from aigreen.counterfactual.models import Untreated, fit_linear, fit_poisson
from aigreen.counterfactual.rows import ALL_ZERO, Cells, without_separated, without_zero_groups
from aigreen.effects.aggregation import Mass
from aigreen.errors import (
    CollinearError,
    CollinearWarning,
    ConvergenceError,
    NoControlsError,
    SeparationWarning,
)
from aigreen.exposure.basis import Basis
from aigreen.linalg.absorption import Absorption
from aigreen.linalg.arrays import sum_by
from aigreen.linalg.collinearity import independent_of_effects
from aigreen.linalg.varying_slopes import Slope, absorb
from aigreen.options import check_memory
from aigreen.panel.dropped import Dropped
from aigreen.panel.panel import Panel

_COLLINEAR = 1e-9
_CLEARLY_INDEPENDENT = 1e-6


@dataclass(frozen=True, eq=False)
class Average:
    """Means of imputed effects by cell.

    Attributes
    ----------
    values : ndarray, shape (k,)
    psi : ndarray, shape (clusters, k)
    mass : Mass
    own : ndarray, shape (clusters, k)
        Centred sums of the cells' own rows.
    error : ndarray, shape (clusters, k)
        Influence functions of the sum of baselines of each cell.
    """

    values: np.ndarray
    psi: np.ndarray
    mass: Mass
    own: np.ndarray
    error: np.ndarray

    def less(self, other: Average) -> Average:
        """Subtract the means of other effects of the same rows."""
        return Average(
            self.values - other.values, self.psi - other.psi, self.mass, self.own - other.own, self.error - other.error
        )


def side_by_side(averages: Sequence[Average]) -> tuple[np.ndarray, np.ndarray, Mass]:
    """Values, influence functions and masses of several averages, one after the other."""
    masses = [average.mass for average in averages]
    size = np.concatenate([mass.value for mass in masses])
    influence = None if masses[0].influence is None else np.hstack([mass.influence for mass in masses])
    values, psi = np.concatenate([average.values for average in averages]), np.hstack([a.psi for a in averages])
    return values, psi, Mass(size, np.arange(len(size)), influence)


@dataclass(frozen=True, eq=False)
class ExposureResponse:
    r"""Response to exposure, :math:`s(S) = B(S)'\theta`.

    Attributes
    ----------
    basis : Basis
    B : ndarray, shape (n, q)
        Basis functions of all rows.
    theta : ndarray, shape (q,)
        Zero where not identified.
    psi : ndarray, shape (clusters, q)
    identified : ndarray of bool, shape (q,)
        Basis functions that some exposed untreated row has.
    shift : ndarray, shape (clusters, q)
        theta less theta without the cluster (for counts to first order), where that is left out; zero otherwise.
    """

    basis: Basis
    B: np.ndarray
    theta: np.ndarray
    psi: np.ndarray
    identified: np.ndarray
    shift: np.ndarray


@dataclass(frozen=True, eq=False)
class Imputed:
    """Outcomes and their counterfactuals, from a model fitted on some rows of a sample.

    Attributes
    ----------
    sample : Panel
    y : ndarray, shape (n,)
    X : ndarray, shape (n, p)
        Covariates that enter the model.
    effects : Absorption
        Projection on the fitted rows, with the weights of the sample.
    model : Untreated
    reached : ndarray of bool, shape (n,)
        Rows whose counterfactual is identified.
    zero : ndarray of bool, shape (n,)
        Those of them whose counterfactual is zero, the limit of the fit for counts with an all-zero past.
    poisson, percent, leave_one_out : bool
    """

    sample: Panel
    y: np.ndarray
    X: np.ndarray
    effects: Absorption
    model: Untreated
    reached: np.ndarray
    zero: np.ndarray
    poisson: bool
    percent: bool
    leave_one_out: bool
    w: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        weights = self.sample.weights
        object.__setattr__(self, "w", np.broadcast_to(1.0, len(self.y)) if weights is None else weights)

    @classmethod
    def fit(
        cls,
        sample: Panel,
        y: np.ndarray,
        X: np.ndarray,
        names: list[str],
        codes: list[np.ndarray],
        fitted: np.ndarray,
        dropped: Dropped,
        *,
        poisson: bool,
        percent: bool,
        leave_one_out: bool,
        slopes: Sequence[Slope] = (),
        smaller: Imputed | None = None,
    ) -> Imputed:
        """Fit the untreated outcome on the rows marked `fitted`; rows with an all-zero past have a mean of zero.

        Counts that covariates separate are left out; so are other rows whose mean hinges on what only these identify.
        A fit of the same arguments with some of the covariates, `smaller`, gives its rows and projection.
        """
        effects, zero = None if smaller is None else smaller.effects, np.zeros(len(y), dtype=bool)
        if smaller is not None:
            fitted, zero = np.zeros_like(zero), smaller.zero
            fitted[smaller.effects.rows] = True
        elif poisson:
            fitted, zero = without_zero_groups(codes, fitted, y, sample, dropped)
        while True:
            effects = effects or absorb(codes, slopes, fitted=fitted, weights=sample.weights)
            keep, reached = independent_of_effects(effects, X, sample.weights)
            used = X if keep.all() else X[:, keep]
            try:
                model = (fit_poisson if poisson else fit_linear)(y, used, effects, sample.weights)
                break
            except (ConvergenceError, CollinearError) as failure:
                left = without_separated(codes, fitted, y, X, sample, dropped, failure) if poisson else fitted
                if left.sum() == fitted.sum():
                    raise
                fitted, effects = left, None
        dropped.collinear(names, keep)
        return cls(sample, y, used, effects, model, reached | zero, zero, poisson, percent, leave_one_out)

    @property
    def row_masses(self) -> np.ndarray:
        """What rows count by in sums of effects: their weight, for counts times the counterfactual mean, shape (n,)."""
        if not self.poisson:
            return self.w
        return self.model.mean if self.sample.weights is None else self.w * self.model.mean

    # -- sums by cluster -----------------------------------------------------------------------------------------

    def by_cluster(self, cells: Cells, values: np.ndarray) -> np.ndarray:
        """Sum values of the cells' rows by cluster and cell, shape (clusters, k)."""
        n, k = len(self.sample.clusters), len(cells.cohort)
        check_memory("influence functions, clusters x cohort-periods", "take fewer clusters or periods", n, k)
        at = self.sample.cluster_codes[cells.rows].astype(np.intp) * k + cells.cell
        return np.bincount(at, values, n * k).reshape(n, k)

    def influence(self, rows: np.ndarray, columns: np.ndarray, weights: np.ndarray, k: int) -> np.ndarray:
        """Influence functions of k weighted sums of counterfactuals, shape (clusters, k)."""
        targets = sparse.coo_array((weights, (rows, columns)), shape=(len(self.y), k))
        clusters = self.sample.cluster_codes[self.model.effects.rows]
        return self.model.influence(targets, clusters, len(self.sample.clusters))

    def centred(self, cells: Cells, effect: np.ndarray, weight: np.ndarray) -> np.ndarray:
        r"""Sum w (tau - centre) by cluster and cell, from w tau and w (for counts w mu) of the cells' rows.

        The centre is :math:`\sum_c w_c (w\tau)_c / \sum_c w_c^2`; for counts
        :math:`\sum_c (w\tau)_c / \sum_c (w\mu)_c`.
        """
        values, size = self.by_cluster(cells, effect), self.by_cluster(cells, weight)
        centre = at_common_ratio if self.poisson else centred
        return centre(values, size, leave_one_out=self.leave_one_out)

    def centred_by_rows(self, cells: Cells) -> np.ndarray:
        r"""Sum w (tau - centre) by cluster and cell, the centre being :math:`\sum w^2\tau / \sum w^2` over rows."""
        w, k = self.w[cells.rows], len(cells.cohort)
        effect = w * (self.y - self.model.mean)[cells.rows]
        centre = np.bincount(cells.cell, w * effect, k) / np.bincount(cells.cell, w * w, k)
        return self.by_cluster(cells, effect) - self.by_cluster(cells, w) * centre

    # -- averages ------------------------------------------------------------------------------------------------

    def average(
        self,
        cells: Cells,
        response: ExposureResponse | None = None,
        functions: Sequence[int] | np.ndarray = (),
        *,
        about_response: bool = False,
        base: Average | None = None,
        own: np.ndarray | None = None,
    ) -> Average:
        r"""Mean effects of the cells' rows, less the response through some basis functions.

        The baseline of a row is :math:`b = \mu + B'\theta`, for counts :math:`b = \mu e^{B'\theta}`, over the basis
        functions given; the mean is :math:`\sum w(y - b) / \sum w`, in percent :math:`\sum w(y - b) / \sum w\mu` with
        :math:`\mu` the baseline of `base`, or the own one. Rows are centred after the whole response is taken out.

        Parameters
        ----------
        about_response : bool
            Centre effects at the response, not at the mean of the cell; without the own cluster if that is left out.
        base : Average, optional
            Of the same cells without response; its denominators are used.
        own : ndarray, shape (clusters, k), optional
            Centred sums to use in place of the own ones, where differences to another average are of interest.
        """
        rows, of, k = cells.rows, cells.cell, len(cells.cohort)
        w, y = self.w[rows], self.y[rows]
        baseline, factor = self._baseline(rows, response, functions)
        if own is None:
            every = () if response is None else np.arange(len(response.theta))
            whole, _ = self._baseline(rows, response, every)
            residual, weight = w * (y - whole), w * whole if self.poisson else w
            if about_response:
                shift = response.shift[self.sample.cluster_codes[rows]]
                own = self.by_cluster(cells, residual + weight * np.einsum("ij,ij->i", response.B[rows], shift))
            else:
                own = self.centred(cells, residual, weight)
        error = self.influence(rows, of, w * factor, k)
        if response is not None and len(functions):
            slope = response.B[np.ix_(rows, functions)] * (w * baseline if self.poisson else w)[:, None]
            error += response.psi[:, functions] @ np.stack([np.bincount(of, column, k) for column in slope.T])
        gap = np.bincount(of, w * (y - baseline), k)
        if not self.percent:
            size = np.bincount(of, w, k)
            return Average(gap / size, (own - error) / size, Mass(size, np.arange(k)), own, error)
        mass = Mass(np.bincount(of, w * baseline, k), np.arange(k), error) if base is None else base.mass
        values = gap / mass.value
        return Average(values, (own - error - values * mass.influence) / mass.value, mass, own, error)

    def _baseline(
        self, rows: np.ndarray, response: ExposureResponse | None, functions: Sequence[int] | np.ndarray
    ) -> tuple[np.ndarray, np.ndarray | float]:
        """Counterfactuals with the response through some basis functions, and their slope in those without."""
        mean = self.model.mean[rows]
        if response is None or not len(functions):
            return mean, 1.0
        shift = response.B[np.ix_(rows, functions)] @ response.theta[functions]
        if not self.poisson:
            return mean + shift, 1.0
        factor = np.exp(shift)
        return mean * factor, factor

    def cells(self, cohorts: np.ndarray, rows: np.ndarray, what: str, dropped: Dropped) -> Cells:
        """Cells of rows by the cohort (or onset) of their units, without those whose counterfactuals are all zero.

        Parameters
        ----------
        cohorts : ndarray, shape (n_units,)
        rows : ndarray of int
        what : str
            Rows in words, for warnings.
        """
        by_cohort = self.sample.reassign(cohorts)
        cells = Cells.of(by_cohort, rows)
        if self.poisson:
            positive = np.bincount(cells.cell, self.model.mean[rows], len(cells.cohort)) > 0
            if not positive.any():
                raise NoControlsError(f"no positive counterfactual of {what}: {ALL_ZERO}", count=len(rows))
            lost = rows[~positive[cells.cell]]
            reason = "without a positive counterfactual in their cohort and period (separated)"
            dropped.add(SeparationWarning, what, reason, lost.size, self.sample.labels(lost[:5]))
            if lost.size:
                cells = Cells.of(by_cohort, rows[positive[cells.cell]])
        return cells

    def check_alone(self, cells: Cells, what: str) -> None:
        """Warn of cells in one cluster, where the rows themselves add nothing to the variance.

        Rows with a counterfactual of zero do not count: they are no part of a cell's ratio to it.
        """
        k, clusters = len(cells.cohort), self.sample.cluster_codes[cells.rows]
        counted = self.model.mean[cells.rows] > 0 if self.poisson else np.ones(len(clusters), dtype=bool)
        pairs = np.unique(clusters[counted].astype(np.intp) * k + cells.cell[counted])
        alone = np.bincount(pairs % k, minlength=k) == 1
        check_lone_cells(alone, cells, clusters, leave_one_out=self.leave_one_out, what=what)

    # -- response to exposure ------------------------------------------------------------------------------------

    def respond(
        self, basis: Basis, S: np.ndarray, exposed: np.ndarray, treated: np.ndarray, dropped: Dropped
    ) -> ExposureResponse:
        """Regress imputed effects of exposed untreated rows on the basis functions.

        Parameters
        ----------
        exposed, treated : ndarray of int
            Exposed untreated rows, and treated rows.

        Raises
        ------
        NoControlsError
            Treated rows have an exposure that no untreated row has.
        CollinearError
            The basis functions are not independent on exposed untreated rows.
        EstimationError
            A cluster to be left out is the only one to identify a coefficient.
        """
        B = basis(S)
        q, n_clusters = B.shape[1], len(self.sample.clusters)
        seen = (B[exposed] != 0).any(axis=0)
        needed = (B[treated] != 0).any(axis=0)
        terms = np.array(basis.terms, dtype=object)
        if (needed & ~seen).any():
            lost = int((B[np.ix_(treated, needed & ~seen)] != 0).any(axis=1).sum())
            raise NoControlsError(
                f"{lost:,} treated rows have an exposure that no untreated row has, so its effect on them is unknown; "
                "use wider bins or response='linear'",
                count=lost,
                first=terms[needed & ~seen],
            )
        gone = list(terms[~seen])
        dropped.add(CollinearWarning, "terms of exposure", "zero in every row", len(gone), gone)
        theta, psi, shift = np.zeros(q), np.zeros((n_clusters, q)), np.zeros((n_clusters, q))
        if not seen.any():
            return ExposureResponse(basis, B, theta, psi, seen, shift)
        x, w = B[np.ix_(exposed, seen)], self.w[exposed]
        if len(x) < x.shape[1] or not _independent(_scaled(x, w)[0] * np.sqrt(w)[:, None]):
            raise CollinearError(f"the exposures {', '.join(terms[seen])} are collinear on untreated exposed rows")
        theta[seen], psi[:, seen], moved, alone = self.response(x, exposed)
        check_lone_terms(alone, terms[seen], refused=self.leave_one_out)
        if self.leave_one_out:
            shift[:, seen] = moved
        return ExposureResponse(basis, B, theta, psi, seen, shift)

    def response(self, x: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        r"""Regress outcomes of some rows on x, (n_rows, q), beside their counterfactuals; for counts a log response.

        .. math:: \sum w x (y - \hat\mu - x'\beta) = 0, \qquad \sum w x (y - \hat\mu e^{x'\beta}) = 0

        Returns
        -------
        beta : ndarray, shape (q,)
        psi : ndarray, shape (clusters, q)
        shift : ndarray, shape (clusters, q)
            beta less beta without the cluster, for counts to first order.
        alone : ndarray of bool, shape (q,)
            Coefficients that one cluster alone identifies.
        """
        beta, psi, moved, alone, bread, targets = self._solve_response(x, rows)
        psi -= self.influence(rows[targets.row], targets.col, targets.data, x.shape[1]) @ bread
        return beta, psi, moved, alone

    def _solve_response(
        self, x: np.ndarray, rows: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, sparse.coo_array]:
        """Solve as if counterfactuals were known; also return bread and weights of rows, by which their errors add."""
        n_clusters, clusters = len(self.sample.clusters), self.sample.cluster_codes[rows]
        w, y, mean = self.w[rows], self.y[rows], self.model.mean[rows]
        x, scale = _scaled(x, w)
        if self.poisson:
            beta = solve_log_response(lambda beta, step: LogResponse.nothing(beta, step).add(x, w, y, mean), x.shape[1])
            slope = fitted = mean * np.exp(x @ beta)
        else:
            beta = np.linalg.solve((x * w[:, None]).T @ x, (x * w[:, None]).T @ (y - mean))
            fitted, slope = mean + x @ beta, np.ones(len(y))
        gram = (x * (w * slope)[:, None]).T @ x
        bread = linalg.inv(gram)
        own = sum_by(clusters, x * (w * (y - fitted))[:, None], n_clusters)
        moved, alone = without_each(x, w * slope, own, clusters)
        if self.leave_one_out:
            own = moved @ gram
        factor = w * (fitted / np.where(mean > 0, mean, 1.0) if self.poisson else 1.0)
        bread /= scale
        return beta / scale, own @ bread, moved / scale, alone, bread, sparse.coo_array(x * factor[:, None])

    def with_covariates(self, Z: np.ndarray) -> Untreated:
        """Fit the model on the same rows with more covariates, shape (n, k), independent of the others."""
        fit = fit_poisson if self.poisson else fit_linear
        return fit(self.y, np.column_stack([self.X, Z]), self.effects, self.sample.weights)


def _scaled(x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Columns divided by the root of their weighted sum of squares, and that."""
    scale = np.sqrt(np.einsum("ij,i,ij->j", x, w, x))
    return x / scale, scale


def _independent(x: np.ndarray) -> bool:
    """Whether columns of length one are independent; by singular values where cross-products do not tell."""
    if np.linalg.eigvalsh(x.T @ x)[0] > _CLEARLY_INDEPENDENT:
        return True
    return bool(np.linalg.svd(x, compute_uv=False)[-1] >= _COLLINEAR)
