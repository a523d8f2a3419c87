import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigreen import Panel, StackedDiD, SunAbraham
from aigreen.errors import (
    AigreenWarning,
    AlwaysTreatedWarning,
    CollinearWarning,
    NoControlsError,
    NoPrePeriodError,
    NoTreatedError,
    OptionError,
    SingletonWarning,
    SmallCellWarning,
    TooFewClustersError,
    UnreachedWarning,
)
from aigreen.inference import honest_did

KEYS = {"unit": "firm", "time": "year", "cohort": "first"}


def make(n_units=40, n_periods=7, seed=0, missing=0.0):
    rng = np.random.default_rng(seed)
    firm = np.repeat(np.arange(n_units), n_periods)
    year = np.tile(np.arange(2001, 2001 + n_periods), n_units)
    first = (np.arange(n_units) % 4)[firm]
    first = np.choose(first, [0, 2003, 2004, 2006])
    n = len(firm)
    x = rng.normal(size=n)
    treated = (first > 0) & (year >= first)
    y = rng.normal(size=n_units)[firm] + 0.1 * year + 0.5 * treated + 0.3 * x + rng.normal(size=n)
    frame = pd.DataFrame({"firm": firm, "year": year, "first": first, "city": firm % 9, "x": x, "y": y})
    frame["moving"] = (firm + (year > 2004)) % 9
    frame["w"] = rng.uniform(0.5, 2, size=n)
    return frame[rng.random(n) >= missing]


def dense(frame, cluster, weights=None):
    """The saturated regression on dummies, with fixest's small-sample factor."""
    cells = [
        (g, t)
        for g in sorted(set(frame["first"]) - {0})
        for t in sorted(frame["year"].unique())
        if t != g - 1 and ((frame["first"] == g) & (frame["year"] == t)).any()
    ]
    D = np.column_stack([(frame["first"] == g) & (frame["year"] == t) for g, t in cells] + [frame["x"]]).astype(float)
    F = pd.get_dummies(frame[["firm", "year"]].astype(str)).to_numpy(dtype=float)
    w = np.ones(len(frame)) if weights is None else frame[weights].to_numpy()
    root = np.sqrt(w)[:, None]
    within = D * root - F * root @ np.linalg.lstsq(F * root, D * root, rcond=None)[0]
    y = frame["y"].to_numpy()[:, None] * root
    y = (y - F * root @ np.linalg.lstsq(F * root, y, rcond=None)[0])[:, 0]
    bread = np.linalg.inv(within.T @ within)
    beta = bread @ within.T @ y
    scores = pd.DataFrame(within * (y - within @ beta)[:, None]).groupby(frame[cluster].to_numpy()).sum()
    n, groups = len(frame), len(scores)
    nested = frame.groupby("firm")[cluster].nunique().max() == 1
    k = D.shape[1] + frame["year"].nunique() + (0 if nested else frame["firm"].nunique() - 1)
    factor = (n - 1) / (n - k) * groups / (groups - 1)
    return cells, beta, np.sqrt(factor) * scores.to_numpy() @ bread


@pytest.mark.parametrize("cluster", ["firm", "city", "moving"])
@pytest.mark.parametrize(("missing", "weights"), [(0.0, None), (0.15, None), (0.15, "w")])
def test_equals_the_regression_on_dummies(cluster, missing, weights):
    frame = make(missing=missing)
    result = SunAbraham().fit(Panel(frame, **KEYS, cluster=cluster, weights=weights), "y", covariates=["x"])
    cells, beta, psi = dense(frame, cluster, weights)
    np.testing.assert_allclose(result.estimates[cells], beta[:-1], atol=1e-10)
    positions = result.index.get_indexer(cells)
    np.testing.assert_allclose(result.psi[:, positions], psi[:, :-1], atol=1e-10)


def test_reference_cells_are_zeros():
    result = SunAbraham(reference=-2).fit(Panel(make(), **KEYS), "y")
    cells = result.index.to_frame(index=False)
    reference = (cells["time"] - cells["cohort"] == -2).to_numpy()
    assert reference.sum() == 3
    assert (result.values[reference] == 0).all()
    assert (result.psi[:, reference] == 0).all()
    assert result.event_study().pretrend_test().df == 4


