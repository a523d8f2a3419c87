"""How the parts of an effect depend on what counts as exposed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from aigreen.arguments import typed
from aigreen.decomposition.decomposition import Decomposition
from aigreen.effects.effects import Effects
from aigreen.effects.joint import concat
from aigreen.errors import OptionError
from aigreen.panel.panel import Panel


@typed
def ring_curve(
    estimator: Decomposition,
    panel: Panel,
    outcome: str,
    exposures: Sequence[str] | Mapping[str, str | Sequence[str]],
    *,
    covariates: str | Sequence[str] | None = None,
) -> Effects:
    """Estimate the overall parts once for each definition of exposure, with one covariance of all of them.

    With rings that grow, an effect that reaches farther than the ring stays in the control group; parts that no longer
    change with the radius say that the ring is wide enough. Differences between rings have their own errors and tests:
    ``(curve["50 km"] - curve["100 km"])["spillover"]``.

    Parameters
    ----------
    estimator : Decomposition
        With any exposure; its other options apply to all.
    panel : Panel
    outcome : str
    exposures : sequence of str, or mapping of label to columns
        Each a column, or the columns of one definition.
    covariates : str or sequence of str, optional

    Returns
    -------
    Effects
        By exposure and part; each definition has its own clean rows.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> df = pd.DataFrame([(i, t) for i in range(40) for t in range(1, 5)], columns=["city", "year"])
    >>> df["first"] = 3 * (df.city < 10)
    >>> late = df.year >= 3
    >>> df["near"], df["wide"] = 1.0 * ((df.city % 4 == 1) & late), 1.0 * ((df.city % 2 == 1) & late)
    >>> df["y"] = df.city + df.year + 2.0 * ((df.city < 10) & late) + 0.5 * df.near
    >>> panel = Panel(df, unit="city", time="year", cohort="first")
    >>> curve = ring_curve(Decomposition(channels=[], exposure="near"), panel, "y", ["near", "wide"])
    >>> curve.estimates.round(3)["near"].to_dict()
    {'total': 2.15, 'direct': 2.0, 'spillover': 0.15}
    """
    named = dict(exposures) if isinstance(exposures, Mapping) else {name: name for name in exposures}
    if isinstance(exposures, str) or not named:
        raise OptionError("exposures", exposures, ["a list of columns, or a mapping of label to columns"])
    results = {
        label: replace(estimator, exposure=columns, leads=0).fit(panel, outcome, covariates=covariates).overall()
        for label, columns in named.items()
    }
    return concat(results, name="exposure")
