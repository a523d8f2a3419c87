"""From true means to the true value of what estimators report. No estimator or adapter may import this."""

from __future__ import annotations

from itertools import combinations
from math import factorial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special

from aigreen.effects.aggregation import log_mean
from aigreen.simulate.economy.effects import WAYS
from aigreen.simulate.economy.outcomes import CHANNELS, SPILLOVERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aigreen.effects.effects import Effects

EXACT_BELOW = 200.0


def expected_log1p(mean: np.ndarray) -> np.ndarray:
    r"""Compute the expectation of ln(1 + Y) for Poisson counts Y.

    The sum over the distribution below a mean of 200; above it the expansion around the mean to the fourth central
    moment, :math:`\ln m - \mu / 2m^2 + \mu / 3m^3 - (\mu + 3\mu^2) / 4m^4` with :math:`m = 1 + \mu`, whose error is
    below 1e-6.

    Parameters
    ----------
    mean : array
        Means of the counts.

    Returns
    -------
    ndarray
        Same shape. The true effect on ln(1 + Y) in a row is ``expected_log1p(mean_with)`` less
        ``expected_log1p(mean_without)``; on counts it is the difference of the means, in percent their ratio.
    """
    mean = np.asarray(mean, dtype=float)
    m = 1 + mean
    result = np.log(m) - mean / (2 * m**2) + mean / (3 * m**3) - (mean + 3 * mean**2) / (4 * m**4)
    small = mean < EXACT_BELOW
    if not small.any():
        return result
    low, inverse = np.unique(mean[small], return_inverse=True)
    total = np.zeros_like(low)
    last = low + 12 * np.sqrt(low) + 30  # counts above it add nothing that a float can hold
    for k in range(1, int(last[-1]) + 1):
        means = low[(first := np.searchsorted(last, k)) :]
        total[first:] += np.log1p(k) * np.exp(special.xlogy(k, means) - means - special.gammaln(k + 1))
    result[small] = total[inverse]
    return result


def true_cells(
    frame: pd.DataFrame,
    truth: pd.DataFrame,
    cells: pd.MultiIndex,
    *,
    anticipation: int = 0,
    cohort: str = "zone_year",
) -> pd.Series:
    """Average the true effects on ln(1 + green patents) over the firms that a group-time effect compares.

    Parameters
    ----------
    frame, truth : DataFrame
        The analysis panel (firm_id, year, cohort) and the truth, as `aigreen.simulate.world.firm_panel` returns it.
    cells : MultiIndex
        Cohort and time of each effect; zero is returned before treatment.
    anticipation : int
        Moves the base period back.
    cohort : str
        Column of the first treated year.

    Returns
    -------
    Series, indexed by `cells`
        Means over the firms of the cohort seen both in that year and in the base year.
    """
    rows = frame[["firm_id", "year", cohort]].merge(truth, on=["firm_id", "year"], validate="one_to_one")
    rows["effect"] = expected_log1p(rows["mean_with"].to_numpy()) - expected_log1p(rows["mean_without"].to_numpy())
    base = rows[cohort] - 1 - anticipation
    seen = rows.loc[rows["year"] == base, "firm_id"]
    kept = rows[rows["firm_id"].isin(seen) & (rows["year"] >= rows[cohort])]
    means = kept.groupby([cohort, "year"])["effect"].mean()
    return means.reindex(cells, fill_value=0.0)


def true_average(cells: pd.Series, average: Effects) -> float:
    """Average true effects with the weights of an estimated overall average."""
    return float(cells.loc[average.weights.index].to_numpy() @ average.weights.iloc[:, 0].to_numpy())


