"""Power of the usual test of pre-trends, and what passing it does to the estimates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import linalg, optimize, special

from aigreen.arguments import typed
from aigreen.effects.effects import Effects
from aigreen.errors import EffectsError
from aigreen.inference.event_path import EventPath
from aigreen.options import check_level

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_POINTS = 2**15


@dataclass(frozen=True, eq=False)
class PretrendPower:
    """Result of `pretrend_power`.

    Attributes
    ----------
    power : float
        Probability that some effect before treatment is significant if the violation is true.
    bayes_factor : float
        Probability of passing under the violation relative to that under parallel trends.
    likelihood_ratio : float
        Density of the estimates before treatment under the violation relative to that under parallel trends.
    frame : DataFrame
        By horizon, the reference included: estimate, violation (the bias of the estimates), after_passing (their bias
        in samples that pass the test).
    level : float
        One less the size of each test.
    """

    power: float
    bayes_factor: float
    likelihood_ratio: float
    frame: pd.DataFrame = field(repr=False)
    level: float

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the estimates, the violation, and the bias in samples that pass."""
        from aigreen.effects.fonts import lettered
        from aigreen.effects.plot import INK, MARK, axes

        ax = axes(ax)
        ax.axhline(0, color="black", linewidth=0.6, zorder=1)
        ax.plot(self.frame["estimate"], linestyle="none", marker="o", markersize=4.5, color=INK, label="estimate")
        ax.plot(self.frame["violation"], color=MARK, linewidth=1.4, label=f"violation (power {self.power:.2f})")
        ax.plot(self.frame["after_passing"], color=MARK, linewidth=1.4, linestyle=":", label="bias after passing")
        ax.set_xlabel("Periods since treatment")
        ax.set_ylabel("Effect")
        locator: Any = ax.xaxis.get_major_locator()
        locator.set_params(integer=True)
        ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
        return lettered(ax)


@typed
def pretrend_power(
    effects: Effects,
    *,
    slope: float | None = None,
    violation: Mapping[int, float] | pd.Series | None = None,
    level: float = 0.95,
) -> PretrendPower:
    r"""Power of the test that no effect before treatment is significant, against a violation of parallel trends.

    With :math:`\hat\beta \sim N(\delta + \tau, \Sigma)`, the test is passed where :math:`|\hat\beta_t| \le
    z_{1-\alpha/2} \sigma_t` for all t before the reference. Its power is the probability of leaving this box under
    :math:`\delta`; the bias of later estimates given that it is passed is

    .. math:: \delta_{post} + \Sigma_{post,pre} \Sigma_{pre}^{-1}
              (E[\hat\beta_{pre} \mid \text{passed}] - \delta_{pre}).

    Parameters
    ----------
    effects : Effects
        Effects by horizon, or by cohort and time, relative to one reference period.
    slope : float, optional
        Of a linear violation.
    violation : mapping of horizon to value, optional
        Any other one, at each horizon but the reference. Give this or a slope.
    level : float
        One less the size of each test.

    Notes
    -----
    Normal probabilities by Genz's separation of variables on a fixed lattice, the same on every run; errors are below
    1e-4 for up to ten effects. Source: Roth (2022).
    """
    path = EventPath.of(effects)
    delta = _violation(path, slope, violation)
    pre = slice(path.n_pre)
    sigma, half = _pretest(path, level)
    passing, mean = truncated_moments(delta[pre], sigma, half)
    passing_if_parallel, _ = truncated_moments(np.zeros(path.n_pre), sigma, half)
    regression = path.covariance[:, pre] @ np.linalg.inv(sigma)
    after = delta + regression @ (mean - delta[pre])
    distance = [np.linalg.solve(sigma, gap) @ gap for gap in (path.values[pre], path.values[pre] - delta[pre])]
    frame = pd.DataFrame(
        {"estimate": path.values, "violation": delta, "after_passing": after},
        index=pd.Index(path.horizons, name="horizon"),
    )
    frame.loc[path.reference] = 0.0
    return PretrendPower(
        power=1 - passing,
        bayes_factor=passing / passing_if_parallel,
        likelihood_ratio=float(np.exp((distance[0] - distance[1]) / 2)),
        frame=frame.sort_index(),
        level=level,
    )


