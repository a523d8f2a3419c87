import json

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from aigreen.data import facts
from aigreen.errors import ReportError, SourceError, UnknownColumnError, UnreadableFileError
from aigreen.linalg.sphere import EARTH_RADIUS_KM
from aigreen_study.figures import pilot_and_pioneer_zones, read_boundaries, save_figure, zone_map
from aigreen_study.figures.albers import albers, circle
from aigreen_study.figures.boundaries import thinned
from aigreen_study.figures.map_labels import place_labels

SOURCE = "Distance between Chinese Cities table."


@pytest.fixture(scope="module")
def zones():
    return pilot_and_pioneer_zones()


@pytest.fixture(scope="module")
def seats():
    return facts.table("divisions")[["lon", "lat"]].astype(float)


@pytest.fixture(scope="module")
def drawn(zones, seats):
    figure = zone_map(zones, seats, source=SOURCE)
    figure.draw_without_rendering()
    return figure


def test_projection_keeps_areas_and_distances_along_the_parallels():
    for lon, lat in [(80.0, 20.0), (105.0, 36.0), (125.0, 50.0)]:
        step = 1e-3
        x, y = albers(np.array([lon, lon + step, lon]), np.array([lat, lat, lat + step]))
        area = (x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0])
        true = EARTH_RADIUS_KM**2 * np.radians(step) * (np.sin(np.radians(lat + step)) - np.sin(np.radians(lat)))
        assert area == pytest.approx(true, rel=1e-4)
    for lat in (25.0, 47.0):
        x, y = albers(np.array([110.0, 110.001]), np.array([lat, lat]))
        true = EARTH_RADIUS_KM * np.cos(np.radians(lat)) * np.radians(0.001)
        assert np.hypot(np.diff(x), np.diff(y)) == pytest.approx(true, rel=1e-6)
    assert_allclose(albers(105.0, 36.0), (0, 0), atol=1e-9)


def test_projection_against_snyders_worked_example(monkeypatch):
    """Snyder (1987), p. 291: sphere of radius one, parallels 29.5 and 45.5, origin 23 N 96 W."""
    from aigreen_study.figures import albers as module

    for name, value in {"PARALLELS": (29.5, 45.5), "ORIGIN": 23.0, "MERIDIAN": -96.0, "EARTH_RADIUS_KM": 1.0}.items():
        monkeypatch.setattr(module, name, value)
    assert_allclose(module.albers(-75.0, 35.0), (0.2952720, 0.2416774), atol=5e-8)


def test_circle_is_at_its_distance():
    lon, lat = circle(116.4, 39.9, 200.0)
    codes = pd.DataFrame({"lon": lon, "lat": lat})
    phi, lam = np.radians(codes["lat"]), np.radians(codes["lon"])
    p0, l0 = np.radians([39.9, 116.4])
    half = np.sin((phi - p0) / 2) ** 2 + np.cos(phi) * np.cos(p0) * np.sin((lam - l0) / 2) ** 2
    assert_allclose(2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(half)), 200.0)
    assert (lon[0], lat[0]) == pytest.approx((lon[-1], lat[-1]))


def test_zones_are_those_of_the_fact_tables(zones):
    assert len(zones) == 20
    assert zones["year"].value_counts().to_dict() == {2019.0: 7, 2020.0: 6, 2021.0: 5}
    assert zones.loc[zones["year"].isna(), "name"].tolist() == ["Nanjing", "Qingdao"]
    assert zones.loc["330500", "name"] == "Huzhou"  # around Deqing
    assert int(zones["pioneer"].sum()) == 12


def test_names_touch_neither_each_other_nor_the_edge_nor_what_is_on_the_map(drawn, zones):
    main, south = drawn.axes
    names = [text for text in main.texts if text.get_text() in set(zones["name"])]
    assert len(names) == 20
    boxes = [text.get_window_extent() for text in names]
    others = [main.get_legend().get_window_extent(), south.get_window_extent()]
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in [*boxes[i + 1 :], *others]), names[i].get_text()
        assert main.bbox.x0 <= box.x0 < box.x1 <= main.bbox.x1
    limits = drawn.bbox
    for text in drawn.texts:
        box = text.get_window_extent()
        assert limits.x0 <= box.x0 < box.x1 <= limits.x1
        assert limits.y0 <= box.y0 < box.y1 <= main.bbox.y0


