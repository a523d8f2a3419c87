"""From a panel to the rows of a decomposition and the fit on clean ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from aigreen.counterfactual.models import usable_covariates
from aigreen.counterfactual.rows import Cells, assign_roles, reached_exposed_rows, reached_rows, warn_extrapolated
from aigreen.decomposition.channel_fit import CleanFit, Loadings, fit_clean
from aigreen.decomposition.counts import CountFit, fit_counts
from aigreen.decomposition.options import PartOptions
from aigreen.errors import CollinearError, CollinearWarning, NoControlsError, OverlapWarning, warn
from aigreen.exposure.basis import Basis
from aigreen.linalg.collinearity import independent_columns
from aigreen.linalg.fixed_effects import FixedEffects
from aigreen.panel.dropped import Dropped
from aigreen.panel.panel import Panel, require_panel
from aigreen.regression.sample import check_counts

MANY = 0.25  # share of treated rows beyond the clean ones from which an extrapolation is worth a warning


@dataclass(frozen=True, eq=False)
class Setup:
    """What a decomposition is computed from.

    Attributes
    ----------
    sample : Panel
        Rows without missing values.
    fit : CleanFit
    cells : Cells
        Treated rows by cohort and period.
    exposed : ndarray of int
        Untreated but exposed rows that the clean rows reach.
    basis : Basis, or None
        Functions of exposure.
    response, dose : ndarray, shape (n_exposed, q), (n_treated, q)
        Those of them that some exposed row has, on the exposed and on the treated rows.
    of : ndarray of int, shape (q,);  terms : list of str, length q
        Exposure and name of each.
    onset : ndarray of float, shape (n_units,)
        First exposed period of each unit; inf for never.
    outcome : str
    covariates : ndarray, shape (n, p)
        Those that enter the fit.
    outside : ndarray, shape (K,)
        Share of treated rows whose value of a channel lies outside those of the clean rows.
    counts : CountFit, or None
        Models of the outcome where it is a count; `fit` is then read for the channels only.
    """

    sample: Panel
    fit: CleanFit
    cells: Cells
    exposed: np.ndarray
    basis: Basis | None
    response: np.ndarray
    dose: np.ndarray
    of: np.ndarray
    terms: list[str]
    onset: np.ndarray
    outcome: str
    channel_names: list[str]
    covariates: np.ndarray
    outside: np.ndarray
    counts: CountFit | None = None

    @property
    def weights(self) -> np.ndarray | None:
        """Weights of the rows, shape (n,)."""
        return self.sample.weights

    @property
    def n_clusters(self) -> int:
        """Number of clusters of the influence functions."""
        return len(self.sample.clusters)

    @property
    def clean_clusters(self) -> np.ndarray:
        """Clusters of the clean rows."""
        return self.sample.cluster_codes[self.fit.effects.rows]

    @cached_property
    def loadings(self) -> Loadings:
        """Loadings of parts on channels."""
        if self.counts is not None:
            return self.counts.loadings
        fit, clean = self.fit, (self.clean_clusters, self.n_clusters)
        return Loadings(fit.loadings, fit.slopes_influence(*clean), lambda moved: fit.carried_influence(moved, *clean))

    @property
    def slopes_influence(self) -> np.ndarray:
        """Influence functions of the slopes b of the channels, shape (clusters, K)."""
        return self.loadings.slopes_psi

    def weights_of(self, rows: np.ndarray) -> np.ndarray:
        """Weights of some rows; one without weights."""
        return np.ones(len(rows)) if self.weights is None else self.weights[rows]

    def raw(self) -> tuple[np.ndarray, np.ndarray]:
        """Read outcome, shape (n,), and channels, shape (n, K), from the panel again: they are not kept."""
        return self.sample.column(self.outcome), self.sample.matrix(self.channel_names)


def prepare(
    options: PartOptions,
    panel: Panel,
    outcome: str,
    covariates: str | Sequence[str] | None,
    dropped: Dropped,
    basis: Basis | None = None,
) -> Setup:
    """Read the columns, split the rows and fit the clean ones; bins and knots are chosen unless a basis is given."""
    require_panel(panel)
    panel, names = panel.with_covariates(covariates, dropped)
    exposures, channels = options.exposures, list(options.channels)
    panel = panel.lagged(channels, options.lags)
    roles = assign_roles(
        panel,
        outcome,
        exposures,
        channels=channels,
        covariates=names,
        fixed_effects=options.fixed_effects,
        anticipation=options.anticipation,
        dropped=dropped,
    )
    sample, exposure = roles.sample, roles.exposure
    y, M, X = sample.column(outcome), sample.matrix(channels), sample.matrix(names)
    codes, clean = roles.split.codes, roles.clean
    effects = FixedEffects(codes, fitted=clean, weights=sample.weights)
    X, reached = usable_covariates(X, names, effects, sample.weights, dropped)
    fit = fit_clean(y, M, X, effects, sample.weights, channels, ordered=options.ordered)
    counts = None
    if options.counts:
        check_counts(y, outcome, sample)
        counts = fit_counts(options, sample, y, X, M, codes, clean, dropped)
        reached = reached & counts.reached
    rows = reached_rows(sample, roles.split.treated, reached, dropped)
    if counts is None:
        cells = Cells.of(sample, rows)
    else:
        cells = counts.short.cells(sample.unit_cohort, rows, "treated rows", dropped)
    outside = _outside(sample, M, clean, cells.rows, channels)
    del M
    exposed = np.zeros(0, dtype=np.intp)
    response, dose, of = np.zeros((0, 0)), np.zeros((len(cells.rows), 0)), np.zeros(0, dtype=np.intp)
    terms: list[str] = []
    if exposures:
        exposed = reached_exposed_rows(sample, roles.exposed, reached, dropped)
        basis = basis or Basis.choose(exposures, options.response, options.bins, exposure[exposed])
        response, dose = basis(exposure[exposed]), basis(exposure[cells.rows])
        _require_support(sample, exposed, cells.rows, basis, response, dose)
        if response.any():
            warn_extrapolated(sample, exposure, exposed, cells.rows)
        shown = (response != 0).any(axis=0)
        unseen_terms(np.array(basis.terms, dtype=object)[~shown].tolist(), dropped)
        response, dose, of = response[:, shown], dose[:, shown], basis.of[shown]
        terms = list(np.array(basis.terms, dtype=object)[shown])
    onset = roles.onset
    return Setup(
        sample, fit, cells, exposed, basis, response, dose, of, terms, onset, outcome, channels, X, outside, counts
    )


def unseen_terms(names: list[str], dropped: Dropped) -> None:
    """Count and warn of terms of the response that no exposed row has."""
    dropped.add(CollinearWarning, "terms of exposure", "zero in every row", len(names), names)


def _outside(
    sample: Panel, channels: np.ndarray, clean: np.ndarray, treated: np.ndarray, names: Sequence[str]
) -> np.ndarray:
    """Share of treated rows with a channel outside the clean rows' range; warn where that is many, shape (K,)."""
    low, high = channels[clean].min(axis=0, initial=np.inf), channels[clean].max(axis=0, initial=-np.inf)
    beyond = (channels[treated] < low) | (channels[treated] > high)
    share = beyond.mean(axis=0)
    for name, column, part in zip(names, beyond.T, share, strict=True):
        if part > MANY:
            rows = treated[column]
            warn(outside_warning(name, rows.size, len(treated), sample.labels(rows[:5])))
    return share


