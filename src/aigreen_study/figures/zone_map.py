"""Map of the AI pilot zones, the pioneer zones and the areas around them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from aigreen.data import facts
from aigreen.data.assemble.rings import NEAR_KM, WIDE_KM
from aigreen.errors import ReportError
from aigreen_study.figures.albers import albers, circle
from aigreen_study.figures.boundaries import thinned
from aigreen_study.figures.map_labels import CLEARLY, place_labels
from aigreen_study.figures.style import (
    BORDER,
    COAST,
    LAND,
    MARKERS,
    NEAR,
    RIM,
    SEAT,
    SMALL,
    WIDTH,
    ZONES,
    blank,
    require_columns,
    style,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Kilometres in the projection: the mainland with Hainan and Taiwan, and the islands of the South China Sea.
_MAIN = (-2700.0, 2280.0, -2060.0, 2130.0)
_SOUTH = (360.0, 1840.0, -3680.0, -1735.0)
_SOUTH_SCALE = 0.35  # of the main map
_NOTE = 0.57  # inches under the map
_GRID_KM = 5.0  # less than half a point in print
_COHORTS = tuple(zip(ZONES, MARKERS, strict=False))  # colour and marker by year
_MERIDIANS, _PARALLELS = range(70, 141, 10), range(20, 51, 10)
_APART = 8.0  # points from which a line joins name and place; it does so, too, where another place is about as near


def pilot_and_pioneer_zones() -> pd.DataFrame:
    """Cities with a pilot zone (science ministry) or a pioneer zone (industry ministry), from the fact tables.

    Returns
    -------
    DataFrame
        By gb_code: name (of the prefecture around a county with a zone), year (of the letter that names the pilot
        zone; nan for a pioneer zone only), pioneer, lon, lat.
    """
    zones = facts.table("ai_pilot_zones")
    places = facts.table("divisions").set_index("gb_code")
    pilot = zones["program"] == facts.MOST
    years = facts.pilot_zone_cohorts("prefecture", "batch_year").astype(float)
    codes = pd.Index(sorted(set(zones["prefecture_code"])), name="gb_code")
    return pd.DataFrame(
        {
            "name": places.loc[codes, "name_en"],
            "year": years.reindex(codes),
            "pioneer": codes.isin(zones.loc[~pilot, "prefecture_code"]),
            "lon": places.loc[codes, "lon"].astype(float),
            "lat": places.loc[codes, "lat"].astype(float),
        }
    )


def zone_map(
    zones: pd.DataFrame,
    seats: pd.DataFrame,
    boundaries: Sequence[np.ndarray] | None = None,
    *,
    radii_km: Sequence[float] = (NEAR_KM, WIDE_KM),
    source: str,
) -> Figure:
    """Map of China with the zones by year, and the areas within given distances of a pilot zone.

    Parameters
    ----------
    zones : DataFrame
        By code: name, year (nan for a pioneer zone only), pioneer, lon, lat; see `pilot_and_pioneer_zones`.
    seats : DataFrame
        Columns lon and lat of the seats of all prefectures, in degrees. Without boundaries they give the shape.
    boundaries : sequence of ndarray, shape (points, 2), optional
        Rings in degrees; see `read_boundaries`.
    radii_km : sequence of float
        Ascending, at most three. Distances are along great circles from the seat of a zone's city, as in
        `aigreen.data.facts.zones_within`.
    source : str
        Where coordinates and boundaries come from, for the note on the map.

    Raises
    ------
    UnknownColumnError
    ReportError
        Without a pilot zone, with too many years or radii, or a place outside the map.
    """
    require_columns(zones, ["name", "year", "pioneer", "lon", "lat"], "zones")
    require_columns(seats, ["lon", "lat"], "seats")
    years = sorted(zones["year"].dropna().unique())
    if not 1 <= len(years) <= len(_COHORTS):
        raise ReportError(f"pilot zones of {len(years)} years: a map can show one to {len(_COHORTS)}")
    radii = [float(radius) for radius in radii_km]
    if not 1 <= len(radii) <= len(NEAR) or sorted(set(radii)) != radii or radii[0] <= 0:
        raise ReportError(f"radii_km={list(radii_km)!r}: one to {len(NEAR)} ascending distances are needed")
    with style():
        scale = WIDTH / (_MAIN[1] - _MAIN[0])
        tall = (_MAIN[3] - _MAIN[2]) * scale
        figure = blank(tall + _NOTE, layout="none")
        below = _NOTE / (tall + _NOTE)
        main = figure.add_axes((0, below, 1, 1 - below))
        inset_height = (_SOUTH[3] - _SOUTH[2]) * scale * _SOUTH_SCALE / (tall + _NOTE)
        inset_width = (_SOUTH[1] - _SOUTH[0]) * scale * _SOUTH_SCALE / WIDTH
        south = figure.add_axes((0.995 - inset_width, below + 0.005, inset_width, inset_height), zorder=5)
        for ax, extent in ((main, _MAIN), (south, _SOUTH)):
            _ground(ax, extent, zones, seats, boundaries, radii)
        if not boundaries:
            _graticule(main)
        _outside(zones)
        main.axis("off")
        for side in south.spines.values():
            side.set(visible=True, color=COAST, linewidth=0.6)
        _mark(main, zones, years)
        legend = _legend(main, zones, years, radii)
        _scale_bar(main)
        _name(main, zones, [legend, south])
        figure.text(0.012, 0.012, _note(boundaries is not None, source), fontsize=SMALL, va="bottom", linespacing=1.15)
    return figure


def _ground(
    ax: Axes,
    extent: tuple[float, float, float, float],
    zones: pd.DataFrame,
    seats: pd.DataFrame,
    boundaries: Sequence[np.ndarray] | None,
    radii: Sequence[float],
) -> None:
    """Draw land, the areas near pilot zones, borders and seats."""
    ax.set_xlim(extent[0], extent[1])
    ax.set_ylim(extent[2], extent[3])
    ax.set_aspect("equal")
    ax.set_xticks([])
    ax.set_yticks([])
    rings = [thinned(np.column_stack(albers(*ring.T)), _GRID_KM) for ring in boundaries or []]
    rings = [ring for ring in rings if len(ring) > 2 and _overlaps(ring, extent)]
    if rings:
        # The stroke of the coast lies under the land, so that only its outer half shows.
        _draw(ax, rings, facecolor="none", edgecolor=COAST, linewidth=1.3, zorder=1)
        _draw(ax, rings, facecolor=LAND, edgecolor="none", zorder=1.1)
    pilots = zones[zones["year"].notna()]
    for layer, radius in reversed(list(enumerate(radii))):
        discs = [np.column_stack(albers(*circle(zone.lon, zone.lat, radius))) for zone in pilots.itertuples()]
        colour, order = NEAR[layer], 2 - 0.1 * layer
        _draw(ax, discs, facecolor="none", edgecolor=RIM, linewidth=0.9, zorder=order)
        _draw(ax, discs, facecolor=colour, edgecolor="none", zorder=order + 0.01)
    if rings:
        _draw(ax, rings, facecolor="none", edgecolor=BORDER, linewidth=0.35, zorder=2.5)
    x, y = albers(seats["lon"].to_numpy(dtype=float), seats["lat"].to_numpy(dtype=float))
    size = 1.3 if rings else 2.2
    ax.plot(x, y, linestyle="none", marker="o", markersize=size, mew=0, color=SEAT, zorder=2.6)


def _graticule(ax: Axes) -> None:
    """Draw meridians and parallels, which give a map without borders its bearings."""
    look = {"color": "0.85", "linewidth": 0.5, "zorder": 0.5}
    name = {"color": "0.45", "fontsize": SMALL, "zorder": 0.6}
    for lon in _MERIDIANS:
        x, y = albers(np.full(200, float(lon)), np.linspace(15, 56, 200))
        ax.plot(x, y, **look)
        inside = np.flatnonzero((x > _MAIN[0] + 150) & (x < _MAIN[1] - 150) & (y < _MAIN[3] - 20))
        if inside.size:
            ax.text(x[inside[-1]], _MAIN[3] - 20, f"{lon}° E", ha="center", va="top", **name)
    for lat in _PARALLELS:
        x, y = albers(np.linspace(60, 150, 400), np.full(400, float(lat)))
        ax.plot(x, y, **look)
        left = int(np.flatnonzero(x > _MAIN[0])[0])
        if _PARALLELS[0] < lat < _PARALLELS[-1]:  # the legend and the frame are at the ends of the others
            ax.text(_MAIN[0], y[left], f"{lat}° N", ha="left", va="bottom", **name)


def _draw(ax: Axes, rings: Sequence[np.ndarray], **look: Any) -> None:
    """Draw closed rings as one shape, which keeps files small."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    shape = Path.make_compound_path(*(Path(ring, closed=False) for ring in rings))
    # add_artist leaves the limits of the axes alone: computing them takes seconds.
    ax.add_artist(PathPatch(shape, **look))