def test_map_names_its_projection_and_source(drawn, zones, seats):
    note = drawn.texts[0].get_text().replace("\n", " ")
    assert note.startswith("Albers equal-area conic projection, standard parallels 25° and 47° N. Places are those of")
    assert note.endswith(f"Source: {SOURCE}")
    square = np.array([[100.0, 30.0], [110.0, 30.0], [110.0, 40.0], [100.0, 30.0]])
    with_land = zone_map(zones, seats, [square], source=SOURCE)
    assert "Boundaries are those of the source, for statistics only" in with_land.texts[0].get_text().replace("\n", " ")
    assert len(with_land.axes[0].patches) == len(drawn.axes[0].patches) + 3


def test_map_has_the_same_bytes_twice(zones, seats, tmp_path):
    for copy in "ab":
        save_figure(zone_map(zones, seats, source=SOURCE), tmp_path / copy)
    for ending in ("pdf", "svg"):
        assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()


def test_map_refuses_what_it_cannot_show(zones, seats):
    with pytest.raises(UnknownColumnError, match="did you mean 'long'"):
        zone_map(zones, seats.rename(columns={"lon": "long"}), source=SOURCE)
    with pytest.raises(ReportError, match="zones of 0 years"):
        zone_map(zones.assign(year=np.nan), seats, source=SOURCE)
    with pytest.raises(ReportError, match="ascending distances"):
        zone_map(zones, seats, radii_km=[200, 100], source=SOURCE)
    with pytest.raises(ReportError, match="1 zones lie outside the map: Lyon"):
        abroad = pd.DataFrame({"name": ["Lyon"], "year": [2019.0], "pioneer": [False], "lon": [4.8], "lat": [45.8]})
        zone_map(pd.concat([zones, abroad]), seats, source=SOURCE)


def test_names_find_room_between_neighbours():
    points = np.array([[50.0, 50.0], [58.0, 50.0], [54.0, 58.0]])
    sizes = np.tile([30.0, 8.0], (3, 1))
    centres = place_labels(points, sizes, (0, 0, 120, 120), [(60, 0, 120, 40)])
    boxes = np.hstack([centres - sizes / 2, centres + sizes / 2])
    for i in range(3):
        assert (boxes[i, :2] >= 0).all()
        assert (boxes[i, 2:] <= 120).all()
        for other in [*boxes[i + 1 :], np.array([60.0, 0, 120, 40])]:
            assert (boxes[i, :2] >= other[2:]).any() or (boxes[i, 2:] <= other[:2]).any()


def test_boundaries_are_read_and_thinned(tmp_path):
    ring = [[0, 0], [0, 1], [1, 1], [0, 0]]
    features = [
        {"geometry": {"type": "Polygon", "coordinates": [ring]}},
        {"geometry": {"type": "MultiPolygon", "coordinates": [[ring], [ring, ring]]}},
    ]
    path = tmp_path / "areas.geojson"
    path.write_text(json.dumps({"features": features}))
    rings = read_boundaries(path)
    assert [len(r) for r in rings] == [4, 4, 4, 4]
    assert thinned(np.array([[0.0, 0], [0.4, 0.3], [2.2, 0], [2.4, 0]]), 1.0).tolist() == [[0, 0], [2, 0]]
    with pytest.raises(SourceError, match="no file of boundaries"):
        read_boundaries(tmp_path / "none.geojson")
    for content in (
        "{",
        "{}",
        '{"features": []}',
        '{"features": [{"geometry": {"type": "Point", "coordinates": [0, 0]}}]}',
    ):
        path.write_text(content)
        with pytest.raises(UnreadableFileError):
            read_boundaries(path)


def test_map_on_real_boundaries(zones, seats, shared):
    rings = read_boundaries(shared / "data" / "cn_city_geo" / "prefecture_2024_simplified.geojson")
    figure = zone_map(zones, seats, rings, source=SOURCE)
    assert len(rings) == 1361
    land = figure.axes[0].patches[1].get_path()
    assert 30_000 < len(land.vertices) < 38_000