def outside_warning(name: str, count: int, n_treated: int, first: Sequence[object]) -> OverlapWarning:
    """Say that many treated rows have a channel beyond clean rows."""
    message = (
        f"{count:,} of {n_treated:,} treated rows have a channel {name!r} outside the range of clean rows: its effect "
        "on the outcome is extrapolated"
    )
    return OverlapWarning(message, count=count, first=first)


def unsupported_error(basis: Basis, term: int, count: int, first: Sequence[object]) -> NoControlsError:
    """Say that treated rows have an exposure that no untreated row has."""
    return NoControlsError(
        f"{count:,} treated rows have exposure {basis.terms[term]!r} and no untreated row has it",
        column=basis.columns[basis.of[term]],
        count=count,
        first=first,
    )


def _require_support(
    sample: Panel,
    rows: np.ndarray,
    treated: np.ndarray,
    basis: Basis,
    response: np.ndarray,
    dose: np.ndarray,
) -> None:
    """Refuse responses that exposed untreated rows do not identify."""
    hidden = (response == 0).all(axis=0)
    wanted = np.flatnonzero(hidden & (dose != 0).any(axis=0))
    if wanted.size:
        lost = treated[dose[:, wanted[0]] != 0]
        raise unsupported_error(basis, int(wanted[0]), lost.size, sample.labels(lost[:5]))
    if hidden.all():
        return
    weighted = response if sample.weights is None else response * sample.weights[rows, None]
    gram = weighted.T @ response
    bad = np.flatnonzero(~independent_columns(gram, np.diag(gram)) & ~hidden)
    if bad.size:
        name = basis.terms[bad[0]]
        raise CollinearError(f"exposure {name!r} is determined by the other exposures on the exposed untreated rows")