def test_always_treated_units_are_left_out_and_counted():
    frame = make()
    frame.loc[frame["firm"].isin([0, 4]), "first"] = 2001
    with pytest.warns(AlwaysTreatedWarning, match="14 rows"):
        result = SunAbraham().fit(Panel(frame, **KEYS), "y")
    rest = SunAbraham().fit(Panel(frame[frame["first"] != 2001], **KEYS), "y")
    np.testing.assert_allclose(result.values, rest.values, atol=1e-12)
    assert result.n_units == 38


def test_cohorts_after_the_last_period_are_controls():
    frame = make()
    frame.loc[frame["firm"] == 0, "first"] = 2010
    result = SunAbraham().fit(Panel(frame, **KEYS), "y")
    never = SunAbraham().fit(Panel(make(), **KEYS), "y")
    np.testing.assert_array_equal(result.values, never.values)


def test_effects_that_no_rows_link_are_counted():
    frame = make()
    apart = (frame["first"] == 2003) & (frame["year"].isin([2006, 2007]) != (frame["firm"] % 8 == 1))
    with pytest.warns(UnreachedWarning, match=r"2 effects \(cohort, time\) left out"):
        result = SunAbraham().fit(Panel(frame[~apart], **KEYS), "y")
    assert (2003, 2006) not in result.index
    assert (2003, 2005) in result.index
    assert np.isfinite(result.std_errors).all()


def test_a_cohort_in_one_cluster_is_named():
    frame = make()
    frame.loc[(frame["first"] == 2004) & (frame["firm"] != 2), "first"] = 0
    with pytest.warns(SmallCellWarning, match="first: cohort 2004"):
        SunAbraham().fit(Panel(frame, **KEYS), "y")


def test_singletons_and_determined_covariates_are_counted():
    frame = make()
    frame = frame[(frame["firm"] != 7) | (frame["year"] == 2002)].assign(size=lambda f: f["firm"] * 1.0)
    with pytest.warns(SingletonWarning, match="1 row "), pytest.warns(CollinearWarning, match="first: size"):
        result = SunAbraham().fit(Panel(frame, **KEYS), "y", covariates=["x", "size"])
    assert result.dropped["count"].tolist() == [1, 1]


@pytest.mark.parametrize("value", [0.1, 1e5 / 3, 1e-7 / 3])
@pytest.mark.parametrize("weights", [None, "w"])
@pytest.mark.filterwarnings("ignore::aigreen.errors.UnreachedWarning")
def test_a_constant_covariate_is_left_out_though_its_mean_rounds(value, weights):
    panel = Panel(make(missing=0.1).assign(same=value), weights=weights, **KEYS)
    for model in (SunAbraham(), StackedDiD()):
        plain = model.fit(panel, "y", covariates=["x"])
        with pytest.warns(CollinearWarning, match="first: same"):
            result = model.fit(panel, "y", covariates=["x", "same"])
        np.testing.assert_allclose(result.values, plain.values, rtol=0, atol=1e-13)
        np.testing.assert_allclose(result.psi, plain.psi, rtol=0, atol=1e-13)


def test_bad_input():
    frame = make()
    with pytest.raises(NoTreatedError):
        SunAbraham().fit(Panel(frame, unit="firm", time="year"), "y")
    treated = Panel(frame[frame["first"] > 0], **KEYS)
    with pytest.raises(NoControlsError, match="last_treated"):
        SunAbraham().fit(treated, "y")
    one = Panel(frame[frame["first"] == 2003], **KEYS)
    with pytest.raises(NoControlsError, match="1 cohort"):
        SunAbraham(control_group="last_treated").fit(one, "y")
    late = Panel(frame[(frame["year"] >= 2003) & frame["first"].isin([0, 2003])], **KEYS)
    with pytest.raises(NoPrePeriodError), pytest.warns(AlwaysTreatedWarning):
        SunAbraham().fit(late, "y")
    with pytest.raises(TooFewClustersError), pytest.warns(SmallCellWarning, match="4 cohorts stand in a single"):
        SunAbraham().fit(Panel(frame.assign(all=1), **KEYS, cluster="all"), "y")
    with pytest.raises(OptionError):
        SunAbraham(control_group="never")
    with pytest.raises(OptionError):
        SunAbraham(reference=0)


