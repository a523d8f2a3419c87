"""What it takes to bring the part of a channel to zero: correlated errors and omitted variables, for every channel."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from aigreen.decomposition.estimates import compute_factors
from aigreen.decomposition.options import PartOptions
from aigreen.decomposition.sample import prepare
from aigreen.errors import OptionError
from aigreen.inference.channel_sensitivity import ChannelFit
from aigreen.panel.dropped import Dropped
from aigreen.panel.panel import Panel


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