def _mark(ax: Axes, zones: pd.DataFrame, years: Sequence[float]) -> None:
    for year, (colour, marker) in zip(years, _COHORTS, strict=False):
        group = zones[zones["year"] == year]
        x, y = albers(group["lon"].to_numpy(), group["lat"].to_numpy())
        ax.plot(x, y, **_pilot_look(colour, marker))
    group = zones[zones["pioneer"].to_numpy(dtype=bool)]
    x, y = albers(group["lon"].to_numpy(), group["lat"].to_numpy())
    ax.plot(x, y, **_pioneer_look())


def _pilot_look(colour: str, marker: str) -> dict[str, Any]:
    return {"linestyle": "none", "marker": marker, "ms": 5.2, "mfc": colour, "mec": "black", "mew": 0.5, "zorder": 4}


def _pioneer_look() -> dict[str, Any]:
    return {"linestyle": "none", "marker": "o", "ms": 9.5, "mfc": "none", "mec": "black", "mew": 0.8, "zorder": 4.1}


def _legend(ax: Axes, zones: pd.DataFrame, years: Sequence[float], radii: Sequence[float]) -> Any:
    from matplotlib.patches import Patch

    counts = zones["year"].value_counts()
    handles = [
        ax.plot([], [], label=f"Pilot zones named in {year:.0f} ({counts[year]})", **_pilot_look(*look))[0]
        for year, look in zip(years, _COHORTS, strict=False)
    ]
    n_pioneer = int(zones["pioneer"].sum())
    handles += ax.plot([], [], label=f"Cities with a pioneer zone ({n_pioneer})", **_pioneer_look())
    inner = 0.0
    for layer, radius in enumerate(radii):
        reach = f"Within {radius:g} km of a pilot zone" if not inner else f"{inner:g} to {radius:g} km"
        handles.append(Patch(facecolor=NEAR[layer], edgecolor=RIM, linewidth=0.6, label=reach))
        inner = radius
    handles += ax.plot([], [], linestyle="none", marker="o", ms=2.2, mew=0, color=SEAT, label="Seat of a prefecture")
    frame = {"frameon": True, "facecolor": "white", "edgecolor": "none", "framealpha": 1.0}
    place = {"loc": "lower left", "bbox_to_anchor": (0.0, 0.0)}
    return ax.legend(handles=handles, fontsize=SMALL, labelspacing=0.35, **place, **frame)


