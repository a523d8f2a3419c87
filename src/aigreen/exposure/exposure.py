r"""Exposure to the treatment of others: maps W between units, and what they carry to each row of a panel.

.. math:: S_{it} = \sum_j W_{ij} D_{jt}, \qquad S = W D \text{ as a matrix product of units with units x periods.}

A map is kept as sparse factors, so that firms in places and firms in industries never make a firm x firm matrix. An
exposure that `Spillover` reads is a column of the panel's frame: numbers of zero or more, zero for unexposed.

Make exposures on the whole panel, before any view of it: treated units that are not in the panel carry nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from scipy import sparse

from aigreen.arguments import typed
from aigreen.errors import AigreenWarning, DataError, MissingValueError, OptionError, warn
from aigreen.exposure.maps import (
    Map,
    codes_of,
    is_labelled,
    matrix_map,
)
from aigreen.options import as_columns
from aigreen.panel.panel import NEVER, Panel
from aigreen.progress import progress

How = Literal["sum", "share", "any"]
_SLACK = 1e-9


@typed
def exposure(
    panel: Panel,
    W: Map | sparse.sparray | np.ndarray | Mapping[int, Any],
    *,
    treated: str | pd.Series | np.ndarray | None = None,
    how: How = "sum",
) -> pd.Series:
    r"""Exposure of each row to treated others in its period.

    Parameters
    ----------
    panel : Panel
        The whole panel.
    W : Map, or matrix, or mapping of period (as in `panel.times`) to either
        A matrix is in the order of `panel.units`; one with labels, a DataFrame, goes by these. A period without a map
        has no links. Units that a matrix links to themselves are warned of: their own treatment counts as exposure.
    treated : str, Series or array, optional
        Treatment of each row, as a column, a Series aligned on the frame's index, or an array in the frame's order; a
        unit without a row in a period then carries nothing. Default: whether the unit is at or after its first treated
        period, with a row or not.
    how : {"sum", "share", "any"}
        :math:`(WD)_{it}`, that over :math:`(W1)_i` (zero without links), or whether it is positive.

    Returns
    -------
    Series
        Aligned to ``panel.frame``.

    Raises
    ------
    DataError
        Links of another shape or between other units, or of no period of the panel.
    """
    _check("how", how, How)
    _warn_of_own(panel, W)
    return panel.in_frame_order(_carried(panel, W, _treatment(panel, treated), how)[panel.unit_codes, panel.time_codes])


@typed
def exposures(panel: Panel, maps: Mapping[str, Any], **options: Any) -> pd.DataFrame:
    """Give the exposure through each named map, one column a map; options as for `exposure`."""
    return pd.DataFrame({name: exposure(panel, W, **options) for name, W in maps.items()}, index=panel.frame.index)


@typed
def onset(panel: Panel, columns: str | Sequence[str]) -> pd.Series:
    """First period in which any of the columns is positive, by unit; inf where none ever is."""
    exposed = (np.nan_to_num(panel.matrix(as_columns(columns))) > 0).any(axis=1)
    return pd.Series(first_period(panel, exposed), index=panel.units, name="onset")


def first_period(panel: Panel, exposed: np.ndarray) -> np.ndarray:
    """First period of each unit among the rows marked (in panel order), shape (n_units,); inf where none is."""
    first = np.full(panel.n_units, NEVER)
    np.minimum.at(first, panel.unit_codes[exposed], panel.time[exposed].astype(float))
    return first


@typed
def expected_exposure(
    panel: Panel,
    W: Map | sparse.sparray | np.ndarray | Mapping[int, Any],
    *,
    how: How = "sum",
    groups: pd.Series | None = None,
    strata: pd.Series | None = None,
    n_draws: int = 999,
    seed: int = 0,
) -> pd.Series:
    r"""Exposure that units would have on average had the first treated periods fallen on groups at random.

    .. math:: \mu_{it} = E_\pi\Big[\sum_j W_{ij} D_{\pi(j)t}\Big]

    Exposure less this is as good as random wherever the assignment is: units in the middle of a network are exposed
    more under any assignment. For "sum" and "share" the expectation is one matrix product, without simulation; for
    "any" it is the mean over seeded permutations.

    Parameters
    ----------
    panel, W, how
        As for `exposure`, with the treatment of the panel's cohorts.
    groups : Series, optional
        Group (city) that is treated as one, indexed by unit. Default: each unit.
    strata : Series, optional
        Stratum of each unit, constant within groups: cohorts are permuted among the groups of a stratum.

    References
    ----------
    Borusyak and Hull (2023), Nonrandom Exposure to Exogenous Shocks, Econometrica 91(6).
    """
    _check("how", how, How)
    group = np.arange(panel.n_units) if groups is None else codes_of(groups.reindex(panel.units), "groups")
    stratum = np.zeros(panel.n_units, dtype=np.intp)
    if strata is not None:
        stratum = codes_of(strata.reindex(panel.units), "strata")
    n_groups = int(group.max()) + 1
    first = np.zeros(n_groups, dtype=np.intp)
    first[group[::-1]] = np.arange(panel.n_units)[::-1]
    cohort, level = panel.unit_cohort[first], stratum[first]
    for values, of, what in ((panel.unit_cohort, cohort, "first treated periods"), (stratum, level, "strata")):
        odd = np.flatnonzero(values != of[group])
        if odd.size:
            raise DataError(f"{what} vary within groups", count=odd.size, first=panel.units[odd[:5]])
    path = (panel.times >= cohort[:, None]).astype(float)
    if how != "any":
        size = np.bincount(level)
        mean = np.stack([np.bincount(level, path[:, t]) for t in range(panel.n_periods)], axis=1) / size[:, None]
        total = _carried(panel, W, mean[level][group], how)
    else:
        rng = np.random.default_rng(seed)
        in_order = np.argsort(level, kind="stable")
        total = np.zeros((panel.n_units, panel.n_periods))
        for _ in progress(range(n_draws), "permutations"):
            draw = np.empty(n_groups, dtype=np.intp)
            draw[in_order] = np.lexsort((rng.random(n_groups), level))
            total += _carried(panel, W, path[draw][group], how)
        total /= n_draws
    return panel.in_frame_order(total[panel.unit_codes, panel.time_codes])


@typed
def recentred(panel: Panel, W: Any, *, how: How = "sum", **options: Any) -> pd.Series:
    """Exposure less its expectation over permuted treatments; options as for `expected_exposure`.

    It has both signs: a regressor or an instrument, not an exposure of `Spillover`.
    """
    return exposure(panel, W, how=how) - expected_exposure(panel, W, how=how, **options)


def _carried(panel: Panel, W: Any, D: np.ndarray, how: How) -> np.ndarray:
    """Multiply D by the links, shape (n_units, n_periods)."""
    if not isinstance(W, Mapping):
        return _product(_map(W, panel), D, how)
    if W and not any(period in W for period in panel.times):
        raise DataError(
            f"links of {len(W)} periods, none of which is one of the panel's {panel.n_periods}: keys are as in "
            f"panel.times, {panel.times[0]} and so on",
            count=len(W),
            first=list(W)[:5],
        )
    out = np.zeros_like(D)
    for k, period in enumerate(panel.times):
        if period in W:
            out[:, k] = _product(_map(W[period], panel), D[:, [k]], how)[:, 0]
    return out


def _warn_of_own(panel: Panel, W: Any) -> None:
    """Warn of units that matrices link to themselves; places with a diagonal say so."""
    own = np.zeros(panel.n_units, dtype=bool)
    for one in W.values() if isinstance(W, Mapping) else (W,):
        links = _map(one, panel)
        if links.right is None:
            own |= links.left.diagonal() != 0
    if own.any():
        message = (
            f"{int(own.sum()):,} units are linked to themselves: their own treatment counts as exposure, and what is "
            "theirs as spillover; set the diagonal of the links to zero"
        )
        warn(AigreenWarning(message, count=int(own.sum()), first=panel.first_units(own)))


def _product(W: Map, D: np.ndarray, how: How) -> np.ndarray:
    total = W @ D
    # Leave-one-out sums are differences: what should be zero is rounding error.
    size = np.abs(W.left) @ (np.abs(D) if W.right is None else np.abs(W.right) @ np.abs(D))
    total[np.abs(total) <= _SLACK * size] = 0.0
    if how == "any":
        return (total > 0).astype(float)
    if how == "share":
        links = W @ np.ones(len(D))
        links[np.abs(links) <= _SLACK * links.max(initial=0.0)] = 0.0
        return np.divide(total, links[:, None], out=np.zeros_like(total), where=links[:, None] > 0)
    return total


def _map(W: Any, panel: Panel) -> Map:
    if isinstance(W, Map):
        return W.on(panel.units)
    if is_labelled(W):
        return matrix_map(W, W.index).on(panel.units)
    if np.shape(W) != (panel.n_units, panel.n_units):
        raise DataError(
            f"links of shape {np.shape(W)} for {panel.n_units} units; a Map carries the labels of its units"
        )
    return matrix_map(W, panel.units)


def _treatment(panel: Panel, treated: str | pd.Series | np.ndarray | None) -> np.ndarray:
    """Treatment by unit and period, shape (n_units, n_periods)."""
    if treated is None:
        return (panel.times >= panel.unit_cohort[:, None]).astype(float)
    if isinstance(treated, str):
        values = panel.column(treated)
    else:
        if isinstance(treated, pd.Series):
            treated = treated.reindex(panel.frame.index)
        values = np.asarray(treated, dtype=float)
        if values.shape != (panel.n_rows,):
            raise DataError(f"a treatment of shape {values.shape} for {panel.n_rows} rows")
        values = panel.in_panel_order(values)
    if np.isnan(values).any():
        rows = np.flatnonzero(np.isnan(values))
        raise MissingValueError(f"{rows.size:,} missing treatments", count=rows.size, first=panel.labels(rows[:5]))
    D = np.zeros((panel.n_units, panel.n_periods))
    D[panel.unit_codes, panel.time_codes] = values
    return D


def _check(option: str, value: object, allowed: Any) -> None:
    if value not in get_args(allowed):
        raise OptionError(option, value, get_args(allowed))
