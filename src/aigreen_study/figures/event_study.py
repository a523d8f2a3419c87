"""Effects by time since treatment, of one estimator or of several side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from aigreen.effects.effects import Effects
from aigreen.effects.plot import frame_intervals, horizon_ticks
from aigreen.errors import ReportError
from aigreen_study.charts import chart_points
from aigreen_study.figures.style import (
    ABOVE,
    BAR,
    COLOURS,
    MARKERS,
    RULE,
    STRIPE,
    canvas,
    distinct,
    finish,
    note_chart,
    note_points,
    style,
)
from aigreen_study.tables.formats import count, decimal, interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SPREAD = 0.64  # of the distance between two horizons, for the estimators of one
_ROOM = 230.0  # points: width of the axes that markers can fill


def event_study_figure(
    effects: Effects | Mapping[str, Effects],
    *,
    ylabel: str = "Effect",
    level: float = 0.95,
    simultaneous: bool = True,
    n_draws: int = 999,
    multipliers: str = "rademacher",
    seed: int = 0,
    simulated: bool = False,
    period: str = "year",
) -> Figure:
    """Effects by horizon: points, pointwise bars and a simultaneous band.

    Parameters
    ----------
    effects : Effects or mapping of label to Effects
        Indexed by horizon. Several results stand beside each other at each horizon; those without influence functions
        have pointwise intervals only, and their label says so.
    ylabel : str
        What the effect is on, with its unit.
    simultaneous : bool
        Draw the band; one result must have influence functions then.
    period : str
        What a horizon counts.

    Raises
    ------
    ReportError
        Where effects are not by horizon, or there are more results than can be told apart.
    """
    several = isinstance(effects, Mapping)
    for result in effects.values() if several else [effects]:
        if result.index.names != ["horizon"]:
            raise ReportError(
                f"an event-study figure needs effects by horizon, not by {', '.join(map(str, result.index.names))}"
            )
    band = {"n_draws": n_draws, "multipliers": multipliers, "seed": seed}
    with style():
        figure, ax = canvas(3.7 if several else 3.3)
        if several:
            distinct(len(effects), "estimators")
            _overlay(ax, effects, level, simultaneous, band)
            series = [{"name": label, "points": _series(result, level)} for label, result in effects.items()]
            axis = {
                "x": f"{period.capitalize()}s since treatment",
                "y": ylabel,
                "range": list(map(float, ax.get_ylim())),
            }
            note_chart(figure, {**axis, "level": f"{level:.0%}", "series": series})
        else:
            effects.plot(ax, level=level, simultaneous=simultaneous, **band)
            wide = effects.conf_int(level, simultaneous=True, **band) if simultaneous else None
            note_points(ax, _points("", effects, effects.index.to_numpy(), effects.conf_int(level), wide, level))
        ax.set_xlabel(f"{period.capitalize()}s since treatment")
        ax.set_ylabel(ylabel)
        return finish(figure, simulated=simulated)


def _overlay(
    ax: Axes, results: Mapping[str, Effects], level: float, simultaneous: bool, band: Mapping[str, Any]
) -> None:
    """Draw the estimators of each horizon beside each other, on a stripe of their own."""
    horizons = sorted(set().union(*(result.index for result in results.values())))
    for horizon in horizons[::2]:
        ax.axvspan(horizon - 0.5, horizon + 0.5, color=STRIPE, linewidth=0, zorder=-2)
    ax.axhline(0, **RULE)
    ax.axvline(-0.5, color="black", linewidth=0.6, linestyle=":", zorder=1)
    offsets = np.linspace(-0.5, 0.5, len(results)) * _SPREAD if len(results) > 1 else [0.0]
    room = _ROOM / max(len(horizons) * (len(results) - 1), 1)
    handles, drawn = [], []
    for i, (label, result) in enumerate(results.items()):
        at, look = result.index.to_numpy() + offsets[i], {"color": COLOURS[i]}
        wide = None
        if simultaneous and result.psi is not None:
            wide = result.conf_int(level, simultaneous=True, **band)
            ax.vlines(at, wide["low"], wide["high"], linewidth=0.7, zorder=2, **look)
            drawn.append(wide.assign(value=result.values, at=at, colour=COLOURS[i]))
        narrow = result.conf_int(level)
        drawn.append(narrow.assign(value=result.values, at=at, colour=COLOURS[i]))
        ax.vlines(at, narrow["low"], narrow["high"], linewidth=1.8, zorder=3, **look)
        note_points(ax, _points(label, result, at, narrow, wide, level))
        name = label if result.psi is not None or not simultaneous else f"{label} (pointwise only)"
        point = {
            "linestyle": "none",
            "marker": MARKERS[i],
            "markersize": float(np.clip(room, 3.2, 5.5)),
            "mfc": "white",
            **look,
        }
        handles += ax.plot(at, result.values, label=name, markeredgewidth=1.1, zorder=4, **point)
    handles.append(ax.vlines([], [], [], color=BAR, linewidth=2.0, label=f"{level:.0%} pointwise"))
    if simultaneous:
        handles.append(ax.vlines([], [], [], color=BAR, linewidth=0.8, label=f"{level:.0%} simultaneous"))
    every = pd.concat(drawn)
    ends = (every[name].to_numpy() for name in ("value", "low", "high"))
    frame_intervals(ax, *ends, at=every["at"].to_numpy(), colour=every["colour"].to_numpy())
    ax.set_xlim(horizons[0] - 0.5, horizons[-1] + 0.5)
    horizon_ticks(ax, horizons)
    ax.tick_params(axis="x", length=0)
    ax.legend(handles=handles, ncols=3, **ABOVE)


def _series(result: Effects, level: float) -> list[list[float | None]]:
    frame = result.conf_int(level)
    frame.insert(0, "value", result.values)
    frame.insert(0, "horizon", result.index.to_numpy())
    return chart_points(frame[np.isfinite(result.values)])


def _points(
    label: str, result: Effects, at: np.ndarray, narrow: pd.DataFrame, wide: pd.DataFrame | None, level: float
) -> list[tuple[float, float, str]]:
    """Say for a page, of each effect: horizon, value, intervals, sample."""
    sizes = {"observations": result.n_rows, "units": result.n_units, "clusters": result.n_clusters}
    sample = ", ".join(f"{count(n)} {of}" for of, n in sizes.items() if n)
    found = []
    for i, (horizon, value) in enumerate(zip(result.index, result.values, strict=True)):
        if not np.isfinite(value):
            continue
        at_horizon = f"horizon {count(horizon)}"
        lines = [f"{label}, {at_horizon}" if label else at_horizon.capitalize()]
        if value == 0 and narrow["low"].iloc[i] == narrow["high"].iloc[i]:
            lines.append("Reference: zero")
        else:
            lines.append(f"Effect {decimal(value)}")
            for kind, bounds in (("interval", narrow), ("simultaneous", wide)):
                if bounds is not None and bounds.iloc[i].notna().all():
                    lines.append(f"{level:.0%} {kind} {interval(*bounds.iloc[i])}")
        found.append((float(at[i]), float(value), "\n".join(filter(None, [*lines, sample]))))
    return found
