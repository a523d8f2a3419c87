"""Neighbouring cities: squares by hand, and the polygons of 2024 against known neighbours and those of provinces."""

import json

import numpy as np
import pandas as pd
import pytest

from aigreen.data import facts
from aigreen.data.registry.registry import fetch
from aigreen.data.sources.neighbours import city_neighbours
from aigreen.errors import SourceError, UnreadableFileError
from aigreen.exposure import adjacency

FILE = "cn_city_geo/prefecture_2024_simplified.geojson"


def square(west: float, south: float, side: float = 1.0) -> list:
    return [[[west, south], [west + side, south], [west + side, south + side], [west, south + side], [west, south]]]


@pytest.fixture
def grid(tmp_path):
    def write(shapes):
        features = [
            {
                "properties": {"source_code": code},
                "geometry": {"type": "Polygon" if len(parts) == 1 else "MultiPolygon",
                             "coordinates": parts[0] if len(parts) == 1 else parts},
            }
            for code, *parts in shapes
        ]  # fmt: skip
        path = tmp_path / "x.geojson"
        path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
        return path

    return write


def test_squares(grid):
    """C touches B along a part of a side without sharing a corner, D lies 0.01 degrees (1.1 km) off, E has an islet."""
    path = grid(
        [
            ("A", square(110, 30)),
            ("B", square(111, 30)),
            ("C", square(111.2, 29.5, 0.5)),
            ("D", square(110, 31.01)),
            ("E", square(100, 20), square(112.001, 30.5, 0.1)),
        ]
    )
    found = city_neighbours(path, cities="ABCDE")
    assert found.values.tolist() == [["A", "B"], ["B", "C"], ["B", "E"]]
    assert city_neighbours(path, cities=["A", "B"]).values.tolist() == [["A", "B"]]


def test_files_that_do_not_fit(grid, tmp_path):
    path = grid([("A", square(110, 30)), ("A", square(112, 30))])
    with pytest.raises(SourceError, match="two polygons of A"):
        city_neighbours(path, cities=["A"])
    with pytest.raises(SourceError, match="1 cities have no polygon; first: Z"):
        city_neighbours(grid([("A", square(110, 30))]), cities=["A", "Z"])
    (tmp_path / "y.geojson").write_text('{"a": 1}')
    with pytest.raises(UnreadableFileError, match="not polygons with codes"):
        city_neighbours(tmp_path / "y.geojson")


def test_the_polygons_of_2024(shared, tmp_path, monkeypatch):
    monkeypatch.setenv("AIGREEN_DATA_MIRROR", str(shared / "data"))
    [path] = fetch("cn_city_geo", tmp_path, file=FILE)
    found = city_neighbours(path)
    pairs = set(found.itertuples(index=False, name=None))
    for one, other in (
        ("110000", "131000"),  # Beijing, Langfang
        ("310000", "320500"),  # Shanghai, Suzhou
        ("440300", "441900"),  # Shenzhen, Dongguan
        ("440100", "442000"),  # Guangzhou, Zhongshan: the polygons share a single point
        ("370100", "371500"),  # Jinan, Liaocheng: they share none
    ):
        assert (one, other) in pairs
    assert ("110000", "310000") not in pairs and ("440100", "440300") not in pairs
    provinces = facts.table("province_neighbours")[["province_code", "neighbour_code"]]
    expected = {tuple(sorted(pair)) for pair in provinces.itertuples(index=False)}
    between = {tuple(f"{code[:2]}0000" for code in pair) for pair in pairs if pair[0][:2] != pair[1][:2]}
    assert {tuple(sorted(pair)) for pair in between} == expected
    cities = facts.table("divisions")["gb_code"]
    count = pd.Series(np.concatenate([found["city_code"], found["neighbour_code"]])).value_counts().reindex(cities)
    # Zhoushan and Sansha are islands; the other cities of Hainan border only units that the province administers.
    alone = {"330900", "460100", "460200", "460300", "460400"}
    assert (len(found), set(count[count.isna()].index)) == (893, alone)
    assert adjacency(found, cities).left.sum() == 2 * len(found)


def test_a_folder_in_the_place_of_the_file(tmp_path):
    with pytest.raises(UnreadableFileError, match=r"not polygons with codes .*Is a directory"):
        city_neighbours(tmp_path)
