"""Parts of an effect: effects whose first index level says which part, that add up to the total."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from aigreen.arguments import typed
from aigreen.effects.effects import Effects, share
from aigreen.errors import EffectsError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from aigreen.decomposition.plot import Decomposed

TOTAL, DIRECT, SPILLOVER = "total", "direct", "spillover"
OWN, OTHERS = "own", "others"

_ASSUMPTIONS = {
    "no anticipation, parallel trends": (
        "outcome and channels, of treated and exposed units, follow the clean rows' fixed effects without treatment",
        "Decomposition(leads=...).fit, by part: event_study().pretrend_test(); honest_did of a path",
    ),
    "linear in channels": (
        "the untreated outcome is additive in fixed effects and linear in the channels",
        "Mediation(channels).check_linearity: the parts less the doubly robust ones",
    ),
    "no confounding of channels": (
        "nothing that treatment moves, and no shock, moves both a channel and the outcome given the fixed effects",
        "Decomposition.sensitivity: rho and robustness values of each channel, which grow with the confounding itself",
    ),
    "exposure": (
        "all that others' treatment does to a unit goes through the exposure columns; none reaches clean rows",
        "ring_curve over wider maps, placebo maps",
    ),
    "additive exposure": (
        "exposure does the same to treated and untreated rows",
        "Decomposition.additivity: own treatment times exposure",
    ),
}

_OF_COUNTS = {
    "no anticipation, parallel trends": (
        "without treatment the log of the mean outcome, and channels, follow the clean rows' fixed effects",
        "Decomposition(leads=...).fit, by part: event_study().pretrend_test(); honest_did of a path",
    ),
    "linear in channels": (
        "the log of the mean untreated outcome is additive in fixed effects and linear in the channels",
        "interaction=True; bins of a channel as channels",
    ),
    "additive exposure": (
        "exposure multiplies the means of treated and untreated rows alike",
        "Decomposition.additivity: own treatment times exposure",
    ),
}


@dataclass(frozen=True)
class Layout:
    """Where each part stands along an axis: total, direct, channels, spillover, then the pieces of parts.

    Attributes
    ----------
    channels, exposures : sequence of str
    interaction : bool
        Whether the direct part is shown in pieces, that at untreated channels and one for each channel.
    origins : bool
        Whether total and channels are shown in pieces, by whose treatment they come from.
    """

    channels: Sequence[str]
    exposures: Sequence[str] = ()
    interaction: bool = False
    origins: bool = False

    total, direct = 0, 1

    @property
    def channel(self) -> np.ndarray:
        """Positions of the channels."""
        return 2 + np.arange(len(self.channels))

    @property
    def spillover(self) -> int | None:
        """Position of the spillover; None without exposure."""
        return 2 + len(self.channels) if self.exposures else None

    @property
    def whole(self) -> slice:
        """Total and the parts that add up to it, without pieces of parts."""
        return slice(self.total, 2 + len(self.channels) + bool(self.exposures))

    @property
    def additive(self) -> slice:
        """Parts that add up to the total."""
        return slice(self.direct, self.whole.stop)

    @property
    def untreated(self) -> int | None:
        """Position of the direct part at untreated channels; None without interaction."""
        return self.whole.stop if self.interaction else None

    @property
    def crossed(self) -> np.ndarray:
        """Positions of the interactions of treatment with each channel; none without interaction."""
        return self.whole.stop + 1 + np.arange(len(self.channels) if self.interaction else 0)

    @property
    def by_exposure(self) -> np.ndarray:
        """Positions of the pieces of the spillover, one for each exposure; none where there is one exposure."""
        pieces = len(self.exposures) if len(self.exposures) > 1 else 0
        return self.whole.stop + (1 + len(self.channels) if self.interaction else 0) + np.arange(pieces)

    @property
    def own(self) -> np.ndarray:
        """Positions of what own treatment does, in all and through each channel; none without origins."""
        pieces = 1 + len(self.channels) if self.origins else 0
        return len(self.labels) - 2 * pieces + np.arange(pieces)

    @property
    def others(self) -> np.ndarray:
        """Positions of what the treatment of others does, in all and through each channel; none without origins."""
        return self.own + len(self.own)

    @property
    def labels(self) -> list[str]:
        """Name of each part, in order."""
        labels = [TOTAL, DIRECT, *self.channels, *([SPILLOVER] if self.exposures else [])]
        if self.interaction:
            labels += [f"{DIRECT}: at untreated channels", *(f"{DIRECT}: interaction {name}" for name in self.channels)]
        labels += [f"{SPILLOVER}: {self.exposures[i]}" for i in range(len(self.by_exposure))]
        if self.origins:
            labels += [f"{name}: {origin}" for origin in (OWN, OTHERS) for name in (TOTAL, *self.channels)]
        return labels

    @property
    def identity(self) -> str:
        """The sum of the parts in words."""
        return f"{TOTAL} = {' + '.join(self.labels[self.additive])}"

    def add_up(self, values: np.ndarray, psi: np.ndarray, *, given: int = 1) -> None:
        """Fill in the total from direct, channels and spillover, or direct from the others; then pieces of parts.

        Parameters
        ----------
        values : ndarray, shape (P, k);  psi : ndarray, shape (clusters, P, k)
        given : int
            Which of total and direct is filled in already.
        """
        if given == self.direct:
            values[self.total] = values[self.additive].sum(axis=0)
            np.sum(psi[:, self.additive], axis=1, out=psi[:, self.total])
        else:
            rest = slice(self.direct + 1, self.whole.stop)
            values[self.direct] = values[self.total] - values[rest].sum(axis=0)
            psi[:, self.direct] = psi[:, self.total] - psi[:, rest].sum(axis=1)
        if self.origins:
            through, others = self.others[1:], self.others[0]
            values[others] = values[self.spillover] + values[through].sum(axis=0)
            psi[:, others] = psi[:, self.spillover] + psi[:, through].sum(axis=1)
            for part, own, other in zip([self.total, *self.channel], self.own, self.others, strict=True):
                values[own], psi[:, own] = values[part] - values[other], psi[:, part] - psi[:, other]
        if self.untreated is not None:
            values[self.untreated] = values[self.direct] - values[self.crossed].sum(axis=0)
            psi[:, self.untreated] = psi[:, self.direct] - psi[:, self.crossed].sum(axis=1)


class Rows(Protocol):
    """Treated rows, split into parts, that can be averaged in other ways than they were, into `values`."""

    @property
    def values(self) -> np.ndarray:
        """The parts that were estimated from them, as they were."""

    def by(self, column: str, bins: int | Sequence[float]) -> Parts:
        """Average by bins of a column."""

    def slope(self, column: str) -> Parts:
        """Regress on a column."""


@dataclass(frozen=True, eq=False, repr=False)
class Parts(Effects):
    """Effects by part: "total", "direct", channels by name, "spillover"; pieces of a part hold a colon.

    Aggregation keeps the parts (``overall()``, ``event_study()``), ``parts["total"]`` takes one of them, and
    ``share(part, whole)`` divides two, all with the joint covariance.

    Attributes
    ----------
    rows : Rows, optional
        What `by` and `slope` start from: only with the result of `Decomposition.fit` itself.
    """

    rows: Rows | None = None

    @typed
    def by(self, column: str, *, bins: int | Sequence[float] = 4) -> Parts:
        """Average the parts over treated rows by bins of a dose.

        Parameters
        ----------
        column : str
            Numeric column; treated rows without a value are left out and counted. For groups with names fit
            the views of `Panel.split`.
        bins : int or sequence of float
            Number of bins, at quantiles of the treated rows, or the edges between them (a dose on an edge is in the
            bin above it).

        Returns
        -------
        Parts
            By part, dose (the mean of the bin), cohort and time, ready for ``overall()`` or ``event_study()``. Bins
            average to the parts by their mass. For counts each bin is split on the log of its own mean.

        Raises
        ------
        CollinearError
            Where quantiles coincide.
        EstimationError
            Where a bin has no treated row.
        """
        return self._whole("by").by(column, bins)

    @typed
    def slope(self, column: str) -> Parts:
        r"""Regress the parts of treated rows on a dose.

        .. math:: \sum v\,\dot Y^p, \qquad v = w(d - \bar d) / \textstyle\sum w(d - \bar d)^2

        over all treated rows: the slopes of the parts add up to that of the total. They are differences between rows
        with different doses, of whatever cohort and horizon, as `DoseResponse` says of its levels.

        Returns
        -------
        Parts
            By part.

        Raises
        ------
        CollinearError
            Where all treated rows have the same dose.
        OptionError
            For counts, which are split by cells: take `by`.
        """
        return self._whole("slope").slope(column)

    def _require_total(self) -> None:
        if TOTAL not in self.index:
            raise EffectsError(f"there is no {TOTAL!r} among these parts: {', '.join(map(str, self.index))}")

    def _whole(self, what: str) -> Rows:
        if self.rows is None or self.rows.values is not self.values:
            start = "call it on the result of Decomposition.fit itself, of a Panel in memory"
            raise EffectsError(f"{what}() starts from treated rows: {start}")
        return self.rows

    @property
    def additive(self) -> Parts:
        """The parts that add up, without the total and without pieces of parts."""
        names = self.index.get_level_values("part")
        return self.select(np.array([name != TOTAL and ": " not in name for name in names]))

    def shares(self) -> Effects:
        """Every part as a share of the total, with intervals by the delta method; near zero see `share_sets`."""
        names = [name for name in self.index.get_level_values("part").unique() if name != TOTAL]
        if self.index.nlevels > 1:
            raise EffectsError("shares() is for overall(); by horizon or cohort use share(part, 'total')")
        self._require_total()
        whole = self.select(np.asarray(self.index == TOTAL))
        return share(self.select(self.index.isin(names)), whole)

    @typed
    def share_sets(self, level: float = 0.95) -> pd.Series:
        """Invert the tests of shares of the total (Fieller), for totals near zero too.

        Returns
        -------
        Series of ConfidenceSet, by part
            An interval where the total differs from zero at this level; else two rays or the whole line.
        """
        if self.index.nlevels > 1:
            raise EffectsError("share_sets() is for overall() or another average of which each part has one")
        self._require_total()
        at = {name: j for j, name in enumerate(self.index)}
        names = [name for name in at if name != TOTAL]
        sets = [self.share_set(at[name], at[TOTAL], level) for name in names]
        return pd.Series(sets, index=pd.Index(names, name="part"), name="share", dtype=object)

    @property
    def assumptions(self) -> dict[str, str]:
        """What the parts rest on, each with the name of its check."""
        return {key: text for key, text in self.conventions.items() if key in _ASSUMPTIONS}

    @typed
    def plot(self, ax: Axes | None = None, *, kind: Decomposed = "bars", level: float = 0.95, **band: Any) -> Axes:
        """Draw stacked bars with the total's band, by horizon where there is one, or a waterfall of overall parts."""
        from aigreen.decomposition.plot import decomposition_plot

        return decomposition_plot(self, ax, kind=kind, level=level, **band)


def assumptions(*, channels: bool, exposure: bool, counts: bool = False) -> dict[str, str]:
    """Assumptions of a decomposition, each with its check, as text."""
    texts = _ASSUMPTIONS | (_OF_COUNTS if counts else {})
    skipped = set()
    if not channels:
        skipped |= {"linear in channels", "no confounding of channels"}
    if not exposure:
        skipped |= {"exposure", "additive exposure"}
    return {key: f"{text} (check: {how})" for key, (text, how) in texts.items() if key not in skipped}
