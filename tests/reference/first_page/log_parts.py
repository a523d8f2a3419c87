"""The decomposition on the log of the mean of counts, from the equations of docs/decomposition.md, second part."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from .fits import TwoWay, poisson, without_own


@dataclass
class LogParts:
    """Parts of the average over all treated rows.

    Attributes
    ----------
    values, psi : dict by part
        Estimates, and influence functions by cluster.
    slopes, slopes_psi : ndarray, of the channels
    mass : Series by cohort, of the average
    size : ndarray, what rows count by
    exposed : ndarray of bool, untreated rows that the response is read off
    """

    values: dict
    psi: dict
    slopes: np.ndarray
    slopes_psi: np.ndarray
    mass: pd.Series
    size: np.ndarray
    exposed: np.ndarray


class Cells:
    """Treated rows by cohort and year."""

    def __init__(self, frame, rows):
        self.rows, self.n_clusters = rows, frame["cluster"].max() + 1
        labels = frame.loc[rows, ["cohort", "year"]]
        self.code, self.labels = pd.factorize(pd.MultiIndex.from_frame(labels), sort=True)
        self.cluster = frame["cluster"].to_numpy()[rows]

    def sum(self, values):
        return np.bincount(self.code, values, len(self.labels))

    def by_cluster(self, values):
        """Sums by cluster and cell, one line for each pair that has a row."""
        keys = pd.MultiIndex.from_arrays([*(self.labels[self.code].get_level_values(j) for j in (0, 1)), self.cluster])
        return pd.Series(values, keys.set_names(["cohort", "year", "cluster"])).groupby(level=[0, 1, 2]).sum()

    def spread(self, sums):
        """Sums by cluster and cell as an array."""
        out = np.zeros((self.n_clusters, len(self.labels)))
        out[sums.index.get_level_values("cluster"), self.labels.get_indexer(sums.index.droplevel("cluster"))] = sums
        return out

    def on_rows(self, values, cell):
        """Values of treated rows of one cell, on all rows."""
        out = np.zeros(len(self.rows))
        out[self.rows] = np.where(self.code == cell, values, 0.0)
        return out


def log_parts(frame, outcome, channels, exposure):
    """Total, direct part, channels and spillover; unit and year effects, response linear in the exposure."""
    unit, time, cluster = (frame[name].to_numpy() for name in ("unit", "time", "cluster"))
    n_clusters = cluster.max() + 1
    treated, S = frame["treated"].to_numpy() == 1, frame[exposure].to_numpy(float)
    clean, y, M = ~treated & (S == 0), frame[outcome].to_numpy(float), frame[channels].to_numpy(float)

    def sums(values, rows):
        return np.bincount(cluster[rows], values[rows], n_clusters)

    # (i) models of clean counts without and with channels
    _, short, kept = poisson(y, M[:, :0], unit, time, clean)
    b, long, also = poisson(y, M, unit, time, clean)
    assert (kept == also).all()
    fixed, held = (TwoWay(unit, time, kept, np.nan_to_num(mean)) for mean in (short, long))
    within = np.nan_to_num(np.column_stack([held.left(column) for column in M.T]))
    score = (y - long)[:, None] * within
    grams = np.zeros((n_clusters, len(b), len(b)))
    np.add.at(grams, cluster[kept], np.einsum("i,ij,ik->ijk", long[kept], within[kept], within[kept]))
    scores = np.column_stack([sums(column, kept) for column in score.T])
    gram = grams.sum(axis=0)
    b_psi = np.linalg.solve(gram - grams, scores[:, :, None])[:, :, 0]  # without the own cluster
    level = np.nan_to_num(long * np.exp(-M @ b))

    def of_levels(weights):
        """Influence of a weighted sum of F'g."""
        pulled = held.combine(weights)
        predicted = np.where(kept, np.nan_to_num(long), 0.0) * pulled
        return sums(pulled * (y - long), kept) - b_psi @ (predicted @ M)

    # (ii) sums of outcomes and of counterfactuals
    rows = treated & np.isfinite(short)
    cells = Cells(frame, rows)
    positive = cells.sum(short[rows])[cells.code] > 0
    rows[np.flatnonzero(rows)[~positive]] = False
    cells = Cells(frame, rows)
    every = range(len(cells.labels))
    V1, V0 = cells.sum(y[rows]), cells.sum(short[rows])
    top, bottom = cells.by_cluster(y[rows]), cells.by_cluster(short[rows])
    real = (top != 0) | (bottom != 0)
    V1_psi = cells.spread(top - bottom * without_own(top[real], bottom[real]).reindex(top.index, fill_value=0.0))
    V0_psi = np.column_stack([sums(fixed.combine(cells.on_rows(short[rows], c)) * (y - short), kept) for c in every])
    values, psi = {"total": np.log(V1 / V0)}, {"total": V1_psi / V1 - V0_psi / V0}

    # (iii) channels: slopes times movements, weighted by exp(F'g)
    omega = level[rows] / cells.sum(level[rows])[cells.code]
    linear = TwoWay(unit, time, clean)
    pulled = [linear.combine(cells.on_rows(omega, c)) for c in every]
    share = cells.by_cluster(omega)
    share = share[share != 0]

    def through_weights(variable, mean):
        return np.column_stack([of_levels(cells.on_rows(omega * (variable - mean[c]), c)) for c in every])

    for k, channel in enumerate(channels):
        gap = linear.left(M[:, k])
        mean = cells.sum(omega * gap[rows])
        tau = cells.by_cluster(omega * gap[rows]).reindex(share.index)
        moved_psi = cells.spread(tau - share * without_own(share * tau, share**2))
        moved_psi -= np.column_stack([sums(pull * gap, clean) for pull in pulled])
        moved_psi += through_weights(gap[rows], mean)
        values[channel] = b[k] * mean
        psi[channel] = b[k] * moved_psi + np.outer(b_psi[:, k], mean)

    # (iv) response of exposed rows
    exposed = ~treated & (S > 0) & np.isfinite(long)
    theta, at = 0.0, (S[exposed], y[exposed], long[exposed])
    for _ in range(50):
        mean = at[2] * np.exp(theta * at[0])
        theta += (step := at[0] @ (at[1] - mean) / (at[0] ** 2 @ mean))
        if abs(step) < 1e-13:
            break
    fitted = np.where(exposed, np.nan_to_num(long) * np.exp(theta * S), 0.0)
    own, size = sums(S * (y - fitted), exposed), sums(S**2 * fitted, exposed)
    counted = held.combine(S * fitted)
    noise = sums(counted * (y - long), kept)
    noise += scores @ np.linalg.solve(gram, (S * fitted)[exposed] @ within[exposed])
    theta_psi = own / (size.sum() - size) - noise / size.sum()
    dose = cells.sum(omega * S[rows])
    values["spillover"] = theta * dose
    psi["spillover"] = np.outer(theta_psi, dose) + through_weights(theta * S[rows], theta * dose)

    named = [*channels, "spillover"]
    values["direct"] = values["total"] - sum(values[part] for part in named)
    psi["direct"] = psi["total"] - sum(psi[part] for part in named)
    return LogParts(
        *averaged(values, psi, V1, V0, V1_psi, V0_psi),
        b,
        b_psi,
        pd.Series(log_mean(V1, V0)[0], cells.labels).groupby(level=0).sum(),
        np.nan_to_num(short),
        exposed,
    )