@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    model=st.sampled_from([SunAbraham(), StackedDiD(window=(-2, 1))]),
    missing=st.sampled_from([0.0, 0.1]),
    scale=st.floats(1e-4, 1e4),
)
def test_invariance(seed, model, missing, scale):
    frame = make(seed=seed, missing=missing)

    def fit(frame, **keys):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AigreenWarning)
            return model.fit(Panel(frame, **KEYS, **keys), "y", covariates=["x"])

    result = fit(frame)
    rng = np.random.default_rng(seed)
    names = np.array([f"firm {i}" for i in rng.permutation(40)])
    shuffled = fit(frame.sample(frac=1, random_state=seed).assign(firm=lambda f: names[f["firm"]]))
    weighted = fit(frame.assign(w=0.5), weights="w")
    scaled = fit(frame.assign(y=frame["y"] * scale + 3, x=frame["x"] / scale))
    for other, factor in ((shuffled, 1), (weighted, 1), (scaled, scale)):
        np.testing.assert_allclose(other.values, result.values * factor, rtol=1e-7, atol=1e-9 * factor)
        np.testing.assert_allclose(other.std_errors, result.std_errors * factor, rtol=1e-7, atol=1e-9 * factor)


# -- stacked ---------------------------------------------------------------------------------------------------------


def test_cohorts_whose_window_leaves_the_panel_are_counted():
    with pytest.warns(UnreachedWarning, match="1 cohort left out.*first: 2006"):
        result = StackedDiD(window=(-2, 2)).fit(Panel(make(), **KEYS), "y")
    assert sorted(result.index.get_level_values("cohort").unique()) == [2003, 2004]
    assert result.event_study().index.tolist() == [-2, -1, 0, 1, 2]


def test_stacked_bad_input():
    frame = make()
    with pytest.raises(NoTreatedError, match="shorter window"), pytest.warns(UnreachedWarning):
        StackedDiD(window=(-5, 5)).fit(Panel(frame, **KEYS), "y")
    with pytest.raises(NoControlsError, match="no cohort has clean controls in its window; first: 2003"):
        StackedDiD(window=(-1, 1)).fit(Panel(frame[frame["first"] == 2003], **KEYS), "y")
    for options in (
        {"window": (0, 2)},
        {"window": (-2, 2), "reference": -3},
        {"reference": 1},
        {"weighting": "equal"},
        {"control_group": "all"},
    ):
        with pytest.raises(OptionError):
            StackedDiD(**options)


def test_stacked_measures_against_the_chosen_reference():
    panel = Panel(make(), **KEYS)
    usual = StackedDiD(window=(-2, 1)).fit(panel, "y", covariates=["x"])
    moved = StackedDiD(window=(-2, 1), reference=-2).fit(panel, "y", covariates=["x"])
    assert moved.conventions["window"] == "-2 to 1, reference -2"
    for cohort in (2003, 2004, 2006):
        at = usual[cohort].estimates
        np.testing.assert_allclose(moved[cohort].values, at - at[cohort - 2], atol=1e-12)
        psi = usual[cohort].influence
        np.testing.assert_allclose(moved[cohort].influence, psi.sub(psi[cohort - 2], axis=0), atol=1e-12)
    late = Panel(make().query("first != 2003"), **KEYS)
    assert honest_did(StackedDiD(window=(-3, 1), reference=-2).fit(late, "y")).reference == -2


def test_biennial_data_need_a_reference_that_is_seen():
    frame = make()
    even = frame[(frame["year"] % 2 == 0) & (frame["first"] != 2003)]
    panel = Panel(even, **KEYS)
    for model, there in ((StackedDiD(window=(-2, 1)), "-2, 0"), (SunAbraham(), "-4, -2, 0, 2")):
        text = (
            rf"no row of a treated unit is at the reference horizon -1 \(horizons {there}\): choose another reference="
        )
        with pytest.raises(NoPrePeriodError, match=text), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(panel, "y")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert StackedDiD(window=(-2, 1), reference=-2).fit(panel, "y").event_study().index.tolist() == [-2, 0]
