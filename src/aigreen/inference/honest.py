"""Sensitivity of event-study effects to violations of parallel trends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pandas as pd

from aigreen.arguments import typed
from aigreen.effects.effects import Effects
from aigreen.errors import EffectsError, NoPrePeriodError, OptionError
from aigreen.inference.event_path import EventPath, PostWeights
from aigreen.inference.honest_fixed import BiasVariance
from aigreen.inference.honest_tests import Direction, Sign, differences, hull, shape_rows, step_bounds
from aigreen.options import check_choice, check_level

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Restriction = Literal["relative_magnitudes", "smoothness", "relative_smoothness"]
Method = Literal["c_lf", "flci"]

_RELATIVE_BOUNDS = (0.5, 1.0, 1.5, 2.0)
_SMOOTH_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
_DOUBLINGS = 20  # a bound a million times the first: beyond it the arithmetic of a shape loses its digits
_BREAKDOWN_TOLERANCE = 1e-6
_LABELS = {
    "relative_magnitudes": r"$\bar M$: violation a period, relative to the largest before treatment",
    "smoothness": "$M$: change of slope a period",
    "relative_smoothness": r"$\bar M$: change of slope a period, relative to the largest before treatment",
}

Interval = tuple[float, float]


@dataclass(frozen=True, eq=False)
class HonestDiD:
    """Result of `honest_did`.

    Attributes
    ----------
    frame : DataFrame
        Columns bound, low, high: confidence interval of the effect under each bound.
    estimate : float
        The effect if trends are parallel.
    original : tuple of float
        Its confidence interval if trends are parallel.
    breakdown : float
        Smallest bound under which the interval holds zero: 0 where it does even without violations (beyond linear
        trends, for smoothness), infinite where none was found.
    restriction, method : str
    level : float
    weights : Series
        Of the effects after the reference period, by horizon.
    reference : int
        Horizon of the reference period.
    sign, monotone : str or None
        What else violations after the reference are held to.
    """

    frame: pd.DataFrame
    estimate: float
    original: Interval
    breakdown: float
    restriction: Restriction
    method: Method
    level: float
    weights: pd.Series = field(repr=False)
    reference: int
    sign: Sign | None = None
    monotone: Direction | None = None

    def __repr__(self) -> str:
        held = [name for name in (self.sign, self.monotone) if name]
        parallel = "{:.4f} to {:.4f}".format(*self.original)
        lines = [
            f"honest intervals ({', '.join([self.restriction, *held])}; {self.method}), level {self.level:.0%}",
            self.frame.to_string(index=False, float_format="{:.4f}".format),
            "",
            f"estimate {self.estimate:.4f}; with parallel trends {parallel}; breakdown {self.breakdown:.4g}",
        ]
        return "\n".join(lines)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the original interval and the interval under each bound."""
        from aigreen.effects.fonts import lettered
        from aigreen.effects.plot import INK, POINTWISE, RULE, axes

        ax = axes(ax)
        positions = np.arange(1, len(self.frame) + 1)
        ax.axhline(0, **RULE)
        ax.vlines(0, *self.original, color=INK, linewidth=POINTWISE, zorder=2)
        ax.plot(0, self.estimate, marker="o", markersize=4.5, color=INK, zorder=3)
        ax.vlines(positions, self.frame["low"], self.frame["high"], color=INK, linewidth=POINTWISE, zorder=3)
        labels = ["parallel\ntrends", *(f"{b:.3g}" for b in self.frame["bound"])]
        ax.set_xticks([0, *positions], labels)
        ax.set_xlabel(_LABELS[self.restriction])
        ax.set_ylabel(f"Effect, {self.level:.0%} interval")
        return lettered(ax)