def averaged(values, psi, V1, V0, V1_psi, V0_psi):
    """Average cells by logarithmic means, equation log-mean of the paper."""
    L, by_V1, by_V0 = log_mean(V1, V0)
    L_psi = by_V1 * V1_psi + by_V0 * V0_psi
    whole, *slopes = log_mean(V1.sum(), V0.sum())
    whole_psi = slopes[0] * V1_psi.sum(axis=1) + slopes[1] * V0_psi.sum(axis=1)
    means = {part: float(L @ cell / whole) for part, cell in values.items()}
    return means, {
        part: (psi[part] @ L + L_psi @ cell - means[part] * whole_psi) / whole for part, cell in values.items()
    }


def log_mean(a, b):
    """Logarithmic mean and its derivatives."""
    ratio = np.log(a / b)
    mean = (a - b) / ratio
    return mean, (1 - mean / a) / ratio, (mean / b - 1) / ratio


def true_parts(frame, truth, channels, exposure, spillover, common=()):
    """True parts of the treated rows of firms that are seen untreated and unexposed at some time.

    Parameters
    ----------
    spillover : str
        Column of the truth with what the exposure does.
    common : sequence of str
        Spillovers by other ways, which reach treated and comparison rows alike: they stay in the mean without.
    """
    rows = frame[["firm_id", "year", "cohort", "treated", exposure]].merge(
        truth, on=["firm_id", "year"], validate="1:1"
    )
    without = rows["mean_without"] * np.exp(rows[list(common)].sum(axis=1))
    rows = rows.assign(without=without, spillover=rows[spillover])
    clean = rows.loc[(rows["treated"] == 0) & (rows[exposure] == 0), "firm_id"]
    rows = rows[(rows["treated"] == 1) & rows["firm_id"].isin(clean)]
    cell, named = [rows["cohort"], rows["year"]], [*channels, "spillover"]
    V1, V0 = (rows[column].groupby(cell).sum() for column in ("mean_with", "without"))
    weight = log_mean(V1, V0)[0] / log_mean(V1.sum(), V0.sum())[0]
    means = rows[named].mul(rows["without"], axis=0).groupby(cell).sum().div(V0, axis=0)
    found = {part: float(weight @ means[part]) for part in named} | {"total": float(np.log(V1.sum() / V0.sum()))}
    return found | {"direct": found["total"] - sum(found[part] for part in named)}
