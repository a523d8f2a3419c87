"""An outcome at the quantile bins of another variable, other things equal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from aigreen.effects.effects import Effects
from aigreen.errors import DataError, OptionError
from aigreen.panel.dropped import Dropped
from aigreen.panel.panel import Panel
from aigreen.regression.twfe import TWFE

_FEWEST = 3


@dataclass(frozen=True, eq=False)
class BinnedMeans:
    """Result of `binned_means`.

    Attributes
    ----------
    means : Effects
        Adjusted outcome by bin.
    at : ndarray, shape (bins,)
        Mean of x in each bin.
    slope : Effects
        Coefficient of x in the linear regression with the same controls.
    centre : (float, float)
        Means of x and of the outcome: the point on the line.
    x : ndarray, shape (rows,)
        Values that the bins divide.
    """

    means: Effects
    at: np.ndarray
    slope: Effects
    centre: tuple[float, float]
    x: np.ndarray


def binned_means(
    panel: Panel,
    outcome: str,
    x: str,
    *,
    covariates: Sequence[str] = (),
    fixed_effects: Sequence[str] | None = None,
    bins: int = 20,
) -> BinnedMeans:
    r"""Outcome at the quantile bins of x, at the mean of covariates and fixed effects.

    Bins are quantiles of x itself; a least value that more than a bin's share of the rows have, such as zero, is a bin
    of its own beside those of the other rows. The regression

    .. math:: y_{it} = f(x_{it}) + w_{it}'\gamma + \alpha_i + \lambda_t + e_{it}

    has f linear inside each bin and continuous between them; shown is
    :math:`\bar y + \hat f(\bar x_b) - \overline{\hat f(x)}` at the mean :math:`\bar x_b` of each bin.

    Parameters
    ----------
    panel : Panel
    outcome, x : str
    covariates : sequence of str
    fixed_effects : sequence of str, optional
        Default: unit and time.
    bins : int
        Three or more. Ties in x can leave fewer.

    Notes
    -----
    Source: Cattaneo, Crump, Farrell and Feng (2024), with polynomials of degree one and one smoothness constraint. They
    show that residualising x and y first, as is often done, distorts the shape. With f constant inside bins, the most
    common form, fixed effects would leave only units that change bins to speak, and a slope within units would seem
    flatter than it is; here a linear relation is found exactly. Bins hold equally many rows, and their number is not
    chosen to minimise error. Errors are those of the difference to the overall mean, clustered as the panel is.

    Raises
    ------
    OptionError, DataError
        Where x takes too few values for three bins.
    CollinearError
        Where the fixed effects determine x.
    """
    if bins < _FEWEST:
        raise OptionError("bins", bins, [10, 20, 50])
    dropped = Dropped()
    sample = panel.complete([outcome, x, *covariates], dropped)
    values, y = sample.column(x), sample.column(outcome)
    weights = np.ones(len(y)) if sample.weights is None else sample.weights
    knots, tops = _knots(values, bins)
    code = np.unique(np.searchsorted(tops, values, side="left"), return_inverse=True)[1]
    count = int(code.max()) + 1
    if count < _FEWEST:
        raise DataError(f"column {x!r} takes too few values for {_FEWEST} quantile bins", column=x, count=count)
    at = np.bincount(code, weights * values) / np.bincount(code, weights)
    names = [panel.names["unit"], panel.names["time"]] if fixed_effects is None else list(fixed_effects)
    # Hat functions of the knots; they sum to one, so that the first is left out.
    hats, hats_at = (np.column_stack([np.interp(v, knots, e) for e in np.eye(len(knots))[1:]]) for v in (values, at))
    terms = [f"knot {k}" for k in range(1, len(knots))]
    work = _panel(sample, {"y": y, "x": values} | dict(zip(terms, hats.T, strict=True)), covariates, names)
    effects = [f"effect {j}" for j in range(len(names))]
    controls = [f"covariate {j}" for j in range(len(covariates))]
    model = TWFE(fixed_effects=effects)
    fitted = model.fit(work, "y", treatment=terms, covariates=controls)
    slope = model.fit(work, "y", treatment="x", covariates=controls)
    contrast = np.zeros((len(fitted), count))
    contrast[: len(terms)] = (hats_at - np.average(hats, axis=0, weights=weights)).T
    gaps = fitted.combine(pd.DataFrame(contrast, index=fitted.index, columns=pd.RangeIndex(count, name="bin")))
    centre = (float(np.average(values, weights=weights)), float(np.average(y, weights=weights)))
    return BinnedMeans(
        means=replace(gaps, values=gaps.values + centre[1], dropped=pd.concat([dropped.to_frame(), gaps.dropped])),
        at=at,
        slope=slope.select(np.arange(len(slope)) == 0),
        centre=centre,
        x=values,
    )


def _knots(values: np.ndarray, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Knots of the line, and the upper ends of all bins but the last."""
    least = values == values.min()
    if least.mean() <= 1 / bins or least.all():
        knots = np.unique(np.quantile(values, np.arange(bins + 1) / bins))
        return knots, knots[1:-1]
    others = np.unique(np.quantile(values[~least], np.arange(bins) / (bins - 1)))
    return np.append(values.min(), others), np.append(values.min(), others[1:-1])


def _panel(sample: Panel, columns: dict[str, np.ndarray], covariates: Sequence[str], effects: Sequence[str]) -> Panel:
    """Panel of the regressors under safe names, with the keys, clusters and weights of the sample."""
    keys = {"unit": sample.unit_codes, "time": sample.time, "cluster": sample.cluster_codes}
    keys |= {} if sample.weights is None else {"weights": sample.weights}
    columns |= {f"covariate {j}": sample.column(name) for j, name in enumerate(covariates)}
    columns |= {f"effect {j}": sample.effect_codes(name) for j, name in enumerate(effects)}
    return Panel(pd.DataFrame(keys | columns), **{role: role for role in keys})
