"""Units as clusters, more of them than influence functions have room: covariances equal those from memory."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aigreen import GroupTimeATT, concat, load
from aigreen.errors import EstimationError, NoInfluenceError

from .test_equality import firms
from .twins import outcome, twins

LITTLE = "50KB"
CLOSE = {"rtol": 1e-10, "atol": 1e-13}
FITS = [
    ({}, {}),
    ({"control_group": "never_treated", "base_period": "universal", "cohort_weights": "first"}, {}),
    ({"anticipation": 1, "base_period": "varying_window"}, {"covariates": ["x", "size"]}),
    ({"method": "ipw"}, {"covariates": ["x", "sure"]}),
    ({"method": "reg"}, {"covariates": "x"}),
]


def results(tmp_path, model, df=None, *, weights=None, **given):
    roles = {} if weights is None else {"weights": weights}
    panel, scanned = twins(firms() if df is None else df, tmp_path, memory=LITTLE, **roles)
    (memory, told), (disk, said) = (outcome(model.fit, one, "y", **given) for one in (panel, scanned))
    assert said == told
    assert disk.psi is None and disk.root is not None
    return memory, disk


def assert_same(memory, disk, tolerance=1e-10):
    assert disk.index.equals(memory.index)
    assert (disk.n_rows, disk.n_units, disk.n_clusters) == (memory.n_rows, memory.n_units, memory.n_clusters)
    scale = np.abs(memory.vcov.to_numpy()).max()
    np.testing.assert_allclose(disk.values, memory.values, **CLOSE)
    np.testing.assert_allclose(disk.vcov, memory.vcov, rtol=1e-10, atol=1e-10 * scale)
    for name in ("to_frame", "effective_clusters"):
        pd.testing.assert_frame_equal(getattr(disk, name)(), getattr(memory, name)(), rtol=tolerance, atol=1e-12)
    np.testing.assert_allclose(disk.small_sample_vcov, memory.small_sample_vcov, rtol=tolerance, atol=tolerance * scale)


@pytest.mark.parametrize(("options", "given"), FITS)
def test_covariances_equal_those_from_memory(tmp_path, options, given):
    memory, disk = results(tmp_path, GroupTimeATT(**options), **given)
    assert len(disk.root) < len(memory.psi)
    for one, other in (
        (memory, disk),
        (memory.overall(), disk.overall()),
        *((memory.aggregate(how), disk.aggregate(how)) for how in ("simple", "group", "event_study", "calendar")),
        (memory.aggregate("group").overall(), disk.aggregate("group").overall()),
        (memory * 3.0, disk * 3.0),
        (memory.event_study().trend(), disk.event_study().trend()),
    ):
        assert_same(one, other)
    R = np.eye(len(memory))[np.flatnonzero(memory.post)[:2]]
    for method in ("hotelling", "chi2"):
        a, b = (one.test(R, method=method) for one in (memory, disk))
        assert (b.statistic, b.p_value) == pytest.approx((a.statistic, a.p_value), rel=1e-8)
    assert disk.test(R).method == "hotelling"
    sets = [np.ravel(one.event_study().share_set(0, 1).intervals) for one in (memory, disk)]
    np.testing.assert_allclose(sets[1], sets[0], rtol=1e-8)


@pytest.mark.parametrize("weights", ["w", "wt"])
def test_with_weights_only_the_number_of_clusters_is_rounded(tmp_path, weights):
    memory, disk = results(tmp_path, GroupTimeATT(), weights=weights)
    np.testing.assert_allclose(disk.std_errors, memory.std_errors, **CLOSE)
    np.testing.assert_allclose(disk.overall().std_errors, memory.overall().std_errors, **CLOSE)
    for a, b in ((memory, disk), (memory.overall(), disk.overall())):
        pd.testing.assert_frame_equal(b.effective_clusters(), a.effective_clusters(), rtol=0.02)


@pytest.mark.parametrize(("last", "number", "weights", "tolerance"), [(17, 5, "wt", 1e-3), (8, 3, None, 1e-10)])
def test_a_cohort_of_few_units_keeps_their_degrees_of_freedom(tmp_path, last, number, weights, tolerance):
    df = firms()
    df.loc[(df["first"] == 4) & (df["firm"] > last), "first"] = 6.0
    assert df.loc[df["first"] == 4, "firm"].nunique() == number
    memory, disk = results(tmp_path, GroupTimeATT(), df, weights=weights)
    a, b = (one[4].effective_clusters() for one in (memory, disk))
    pd.testing.assert_series_equal(b["treated"], a["treated"], rtol=1e-10)
    pd.testing.assert_frame_equal(b, a, rtol=tolerance)
    assert a["treated"].max() < 6


def test_bands_are_those_of_normal_draws(tmp_path):
    rng = np.random.default_rng(0)
    df = pd.DataFrame({"firm": np.repeat(np.arange(4_000), 5), "year": np.tile(np.arange(1, 6), 4_000)})
    df["first"] = np.array([0, 3, 4])[df["firm"] % 3]
    df["y"] = rng.standard_normal(len(df))
    panel, scanned = twins(df, tmp_path, 1_000, memory="200KB")
    memory, disk = (GroupTimeATT().fit(one, "y").event_study() for one in (panel, scanned))
    assert disk.psi is None
    a, b = (one.conf_int(simultaneous=True, n_draws=20_000) for one in (memory, disk))
    widths = [(one["high"] - one["low"]).to_numpy() for one in (a, b)]
    np.testing.assert_allclose(widths[1], widths[0], rtol=0.015)
    pointwise = disk.conf_int()
    assert (widths[1] > 1.2 * (pointwise["high"] - pointwise["low"])).all()


def test_what_needs_influence_functions_says_so(tmp_path):
    memory, disk = results(tmp_path, GroupTimeATT())
    assert "by cohort" in disk.conventions["influence"]
    match = r"has no influence functions, which a joint covariance needs: 105 clusters are too many, name cluster="
    for joint in (lambda: disk - memory, lambda: memory - disk, lambda: concat({"a": disk, "b": disk})):
        with pytest.raises(NoInfluenceError, match=match):
            joint()
    with pytest.raises(NoInfluenceError, match="`influence`"):
        _ = disk.influence
    with pytest.raises(NoInfluenceError, match="method='wild'"):
        disk.test(method="wild")
    assert len(disk.clusters) == 0 and disk.clusters.name == "firm"


def test_it_is_stored(tmp_path):
    disk = results(tmp_path, GroupTimeATT())[1]
    disk.save(tmp_path / "att")
    read = load(tmp_path / "att")
    assert repr(read) == repr(disk)
    assert read.psi is None
    pd.testing.assert_frame_equal(read.overall().to_frame(), disk.overall().to_frame(), rtol=1e-14)


def test_no_room_for_covariances(tmp_path):
    scanned = twins(firms(), tmp_path, memory="4KB")[1]
    with pytest.raises(EstimationError, match=r"covariances of \d+ effects and cohort shares by cohort would take"):
        raise outcome(GroupTimeATT().fit, scanned, "y")[0]


def test_a_unit_takes_one_byte_and_codes_do_not_overflow(tmp_path):
    scanned = twins(firms(), tmp_path, memory=LITTLE)[1]
    assert outcome(GroupTimeATT().fit, scanned, "y", covariates="x")[0].psi is None
    whole = [value for value in vars(scanned).values() if isinstance(value, np.ndarray) and len(value) == 120]
    assert [value.itemsize for value in whole] == [1]
    (tmp_path / "cities").mkdir()
    other = twins(firms(), tmp_path / "cities", cluster="city")[1]
    for block in other.blocks(["x"], ["industry^year", "city"]):
        codes = [block.unit, block.time, block.group, *block.codes.values()]
        assert {code.dtype for code in codes} == {np.dtype(np.int64)}
    assert other.group_cluster.dtype == np.int64
