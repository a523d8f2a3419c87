"""Results under the names of broom, which modelsummary and code from R look for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from aigreen.arguments import typed
from aigreen.effects.as_statsmodels import labels
from aigreen.effects.frames import Backend, in_kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from aigreen.effects.small_samples import Spread

_NAMES = {"std_error": "std.error", "p_value": "p.value", "conf_low": "conf.low", "conf_high": "conf.high"}


class Tidy:
    """Mixin of `Effects`."""

    if TYPE_CHECKING:
        outcome: str
        method: str
        index: pd.Index
        n_rows: int
        n_units: int
        n_clusters: int
        to_frame: Callable[[float], pd.DataFrame]
        df: float | None

        @property
        def _spread(self) -> Spread | None: ...

    @typed
    def tidy(self, level: float = 0.95, *, backend: Backend = "pandas") -> Any:
        """`to_frame` with the columns of broom, one row an effect.

        With few treated clusters statistic, p.value and the interval rest on the small-sample error of
        `Effects.effective_clusters`, which is larger than std.error: statistic is then less than estimate / std.error.

        Parameters
        ----------
        level : float
        backend : {"pandas", "polars", "pyarrow"}
            Kind of frame.

        Returns
        -------
        DataFrame
            term (the label as text), each level of the index but term and effect, estimate, std.error, statistic,
            p.value, conf.low, conf.high.
        """
        table = self.to_frame(level).rename(columns=_NAMES)
        levels = {
            name: self.index.get_level_values(name) for name in self.index.names if name not in ("term", "effect")
        }
        keys = pd.DataFrame({"term": labels(self.index)} | levels)
        return in_kind(pd.concat([keys.reset_index(drop=True), table.reset_index(drop=True)], axis=1), backend)

    def glance(self) -> pd.DataFrame:
        """One row about the fit: nobs, n.units, n.clusters, df.residual, method, outcome.

        df.residual is that of the intervals, infinite where they are normal. It is left out where effects differ in it,
        as with few treated clusters: `Effects.effective_clusters` has that of each.

        A difference, sum or stack of samples has the smallest nobs, n.units and n.clusters of them;
        ``conventions["samples"]`` has those of each.
        """
        sizes = {"nobs": self.n_rows, "n.units": self.n_units, "n.clusters": self.n_clusters}
        if self._spread is None:
            degrees = np.array([np.inf if self.df is None else float(self.df)])
        else:
            degrees = self._spread.df[~np.isnan(self._spread.df)]
        one = {"df.residual": degrees[0]} if degrees.size and np.allclose(degrees, degrees[0], rtol=1e-9) else {}
        return pd.DataFrame([sizes | one | {"method": self.method, "outcome": self.outcome}])
