"""What it takes to bring the part of a channel to zero: correlated errors and omitted variables, for every channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from aigreen.dropped import Dropped
from aigreen.errors import OptionError
from aigreen.inference.channel_sensitivity import channel_sensitivity
from aigreen.inference.sensitivity import robustness
from aigreen.panel import Panel
from aigreen.part_estimates import compute_factors
from aigreen.part_options import PartOptions
from aigreen.part_setup import prepare

RHO = tuple(float(r) for r in np.round(np.linspace(-0.9, 0.9, 19), 10))


@dataclass(frozen=True, eq=False)
class ChannelFit:
    """Factors of each channel's part and the residuals that the slopes were estimated from.

    Attributes
    ----------
    names : list of str, length K
    moved, slopes : ndarray, shape (K,)
        Effect on each channel, and the channel's coefficient.
    psi : ndarray, shape (clusters, K, 2)
        Influence functions of the two.
    channels : ndarray, shape (n, K)
        Residuals of the channels off all but each other.
    outcome : ndarray, shape (n,)
        Residual of the outcome off the channels too.
    weights : ndarray, shape (n,), or None
    clusters : ndarray of int, shape (n,)
    df : int
        Residual degrees of freedom of the outcome's regression.
    """

    names: list[str]
    moved: np.ndarray
    slopes: np.ndarray
    psi: np.ndarray
    channels: np.ndarray
    outcome: np.ndarray
    weights: np.ndarray | None
    clusters: np.ndarray
    df: int

    def frame(self, rho: Sequence[float], level: float) -> pd.DataFrame:
        """Sensitivity of every channel, by channel and rho."""
        root = np.ones((len(self.outcome), 1)) if self.weights is None else np.sqrt(self.weights)[:, None]
        u, e = self.channels * root, self.outcome * root[:, 0]
        tables = {}
        for k, name in enumerate(self.names):
            others = np.delete(u, k, axis=1)
            own = u[:, k] - others @ np.linalg.lstsq(others, u[:, k], rcond=None)[0]
            curve = channel_sensitivity(
                float(self.moved[k]),
                float(self.slopes[k]),
                self.psi[:, k],
                own,
                e,
                clusters=self.clusters,
                rho=rho,
                level=level,
            )
            zero = curve.rho_at_zero
            found = robustness(zero / np.sqrt(1 - zero**2) * np.sqrt(self.df), self.df, level=level)
            tables[name] = curve.frame.assign(
                rho_at_zero=zero,
                rho_at_zero_std_error=curve.rho_at_zero_std_error,
                partial_r2=found.partial_r2,
                robustness_value=found.value,
                robustness_value_significance=found.value_significance,
            )
        return pd.concat(tables, names=["channel"])


def split_sensitivity(
    options: PartOptions,
    panel: Panel,
    outcome: str,
    covariates: Sequence[str] | None,
    rho: Sequence[float],
    level: float,
) -> pd.DataFrame:
    """Sensitivity of the channels of a decomposition; see `aigreen.Decomposition.sensitivity`."""
    if not options.channels:
        raise OptionError("channels", list(options.channels), ["one column at least"])
    if options.ordered:
        raise OptionError("ordered", options.ordered, [False])
    setup = prepare(options, panel, outcome, covariates, Dropped())
    values, psi = compute_factors(options, setup)
    fit, k = setup.fit, len(options.channels)
    rows = fit.effects.rows
    found = ChannelFit(
        list(options.channels),
        values[1::2],
        values[::2],
        psi.reshape(len(psi), k, 2)[:, :, ::-1],
        fit.channels[rows],
        fit.rest[rows],
        fit.weights,
        setup.sample.cluster_codes[rows],
        len(rows) - fit.effects.rank - fit.covariates.shape[1] - k,
    )
    return found.frame(rho, level)