def study_truth(
    truth: pd.DataFrame, channels: Sequence[str], *, ways: Sequence[str] = ("spillover_ring",)
) -> pd.DataFrame:
    """Sum the log parts of a synthetic economy to those that a study distinguishes.

    Parameters
    ----------
    truth : DataFrame
        As `aigreen.simulate.economy.economy.write_truth` writes it.
    channels : sequence of str
        Channels of the study; what goes through others is left in its direct part.
    ways : sequence of str
        Of `aigreen.simulate.economy.outcomes.SPILLOVERS`, those by which the study measures exposure. The others reach
        treated and comparison rows alike and stay in the mean without zones.

    Returns
    -------
    DataFrame
        firm_id, year, mean_without, mean_with, direct, the channels, and spillover, over these ways. Parts of a row add
        up to the log ratio of its means.
    """
    rest = [name for name in CHANNELS if name not in channels]
    kept = truth[["firm_id", "year", "mean_without", "mean_with"]]
    common = truth[[name for name in SPILLOVERS if name not in ways]].sum(axis=1)
    direct = truth[["direct", *rest]].sum(axis=1)
    return kept.assign(
        mean_without=kept["mean_without"] * np.exp(common),
        direct=direct,
        **truth[list(channels)],
        spillover=truth[list(ways)].sum(axis=1),
    )


def adoption_truth(truth: pd.DataFrame, channels: Sequence[str], *, ways: Sequence[str]) -> pd.DataFrame:
    """Take adoption of AI by firms as the treatment: the log parts of what it does, with the zones as they came.

    Parameters
    ----------
    truth : DataFrame
        As for `study_truth`.
    channels : sequence of str
        Channels of the study; what goes through others is left in its direct part.
    ways : sequence of str
        Of `aigreen.simulate.economy.effects.WAYS`, those by which the study measures exposure to adopters. The
        others stay in the mean without adoption.

    Returns
    -------
    DataFrame
        firm_id, year, mean_without, mean_with, direct, the channels, and ``spillover: adopted_<way>``. Parts of a row
        add up to the log ratio of its means.
    """
    parts = pd.DataFrame({"direct": truth["adoption_own"]})
    for name in CHANNELS:
        moved = truth.get(f"adoption_{name}", 0.0)
        if name in channels:
            parts[name] = moved
        else:
            parts["direct"] += moved
    parts = parts.assign(**{f"spillover: adopted_{way}": truth[f"adoption_{way}"] for way in WAYS if way in ways})
    kept = truth[["firm_id", "year", "mean_with"]]
    return kept.assign(mean_without=kept["mean_with"] * np.exp(-parts.sum(axis=1)), **parts)


def true_log_parts(
    frame: pd.DataFrame,
    truth: pd.DataFrame,
    *,
    exposure: str | Sequence[str],
    cohort: str = "zone_year",
    horizon: int | None = None,
) -> pd.DataFrame:
    r"""Split the true effect on the log of the mean of green patents into its parts.

    .. math:: \text{part} = \sum_c \frac{L(V_{1c}, V_{0c})}{L(V_1, V_0)}\,\text{part}_c

    over cohorts and years c, with V the sums of means with and without zones, L the logarithmic mean,
    :math:`\text{total}_c = \ln(V_{1c}/V_{0c})`, channels and spillover the means of their rows' logs weighted by the
    mean without zones, and direct the rest, as `aigreen.Decomposition` defines them.

    Parameters
    ----------
    frame, truth, exposure
        As for `true_parts`; there may be several exposures.
    cohort : str
        Column of the first treated year.
    horizon : int, optional
        Years since then, of the rows to take; all treated rows by default.

    Returns
    -------
    DataFrame, indexed by total and part
        truth, and n_rows.
    """
    rows, parts = _compared(frame, truth, exposure, cohort)
    if horizon is not None:
        rows = rows[rows["year"] - rows[cohort] == horizon]
    weights, cell = rows["mean_without"], [rows[cohort], rows["year"]]
    sums = rows[["mean_with", "mean_without"]].groupby(cell).sum()
    mass = log_mean(sums["mean_with"].to_numpy(), sums["mean_without"].to_numpy())[0]
    whole = sums.sum().to_numpy()
    share = mass / log_mean(whole[:1], whole[1:])[0]
    cells = rows[parts].mul(weights, axis=0).groupby(cell).sum().div(sums["mean_without"], axis=0)
    cells["direct"] = np.log(sums["mean_with"] / sums["mean_without"]) - cells.drop(columns="direct").sum(axis=1)
    found = pd.Series(share @ cells.to_numpy(), index=parts)
    table = pd.concat([pd.Series({"total": found.sum()}), found]).rename_axis("part").to_frame("truth")
    return table.assign(n_rows=len(rows))


