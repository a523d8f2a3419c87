"""P-values adjusted for testing several effects at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import special

from aigreen.arguments import typed
from aigreen.effects.effects import Effects
from aigreen.effects.multiplier import Multipliers, draws
from aigreen.errors import EffectsError, NoInfluenceError
from aigreen.options import check_draws

_BLOCK = 1000


@typed
def multiple_testing(
    effects: Effects, *, n_draws: int = 9999, multipliers: Multipliers = "rademacher", seed: int = 0
) -> pd.DataFrame:
    r"""P-values of each effect alone, and adjusted by Holm and by the Romano-Wolf step-down.

    Romano-Wolf: with effects ordered by :math:`|t_1| \ge |t_2| \ge \dots` and multiplier draws of their joint
    distribution :math:`z_j = \sum_c \xi_c \psi_{cj} / \hat\sigma_j`,

    .. math:: p_j = \max_{i \le j} \frac{1 + \#\{\max_{k \ge i} |z_k| \ge |t_i|\}}{1 + B},

    which controls the probability of any false rejection and, unlike Holm, uses the correlation of the effects.
    :math:`|t_i|` is the normal quantile of the p-value of effect i alone, so that the degrees of freedom that few
    treated clusters leave count; no adjusted p-value is below that of the effect alone.

    Parameters
    ----------
    effects : Effects
        Any results, stacked by `concat` where they come from several models. Without influence functions but with a
        joint covariance (as from `conley`), normal draws are used.
    n_draws, multipliers, seed
        Of the bootstrap, whose multipliers are normal where an effect rests on fewer than `MANY` treated clusters: sums
        of few signs have too light tails.

    Returns
    -------
    DataFrame
        Columns estimate, p_value, holm, romano_wolf; nan for effects without variance (reference periods).

    Notes
    -----
    Source: Romano and Wolf (2005, 2016), with the multiplier bootstrap of Chernozhukov, Chetverikov and Kato (2013);
    Holm (1979).
    """
    check_draws(n_draws, seed)
    table = effects.to_frame()[["estimate", "p_value"]].assign(holm=np.nan, romano_wolf=np.nan)
    errors = effects.std_errors.to_numpy()
    live = np.flatnonzero((errors > 0) & table["p_value"].notna().to_numpy())
    if not live.size:
        raise EffectsError("no effect has a variance: nothing to test")
    # The normal quantile of each p-value: with few clusters the t statistic has heavier tails than the draws.
    t = np.abs(special.ndtri(table["p_value"].to_numpy()[live] / 2))
    table.iloc[live, 2] = holm(table["p_value"].to_numpy()[live])
    part = effects.select(np.isin(np.arange(len(effects)), live))
    stepped = step_down(t, _standard_draws(part, errors[live], n_draws, multipliers, seed))
    # Draws of few clusters have lighter tails than the statistic of one effect.
    table.iloc[live, 3] = np.maximum(stepped, table["p_value"].to_numpy()[live])
    return table


def holm(p: np.ndarray) -> np.ndarray:
    r"""Holm p-values, :math:`\max_{i \le j} \min(1, (k - i + 1) p_{(i)})`."""
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return adjusted


def step_down(t: np.ndarray, blocks: Iterator[np.ndarray]) -> np.ndarray:
    """Romano-Wolf p-values of statistics, shape (k,), given blocks of draws, each of shape (block, k)."""
    order = np.argsort(-t, kind="stable")
    count, total = np.zeros(len(t)), 0
    for z in blocks:
        worst = np.maximum.accumulate(np.abs(z)[:, order[::-1]], axis=1)[:, ::-1]
        count += (worst >= t[order]).sum(axis=0)
        total += len(z)
    adjusted = np.empty(len(t))
    adjusted[order] = np.maximum.accumulate((1 + count) / (1 + total))
    return adjusted


def _standard_draws(
    effects: Effects, errors: np.ndarray, n_draws: int, multipliers: Multipliers, seed: int
) -> Iterator[np.ndarray]:
    if effects.psi is not None:
        yield from draws(effects.psi / errors, n_draws, "normal" if effects.few_treated else multipliers, seed)
        return
    correlation = effects.covariance / np.outer(errors, errors)
    if np.isnan(correlation).any():
        raise NoInfluenceError(f"{effects.method} has no joint covariance, which the step-down needs")
    values, vectors = np.linalg.eigh(correlation)
    root = (vectors * np.sqrt(np.maximum(values, 0))).T
    rng = np.random.default_rng(seed)
    for start in range(0, n_draws, _BLOCK):
        yield rng.standard_normal((min(_BLOCK, n_draws - start), len(errors))) @ root