@typed
def honest_did(
    effects: Effects,
    *,
    weights: PostWeights = "first",
    restriction: Restriction = "relative_magnitudes",
    sign: Sign | None = None,
    monotone: Direction | None = None,
    bounds: Sequence[float] | None = None,
    level: float = 0.95,
    method: Method | None = None,
) -> HonestDiD:
    r"""Confidence intervals of an effect that allow for violations of parallel trends up to a bound.

    Estimates by horizon are effects plus a difference in trends, :math:`E\hat\beta = \tau + \delta`, with
    :math:`\tau_{pre} = 0` and :math:`\delta_{ref} = 0`. The interval covers :math:`l'\tau_{post}` whatever
    :math:`\delta` in the restriction

    ======================  ====================================================================================
    relative_magnitudes     :math:`|\delta_{t+1} - \delta_t| \le \bar M \max_{s<0} |\delta_{s+1} - \delta_s|`, t >= 0
    smoothness              :math:`|\Delta^2 \delta_t| \le M` everywhere (M = 0: linear trends)
    relative_smoothness     :math:`|\Delta^2 \delta_t| \le \bar M \max_{s<0} |\Delta^2 \delta_s|`, t >= 0
    ======================  ====================================================================================

    where the reference is period 0 and :math:`\Delta^2 \delta_t = \delta_{t+1} - 2 \delta_t + \delta_{t-1}`.

    Parameters
    ----------
    effects : Effects
        Effects by horizon, or by cohort and time; with a covariance, and relative to one reference period. It may stand
        in the effects with value and variance zero, or be absent.
    weights : "first", "average", or mapping of horizon to weight
        l: the first effect after treatment, their plain average, or any weights on horizons after the reference.
    restriction : {"relative_magnitudes", "smoothness", "relative_smoothness"}
    sign : "positive" or "negative", optional
        Violations after the reference have this sign (or are zero): what else moved treated units is known to have
        moved them up, or down. DeltaSDPB, DeltaRMNB and so on of R HonestDiD.
    monotone : "increasing" or "decreasing", optional
        Violations do not change direction after the reference, as secular trends do. DeltaSDI, DeltaRMD and so on. Not
        with `sign`, which it implies.
    bounds : sequence of float, optional
        Values of Mbar (default 0.5, 1, 1.5, 2) or of M in units of the outcome (default: from 0 to the largest second
        difference of the estimates up to the reference).
    level : float
        Coverage.
    method : "c_lf" or "flci", optional
        Conditional test with a least favourable first stage, or fixed-length interval (smoothness without
        sign or direction only, and its default: shorter there).

    Notes
    -----
    Normal approximation with the given covariance. Moments that involve effects before treatment only are not used by
    c_lf. The set under a relative restriction is the smallest interval that holds the union of the sets in which each
    difference before treatment, with either sign, is the largest. A sign or a direction makes identified sets smaller;
    where it does not bind an interval may be a little longer, since the test guards more moments. Source: Rambachan and
    Roth (2023); Andrews, Roth and Pakes (2023) for c_lf; Armstrong and Kolesar (2018) for flci.

    Raises
    ------
    EffectsError
        Where effects are not by horizon, or there is no one reference period (as with a varying base period).
    NoPrePeriodError
        Where the restriction needs more effects before treatment.
    SingularCovarianceError
    """
    if restriction not in get_args(Restriction):
        raise OptionError("restriction", restriction, get_args(Restriction))
    if sign is not None:
        check_choice("sign", sign, Sign)
    if monotone is not None:
        check_choice("monotone", monotone, Direction)
        if sign is not None:
            raise OptionError("monotone", monotone, [f"None with sign={sign!r}"])
    fixed = restriction == "smoothness" and sign is None and monotone is None
    allowed: tuple[Method, ...] = ("flci", "c_lf") if fixed else ("c_lf",)
    chosen = allowed[0] if method is None else method
    if chosen not in allowed:
        raise OptionError("method", chosen, allowed)
    check_level(level)
    path = EventPath.of(effects)
    if restriction == "relative_smoothness" and path.n_pre < 2:
        raise NoPrePeriodError("relative_smoothness needs two effects before the reference period")
    post = path.post_weights(weights)
    full = np.concatenate([np.zeros(path.n_pre), post])
    path.require_rank(np.vstack([np.eye(len(full))[: path.n_pre], full]), "effects before treatment and of interest")
    used = _checked(bounds, restriction, path)
    shape = shape_rows(path.n_pre, path.n_post, sign, monotone)
    interval = _intervals(path, post, restriction, chosen, 1 - level, shape)
    ends = np.array([interval(bound) for bound in used]).reshape(-1, 2)
    effect = path.effects.combine(full)
    original = effect.conf_int(level).iloc[0]
    step = 1.0 if restriction != "smoothness" else float(np.sqrt(full @ path.covariance @ full))
    return HonestDiD(
        frame=pd.DataFrame({"bound": used, "low": ends[:, 0], "high": ends[:, 1]}),
        estimate=float(effect.values[0]),
        original=(float(original["low"]), float(original["high"])),
        breakdown=_breakdown(interval, step),
        restriction=restriction,
        method=chosen,
        level=level,
        weights=pd.Series(post, index=pd.Index(path.horizons[path.n_pre :], name="horizon"), name="weight"),
        reference=path.reference,
        sign=sign,
        monotone=monotone,
    )


def _intervals(
    path: EventPath,
    weights: np.ndarray,
    restriction: Restriction,
    method: Method,
    alpha: float,
    shape: np.ndarray | None,
) -> Callable[[float], Interval]:
    """Return the function from a bound to its interval."""
    if method == "flci":
        best = BiasVariance.of(path.n_pre, weights, path.covariance)

        def fixed(bound: float) -> Interval:
            found = best.interval(path.values, bound, alpha)
            return found.estimate - found.half_length, found.estimate + found.half_length

        return fixed
    order = 1 if restriction == "relative_magnitudes" else 2
    option = "absolute" if restriction == "smoothness" else "relative"

    def inverted(bound: float) -> Interval:
        pieces = step_bounds(path.n_pre, weights, order, shape=shape, **{option: bound})
        return hull(pieces, path.values, path.covariance, alpha)

    return inverted


def _checked(bounds: Sequence[float] | None, restriction: Restriction, path: EventPath) -> np.ndarray:
    if bounds is None and restriction != "smoothness":
        return np.array(_RELATIVE_BOUNDS)
    if bounds is None:
        if path.n_pre < 2:
            raise NoPrePeriodError("one effect before treatment says nothing about changes of slope; give bounds")
        bends = differences(path.n_pre, path.n_post, 2)[: path.n_pre - 1] @ path.values
        return np.array(_SMOOTH_SHARES) * np.abs(bends).max()
    used = np.asarray(bounds, dtype=float)
    if used.ndim != 1 or not np.isfinite(used).all() or (used < 0).any():
        raise EffectsError(f"bounds={bounds!r}: a list of finite numbers, none negative, is needed")
    return used


def _breakdown(interval: Callable[[float], Interval], step: float) -> float:
    """Smallest bound whose interval holds zero, by doubling and bisection."""

    def holds_zero(bound: float) -> bool:
        low, high = interval(bound)
        return low <= 0 <= high

    if holds_zero(0.0):
        return 0.0
    low, high = 0.0, step
    for _ in range(_DOUBLINGS):
        if holds_zero(high):
            break
        low, high = high, 2 * high
    else:
        return np.inf
    while high - low > _BREAKDOWN_TOLERANCE * high:
        middle = (low + high) / 2
        low, high = (low, middle) if holds_zero(middle) else (middle, high)
    return high
