r"""Bootstrap over clusters of a whole decomposition, as matrix products of cluster-wise cross-products.

With a fixed effect nested in clusters (units), weights that are constant within clusters leave its partialling-out
untouched. What remains is quadratic in rows: cross-products of the other dummies, covariates, outcome and channels by
cluster, and sums of the same over treated cells and exposed rows. A draw with weights :math:`\omega` needs only
:math:`\sum_c \omega_c` of each, and a small system: all draws are one matrix product and one batch of solves.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import sparse

from aigreen.decomposition.channel_fit import channel_loadings
from aigreen.decomposition.count_parts import compute_count_parts
from aigreen.decomposition.draws import Bootstrap, Resampling, cluster_weights, warn_of_refits
from aigreen.decomposition.estimates import compute_parts
from aigreen.decomposition.options import PartOptions
from aigreen.decomposition.results import fit_parts, lay_out
from aigreen.decomposition.sample import Setup, prepare
from aigreen.effects.aggregation import Aggregation
from aigreen.effects.effects import Effects
from aigreen.errors import AigreenWarning, DataError, EstimationError
from aigreen.linalg.arrays import is_nested
from aigreen.linalg.cluster_products import BLOCK, LARGEST, cluster_blocks, dummies, regular, take_unit_means
from aigreen.linalg.collinearity import independent_columns
from aigreen.panel.dropped import Dropped
from aigreen.panel.panel import Panel
from aigreen.progress import progress


def bootstrap(
    options: PartOptions,
    panel: Panel,
    outcome: str,
    covariates: str | Sequence[str] | None,
    *,
    how: Aggregation,
    n_draws: int,
    seed: int,
    resampling: Resampling,
) -> Bootstrap:
    """Draw cluster weights and compute the parts for each; see `Decomposition.bootstrap`."""
    options = replace(options, interaction=False, leads=0)
    effects = fit_parts(options, panel, outcome, covariates).aggregate(how)
    effects = effects.select(np.array([": " not in name for name in effects.index.get_level_values("part")]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AigreenWarning)
        panel, covariates = panel.with_covariates(covariates, Dropped())
        setup = prepare(options, panel, outcome, covariates, Dropped())
    sample, sums = setup.sample, None if options.counts else cluster_products(setup)
    omega = cluster_weights(sample.cluster_codes, len(sample.clusters), n_draws, seed, resampling)
    if sums is None:
        warn_of_refits(n_draws)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AigreenWarning)
        if options.counts:
            averaged = refit_counts(options, setup, outcome, covariates, omega, how, effects.index)
        else:
            cells = parts_of(sums, options, omega) if sums else refit(options, setup, outcome, covariates, omega)
            averaged = _average(cells, effects, setup)
    return Bootstrap(pd.DataFrame(averaged, columns=effects.index), effects)


@dataclass(frozen=True, eq=False)
class Products:
    """Sums by cluster of weighted products of rows, all less their unit's mean over its clean rows.

    Columns are dummies and covariates that are not redundant, the outcome, the channels: f + 1 + K = d.

    Attributes
    ----------
    gram : shape (clusters, d, d)
        On clean rows.
    treated : shape (clusters, cells, d)
        Sums over treated rows.
    count : shape (clusters, cells)
    dose : shape (clusters, cells, q)
        Sums of the basis of exposure over treated rows.
    bases, crossed : shapes (clusters, q, q), (clusters, q, d)
        Products of the basis with itself and with the columns, on exposed untreated rows.
    n_channels : int
    """

    gram: np.ndarray
    treated: np.ndarray
    count: np.ndarray
    dose: np.ndarray
    bases: np.ndarray
    crossed: np.ndarray
    n_channels: int


def cluster_products(setup: Setup) -> Products | None:
    """Sum the products by cluster; None where no fixed effect is nested in clusters, or they would be too large."""
    sample, cells = setup.sample, setup.cells
    codes = setup.fit.effects.codes
    first = int(np.argmax([code.max() for code in codes]))
    unit, rest = codes[first], [code for j, code in enumerate(codes) if j != first]
    sizes = [int(code.max()) + 1 for code in rest]
    n_clusters, n_cells, q = len(sample.clusters), len(cells.cohort), setup.response.shape[1]
    k, p = len(setup.channel_names), setup.covariates.shape[1]
    d = sum(sizes) + p + 1 + k
    if not is_nested(unit, sample.cluster_codes) or n_clusters * d * (d + n_cells) > LARGEST:
        return None
    w = np.ones(sample.n_rows) if setup.weights is None else setup.weights
    y, M = setup.raw()
    clean = np.zeros(sample.n_rows, dtype=bool)
    clean[setup.fit.effects.rows] = True
    position = {"cell": np.full(sample.n_rows, -1), "exposed": np.full(sample.n_rows, -1)}
    position["cell"][cells.rows], position["exposed"][setup.exposed] = cells.cell, np.arange(len(setup.exposed))
    treated_at = np.full(sample.n_rows, -1)
    treated_at[cells.rows] = np.arange(len(cells.rows))

    gram, treated = np.zeros((n_clusters, d, d)), np.zeros((n_clusters, n_cells, d))
    count, dose = np.zeros((n_clusters, n_cells)), np.zeros((n_clusters, n_cells, q))
    bases, crossed = np.zeros((n_clusters, q, q)), np.zeros((n_clusters, q, d))
    used = np.flatnonzero(clean | (position["cell"] >= 0) | (position["exposed"] >= 0))
    order = used[np.argsort(sample.cluster_codes[used], kind="stable")]
    ends = np.searchsorted(sample.cluster_codes[order], np.arange(n_clusters + 1))
    for start, stop in cluster_blocks(ends, max(1, BLOCK // d)):
        rows = order[ends[start] : ends[stop]]
        D = dummies(rest, sizes, rows)
        Z = np.column_stack([D, setup.covariates[rows], y[rows], M[rows]])
        take_unit_means(Z, unit[rows], w[rows] * clean[rows])
        for c in range(start, stop):
            part = slice(ends[c] - ends[start], ends[c + 1] - ends[start])
            here, z = rows[part], Z[part]
            wz = z * w[here, None]
            fitted = clean[here]
            gram[c] = wz[fitted].T @ z[fitted]
            cell = position["cell"][here]
            inside = cell >= 0
            if inside.any():
                pick = sparse.csr_array(
                    (w[here[inside]], (cell[inside], np.flatnonzero(inside))), shape=(n_cells, len(here))
                )
                treated[c], count[c] = pick @ z, pick.sum(axis=1)
                if q:
                    own = np.zeros((len(here), q))
                    own[inside] = setup.dose[treated_at[here[inside]]]
                    dose[c] = pick @ own
            at = position["exposed"][here]
            if (at >= 0).any():
                B = setup.response[at[at >= 0]]
                bases[c], crossed[c] = (B * w[here[at >= 0], None]).T @ B, B.T @ wz[at >= 0]
    f = sum(sizes) + p
    whole = gram.sum(axis=0)
    raw = np.concatenate([np.bincount(code[clean], w[clean], n) for code, n in zip(rest, sizes, strict=True)] or [[]])
    raw = np.concatenate([raw, w[clean] @ setup.covariates[clean] ** 2])
    keep = np.flatnonzero(independent_columns(whole[:f, :f], raw))
    kept = np.concatenate([keep, np.arange(f, d)])
    return Products(gram[:, kept[:, None], kept], treated[..., kept], count, dose, bases, crossed[..., kept], k)


def parts_of(sums: Products, options: PartOptions, omega: np.ndarray) -> np.ndarray:
    """Compute parts of all cells for cluster weights, shape (n_draws, parts, cells); nan where not identified."""
    n_clusters, n_cells = sums.count.shape
    f = sums.gram.shape[1] - 1 - sums.n_channels
    q = sums.bases.shape[1]
    layout = options.layout
    n_parts = layout.whole.stop
    out = np.full((len(omega), n_parts, n_cells), np.nan)
    size = max(1, BLOCK // max(1, sums.gram[0].size + sums.treated[0].size))
    for start in progress(range(0, len(omega), size), "bootstrap"):
        chosen = omega[start : start + size]

        def total(stack: np.ndarray, weights: np.ndarray = chosen) -> np.ndarray:
            return (weights @ stack.reshape(n_clusters, -1)).reshape(len(weights), *stack.shape[1:])

        gram, treated, crossed = total(sums.gram), total(sums.treated), total(sums.crossed)
        count, dose, bases = total(sums.count), total(sums.dose), total(sums.bases)
        fixed = gram[:, :f, :f]
        good = regular(fixed) & regular(gram)
        gram, treated, crossed, fixed = gram[good], treated[good], crossed[good], fixed[good]
        if not good.any():
            continue
        gamma = np.linalg.solve(fixed, gram[:, :f, f:]) if f else gram[:, :f, f:]
        within = gram[:, f:, f:] - gram[:, f:, :f] @ gamma
        loadings = channel_loadings(within, ordered=options.ordered)
        slopes = loadings.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            scale = 1.0 / count[good][:, :, None]
            means = (treated[..., f:] - treated[..., :f] @ gamma) * scale
            doses = dose[good] * scale
        rest = means[..., 0] - np.einsum("rck,rk->rc", means[..., 1:], slopes)
        parts = np.full((len(means), n_parts, n_cells), np.nan)
        parts[:, layout.channel] = np.einsum("rjk,rck->rjc", loadings, means[..., 1:])
        spill = np.zeros((len(means), n_cells))
        if q:
            on_exposed = crossed[..., f:] - crossed[..., :f] @ gamma
            right = on_exposed[..., 0] - np.einsum("rqk,rk->rq", on_exposed[..., 1:], slopes)
            shown = regular(bases[good])
            theta = np.full_like(right, np.nan)
            theta[shown] = np.linalg.solve(bases[good][shown], right[shown][..., None])[..., 0]
            spill = np.einsum("rcq,rq->rc", doses, theta)
        if layout.spillover is not None:
            parts[:, layout.spillover] = spill
        parts[:, layout.direct] = rest - spill
        parts[:, layout.total] = parts[:, layout.additive].sum(axis=1)
        out[np.flatnonzero(good) + start] = parts
    return out


def refit(
    options: PartOptions, setup: Setup, outcome: str, covariates: str | Sequence[str] | None, omega: np.ndarray
) -> np.ndarray:
    """Compute the same draws by fitting each anew, shape (n_draws, parts, cells)."""
    # Leave-one-out errors may not exist in a draw that misses a cluster; they are not used either.
    options = replace(options, variance="conservative")
    sample, cells = setup.sample, setup.cells
    labels = {(g, t): j for j, (g, t) in enumerate(zip(cells.cohort, cells.time, strict=True))}
    whole = options.layout.whole
    out = np.full((len(omega), whole.stop, len(labels)), np.nan)
    base = setup.weights_of(np.arange(sample.n_rows))
    for draw, weights in enumerate(progress(omega, "bootstrap")):
        view = sample.reweight(base * weights[sample.cluster_codes])
        try:
            again = prepare(options, view, outcome, covariates, Dropped(), setup.basis)
        except EstimationError:
            continue
        values = compute_parts(options, again).values
        at = [labels[g, t] for g, t in zip(again.cells.cohort, again.cells.time, strict=True)]
        out[draw][:, at] = values[whole]
    return out


def refit_counts(
    options: PartOptions,
    setup: Setup,
    outcome: str,
    covariates: str | Sequence[str] | None,
    omega: np.ndarray,
    how: Aggregation,
    index: pd.Index,
) -> np.ndarray:
    """Averages of the parts of counts, each draw fitted anew and with its own sums, shape (n_draws, effects)."""
    options = replace(options, variance="conservative")
    sample, out = setup.sample, np.full((len(omega), len(index)), np.nan)
    base = setup.weights_of(np.arange(sample.n_rows))
    for draw, weights in enumerate(progress(omega, "bootstrap")):
        view = sample.reweight(base * weights[sample.cluster_codes])
        try:
            again = prepare(options, view, outcome, covariates, Dropped(), setup.basis)
            parts = lay_out(options, again, outcome, Dropped(), compute_count_parts(options, again))
        except (DataError, EstimationError):
            continue
        out[draw] = parts.aggregate(how).estimates.reindex(index).to_numpy()
    return out


def _average(cells: np.ndarray, effects: Effects, setup: Setup) -> np.ndarray:
    """Average cells to the effects by the masses of the whole sample; cells that a draw lacks do not count."""
    n_draws, n_parts, n_cells = cells.shape
    mass = np.bincount(setup.cells.cell, setup.weights_of(setup.cells.rows), n_cells)
    index = effects.index
    if index.nlevels == 1:
        groups = np.zeros(n_cells, dtype=np.intp)
    else:
        key = index.names[1]
        of = {"cohort": setup.cells.cohort, "time": setup.cells.time, "horizon": setup.cells.time - setup.cells.cohort}
        groups = np.searchsorted(index.get_level_values(key).unique().sort_values().to_numpy(), of[key])
    member = np.zeros((n_cells, len(index) // n_parts))
    member[np.arange(n_cells), groups] = mass
    seen = ~np.isnan(cells)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (np.where(seen, cells, 0.0) @ member) / (seen.astype(float) @ member)
    return mean.reshape(n_draws, -1)
