"""The names under which statsmodels and what reads its results look for estimates, errors and sample sizes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Model:
    """Names of the outcome and of the effects, as statsmodels keeps them on a model."""

    endog_names: str
    exog_names: list[str]


class StatsmodelsResults:
    """Mixin of `Effects`; ``summary_col([effects, ...])`` of statsmodels makes a table of these."""

    if TYPE_CHECKING:
        outcome: str
        method: str
        index: pd.Index
        n_rows: int
        n_clusters: int
        df: float | None
        estimates: pd.Series
        std_errors: pd.Series
        vcov: pd.DataFrame
        to_frame: Callable[[], pd.DataFrame]

    @property
    def params(self) -> pd.Series:
        """Point estimates, shape (k,)."""
        return self.estimates

    @property
    def bse(self) -> pd.Series:
        """Standard errors, shape (k,)."""
        return self.std_errors

    @property
    def tvalues(self) -> pd.Series:
        """Estimates over their small-sample errors, shape (k,); nan without variance. See `Effects.to_frame`."""
        return self.to_frame()["statistic"]

    @property
    def pvalues(self) -> pd.Series:
        """Two-sided p-values, shape (k,), of the t distribution with `df` degrees of freedom or the normal one."""
        return self.to_frame()["p_value"]

    def cov_params(self) -> pd.DataFrame:
        """Covariance matrix, shape (k, k)."""
        return self.vcov

    @property
    def nobs(self) -> int:
        """Rows of the estimation sample."""
        return self.n_rows

    @property
    def df_resid(self) -> float:
        """Degrees of freedom of the intervals; infinite for the normal distribution."""
        return np.inf if self.df is None else float(self.df)

    @property
    def use_t(self) -> bool:
        """Whether intervals are of the t distribution."""
        return self.df is not None

    @property
    def model(self) -> Model:
        """Names of the outcome and of the effects."""
        return Model(self.outcome, labels(self.index))

    @property
    def default_model_infos(self) -> dict[str, Callable[[StatsmodelsResults], str]]:
        """Rows below the estimates in `summary_col`."""
        return {
            "N": lambda result: f"{result.n_rows:d}",
            "Clusters": lambda result: f"{result.n_clusters:d}",
            "Estimator": lambda result: result.method,
        }


def called_by_statsmodels() -> bool:
    """Whether the caller of the function that asks is code of statsmodels, past the frames of this package."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").startswith("aigreen."):
        frame = frame.f_back
    return frame is not None and frame.f_globals.get("__name__", "").startswith("statsmodels.")


def labels(index: pd.Index) -> list[str]:
    """Return the labels of effects as text, levels joined by commas."""
    return [", ".join(map(_label, key)) if isinstance(key, tuple) else _label(key) for key in index]


def _label(key: object) -> str:
    """Write a label; a dose without the last digits of its arithmetic."""
    return f"{key:.10g}" if isinstance(key, float) else str(key)