def _compared(
    frame: pd.DataFrame, truth: pd.DataFrame, exposure: str | Sequence[str], cohort: str = "zone_year"
) -> tuple[pd.DataFrame, list[str]]:
    """Treated rows, with their truth, of firms seen untreated and unexposed at some time; names of the parts."""
    parts = [name for name in truth.columns if name not in {"firm_id", "year", "mean_without", "mean_with"}]
    exposures = [exposure] if isinstance(exposure, str) else list(exposure)
    columns = ["firm_id", "year", cohort, *exposures]
    rows = frame[columns].merge(truth, on=["firm_id", "year"], validate="one_to_one")
    treated = rows["year"] >= rows[cohort]
    clean = rows.loc[~treated & (rows[exposures] == 0).all(axis=1), "firm_id"].unique()
    return rows[treated & rows["firm_id"].isin(clean)], parts


def true_parts(frame: pd.DataFrame, truth: pd.DataFrame, *, exposure: str, cohort: str = "zone_year") -> pd.DataFrame:
    r"""Split the true average effect on ln(1 + green patents) into its parts.

    The parts of the truth add up on the scale of the log mean, not on that of :math:`f(\mu) = E\ln(1 + Y)`, where what
    a part does depends on which others are there. With :math:`\mu_S` the mean with the parts in S only, part k is

    .. math:: \sum_{S \not\ni k} \frac{|S|!\,(K - |S| - 1)!}{K!}\,\{f(\mu_{S \cup k}) - f(\mu_S)\},

    its change averaged over all orders in which parts can be added (Shapley), so that parts add up to the total.

    Parameters
    ----------
    frame, truth : DataFrame
        As for `true_cells`; `frame` also holds the exposure, and the parts are the further columns of `truth`.
    exposure : str
        Column of exposure to other zones.
    cohort : str
        Column of the first treated year.

    Returns
    -------
    DataFrame, indexed by total and part
        truth: the mean over the treated rows of firms that are seen untreated and unexposed at some time, as
        `aigreen.Decomposition` compares them; low and high: the least and the greatest mean over orders; n_rows.
    """
    rows, parts = _compared(frame, truth, exposure, cohort)
    k, added = len(parts), rows[parts].to_numpy()
    subsets = [frozenset(chosen) for size in range(k + 1) for chosen in combinations(range(k), size)]
    means = np.stack([rows["mean_without"] * np.exp(added[:, sorted(chosen)].sum(axis=1)) for chosen in subsets])
    f = dict(zip(subsets, expected_log1p(means).mean(axis=1), strict=True))
    whole = f[frozenset(range(k))] - f[frozenset()]
    table = [{"part": "total", "truth": whole, "low": whole, "high": whole}]
    for j, part in enumerate(parts):
        changes = {chosen: f[chosen | {j}] - f[chosen] for chosen in subsets if j not in chosen}
        weights = {chosen: factorial(len(chosen)) * factorial(k - len(chosen) - 1) / factorial(k) for chosen in changes}
        shapley = sum(weights[chosen] * change for chosen, change in changes.items())
        table.append({"part": part, "truth": shapley, "low": min(changes.values()), "high": max(changes.values())})
    return pd.DataFrame(table).set_index("part").assign(n_rows=len(rows))
