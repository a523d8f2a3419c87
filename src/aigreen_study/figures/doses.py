"""Effects by dose, and the true ones where the data are simulated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from aigreen.effects.multiplier import Band
from aigreen.effects.plot import MARK, PALE
from aigreen.errors import ReportError
from aigreen_study.figures.style import ABOVE, BLUE, RULE, canvas, finish, style
from aigreen_study.specification.adoption import Lines

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def dose_figure(
    curve: Lines, *, xlabel: str, ylabel: str, level: float = 0.95, simulated: bool = False, **band: Unpack[Band]
) -> Figure:
    """Draw a curve over the dose with its pointwise and simultaneous bands, and the truth as a dashed line.

    Parameters
    ----------
    curve : Lines
        Effects by dose.
    band
        n_draws, multipliers and seed of the simultaneous band.

    Raises
    ------
    ReportError
        Where effects are not by dose.
    """
    effects = curve.effects
    if effects.index.names != ["dose"]:
        raise ReportError(f"a curve needs effects by dose, not by {', '.join(map(str, effects.index.names))}")
    at = effects.index.to_numpy(dtype=float)
    narrow, wide = effects.conf_int(level), effects.conf_int(level, simultaneous=True, **band)
    with style():
        figure, ax = canvas()
        ax.axhline(0, **RULE)
        shades = ((wide, PALE, f"{level:.0%} simultaneous"), (narrow, "0.75", f"{level:.0%} pointwise"))
        for bounds, shade, label in shades:
            ax.fill_between(at, bounds["low"], bounds["high"], color=shade, linewidth=0, alpha=0.6, label=label)
        ax.plot(at, effects.values, color=BLUE, label="Estimate", zorder=3)
        if curve.truth is not None:
            ax.plot(at, curve.truth, color=MARK, linestyle=(0, (5, 1.5)), label="Truth", zorder=4)
        ax.set_xlabel(xlabel)
        ax.set_ylabel(ylabel)
        ax.legend(ncols=4, **ABOVE)
        return finish(figure, simulated=simulated)