@typed
def slope_for_power(effects: Effects, power: float = 0.5, *, level: float = 0.95) -> float:
    """Slope of a linear violation of parallel trends that the test of pre-trends finds with probability `power`.

    Parameters
    ----------
    effects : Effects
        As in `pretrend_power`.
    power : float
    level : float
        One less the size of each test.

    Notes
    -----
    The power is the same for a slope and its negative; the positive one is returned. Source: Roth (2022).

    Raises
    ------
    EffectsError
        Where the test rejects more often than `power` without any violation.
    """
    path = EventPath.of(effects)
    sigma, half = _pretest(path, level)
    distance = path.distance[: path.n_pre]

    def excess(slope: float) -> float:
        return 1 - truncated_moments(slope * distance, sigma, half)[0] - power

    if not excess(0.0) < 0 < 1 - power:
        raise EffectsError(f"power={power}: between the size of the test, {excess(0.0) + power:.3f}, and 1 is needed")
    high = float(half.max())
    while excess(high) <= 0:
        high *= 2
    return float(optimize.brentq(excess, 0.0, high, xtol=1e-12 * high, rtol=1e-12))


def truncated_moments(mean: np.ndarray, covariance: np.ndarray, half: np.ndarray) -> tuple[float, np.ndarray]:
    """Probability that a normal vector lies in the box [-half, half], and its mean given that it does.

    Genz (1992): one coordinate after another is drawn inside the box given those before; the lattice (square roots of
    primes, folded) makes the result smooth in its arguments and free of seeds.
    """
    k = len(mean)
    root = linalg.cholesky(covariance, lower=True)
    lattice = (np.arange(1, _POINTS + 1)[:, None] * np.sqrt(_primes(k)) + 0.5) % 1
    uniform = 1 - np.abs(2 * lattice - 1)
    weight, z = np.ones(_POINTS), np.zeros((_POINTS, k))
    for i in range(k):
        centre = mean[i] + z[:, :i] @ root[i, :i]
        side = np.where(centre < 0, -1.0, 1.0)
        low = special.ndtr((-half[i] - side * centre) / root[i, i])
        high = special.ndtr((half[i] - side * centre) / root[i, i])
        weight *= high - low
        z[:, i] = side * special.ndtri(np.maximum(low + uniform[:, i] * (high - low), 1e-300))
    probability = float(weight.mean())
    if probability == 0:
        return 0.0, np.full(k, np.nan)
    return probability, mean + root @ (weight @ z / weight.sum())


def _pretest(path: EventPath, level: float) -> tuple[np.ndarray, np.ndarray]:
    check_level(level)
    path.require_rank(np.eye(len(path.values))[: path.n_pre], "effects before treatment")
    sigma = path.covariance[: path.n_pre, : path.n_pre]
    return sigma, special.ndtri((1 + level) / 2) * np.sqrt(np.diag(sigma))


def _violation(path: EventPath, slope: float | None, violation: Mapping[int, float] | pd.Series | None) -> np.ndarray:
    if (slope is None) == (violation is None):
        raise EffectsError("give either a slope or a violation by horizon")
    if slope is not None:
        return float(slope) * path.distance
    found = pd.Series(violation, dtype=float).reindex(path.horizons)
    if not np.isfinite(found).all():
        raise EffectsError(f"the violation needs a value at each of the horizons {', '.join(map(str, path.horizons))}")
    return found.to_numpy()


def _primes(k: int) -> np.ndarray:
    found: list[int] = []
    candidate = 2
    while len(found) < k:
        if all(candidate % p for p in found):
            found.append(candidate)
        candidate += 1
    return np.array(found, dtype=float)
