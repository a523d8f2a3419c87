"""Parts of an effect: effects whose first index level says which part, that add up to the total."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from aigreen.arguments import typed
from aigreen.effects.effects import Effects, share
from aigreen.errors import EffectsError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from aigreen.decomposition.plot import Decomposed

TOTAL, DIRECT, SPILLOVER = "total", "direct", "spillover"

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


@dataclass(frozen=True)
class Layout:
    """Where each part stands along an axis: total, direct, channels, spillover, then the pieces of parts.

    Attributes
    ----------
    channels, exposures : sequence of str
    interaction : bool
        Whether the direct part is shown in pieces, that at untreated channels and one for each channel.
    """

    channels: Sequence[str]
    exposures: Sequence[str] = ()
    interaction: bool = False

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
    def labels(self) -> list[str]:
        """Name of each part, in order."""
        labels = [TOTAL, DIRECT, *self.channels, *([SPILLOVER] if self.exposures else [])]
        if self.interaction:
            labels += [f"{DIRECT}: at untreated channels", *(f"{DIRECT}: interaction {name}" for name in self.channels)]
        return labels + [f"{SPILLOVER}: {self.exposures[i]}" for i in range(len(self.by_exposure))]

    @property
    def identity(self) -> str:
        """The sum of the parts in words."""
        return f"{TOTAL} = {' + '.join(self.labels[self.additive])}"

    def add_up(self, values: np.ndarray, psi: np.ndarray) -> None:
        """Fill in, from the other parts, the total and the direct part at untreated channels.

        Parameters
        ----------
        values : ndarray, shape (P, k);  psi : ndarray, shape (clusters, P, k)
        """
        values[self.total] = values[self.additive].sum(axis=0)
        np.sum(psi[:, self.additive], axis=1, out=psi[:, self.total])
        if self.untreated is not None:
            values[self.untreated] = values[self.direct] - values[self.crossed].sum(axis=0)
            psi[:, self.untreated] = psi[:, self.direct] - psi[:, self.crossed].sum(axis=1)


class Parts(Effects):
    """Effects by part: "total", "direct", channels by name, "spillover"; pieces of a part hold a colon.

    Aggregation keeps the parts (``overall()``, ``event_study()``), ``parts["total"]`` takes one of them, and
    ``share(part, whole)`` divides two, all with the joint covariance.
    """

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


def assumptions(*, channels: bool, exposure: bool) -> dict[str, str]:
    """Assumptions of a decomposition, each with its check, as text."""
    skipped = set()
    if not channels:
        skipped |= {"linear in channels", "no confounding of channels"}
    if not exposure:
        skipped |= {"exposure", "additive exposure"}
    return {key: f"{text} (check: {how})" for key, (text, how) in _ASSUMPTIONS.items() if key not in skipped}
