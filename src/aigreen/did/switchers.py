"""Treatments that switch on and off, or change in size: de Chaisemartin and D'Haultfoeuille (2024)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from aigreen.arguments import check_fields, typed
from aigreen.did.group_time.layout import spread
from aigreen.did.group_time.sample import check_sample, unit_weights
from aigreen.effects.aggregation import Mass
from aigreen.effects.cluster_shares import ClusterShares
from aigreen.effects.effects import Effects
from aigreen.errors import (
    MissingRowsWarning,
    NoControlsError,
    NoTreatedError,
    OptionError,
    SmallCellWarning,
    SwitcherWarning,
    counted,
    their,
    warn,
)
from aigreen.linalg.arrays import sum_by
from aigreen.options import as_columns, check_choice, check_periods
from aigreen.panel.dropped import Dropped
from aigreen.panel.facts import result_facts
from aigreen.panel.panel import Panel, require_panel

Estimand = Literal["event_study", "normalized", "total"]
Direction = Literal["both", "in", "out"]

SMALL = 5  # clusters of switchers


@dataclass(frozen=True, kw_only=True)
class Switchers:
    r"""Effects of a first change of treatment, of a treatment that may switch on and off or take many values.

    Unit i with treatment :math:`D_{it}` leaves its first value :math:`D_{i1}` in period :math:`F_i`, upwards
    (:math:`S_i = 1`) or downwards (:math:`S_i = -1`). At horizon h it is compared with the units of the same first
    value that have kept it up to :math:`F_i + h`, over the same periods:

    .. math:: DID_{ih} = \Delta_{ih} - \frac{\sum_{j: D_{j1} = D_{i1}, F_j > F_i + h} \Delta_{jh}}{N_{ih}}, \qquad
              \Delta_{jh} = Y_{j, F_i + h} - Y_{j, F_i - 1}, \qquad DID_h = \frac{1}{N_h}\sum_i S_i DID_{ih}.

    That is the effect of having been exposed to its path of treatment since :math:`F_i` rather than to the first value
    all along, under parallel trends of units with the same first value. Placebos compare the same units backwards: at
    horizon :math:`-h-2` the outcome is :math:`Y_{F_i - h - 2} - Y_{F_i - 1}` and the comparison is that of horizon h.

    Parameters
    ----------
    estimand : {"event_study", "normalized", "total"}
        event_study: :math:`DID_h`. normalized: per unit of treatment received so far,
        :math:`\sum_i S_i DID_{ih} / \sum_i S_i \sum_{k \le h} (D_{i, F_i + k} - D_{i1})`, an average of effects of
        current and lagged treatment. total: the sum of effects over the treatment that brought them about,
        :math:`\sum_{i,h} S_i DID_{ih} / \sum_{i,h} S_i (D_{i, F_i + h} - D_{i1})`, to hold against costs.
    direction : {"both", "in", "out"}
        Switchers to a larger treatment only, or to a smaller one.
    horizons : int, optional
        Last horizon, from zero; as many placebos. Default: all that can be computed.
    other_treatments : sequence of str
        Columns of other treatments. A switcher is then compared with units only whose other treatments have been the
        same in every period up to :math:`F_i + h`, so that their effects cancel (de Chaisemartin and D'Haultfoeuille
        2023).

    Notes
    -----
    Influence functions are those of the ratios of sums, over switchers and the units compared with, summed by cluster
    without small-sample factor; the number of switchers and their treatment count as sampled. For an absorbing
    treatment `event_study` equals that of ``GroupTimeATT()`` after treatment, and `overall` its simple average.
    diff-diff and did_multiplegt_dyn take treatments as given and centre within groups of the same first value, date and
    direction of the switch.

    Horizons count periods that occur. Weights are those of the period before the switch. Where a unit is not seen, its
    treatments are taken to be as when it was last seen, before its first row as in that. Rows after treatment has been
    on both sides of its first value are left out, counted, as are switchers without a period before or units to
    compare with. For a continuous treatment take classes of it, or hardly two units have the same first value.

    References
    ----------
    de Chaisemartin and D'Haultfoeuille (2024), Difference-in-Differences Estimators of Intertemporal Treatment Effects,
    *Review of Economics and Statistics*. de Chaisemartin and D'Haultfoeuille (2023), Two-Way Fixed Effects and
    Differences-in-Differences Estimators with Several Treatments, *Journal of Econometrics* 236.

    Examples
    --------
    >>> rows = [(i, t, int(i < 10 and t == 3), i + t + 2 * (i < 10 and t == 3)) for i in range(20) for t in range(1, 5)]
    >>> df = pd.DataFrame(rows, columns=["firm", "year", "on", "y"])
    >>> effects = Switchers().fit(Panel(df, unit="firm", time="year"), "y", treatment="on")
    >>> effects.estimates.to_dict()
    {-2: 0.0, -1: 0.0, 0: 2.0, 1: 0.0}
    """

    estimand: Estimand = "event_study"
    direction: Direction = "both"
    horizons: int | None = None
    other_treatments: str | Sequence[str] = ()

    def __post_init__(self) -> None:
        check_fields(self)
        check_choice("estimand", self.estimand, Estimand)
        check_choice("direction", self.direction, Direction)
        if self.horizons is not None:
            check_periods("horizons", self.horizons)

    @typed
    def fit(self, panel: Panel, outcome: str, *, treatment: str) -> Effects:
        """Estimate the effects by horizon, or in total.

        Parameters
        ----------
        panel : Panel
            Cohorts are not read. Clusters must not cut through units.
        outcome : str
        treatment : str
            Column of the treatment in each period.

        Returns
        -------
        Effects
            By horizon, -1 being the reference; `overall` averages those after the switch by their numbers of switchers.
            One effect for ``estimand="total"``.

        Raises
        ------
        NoTreatedError, NoControlsError, TooFewPeriodsError, TooFewClustersError, ClusterVariesError
        RepeatedCrossSectionsError
        """
        require_panel(panel)
        panel.require_units("Switchers")
        others = as_columns(self.other_treatments)
        panel.check_roles(outcome, treatment=treatment, other_treatments=others)
        if treatment in others:
            raise OptionError("treatment", treatment, ["a column that is no other treatment"])
        dropped = Dropped()
        sample = panel.complete([treatment, *others], dropped)
        check_sample(sample)
        missing = np.flatnonzero(np.isnan(sample.column(outcome)))
        reason = f"missing {outcome}; their treatment is read"
        dropped.add(MissingRowsWarning, "rows", reason, missing.size, sample.labels(missing[:5]))
        paths = _Paths.of(sample, outcome, treatment, others, self.direction)
        if (paths.group < 0).all():
            kind = {"both": "", "in": " to a larger value", "out": " to a smaller value"}[self.direction]
            raise NoTreatedError(f"no unit changes column {treatment!r}{kind}", column=treatment, count=0)
        sums = _compare(paths, self.estimand, self.horizons)
        _report(sums, paths, treatment, dropped)
        return self._effects(sums, paths, outcome, dropped)

    def _effects(self, sums: _Sums, paths: _Paths, outcome: str, dropped: Dropped) -> Effects:
        sample, top, size, behind = paths.sample, sums.top, sums.size, sums.behind
        index, post = pd.Index(sums.horizon, name="horizon"), sums.horizon >= 0
        total_only = self.estimand == "total"
        if total_only:
            top, size, behind = (part[:, post].sum(axis=1, keepdims=True) for part in (top, size, behind))
            index = pd.Index(["ATT"], name="effect")
            if not size.any():
                message = f"no switcher is seen with a comparison after its switch{dropped.cause()}"
                raise NoControlsError(message, count=0)
        total = size.sum(axis=0)
        divisor = np.where(total > 0, total, 1.0)
        values = top.sum(axis=0) / divisor
        told = {
            "variance": f"influence functions summed by {sample.clusters.name}",
            "small-sample factor": "none",
            "comparison": "same first treatment, not yet switched",
            "switches": self.direction,
        }
        if paths.others:
            told["other treatments"] = f"same path of {', '.join(paths.others)}"
        inside = sums.used[sample.unit_codes] & (sample.time_codes < paths.end[sample.unit_codes])
        rows = np.flatnonzero(inside & np.isfinite(sample.column(outcome)))
        return Effects(
            values=values,
            index=index,
            psi=(top - values * size) / divisor,
            method=f"first switches ({self.estimand.replace('_', ' ')})",
            mass=Mass(total, np.arange(len(total)), size) if self.estimand == "event_study" else None,
            post=None if total_only else post,
            cluster_shares=paths.shares(behind),
            conventions=told,
            **result_facts(sample, rows, outcome, dropped),
        )


@dataclass(frozen=True)
class _Paths:
    """Outcomes and treatments laid out as periods x units, shape (T, N).

    Attributes
    ----------
    y, w : ndarray
        Outcome, nan where not used, and weight.
    change : ndarray
        Treatment less its first value.
    code : ndarray of int
        Units with the same code in a period had the same first treatment, and the same other treatments up to then.
    first : ndarray of int, shape (N,)
        Position of the period of the first switch; T for none.
    end : ndarray of int, shape (N,)
        Position from which treatment has been on both sides of its first value; T for none.
    sign : ndarray, shape (N,)
        Of the first switch; zero for none.
    group : ndarray of int, shape (N,)
        Switchers in a direction asked for, by first value, period and sign of the switch; -1 for other units.
    """

    sample: Panel
    others: list[str]
    y: np.ndarray
    w: np.ndarray
    change: np.ndarray
    code: np.ndarray
    first: np.ndarray
    end: np.ndarray
    sign: np.ndarray
    group: np.ndarray

    @classmethod
    def of(cls, sample: Panel, outcome: str, treatment: str, others: list[str], direction: Direction) -> _Paths:
        n_periods, y = sample.n_periods, sample.column(outcome)
        w = np.ones(sample.n_rows) if sample.weights is None else sample.weights
        path, *states = (_filled(spread(sample, sample.column(name))) for name in (treatment, *others))
        code = np.empty(path.shape, dtype=np.intp)
        code[:] = np.unique(path[0], return_inverse=True)[1]
        for t in range(n_periods if others else 0):
            before = code[max(t - 1, 0)]
            code[t] = np.unique(np.stack([before, *(state[t] for state in states)]), axis=1, return_inverse=True)[1]
        change, period = path - path[0], np.arange(n_periods)[:, None]
        first = np.where(change != 0, period, n_periods).min(axis=0)
        sign = np.sign(np.take_along_axis(change, np.minimum(first, n_periods - 1)[None], axis=0)[0])
        end = np.where(change * sign < 0, period, n_periods).min(axis=0)
        wanted = {"both": sign != 0, "in": sign > 0, "out": sign < 0}[direction]
        group = np.full(len(first), -1)
        kinds = np.stack([first, sign, path[0]])[:, wanted]
        group[wanted] = np.unique(kinds, axis=1, return_inverse=True)[1]
        wide = spread(sample, np.where(w > 0, y, np.nan)), spread(sample, w)
        return cls(sample, others, *wide, change, code, first, end, sign, group)

    def shares(self, behind: np.ndarray) -> ClusterShares:
        """Cluster shares of effects, from how much each group of switchers counts in each, shape (groups, k)."""
        latest = self.first[np.isin(self.group, np.flatnonzero(behind.any(axis=1)))].max()
        switches = self.group >= 0
        inside = switches | (self.first > latest)
        period = np.zeros(len(behind))
        period[self.group[switches]] = self.sample.times[self.first[switches]]
        return ClusterShares.count(
            self.sample.unit_cluster[inside],
            self.group[inside],
            behind,
            n_clusters=len(self.sample.clusters),
            labels=period,
            weights=unit_weights(self.sample)[inside],
        )


@dataclass(frozen=True)
class _Sums:
    """Numerators and denominators of the effects.

    Attributes
    ----------
    horizon : ndarray of int, shape (k,)
        Ascending, -1 among them.
    top, size : ndarray, shape (clusters, k)
        Parts of the sums of differences, and of what they are divided by.
    behind : ndarray, shape (groups, k)
        The latter by group of switchers.
    used : ndarray of bool, shape (N,)
        Units that stand in a comparison.
    alone : ndarray of bool, shape (T, N)
        Outcomes of switchers without units to compare with.
    fewest : ndarray of int, shape (k,)
        Number of clusters of switchers, or of units compared with, whichever is smaller.
    """

    horizon: np.ndarray
    top: np.ndarray
    size: np.ndarray
    behind: np.ndarray
    used: np.ndarray
    alone: np.ndarray
    fewest: np.ndarray


def _compare(paths: _Paths, estimand: Estimand, horizons: int | None) -> _Sums:
    """Sum the differences of all switchers by horizon."""
    n_periods, n_units = paths.y.shape
    seen = np.isfinite(paths.y)
    longest = n_periods - 2 if horizons is None else min(horizons, n_periods - 2)
    horizon = np.arange(-longest - 2, longest + 1)
    top, size = np.zeros((2, len(horizon), n_units))
    compared, alone = np.zeros(top.shape, dtype=bool), np.zeros(seen.shape, dtype=bool)
    for first in np.unique(paths.first[paths.group >= 0]).tolist():
        base, w = first - 1, paths.w[first - 1]
        for last in range(first, min(first + longest, n_periods - 1) + 1):
            code, received = paths.code[last], paths.change[last]
            if estimand == "normalized":
                received = paths.change[first : last + 1].sum(axis=0)
            amount = w if estimand == "event_study" else w * np.abs(received)
            for at in (last, 2 * base - last):
                if at < 0:
                    continue
                both = seen[base] & seen[at]
                switch = np.flatnonzero(both & (paths.group >= 0) & (paths.first == first) & (paths.end > last))
                control = np.flatnonzero(both & (paths.first > last))
                mass = np.bincount(code[control], w[control], n_units)
                lone = mass[code[switch]] == 0
                alone[at, switch[lone]] |= at == last
                switch = switch[~lone]
                control = control[np.bincount(code[switch], minlength=n_units)[code[control]] > 0]
                divisor = np.where(mass > 0, mass, 1.0)
                change, signed = paths.y[at] - paths.y[base], paths.sign[switch] * w[switch]
                left = change - (np.bincount(code[control], (w * change)[control], n_units) / divisor)[code]
                weight = (np.bincount(code[switch], signed, n_units) / divisor)[code] * w
                row = at - first + longest + 2
                top[row, switch] += signed * left[switch]
                top[row, control] -= (weight * left)[control]
                size[row, switch] += amount[switch]
                compared[row, control] = True
    kept = size.any(axis=1) | (horizon == -1)
    top, size, compared = top[kept], size[kept], compared[kept]
    cluster, n_clusters = paths.sample.unit_cluster, len(paths.sample.clusters)
    fewest = [min(len(np.unique(cluster[row > 0])), n) for row, n in zip(size, compared.sum(axis=1), strict=True)]
    return _Sums(
        horizon[kept],
        sum_by(cluster, top.T, n_clusters),
        sum_by(cluster, size.T, n_clusters),
        sum_by(paths.group + 1, size.T, int(paths.group.max()) + 2)[1:],
        compared.any(axis=0) | size.any(axis=0),
        alone,
        np.array(fewest),
    )


def _report(sums: _Sums, paths: _Paths, treatment: str, dropped: Dropped) -> None:
    """Count switchers and their rows that are not used, and warn of horizons that rest on few."""
    sample, periods = paths.sample, np.arange(paths.sample.n_periods)[:, None]
    seen, switches = np.isfinite(paths.y), paths.group >= 0
    if not sums.size.any():
        message = f"no unit has the first value of {treatment!r} of one that switches, and keeps it for longer"
        raise NoControlsError(message + dropped.cause(), column=treatment, count=0)
    before = seen[paths.first[switches] - 1, np.flatnonzero(switches)]
    units = np.flatnonzero(switches)[~before]
    reason = f"not seen in the period before {treatment} first changes"
    dropped.add(SwitcherWarning, "units", reason, len(units), sample.units[units[:5]])
    other = " and path of other treatments" if paths.others else ""
    for lost, reason in (
        (seen & switches & (periods >= paths.end), f"{treatment} has been on both sides of its first value"),
        (sums.alone, f"no unit of the same first {treatment}{other} has kept it up to then"),
    ):
        time, unit = np.nonzero(lost)
        first = [f"({sample.units[i]}, {sample.periods[t]})" for t, i in zip(time[:5], unit[:5], strict=True)]
        dropped.add(SwitcherWarning, "rows", reason, len(time), first)
    small = sums.horizon[(sums.fewest < SMALL) & (sums.horizon != -1)]
    if small.size:
        message = (
            f"{counted(small.size, 'horizon rests', 'horizons rest')} on fewer than {SMALL} clusters of switchers or "
            f"units to compare with: {their(small.size)} errors are too small"
        )
        warn(SmallCellWarning(message, count=small.size, first=small))


def _filled(state: np.ndarray) -> np.ndarray:
    """Carry values over periods without one, forwards, and the first value backwards, shape (T, N)."""
    seen = ~np.isnan(state)
    known = np.where(seen, np.arange(len(state))[:, None], 0)
    known[0] = seen.argmax(axis=0)
    return np.take_along_axis(state, np.maximum.accumulate(known, axis=0), axis=0)
