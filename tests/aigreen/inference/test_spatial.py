from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from aigreen import Imputation, Panel
from aigreen.effects.effects import Effects
from aigreen.errors import (
    CovarianceWarning,
    DataError,
    EffectsError,
    IncompatibleEffectsError,
    MissingValueError,
    NoInfluenceError,
    OptionError,
)
from aigreen.inference import conley
from aigreen.regression.twfe import TWFE

RADIUS = 6371.0088


def make(n=60, k=3, seed=0):
    rng = np.random.default_rng(seed)
    clusters = pd.Index([f"u{i:03d}" for i in range(n)], name="unit")
    result = Effects(
        values=rng.normal(size=k),
        index=pd.Index(list("abc")[:k], name="effect"),
        psi=rng.normal(size=(n, k)),
        clusters=clusters,
        n_rows=n,
        n_units=n,
        n_clusters=n,
        method="m",
        outcome="y",
        df=n - 1,
    )
    places = pd.DataFrame({"lat": rng.uniform(30, 36, n), "lon": rng.uniform(110, 118, n)}, index=clusters)
    return result, places


def haversine(places):
    phi, lam = np.radians(places.to_numpy()).T
    h = (
        np.sin((phi[:, None] - phi) / 2) ** 2
        + np.cos(phi)[:, None] * np.cos(phi) * np.sin((lam[:, None] - lam) / 2) ** 2
    )
    return 2 * RADIUS * np.arcsin(np.sqrt(np.minimum(h, 1)))


@pytest.mark.parametrize("kernel", ["uniform", "bartlett"])
def test_equals_the_dense_double_sum(kernel):
    result, places = make()
    distance = haversine(places)
    weight = (distance <= 150).astype(float) if kernel == "uniform" else np.maximum(1 - distance / 150, 0)
    ours = conley(result, places.sample(frac=1, random_state=1), 150, kernel=kernel)
    np.testing.assert_allclose(ours.vcov, result.psi.T @ weight @ result.psi, rtol=1e-10)
    np.testing.assert_array_equal(ours.values, result.values)
    assert ours.conventions["variance"] == f"Conley, {kernel} kernel, 150 km"
    assert ours.df is None and ours.test().df == 3


def test_short_cutoff_is_clustering_by_place():
    result, places = make()
    np.testing.assert_allclose(conley(result, places, 1e-6).vcov, result.vcov)
    places.iloc[1::2] = places.iloc[::2].to_numpy()
    sums = result.psi[::2] + result.psi[1::2]
    np.testing.assert_allclose(conley(result, places, 1e-6).vcov, sums.T @ sums)


def test_the_date_line_and_the_poles_are_no_border():
    result, places = make(4)
    places[:] = [[0, 179.9], [0, -179.9], [89.99, 0], [89.99, 180]]
    ours = conley(result, places, 25, kernel="uniform").vcov
    a, b = result.psi[:2].sum(axis=0), result.psi[2:].sum(axis=0)
    np.testing.assert_allclose(ours, np.outer(a, a) + np.outer(b, b), atol=1e-12)


def test_many_places_in_chunks():
    result, places = make(5000, 2)
    whole = conley(result, places, 30)
    distance = haversine(places)
    np.testing.assert_allclose(whole.vcov, result.psi.T @ (distance <= 30) @ result.psi, rtol=1e-9)


def test_panel_coordinates_and_subsets():
    rng = np.random.default_rng(2)
    df = pd.DataFrame({"unit": np.repeat(range(40), 4), "time": np.tile(range(4), 40)})
    df["first"] = np.where(df.unit < 20, 2, np.inf)
    df["lat"], df["lon"] = rng.uniform(30, 34, 40)[df.unit], rng.uniform(100, 104, 40)[df.unit]
    df["y"] = rng.normal(size=len(df))
    panel = Panel(df, unit="unit", time="time", cohort="first", coordinates=("lat", "lon"))
    fit = TWFE().fit(panel[df.unit % 3 > 0], "y")
    by_panel = conley(fit, panel, 100)
    by_frame = conley(fit, df[df.unit % 3 > 0].groupby("unit")[["lat", "lon"]].first(), 100)
    np.testing.assert_allclose(by_panel.vcov, by_frame.vcov, rtol=1e-10)


def test_negative_eigenvalues_are_set_to_zero_with_a_warning():
    result, places = make(3, 1)
    result = replace(result, psi=np.array([[1.0], [-2.0], [1.0]]))
    places[:] = [[0, 0], [0, 1], [0, 2]]
    with pytest.warns(CovarianceWarning, match="1 negative") as caught:
        ours = conley(result, places, 150)
    assert caught[0].message.count == 1
    assert ours.vcov.iloc[0, 0] == 0


def test_bad_input_is_named():
    result, places = make()
    with pytest.raises(MissingValueError, match=r"1 clusters \('unit'\) have no coordinates; first: u005"):
        conley(result, places.drop("u005"), 100)
    with pytest.raises(MissingValueError, match="first: u000"):
        conley(result, places.assign(lat=places.lat.where(places.index != "u000")), 100)
    with pytest.raises(DataError, match="latitude: 1 values outside"):
        conley(result, places.assign(lat=places.lat.where(places.index != "u001", 115)), 100)
    with pytest.raises(DataError, match="two columns"):
        conley(result, places[["lat"]], 100)
    with pytest.raises(OptionError, match="bartlett"):
        conley(result, places, 100, kernel="triangle")
    with pytest.raises(EffectsError, match="cutoff_km"):
        conley(result, places, 0)
    with pytest.raises(NoInfluenceError):
        conley(conley(result, places, 100), places, 100)
    df = pd.DataFrame({"u": [1, 1, 2, 2], "t": [1, 2, 1, 2], "a": 30.0, "b": 100.0})
    with pytest.raises(DataError, match="coordinates="):
        conley(result, Panel(df, unit="u", time="t"), 100)
    with pytest.raises(IncompatibleEffectsError):
        conley(result, Panel(df, unit="u", time="t", coordinates=("a", "b")), 100)


@pytest.mark.filterwarnings("ignore::aigreen.errors.SmallCellWarning")
@pytest.mark.parametrize(("treated", "seed"), [(3, 0), (4, 1), (1, 2)])
def test_few_treated_clusters_leave_their_degrees_of_freedom(treated, seed):
    """With 3 and 4 of 24 units treated normal intervals reject true nulls in .14 and .09 of samples, these in .04."""
    rng = np.random.default_rng(seed)
    first = np.zeros(24, dtype=int)
    first[:treated] = np.resize([6, 6, 8, 9], treated)
    frame = pd.DataFrame({"unit": np.repeat(range(24), 14), "year": np.tile(range(1, 15), 24)})
    frame = frame.assign(first=np.repeat(first, 14), y=rng.standard_normal((24, 14)).cumsum(axis=1).ravel())
    effect = Imputation().fit(Panel(frame, unit="unit", time="year", cohort="first"), "y").overall()
    places = pd.DataFrame({"lat": rng.uniform(25, 45, 24), "lon": rng.uniform(90, 120, 24)}, index=effect.clusters)
    found = conley(effect, places, 300.0)
    if treated == 1:
        assert found.to_frame()[["std_error", "p_value", "conf_low"]].isna().all(axis=None)
        return
    df = effect.effective_clusters()["df"].iloc[0]
    assert df < 5 and found.df == df
    reach = stats.t.ppf(0.975, df) * found.std_errors.iloc[0]
    assert found.conf_int()["high"].iloc[0] - found.values[0] == pytest.approx(reach, rel=1e-12)
