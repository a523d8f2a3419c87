"""Binned scatter: adjusted means of an outcome by quantile bins of another variable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aigreen.did.twfe import TWFE
from aigreen.dropped import Dropped
from aigreen.effects import Effects
from aigreen.errors import DataError, OptionError
from aigreen.panel import Panel
from aigreen.report.figures.style import ABOVE, BAR, COLOURS, canvas, finish, number, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FEWEST = 3


@dataclass(frozen=True, eq=False)
class BinnedMeans:
    """Result of `binned_means`.

    Attributes
    ----------
    means : Effects
        Adjusted mean of the outcome by bin.
    at : ndarray, shape (bins,)
        Mean of x in each bin.
    slope : Effects
        Coefficient of x in the linear regression with the same controls.
    centre : (float, float)
        Means of x and of the outcome: the point on the line.
    """

    means: Effects
    at: np.ndarray
    slope: Effects
    centre: tuple[float, float]


def binned_means(
    panel: Panel,
    outcome: str,
    x: str,
    *,
    covariates: Sequence[str] = (),
    fixed_effects: Sequence[str] | None = None,
    bins: int = 20,
) -> BinnedMeans:
    r"""Mean outcome by quantile bin of x, at the mean of covariates and fixed effects.

    Bins are quantiles of x itself. In the regression

    .. math:: y_{it} = \sum_b \beta_b\, 1\{x_{it} \in b\} + w_{it}'\gamma + \alpha_i + \lambda_t + e_{it}

    the adjusted mean of bin b is :math:`\beta_b + \bar w'\gamma + \bar\alpha + \bar\lambda`, which is
    :math:`\bar y + \beta_b - \sum_a s_a \beta_a` with :math:`s_a` the share of rows in bin a.

    Parameters
    ----------
    panel : Panel
    outcome, x : str
    covariates : sequence of str
    fixed_effects : sequence of str, optional
        Default: unit and time. An empty sequence gives plain means where there are no covariates either.
    bins : int
        Three or more. Ties in x can leave fewer.

    Notes
    -----
    Errors are those of the difference to the overall mean, clustered as the panel is. Source: Cattaneo, Crump, Farrell
    and Feng (2024), who show that residualising x and y first, as is often done, distorts the shape. Bins here are of
    equal size and not chosen by them to minimise error.

    Raises
    ------
    OptionError, DataError
        Where x takes too few values for three bins.
    CollinearError
        Where the fixed effects determine the bins.
    """
    if bins < _FEWEST:
        raise OptionError("bins", bins, [10, 20, 50])
    dropped = Dropped()
    sample = panel.complete([outcome, x, *covariates], dropped)
    values, y = sample.column(x), sample.column(outcome)
    weights = np.ones(len(y)) if sample.weights is None else sample.weights
    cuts = np.unique(np.quantile(values, np.arange(1, bins) / bins))
    code = np.unique(np.searchsorted(cuts, values, side="left"), return_inverse=True)[1]
    count = int(code.max()) + 1
    if count < _FEWEST:
        raise DataError(f"column {x!r} takes too few values for {_FEWEST} quantile bins", column=x, count=count)
    names = [panel.names["unit"], panel.names["time"]] if fixed_effects is None else list(fixed_effects)
    dummies = [f"bin {b}" for b in range(1, count)]
    work = _panel(sample, {"y": y, "x": values} | {name: 1.0 * (code == b + 1) for b, name in enumerate(dummies)},
                  covariates, names)  # fmt: skip
    effects = [f"effect {j}" for j in range(len(names))]
    controls = [f"covariate {j}" for j in range(len(covariates))]
    model = TWFE(fixed_effects=effects)
    fitted = model.fit(work, "y", treatment=dummies, covariates=controls)
    slope = model.fit(work, "y", treatment="x", covariates=controls)
    share = np.bincount(code, weights) / weights.sum()
    contrast = np.zeros((len(fitted), count))
    contrast[: count - 1, 1:] = np.eye(count - 1)
    contrast[: count - 1] -= share[1:, None]
    gaps = fitted.combine(pd.DataFrame(contrast, index=fitted.index, columns=pd.RangeIndex(count, name="bin")))
    centre = (float(np.average(values, weights=weights)), float(np.average(y, weights=weights)))
    return BinnedMeans(
        means=replace(gaps, values=gaps.values + centre[1], dropped=pd.concat([dropped.to_frame(), gaps.dropped])),
        at=np.bincount(code, weights * values) / np.bincount(code, weights),
        slope=slope.select(np.arange(len(slope)) == 0),
        centre=centre,
    )


def binned_scatter(
    binned: BinnedMeans, *, xlabel: str, ylabel: str, level: float = 0.95, simulated: bool = False
) -> Figure:
    """Draw adjusted means by bin with their intervals, and the line of the same regression on x.

    Parameters
    ----------
    binned : BinnedMeans
        From `binned_means`.
    """
    bounds = binned.means.conf_int(level)
    slope, error = float(binned.slope.values[0]), float(binned.slope.std_errors.iloc[0])
    with style():
        figure, ax = canvas()
        ends = np.array([binned.at[0], binned.at[-1]])
        text = f"Linear: slope {number(slope)} (std. error {number(error, '.2g')})"
        ax.plot(ends, binned.centre[1] + slope * (ends - binned.centre[0]), color="#d55e00", label=text, zorder=2)
        ax.vlines(binned.at, bounds["low"], bounds["high"], color=BAR, linewidth=1.0, zorder=3)
        point = {"linestyle": "none", "marker": "o", "markersize": 4.5, "color": COLOURS[1], "zorder": 4}
        label = f"Adjusted mean of {len(binned.at)} bins, {level:.0%} interval"
        ax.plot(binned.at, binned.means.values, label=label, **point)
        ax.set_xlabel(xlabel)
        ax.set_ylabel(ylabel)
        ax.legend(ncols=2, **ABOVE)
        return finish(figure, simulated=simulated)


def _panel(sample: Panel, columns: dict[str, np.ndarray], covariates: Sequence[str], effects: Sequence[str]) -> Panel:
    """Panel of the regressors under safe names, with the keys, clusters and weights of the sample."""
    keys = {"unit": sample.unit_codes, "time": sample.time, "cluster": sample.cluster_codes}
    keys |= {} if sample.weights is None else {"weights": sample.weights}
    columns |= {f"covariate {j}": sample.column(name) for j, name in enumerate(covariates)}
    columns |= {f"effect {j}": sample.effect_codes(name) for j, name in enumerate(effects)}
    return Panel(pd.DataFrame(keys | columns), **{role: role for role in keys})