def _scale_bar(ax: Axes, length: float = 500.0) -> None:
    """Draw a bar that is true along the standard parallels."""
    x, y = _MAIN[0] + 1700, _MAIN[2] + 60
    ax.plot([x, x, x + length, x + length], [y + 40, y, y, y + 40], color="black", linewidth=0.9, zorder=4)
    ax.text(x + length / 2, y + 25, f"{length:g} km", ha="center", va="bottom", fontsize=SMALL)


def _name(ax: Axes, zones: pd.DataFrame, taken: Sequence[Any]) -> None:
    """Write the names where they are free, with a line to the place where they stand apart."""
    from matplotlib import patheffects

    figure = ax.figure
    renderer = figure.canvas.get_renderer()
    to_points = 72 / figure.dpi
    halo = [patheffects.withStroke(linewidth=1.8, foreground="white")]
    look = {"ha": "center", "va": "center", "fontsize": SMALL, "linespacing": 0.9, "path_effects": halo, "zorder": 6}
    labels = [ax.text(0, 0, name, **look) for name in zones["name"]]
    extents = [label.get_window_extent(renderer) for label in labels]
    sizes = np.array([[extent.width, extent.height] for extent in extents]) * to_points
    x, y = albers(zones["lon"].to_numpy(), zones["lat"].to_numpy())
    points = ax.transData.transform(np.column_stack([x, y])) * to_points
    limits = tuple(ax.get_window_extent(renderer).extents * to_points)
    boxes = [thing.get_window_extent(renderer).extents * to_points for thing in taken]
    centres = place_labels(points, sizes, limits, boxes)
    back = ax.transData.inverted()
    for label, centre, point, size in zip(labels, centres, points, sizes, strict=True):
        label.set_position(back.transform(centre / to_points))
        edge = np.clip(point, centre - size / 2, centre + size / 2)
        nearest = np.sort(np.linalg.norm(np.clip(points, centre - size / 2, centre + size / 2) - points, axis=1))
        if np.linalg.norm(edge - point) > _APART or nearest[1] < CLEARLY * nearest[0]:
            line = back.transform(np.vstack([point, edge]) / to_points)
            ax.plot(*line.T, color="0.25", linewidth=0.6, zorder=3.9)


def _outside(zones: pd.DataFrame) -> None:
    x, y = albers(zones["lon"].to_numpy(dtype=float), zones["lat"].to_numpy(dtype=float))
    off = ~((x > _MAIN[0]) & (x < _MAIN[1]) & (y > _MAIN[2]) & (y < _MAIN[3]))
    if off.any():
        raise ReportError(f"{int(off.sum())} zones lie outside the map: {', '.join(zones['name'][off][:5])}")


def _overlaps(ring: np.ndarray, extent: tuple[float, float, float, float]) -> bool:
    low, high = ring.min(axis=0), ring.max(axis=0)
    return bool(low[0] < extent[1] and high[0] > extent[0] and low[1] < extent[3] and high[1] > extent[2])


def _note(polygons: bool, source: str) -> str:
    shown = "Boundaries" if polygons else "Places"
    text = (
        "Albers equal-area conic projection, standard parallels 25° and 47° N. "
        f"{shown} are those of the source, for statistics only; they imply no view on the status of any territory. "
        f"Source: {source}"
    )
    return textwrap.fill(text, 112)
