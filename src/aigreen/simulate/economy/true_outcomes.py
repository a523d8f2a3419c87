r"""What zones truly do to the outcomes of the panel, row by row. No estimator or adapter may import this.

The mean of green patents is known by mechanism, with zones and without. Each count of the panel takes some mechanisms
and types of patents, with weights w and v, and its mean is :math:`\sum_m w_m \mu_m \sum_k v_k p_{ik}`, with p the
firm's shares of inventions and of utility models. Which patents are cited, granted or filed abroad depends on type and
year alone, and which are strict or of a field of technology on mechanism, so these counts have means of that form too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd
from scipy import interpolate, special

from aigreen.simulate.economy.outcomes import CHANNELS, MECHANISMS, SPILLOVERS
from aigreen.simulate.economy.patents import GRANTED, TAGGED

RING = "spillover_ring"
STATES = ("none", "ring", "own", "both")  # of zones: none, those nearby, the own one, all as they came
_ALL, _EVERY = (1.0, 1.0), (1.0, 1.0, 1.0)
# Weights of mechanisms, and of inventions and utility models.
_COUNTS: Mapping[str, tuple[tuple[float, ...], tuple[float, float]]] = MappingProxyType(
    {
        "green_patents": (_EVERY, _ALL),
        "green_patents_fractional": (_EVERY, _ALL),
        "green_any_edition_patents": (_EVERY, _ALL),
        "green_inventions": (_EVERY, (1.0, 0.0)),
        "green_inventions_granted": (_EVERY, (1.0, 0.0)),
        "green_international_patents": (_EVERY, (1.0, 0.0)),
        "green_utility_models": (_EVERY, (0.0, 1.0)),
        "green_patents_granted": (_EVERY, (GRANTED, 1.0)),
        "green_citations": (_EVERY, _ALL),
        "y02_patents": (_EVERY, TAGGED[:2]),
        "green_prevention_patents": ((1.0, 0.0, 0.0), _ALL),
        "green_end_of_pipe_patents": ((0.0, 1.0, 0.0), _ALL),
        **{f"green_{name}_patents": ((0.0, 0.0, 1.0), _ALL) for name in ("recycling", "ccs", "other")},
    }
)
UNMOVED = frozenset({"report_length", "robots"})
_GRID = 3000


@dataclass(frozen=True)
class TrueMeans:
    """Means of a count in each row, by what there is of zones.

    Attributes
    ----------
    keys : DataFrame
        firm_id and year of the rows.
    means : dict of state to ndarray
        By `STATES`. Partners and peers in zones, and what adoption elsewhere adds, are as they came in all of them.
    """

    keys: pd.DataFrame
    means: dict[str, np.ndarray]


def flag_shares(patents: pd.DataFrame) -> pd.DataFrame:
    """Share of green patents with a flag (strict, technology tags) by mechanism, of the patents that were drawn.

    Returns
    -------
    DataFrame
        Index `MECHANISMS`; a column a count of the panel that has such a share.
    """
    green = patents[patents["green"]]
    group = green["mechanism"].where(green["mechanism"].isin(MECHANISMS), MECHANISMS[2])
    tags = [name for name in patents if name.startswith("tag_")]
    shares = green[["strict", *tags]].groupby(group).mean().reindex(MECHANISMS)
    return shares.rename(columns={"strict": "green_strict_patents"} | {name: f"{name}_patents" for name in tags})


def true_means(truth: pd.DataFrame, outcome: str, shares: pd.DataFrame) -> TrueMeans | None:
    """Take the means of a count from the truth of the economy; None where they are not known.

    Parameters
    ----------
    truth : DataFrame
        As `aigreen.simulate.economy.economy.write_truth` writes it.
    outcome : str
        A count of the panel.
    shares : DataFrame
        As `flag_shares` returns it.
    """
    if outcome in shares:
        weights, kinds = shares[outcome].to_numpy(), _ALL
    elif outcome in _COUNTS:
        weights, kinds = np.array(_COUNTS[outcome][0]), _COUNTS[outcome][1]
    else:
        return None
    kind = kinds[0] * truth["invention_share"] + kinds[1] * (1 - truth["invention_share"])
    others = truth[[name for name in SPILLOVERS if name != RING]].sum(axis=1)
    ring, channels = truth[RING], truth[list(CHANNELS)].sum(axis=1)
    means = dict.fromkeys(STATES, 0.0)
    for weight, name in zip(weights, MECHANISMS, strict=True):
        base = weight * kind * truth[f"mean_without_{name}"] * np.exp(others)
        own = truth[f"direct_{name}"] + channels
        for state, shift in zip(STATES, (0.0, ring, own, own + ring), strict=True):
            means[state] = means[state] + (base * np.exp(shift)).to_numpy()
    return TrueMeans(truth[["firm_id", "year"]], means)


def expected(function: Callable[[np.ndarray], np.ndarray], mean: np.ndarray) -> np.ndarray:
    """Compute the expectation of a function of Poisson counts with these means, to about six digits.

    Exact sums on a grid of means that is dense in logs, joined by a cubic spline.
    """
    mean = np.maximum(np.asarray(mean, dtype=float), 1e-12)
    grid = np.geomspace(mean.min(), mean.max() * (1 + 1e-9), _GRID)
    if mean.min() == mean.max():
        return np.full(mean.shape, _sums(function, mean[:1])[0])
    return interpolate.CubicSpline(np.log(grid), _sums(function, grid))(np.log(mean))


def _sums(function: Callable[[np.ndarray], np.ndarray], means: np.ndarray) -> np.ndarray:
    """Sum f(k) over twelve standard deviations around each mean."""
    width = 12 * np.sqrt(means) + 30
    first, last = np.maximum(0, (means - width).astype(int)), (means + width).astype(int) + 1
    counts = np.arange(last.max(initial=0), dtype=float)
    values, factorials = function(counts), special.gammaln(counts + 1)
    result = np.empty_like(means)
    for i, mean in enumerate(means):
        near = slice(first[i], last[i])
        result[i] = values[near] @ np.exp(special.xlogy(counts[near], mean) - mean - factorials[near])
    return result
