"""From a panel to the rows of a decomposition and the fit on clean ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from aigreen.counterfactual.models import usable_covariates
from aigreen.counterfactual.rows import Cells, assign_roles, reached_exposed_rows, reached_rows, warn_extrapolated
from aigreen.decomposition.channel_fit import CleanFit, fit_clean
from aigreen.decomposition.options import PartOptions
from aigreen.errors import CollinearError, NoControlsError
from aigreen.exposure.basis import Basis
from aigreen.linalg.collinearity import independent_columns
from aigreen.linalg.fixed_effects import FixedEffects
from aigreen.panel.dropped import Dropped
from aigreen.panel.panel import Panel, require_panel


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
    def slopes_influence(self) -> np.ndarray:
        """Influence functions of the slopes b of the channels, shape (clusters, K)."""
        return self.fit.slopes_influence(self.clean_clusters, self.n_clusters)

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
    effects = FixedEffects(roles.split.codes, fitted=roles.clean, weights=sample.weights)
    X, reached = usable_covariates(X, names, effects, sample.weights, dropped)
    fit = fit_clean(y, M, X, effects, sample.weights, channels, ordered=options.ordered)
    cells = Cells.of(sample, reached_rows(sample, roles.split.treated, reached, dropped))
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
        response, dose, of = response[:, shown], dose[:, shown], basis.of[shown]
        terms = list(np.array(basis.terms, dtype=object)[shown])
    return Setup(sample, fit, cells, exposed, basis, response, dose, of, terms, roles.onset, outcome, channels, X)


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
        raise NoControlsError(
            f"{lost.size:,} treated rows have exposure {basis.terms[wanted[0]]!r} and no untreated row has it",
            column=basis.columns[basis.of[wanted[0]]],
            count=lost.size,
            first=sample.labels(lost[:5]),
        )
    if hidden.all():
        return
    weighted = response if sample.weights is None else response * sample.weights[rows, None]
    gram = weighted.T @ response
    bad = np.flatnonzero(~independent_columns(gram, np.diag(gram)) & ~hidden)
    if bad.size:
        name = basis.terms[bad[0]]
        raise CollinearError(f"exposure {name!r} is determined by the other exposures on the exposed untreated rows")
