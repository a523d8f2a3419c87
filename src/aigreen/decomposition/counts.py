r"""Counts: Poisson models of untreated outcomes without and with channels.

On clean rows :math:`\mu^0 = e^{F'g_0}` (short) and :math:`\mu = e^{F'g + M'b}` (long) are fitted by pseudo-maximum
likelihood. ``docs/decomposition.md``, second part, has the estimands and the proofs.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from aigreen.counterfactual.imputed import Imputed
from aigreen.counterfactual.leave_out import without_each
from aigreen.counterfactual.models import Untreated
from aigreen.decomposition.channel_fit import Loadings
from aigreen.decomposition.options import PartOptions
from aigreen.errors import AigreenWarning, CollinearError, SeparationWarning
from aigreen.linalg.arrays import beside, sum_by, sum_of_targets
from aigreen.panel.dropped import Dropped
from aigreen.panel.facts import ROUNDING
from aigreen.panel.panel import Panel


@dataclass(frozen=True, eq=False)
class CountFit:
    """Models of untreated counts on clean rows.

    Attributes
    ----------
    short, long : Imputed
        Without and with channels, which are the last covariates of `long`.
    loadings : Loadings
        Of the parts on the channels.
    coefficients_influence : ndarray, shape (clusters, p + K)
        Influence functions of covariates and channels in `long`.
    """

    short: Imputed
    long: Imputed
    loadings: Loadings
    coefficients_influence: np.ndarray

    @property
    def reached(self) -> np.ndarray:
        """Rows whose counterfactual both models identify, shape (n,)."""
        return self.short.reached & self.long.reached

    @property
    def clusters(self) -> np.ndarray:
        """Clusters of the rows that `long` is fitted on."""
        return self.long.sample.cluster_codes[self.long.model.effects.rows]

    @property
    def log_levels(self) -> np.ndarray:
        r"""What fixed effects and covariates predict at channels of zero, :math:`F'\hat g`; -inf for means of zero."""
        mean, X, b = self.long.model.mean, self.long.X, self.loadings.values.sum(axis=0)
        with np.errstate(divide="ignore"):
            return np.log(mean) - X[:, X.shape[1] - len(b) :] @ b

    def level_influence(self, targets: sparse.coo_array) -> np.ndarray:
        r"""Influence functions of weighted sums of :math:`F'\hat g`, targets (n, k), shape (clusters, k)."""
        model, k, n_clusters = self.long.model, len(self.loadings.values), len(self.long.sample.clusters)
        moved, p = sum_of_targets(model.covariates, targets), self.long.X.shape[1]
        moved[p - k :] -= sum_of_targets(self.long.X[:, p - k :], targets)
        psi = model.effects.cluster_sums(model.scores, targets, self.clusters, n_clusters)
        psi += self.coefficients_influence @ moved
        return psi


def fit_counts(
    options: PartOptions,
    sample: Panel,
    outcome: np.ndarray,
    covariates: np.ndarray,
    channels: np.ndarray,
    codes: list[np.ndarray],
    clean: np.ndarray,
    dropped: Dropped,
) -> CountFit:
    """Fit the models on the clean rows.

    Parameters
    ----------
    covariates : ndarray, shape (n, p)
        Independent of each other and of the fixed effects.
    channels : ndarray, shape (n, K)
    clean : ndarray of bool, shape (n,)

    Raises
    ------
    CollinearError
        Where a channel does not vary on the clean rows of units with a positive count.
    ConvergenceError
    """
    names, ordered = list(options.channels), options.ordered

    def fit(X: np.ndarray, record: Dropped, smaller: Imputed | None = None) -> Imputed:
        labels = [f"covariate {j}" for j in range(X.shape[1])]
        return Imputed.fit(
            sample,
            outcome,
            X,
            labels,
            codes,
            clean,
            record,
            poisson=True,
            percent=True,
            leave_one_out=options.leave_one_out,
            smaller=smaller,
        )

    short, k = fit(covariates, dropped), len(names)
    X = short.X
    models = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AigreenWarning)
        for j in range(1 if ordered else max(k, 1), max(k, 1) + 1):
            models.append(fit(beside(X, channels[:, :j]), Dropped(), short) if k else short)
            if models[-1].X.shape[1] < X.shape[1] + min(j, k):
                raise determined_channels(names[:j])
    long = models[-1]
    lost = np.setdiff1d(short.model.effects.rows, long.model.effects.rows, assume_unique=True)
    reason = "zero outcomes that the channels separate; out of the model with channels"
    dropped.add(SeparationWarning, "clean rows", reason, lost.size, sample.labels(lost[:5]))
    influences = [beta_influence(imputed, imputed.model) for imputed in models]
    loadings = count_loadings([imputed.model.beta for imputed in models], influences, k, ordered=ordered)
    return CountFit(short, long, loadings, influences[-1])


def determined_channels(names: Sequence[str]) -> CollinearError:
    """Say that channels do not vary apart on the rows that the models of counts are fitted on."""
    return CollinearError(
        f"channels {', '.join(map(repr, names))} are determined by fixed effects, covariates or each other on the "
        "clean rows of units with a positive count"
    )


def beta_influence(imputed: Imputed, model: Untreated) -> np.ndarray:
    """Influence functions of all coefficients of a model of counts, shape (clusters, p).

    Where the own cluster is left out, how far it moves them (one step): few clusters carry most counts, and their
    residuals are small for that.
    """
    rows, n_clusters = model.effects.rows, len(imputed.sample.clusters)
    clusters = imputed.sample.cluster_codes[rows]
    if not (imputed.leave_one_out and model.beta.size):
        return model.beta_influence(clusters, n_clusters)
    x = model.covariates[rows]
    scores = sum_by(clusters, x * model.scores[:, None], n_clusters)
    return without_each(x, imputed.w[rows] * model.mean[rows], scores, clusters)[0]


def count_loadings(
    slopes: Sequence[np.ndarray], influences: Sequence[np.ndarray], k: int, *, ordered: bool
) -> Loadings:
    """Slopes of the k channels on a diagonal; for ordered ones, what adding each to the earlier ones changes.

    Influence that is rounding, where channels fit perfectly, is zero: products would take it for an error.

    Parameters
    ----------
    slopes : sequence of ndarray, shape (p,)
        Coefficients of one model with all channels, the last of its covariates, or of one for each more of them.
    influences : sequence of ndarray, shape (clusters, p)
        Of these.
    """
    values, steps = np.zeros((k, k)), []
    for j, (beta, psi) in enumerate(zip(slopes, influences, strict=True) if k else []):
        m = j + 1 if ordered else k
        steps.append(np.where(np.abs(psi[:, -m:]) > ROUNDING * np.abs(beta[-m:]), psi[:, -m:], 0.0))
        if ordered:
            values[j, :m] = beta[-m:] - values[:j, :m].sum(axis=0)
        else:
            values[np.arange(k), np.arange(k)] = beta[-m:]

    def carried(moved: np.ndarray) -> Iterator[np.ndarray]:
        if not ordered:
            yield from (steps[0][:, [j]] * moved[j] for j in range(k))
            return
        before: np.ndarray | float = 0.0
        for j, psi in enumerate(steps):
            now = psi @ moved[: j + 1]
            yield now - before
            before = now

    return Loadings(values, steps[-1] if steps else np.zeros((len(influences[-1]), 0)), carried)
