"""Exposure maps and exposures against hand examples, dense algebra and invariances."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import aigreen.exposure as ex
from aigreen import Panel
from aigreen.data.facts import distances_km
from aigreen.errors import (
    AigreenWarning,
    DataError,
    DuplicateRowsError,
    MissingValueError,
    NonNumericError,
    OptionError,
    UnknownColumnError,
)

KEYS = {"unit": "firm", "time": "year", "cohort": "first"}


def firms(seed: int = 0, n: int = 30, periods: int = 5) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    """An unbalanced panel, and the city and industry of its firms."""
    rng = np.random.default_rng(seed)
    labels = pd.Index([f"f{i:02d}" for i in range(n)])
    df = pd.DataFrame({"firm": np.repeat(labels, periods), "year": np.tile(np.arange(2001, 2001 + periods), n)})
    df["first"] = np.repeat(rng.choice([0, 2002, 2004], n), periods)
    city = pd.Series(rng.integers(0, 6, n), labels)
    industry = pd.Series(rng.choice(["C26", "C35", "I65"], n), labels)
    return df[rng.random(len(df)) < 0.8].sample(frac=1, random_state=seed), city, industry


def cities(seed: int = 0, n: int = 25) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"lat": rng.uniform(30, 33, n), "lon": rng.uniform(110, 114, n)}, index=np.arange(n))


def dense_exposure(panel: Panel, W: np.ndarray) -> np.ndarray:
    """Row by row: the sum over treated others, in the order of the frame."""
    df, out = panel.frame, []
    position = {label: i for i, label in enumerate(panel.units)}
    for firm, year in zip(df["firm"], df["year"], strict=True):
        out.append(sum(W[position[firm], j] for j in range(panel.n_units) if year >= panel.unit_cohort[j]))
    return np.array(out)


# -- maps ------------------------------------------------------------------------------------------------------------


def test_rings_by_hand() -> None:
    # One degree of latitude is 6371.0088 pi / 180 = 111.195 km.
    points = pd.DataFrame({"lat": [0.0, 1.0, 2.0, 0.0], "lon": [0.0, 0.0, 0.0, 0.0]}, index=["a", "b", "c", "a2"])
    maps = ex.rings(points, [0, 111.2, 300])
    assert list(maps) == ["ring_0_111.2", "ring_111.2_300"]
    near, far = (W.to_sparse().toarray() for W in maps.values())
    assert near.tolist() == [[0, 1, 0, 1], [1, 0, 1, 1], [0, 1, 0, 0], [1, 1, 0, 0]]
    assert far.tolist() == [[0, 0, 1, 0], [0, 0, 0, 0], [1, 0, 0, 1], [0, 0, 1, 0]]
    assert ex.rings(points, [1, 111.2])["ring_1_111.2"].to_sparse().toarray()[0].tolist() == [0, 1, 0, 0]


def test_a_place_at_an_edge_is_in_the_ring_below() -> None:
    points = pd.DataFrame({"lat": [0.0, 1.0], "lon": [0.0, 0.0]}, index=["a", "b"])
    # The distance as it is computed, so that it equals the edge in every digit.
    edge = ex.inverse_distance(points, cutoff_km=200).to_sparse().toarray()[0, 1] ** -1
    assert edge == pytest.approx(111.195, abs=1e-3)
    at, below = ([0, edge, 200], [0, np.nextafter(edge, 0), 200])
    for edges, expected in ((at, [1, 0]), (below, [0, 1]), ([edge, 200], [0]), ([0, edge], [1])):
        found = [int(W.to_sparse().toarray()[0, 1]) for W in ex.rings(points, edges).values()]
        assert found == expected, edges


def test_rings_and_inverse_distance_equal_dense_haversine() -> None:
    points = cities()
    lat, lon = np.radians(points.to_numpy()).T
    half = np.sin((lat[:, None] - lat) / 2) ** 2 + np.cos(lat[:, None]) * np.cos(lat) * (
        np.sin((lon[:, None] - lon) / 2) ** 2
    )
    d = 2 * 6371.0088 * np.arcsin(np.sqrt(half))
    other = ~np.eye(len(d), dtype=bool)
    for (a, b), W in zip([(0, 50), (50, 120)], ex.rings(points, [0, 50, 120]).values(), strict=True):
        assert np.array_equal(W.to_sparse().toarray() > 0, (d > a) & (d <= b) & other)
    links = ex.inverse_distance(points, cutoff_km=150, power=2, nearest_km=40).to_sparse().toarray()
    assert links == pytest.approx(np.where((d <= 150) & other, 1 / np.maximum(d, 40) ** 2, 0), rel=1e-10)


def test_antipodes_and_the_date_line() -> None:
    points = pd.DataFrame({"lat": [0.0, 0.0, 0.0], "lon": [179.9, -179.9, 0.0]})
    W = ex.rings(points, [0, 30])["ring_0_30"].to_sparse().toarray()
    assert W.tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    everyone = ex.rings(points, [0, 20_100])["ring_0_20100"].to_sparse().toarray()
    assert everyone.sum() == 6


def test_rings_agree_with_the_fact_table_of_prefectures() -> None:
    from aigreen.data.facts import table

    divisions = table("divisions")
    divisions = divisions[(divisions["lat"] != "") & divisions["gb_code"].is_unique].head(60)
    codes = list(divisions["gb_code"])
    points = divisions.set_index("gb_code")[["lat", "lon"]].astype(float)
    d = distances_km(codes, codes)
    W = ex.rings(points, [0, 150])["ring_0_150"].to_sparse().toarray()
    assert W.sum() > 0
    assert np.array_equal(W > 0, (d <= 150) & ~np.eye(len(d), dtype=bool))


def test_adjacency_is_symmetric_and_counts_a_pair_once() -> None:
    W = ex.adjacency([("a", "b"), ("b", "a"), ("b", "c"), ("c", "c")], ["a", "b", "c"])
    assert W.to_sparse().toarray().tolist() == [[0, 1, 0], [1, 0, 1], [0, 1, 0]]
    with pytest.raises(DataError, match="1 labels are not among the units of the map; first: z"):
        ex.adjacency([("a", "z")], ["a", "b"])


@pytest.mark.parametrize("leave_out_city", [False, True])
def test_industry_peers_equal_the_dense_map(leave_out_city: bool) -> None:
    _, city, industry = firms()
    same = industry.to_numpy()[:, None] == industry.to_numpy()
    out = city.to_numpy()[:, None] == city.to_numpy() if leave_out_city else np.eye(len(city), dtype=bool)
    W = ex.industry_peers(industry, exclude=city if leave_out_city else None)
    assert np.array_equal(W.to_sparse().toarray(), (same & ~out).astype(float))


def test_supply_chain_uses_lagged_shares_of_known_partners() -> None:
    links = pd.DataFrame(
        {
            "firm_id": ["a", "a", "b", "a", "a", "c"],
            "year": [2001, 2001, 2001, 2002, 2001, 2001],
            "direction": ["customer", "customer", "customer", "customer", "supplier", "customer"],
            "partner_id": ["b", "z", "c", "c", "c", None],
            "share": [0.3, 0.9, 0.2, 0.5, 0.4, 0.7],
        }
    )
    maps = ex.supply_chain(links, ["a", "b", "c"], direction="customer")
    assert sorted(maps) == [2002, 2003]
    assert maps[2002].to_sparse().toarray().tolist() == [[0, 0.3, 0], [0, 0, 0.2], [0, 0, 0]]
    assert maps[2003].to_sparse().toarray().tolist() == [[0, 0, 0.5], [0, 0, 0], [0, 0, 0]]
    df = pd.DataFrame({"firm": list("abc") * 3, "year": np.repeat([2001, 2002, 2003], 3), "first": [0, 2002, 2003] * 3})
    panel = Panel(df, **KEYS)
    assert ex.exposure(panel, maps).tolist() == [0, 0, 0, 0.3, 0, 0, 0.5, 0, 0]
    with pytest.raises(OptionError, match="direction='customers'"):
        ex.supply_chain(links, ["a"], direction="customers")
    with pytest.raises(UnknownColumnError, match="sharing"):
        ex.supply_chain(links, ["a"], share="sharing")


@pytest.mark.parametrize("counting", ["places", "units"])
def test_places_carry_shares_or_numbers_of_their_units(counting: str) -> None:
    points = pd.DataFrame({"lat": [0.0, 0.3, 9.0], "lon": [0.0, 0.0, 0.0]}, index=["x", "y", "z"])
    place = pd.Series(["x", "x", "y", "y", "y", "z"], index=list("abcdef"))
    W = ex.rings(points, [0, 50])["ring_0_50"].at_places(place, counting=counting)
    D = np.array([1, 0, 1, 1, 0, 1.0])
    expected = [2 / 3, 2 / 3, 0.5, 0.5, 0.5, 0] if counting == "places" else [2, 2, 1, 1, 1, 0]
    carried = W @ D
    assert carried == pytest.approx(expected)
    with pytest.raises(DataError, match="labels are not among the places; first: nowhere"):
        ex.rings(points, [0, 50])["ring_0_50"].at_places(pd.Series(["nowhere"], index=["a"]))
    with pytest.raises(OptionError, match="counting='firms'"):
        ex.rings(points, [0, 50])["ring_0_50"].at_places(place, counting="firms")


def test_bad_maps() -> None:
    with pytest.raises(OptionError, match="edges_km"):
        ex.rings(cities(), [50, 0])
    with pytest.raises(OptionError, match="cutoff_km"):
        ex.inverse_distance(cities(), cutoff_km=0)
    with pytest.raises(DataError, match="1 places without a latitude"):
        ex.rings(cities().assign(lat=lambda d: d["lat"].where(d.index != 3)), [0, 50])
    with pytest.raises(DataError, match="cannot have the shapes"):
        ex.matrix_map(np.eye(3), ["a", "b"])
    with pytest.raises(DuplicateRowsError, match="1 units stand twice"):
        ex.matrix_map(np.eye(2), ["a", "a"])
    with pytest.raises(MissingValueError, match="missing or infinite links"):
        ex.matrix_map([[0, np.nan], [0, 0]], ["a", "b"])
    with pytest.raises(MissingValueError, match="industries: 1 missing"):
        ex.industry_peers(pd.Series(["C26", None]))


# -- exposures -------------------------------------------------------------------------------------------------------


def random_map(seed: int, units: pd.Index) -> ex.Map:
    rng = np.random.default_rng(seed)
    W = rng.random((len(units), len(units))) * (rng.random((len(units), len(units))) < 0.2)
    np.fill_diagonal(W, 0)
    return ex.matrix_map(W, units)


def test_exposure_equals_the_dense_sum_in_the_order_of_the_frame() -> None:
    df, city, industry = firms()
    panel = Panel(df, **KEYS)
    maps = {
        "random": random_map(1, panel.units),
        "peers": ex.industry_peers(industry, exclude=city).on(panel.units),
        "ring": ex.rings(cities(n=6), [0, 200])["ring_0_200"].at_places(city).on(panel.units),
    }
    for W in maps.values():
        dense = W.to_sparse().toarray()
        expected = dense_exposure(panel, dense)
        assert (expected > 0).any()
        result = ex.exposure(panel, W)
        assert result.index.equals(df.index)
        assert result.to_numpy() == pytest.approx(expected, abs=1e-12)
        assert ex.exposure(panel, W, how="any").to_numpy() == pytest.approx((expected > 1e-12).astype(float))
        links = dense.sum(axis=1)[panel.units.get_indexer(df["firm"])]
        share = np.divide(expected, links, out=np.zeros_like(expected), where=links > 0)
        assert ex.exposure(panel, W, how="share").to_numpy() == pytest.approx(share, abs=1e-12)
    together = ex.exposures(panel, maps, how="any")
    assert list(together) == list(maps)
    assert together["ring"].equals(ex.exposure(panel, maps["ring"], how="any").rename("ring"))


def test_links_that_could_not_be_meant_are_refused() -> None:
    links = pd.DataFrame({"firm_id": ["1"], "year": [2001], "partner_id": ["2"], "share": [0.3]})
    with pytest.raises(DataError, match="'firm_id': none of the 1 links is of one of the 2 units"):
        ex.supply_chain(links, [1, 2])
    with pytest.raises(DuplicateRowsError, match="1 of the units stand twice"):
        ex.supply_chain(links, ["1", "1"])
    with pytest.raises(MissingValueError, match="'year': missing periods"):
        ex.supply_chain(links.assign(year=np.nan), ["1", "2"])
    with pytest.raises(NonNumericError, match="'share' has type"):
        ex.supply_chain(links.assign(share="30%"), ["1", "2"])
    df, _, _ = firms()
    panel = Panel(df, **KEYS)
    W = np.zeros((panel.n_units, panel.n_units))
    assert ex.exposure(panel, {int(panel.times[0]): W}).sum() == 0
    with pytest.raises(DataError, match="links of 1 periods, none of which is one of the panel's"):
        ex.exposure(panel, {str(panel.times[0]): W})


def test_a_frame_of_links_goes_by_its_labels() -> None:
    df, _, _ = firms()
    panel = Panel(df, **KEYS)
    W = pd.DataFrame(random_map(2, panel.units).to_sparse().toarray(), panel.units, panel.units)
    expected = ex.exposure(panel, W.to_numpy())
    assert expected.any()
    mixed = W.sample(frac=1, random_state=1).sample(frac=1, axis=1, random_state=2)
    for links in (mixed, ex.matrix_map(mixed, panel.units)):
        assert ex.exposure(panel, links).to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-13)
    assert ex.exposure(panel, pd.DataFrame(W.to_numpy())).equals(expected)
    with pytest.raises(DataError, match="1 units are not in the map"):
        ex.exposure(panel, mixed.drop(index=panel.units[0], columns=panel.units[0]))
    with pytest.raises(DataError, match="in the columns of the links"):
        ex.exposure(panel, W.rename(columns={panel.units[0]: "other"}))


def test_units_that_are_linked_to_themselves_are_warned_of() -> None:
    df, _, _ = firms()
    panel = Panel(df, **KEYS)
    W = random_map(2, panel.units).to_sparse().toarray()
    W[3, 3] = 1.0
    for links in (W, {int(time): W for time in panel.times}):
        with pytest.warns(AigreenWarning, match="1 units are linked to themselves: .* first: f03"):
            ex.exposure(panel, links)


def test_leave_one_out_leaves_exact_zeros() -> None:
    labels = pd.Index(range(30))
    panel = Panel(
        pd.DataFrame({"firm": np.repeat(labels, 2), "year": [1, 2] * 30, "first": np.repeat([2] * 29 + [0], 2)}), **KEYS
    )
    W = ex.industry_peers(pd.Series(["C26"] * 30), exclude=pd.Series([7] * 30))
    third = ex.Map(W.units, W.left * (1 / 3), W.right * 0.1)
    assert (ex.exposure(panel, third) == 0).all()
    assert (ex.exposure(panel, third, how="share") == 0).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_relabelling_and_row_order_change_nothing(seed: int) -> None:
    df, _, _ = firms(seed, n=12)
    panel = Panel(df, **KEYS)
    W = random_map(seed, panel.units)
    result = ex.exposure(panel, W)
    shuffled = df.sample(frac=1, random_state=seed + 1)
    assert ex.exposure(Panel(shuffled, **KEYS), W).loc[df.index].equals(result)
    rng = np.random.default_rng(seed)
    new = dict(zip(panel.units, rng.permutation(panel.n_units), strict=True))
    renamed = Panel(df.assign(firm=df["firm"].map(new)), **KEYS)
    other = ex.matrix_map(W.to_sparse(), [new[label] for label in panel.units])
    assert ex.exposure(renamed, other).to_numpy() == pytest.approx(result.to_numpy(), abs=1e-14)


def test_treatment_may_be_a_column_a_series_or_an_array() -> None:
    df, _, _ = firms()
    rng = np.random.default_rng(3)
    df["dose"] = rng.random(len(df))
    panel = Panel(df, **KEYS)
    W = random_map(2, panel.units)
    dense, units = W.to_sparse().toarray(), panel.units.get_indexer(df["firm"])
    expected = [
        sum(dense[i, j] * d for j, y, d in zip(units, df["year"], df["dose"], strict=True) if y == year)
        for i, year in zip(units, df["year"], strict=True)
    ]
    result = ex.exposure(panel, W, treated="dose")
    assert result.to_numpy() == pytest.approx(np.array(expected), abs=1e-12)
    assert ex.exposure(panel, W, treated=df["dose"].sample(frac=1, random_state=0)).equals(result)
    assert ex.exposure(panel, W, treated=df["dose"].to_numpy()).equals(result)
    with pytest.raises(MissingValueError, match="1 missing treatments"):
        ex.exposure(panel, W, treated=df["dose"].where(np.arange(len(df)) != 4))
    with pytest.raises(DataError, match="treatment of shape"):
        ex.exposure(panel, W, treated=np.ones(3))


def test_a_map_must_fit_the_units() -> None:
    df, _, _ = firms()
    panel = Panel(df, **KEYS)
    with pytest.raises(DataError, match="links of shape"):
        ex.exposure(panel, np.eye(3))
    with pytest.raises(DataError, match="29 units are not in the map; first: f01"):
        ex.exposure(panel, ex.matrix_map(np.zeros((1, 1)), ["f00"]))
    with pytest.raises(OptionError, match="how='mean'"):
        ex.exposure(panel, np.zeros((30, 30)), how="mean")
    wide = random_map(5, pd.Index([*panel.units[::-1], "absent"]))
    small = ex.matrix_map(wide.to_sparse().toarray()[:30, :30][::-1, ::-1], panel.units)
    assert ex.exposure(panel, wide).to_numpy() == pytest.approx(ex.exposure(panel, small).to_numpy(), abs=1e-13)


def test_onset_is_the_first_positive_period() -> None:
    df = pd.DataFrame({"firm": list("aabbcc"), "year": [1, 2] * 3, "first": 0, "s": [0, 2, 1, 0, 0, 0.0]})
    df["z"] = [1, np.nan, 0, 0, 0, 0]
    panel = Panel(df.iloc[::-1], **KEYS)
    assert ex.onset(panel, "s").to_dict() == {"a": 2, "b": 1, "c": np.inf}
    assert ex.onset(panel, ["s", "z"]).to_dict() == {"a": 1, "b": 1, "c": np.inf}


def test_permuted_maps_keep_the_structure() -> None:
    W = random_map(7, pd.Index(range(20)))
    placebo = ex.permuted(W, seed=1)
    a, b = W.to_sparse().toarray(), placebo.to_sparse().toarray()
    assert not np.array_equal(a, b)
    assert np.array_equal(np.sort(a.ravel()), np.sort(b.ravel()))
    assert np.sort(a.sum(axis=1)) == pytest.approx(np.sort(b.sum(axis=1)))
    assert np.array_equal(ex.permuted(W, seed=1).to_sparse().toarray(), b)
    stratum = pd.Series(np.arange(20) // 5, index=range(20))
    marked = ex.matrix_map(np.diag(stratum + 1.0), range(20))
    assert np.array_equal(ex.permuted(marked, seed=2, within=stratum).to_sparse().diagonal(), stratum + 1.0)
    peers = ex.industry_peers(pd.Series(list("aabbb")))
    assert np.sort(ex.permuted(peers, seed=0) @ np.ones(5)).tolist() == [1, 1, 2, 2, 2]


def test_expected_exposure_by_enumeration_and_by_simulation() -> None:
    df = pd.DataFrame({"firm": np.repeat(range(4), 2), "year": [1, 2] * 4, "first": np.repeat([2, 2, 0, 0], 2)})
    panel = Panel(df, **KEYS)
    W = random_map(11, pd.Index(range(4)))
    dense = W.to_sparse().toarray()
    # Cities {0, 1}, {2}, {3}: one of three is treated from period 2, with probability 1/3 each.
    city = pd.Series(list("xxyz"), index=range(4))
    assignments = [[1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    mean = np.mean([dense @ a for a in assignments], axis=0)
    expected = ex.expected_exposure(panel, W, groups=city)
    assert expected.to_numpy().reshape(4, 2) == pytest.approx(np.column_stack([np.zeros(4), mean]))
    actual = ex.exposure(panel, W)
    assert ex.recentred(panel, W, groups=city).to_numpy() == pytest.approx((actual - expected).to_numpy())
    some = np.mean([dense @ a > 0 for a in assignments], axis=0)
    drawn = ex.expected_exposure(panel, W, groups=city, how="any", n_draws=4000, seed=5)
    assert drawn.to_numpy()[1::2] == pytest.approx(some, abs=0.03)
    again = ex.expected_exposure(panel, W, groups=city, how="any", n_draws=4000, seed=5)
    assert again.equals(drawn)
    # Within strata {x}, {y, z} nothing moves: x stays treated.
    strata = pd.Series([0, 0, 1, 1], index=range(4))
    assert ex.recentred(panel, W, groups=city, strata=strata).to_numpy() == pytest.approx(0)
    with pytest.raises(DataError, match="first treated periods vary within groups"):
        ex.expected_exposure(panel, W, groups=pd.Series(list("xyxy"), index=range(4)))
