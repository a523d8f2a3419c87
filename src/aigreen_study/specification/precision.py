"""What an estimate could have found: the smallest effect that its test sees with a given probability."""

from __future__ import annotations

from scipy import special

from aigreen.effects.effects import Effects

POWER = 0.8


def detectable(effect: Effects, level: float, power: float = POWER) -> float:
    r"""Compute the smallest effect that a two-sided test finds with probability `power`, nan without an error.

    .. math:: (t_{\nu, (1 + level) / 2} + t_{\nu, power}) s

    with the small-sample error s and the degrees of freedom of `Effects.effective_clusters`.

    Parameters
    ----------
    effect : Effects
        Of one effect.
    level : float
        One less the size of the test.
    """
    line = effect.effective_clusters().iloc[0]
    quantiles = special.stdtrit(line["df"], [(1 + level) / 2, power])
    return float(quantiles.sum() * line["small_sample_error"])
