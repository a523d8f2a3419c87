import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigreen import TWFE, Panel, concat
from aigreen.errors import (
    AigreenWarning,
    CollinearError,
    CollinearWarning,
    CovarianceWarning,
    DataError,
    EmptyDataError,
    EstimationError,
    InfiniteValueError,
    MissingRowsWarning,
    NoInfluenceError,
    NonNumericError,
    NoPrePeriodError,
    NoTreatedError,
    OptionError,
    SeparationWarning,
    SingletonWarning,
    TooFewClustersError,
    UnknownColumnError,
)
from aigreen.inference import honest_did, wild_cluster_bootstrap
from aigreen.regression.absorbed import project

KEYS = {"unit": "firm", "time": "year", "cohort": "first"}


def make(n_units=30, n_periods=6, seed=0):
    rng = np.random.default_rng(seed)
    firm = np.repeat(np.arange(n_units), n_periods)
    year = np.tile(np.arange(2001, 2001 + n_periods), n_units)
    first = rng.choice([0, 2003, 2005], n_units)[firm]
    n = len(firm)
    x, z = rng.normal(size=n), rng.normal(size=n)
    treated = (first > 0) & (year >= first)
    y = rng.normal(size=n_units)[firm] + 0.1 * (year - 2000) + 0.5 * treated + 0.3 * x + rng.normal(size=n)
    columns = {"firm": firm, "year": year, "first": first, "city": firm % 7, "x": x, "z": z, "y": y}
    return pd.DataFrame(columns).assign(count=rng.poisson(np.exp(0.3 + 0.4 * treated + 0.2 * x)))


def same(a, b, **tolerance):
    np.testing.assert_allclose(a.values, b.values, **{"rtol": 1e-7, "atol": 1e-10} | tolerance)
    np.testing.assert_allclose(a.std_errors, b.std_errors, **{"rtol": 1e-7, "atol": 1e-10} | tolerance)


def test_least_squares_equals_dummy_regression():
    frame = make()
    result = TWFE().fit(Panel(frame, **KEYS), "y", covariates=["x"])
    treated = ((frame["first"] > 0) & (frame["year"] >= frame["first"])).astype(float)
    D = pd.get_dummies(frame[["firm", "year"]].astype(str)).to_numpy(dtype=float)
    beta = np.linalg.lstsq(np.column_stack([treated, frame["x"], D]), frame["y"], rcond=None)[0]
    np.testing.assert_allclose(result.values, beta[:2], atol=1e-12)
    assert result.index.tolist() == ["treated", "x"]
    assert result.psi.shape == (30, 2)
    np.testing.assert_allclose(result.psi.sum(axis=0), 0, atol=1e-12)
    assert result.df == 29


def test_influence_rows_are_the_clusters_of_the_whole_panel():
    panel = Panel(make(), **KEYS, cluster="city")
    whole = TWFE().fit(panel, "y")
    part = TWFE().fit(panel[panel.frame["city"] != 3], "y")
    assert part.psi.shape == whole.psi.shape == (7, 1)
    assert part.n_clusters == 6
    assert (part.psi[3] == 0).all()
    gap = whole - part
    np.testing.assert_allclose(gap.psi, whole.psi - part.psi)


@pytest.mark.parametrize("family", ["gaussian", "poisson"])
def test_column_names_are_never_read_as_formulas(family):
    frame = make()
    names = {"count": "绿色专利 数", "x": "class", "z": "a + b | c", "firm": "lambda", "year": "y", "city": "1^2"}
    odd = frame.drop(columns="y").rename(columns=names)
    plain = TWFE(family=family, fixed_effects=["firm", "year", "city"]).fit(
        Panel(frame, **KEYS, cluster="city"), "count", covariates=["x", "z"]
    )
    panel = Panel(odd, unit="lambda", time="y", cohort="first", cluster="1^2")
    result = TWFE(family=family, fixed_effects=["lambda", "y", "1^2"]).fit(
        panel, "绿色专利 数", covariates=["class", "a + b | c"]
    )
    assert result.index.tolist() == ["treated", "class", "a + b | c"]
    np.testing.assert_array_equal(result.values, plain.values)
    np.testing.assert_array_equal(result.std_errors, plain.std_errors)


def test_interacted_effects_equal_a_column_of_pairs():
    frame = make()
    frame["pair"] = frame["city"].astype(str) + "/" + frame["year"].astype(str)
    panel = Panel(frame, **KEYS)
    one = TWFE(fixed_effects=["firm", "city^year"]).fit(panel, "y")
    other = TWFE(fixed_effects=["firm", "pair"]).fit(panel, "y")
    np.testing.assert_allclose(one.values, other.values, atol=1e-12)
    np.testing.assert_allclose(one.std_errors, other.std_errors, rtol=1e-9)


# -- what is left out ------------------------------------------------------------------------------------------------


def test_missing_rows_and_singletons_are_counted():
    frame = make()
    frame.loc[[3, 4], "x"] = np.nan
    frame.loc[frame["firm"] == 9, "y"] = np.where(frame.loc[frame["firm"] == 9, "year"] == 2002, 1.0, np.nan)
    with (
        pytest.warns(MissingRowsWarning, match="7 rows"),
        pytest.warns(SingletonWarning, match="1 row left out: alone"),
    ):
        result = TWFE().fit(Panel(frame, **KEYS), "y", covariates=["x"])
    assert result.dropped[["count", "first"]].iloc[-1].tolist() == [1, "(9, 2002)"]
    assert result.n_rows == 180 - 7 - 1
    assert result.n_units == 29


@pytest.mark.filterwarnings("ignore::aigreen.errors.SmallCellWarning")
def test_singletons_are_searched_until_none_is_left():
    frame = pd.DataFrame({"firm": [1, 1, 2, 2, 3, 3], "year": [1, 2, 1, 2, 2, 3], "d": [0, 1, 0, 0, 0, 1]})
    frame["y"] = [1.0, 2.0, 1.5, 1.0, 0.0, 1.0]
    with pytest.warns(SingletonWarning) as caught:
        result = TWFE().fit(Panel(frame, unit="firm", time="year"), "y", treatment="d")
    assert [w.message.count for w in caught if w.category is SingletonWarning] == [2]
    assert result.n_rows == 4


def test_all_zero_groups_are_counted_in_a_count_model():
    frame = make()
    frame.loc[frame["firm"] < 2, "count"] = 0
    with pytest.warns(SeparationWarning, match="12 rows left out") as caught:
        result = TWFE(family="poisson").fit(Panel(frame, **KEYS), "count")
    assert caught[0].message.first[0] == "(0, 2001)"
    kept = TWFE(family="poisson").fit(Panel(frame[frame["firm"] >= 2], **KEYS), "count")
    np.testing.assert_allclose(result.values, kept.values, atol=1e-12)
    np.testing.assert_allclose(result.std_errors, kept.std_errors, rtol=1e-9)


def test_rows_that_a_covariate_separates_are_counted():
    frame = make()
    special = frame.index[(frame["firm"] % 5 == 0) & (frame["year"] == 2004)]
    frame["flag"] = 0.0
    frame.loc[special, ["flag", "count"]] = [1.0, 0]
    with (
        pytest.warns(CollinearWarning, match="first: flag"),
        pytest.warns(SeparationWarning, match="covariates separate") as caught,
    ):
        result = TWFE(family="poisson").fit(Panel(frame, **KEYS), "count", covariates=["x", "flag"])
    assert [w.message.count for w in caught if w.category is SeparationWarning] == [len(special)]
    assert [w.message.first for w in caught if w.category is CollinearWarning] == [["flag"]]
    rest = TWFE(family="poisson").fit(Panel(frame.drop(special), **KEYS), "count", covariates=["x"])
    assert result.index.tolist() == ["treated", "x"]
    same(result, rest, rtol=1e-6)


def test_a_determined_covariate_is_left_out_with_a_warning():
    frame = make().assign(size=lambda f: f["firm"] * 1.5, double=lambda f: 2 * f["x"] + 1)
    with pytest.warns(CollinearWarning, match="2 covariates left out") as caught:
        result = TWFE().fit(Panel(frame, **KEYS), "y", covariates=["x", "size", "double"])
    assert caught[0].message.first == ["size", "double"]
    assert result.index.tolist() == ["treated", "x"]
    same(result, TWFE().fit(Panel(frame, **KEYS), "y", covariates=["x"]))


def test_a_determined_treatment_is_refused():
    frame = make().assign(fixed=lambda f: f["city"] * 1.0)
    with pytest.raises(CollinearError, match=r"1 of 1 treatment effects are not identified.*fixed"):
        TWFE().fit(Panel(frame, **KEYS), "y", treatment="fixed")
    eventually = frame[frame["first"] > 0]
    with pytest.raises(CollinearError, match="not identified"):
        TWFE(event_study=True).fit(Panel(eventually, **KEYS), "y")


def test_small_units_are_not_taken_for_collinearity():
    frame = make()
    big = TWFE().fit(Panel(frame, **KEYS), "y", covariates=["x"])
    tiny = TWFE().fit(Panel(frame.assign(x=frame["x"] * 1e-9), **KEYS), "y", covariates=["x"])
    np.testing.assert_allclose(tiny.values, big.values * [1, 1e9], rtol=1e-9)


# -- event study -----------------------------------------------------------------------------------------------------


def test_event_study_has_a_reference_and_averages_its_horizons():
    result = TWFE(event_study=True).fit(Panel(make(), **KEYS), "y", covariates=["x"])
    assert result.index.name == "horizon"
    assert result.index.tolist() == [-4, -3, -2, -1, 0, 1, 2, 3]
    assert result.estimates[-1] == 0 == result.std_errors[-1]
    assert result.overall().values[0] == pytest.approx(result.estimates[[0, 1, 2, 3]].mean())
    assert result.pretrend_test().df == 3
    assert result.event_study() is result


def test_a_window_adds_outer_horizons_to_its_ends():
    frame = make()
    result = TWFE(event_study=(-2, 1)).fit(Panel(frame, **KEYS), "y")
    horizon = np.where(frame["first"] > 0, frame["year"] - frame["first"], np.nan)
    columns = {"low": horizon <= -2, "zero": horizon == 0, "high": horizon >= 1}
    by_hand = frame.assign(**{name: column.astype(float) for name, column in columns.items()})
    expected = TWFE().fit(Panel(by_hand, **KEYS), "y", treatment=list(columns))
    np.testing.assert_allclose(result.estimates[[-2, 0, 1]], expected.values, atol=1e-12)
    np.testing.assert_allclose(result.std_errors[[-2, 0, 1]], expected.std_errors, rtol=1e-10)


def test_a_chosen_reference_moves_the_zero():
    panel = Panel(make(), **KEYS)
    for window in (True, (-3, 2)):
        usual = TWFE(event_study=window).fit(panel, "y", covariates=["x"])
        moved = TWFE(event_study=window, reference=-2).fit(panel, "y", covariates=["x"])
        assert moved.index.equals(usual.index) and moved.estimates[-2] == 0 == moved.std_errors[-2]
        assert moved.conventions["reference horizon"] == "-2"
        np.testing.assert_allclose(moved.values, usual.values - usual.estimates[-2], atol=1e-12)
        psi = usual.influence.sub(usual.influence[-2], axis=0)
        np.testing.assert_allclose(moved.influence, psi, atol=1e-12)
        live = moved.index != -2
        df = moved.effective_clusters()["df"]
        assert (df[live] > 1).all() and df[-1] == pytest.approx(df[0], rel=0.5)


def test_honest_did_takes_the_chosen_reference():
    study = TWFE(event_study=(-3, 2), reference=-2).fit(Panel(make(), **KEYS), "y")
    assert honest_did(study).reference == -2


def test_a_horizon_that_is_not_there_is_no_reference():
    frame = make()
    odd = frame[frame["year"] % 2 == 1]
    text = (
        r"no row of a treated unit is at the reference horizon -1 \(horizons -4, -2, 0, 2\): choose another reference="
    )
    with pytest.raises(NoPrePeriodError, match=text):
        TWFE(event_study=True).fit(Panel(odd, **KEYS), "y")
    assert TWFE(event_study=True, reference=-2).fit(Panel(odd, **KEYS), "y").estimates[-2] == 0


# -- variances -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vcov", ["iid", "hetero", ("firm", "year")])
def test_other_variances_have_no_influence_functions(vcov):
    panel = Panel(make(), **KEYS)
    result = TWFE(vcov=vcov).fit(panel, "y", covariates=["x"])
    clustered = TWFE().fit(panel, "y", covariates=["x"])
    np.testing.assert_allclose(result.values, clustered.values)
    assert (result.std_errors > 0).all()
    assert result.test().df == 2
    with pytest.raises(NoInfluenceError):
        concat({"one": result, "other": clustered})


def test_two_way_clusters_of_one_column_are_one_way():
    panel = Panel(make(), **KEYS)
    two = TWFE(vcov=("firm", "firm")).fit(panel, "y")
    np.testing.assert_allclose(two.std_errors, TWFE().fit(panel, "y").std_errors, rtol=1e-12)


# -- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"family": "gausian"},
        {"vcov": "hc9"},
        {"vcov": ("firm", "year", "city")},
        {"fixed_effects": "firm"},
        {"event_study": (0, 3)},
        {"reference": 0},
        {"event_study": (-3, 3), "reference": -3},
    ],
)
def test_bad_options(options):
    with pytest.raises(OptionError):
        TWFE(**options)


@pytest.mark.parametrize(
    ("model", "fit"),
    [
        (TWFE(event_study=True), {"treatment": "x"}),
        (TWFE(family="poisson"), {"outcome": "count", "treatment": "x", "instruments": ["z"]}),
        (TWFE(), {"offset": "x"}),
    ],
)
def test_arguments_that_do_not_go_together(model, fit):
    with pytest.raises(OptionError):
        model.fit(Panel(make(), **KEYS), **({"outcome": "y"} | fit))


def test_bad_data():
    frame = make()
    panel = Panel(frame, **KEYS)
    with pytest.raises(UnknownColumnError, match="did you mean 'city'"):
        TWFE(fixed_effects=["firm", "citi^year"]).fit(panel, "y")
    with pytest.raises(UnknownColumnError):
        TWFE().fit(panel, "w")
    with pytest.raises(NonNumericError):
        TWFE().fit(Panel(frame.assign(y="a"), **KEYS), "y")
    with pytest.raises(InfiniteValueError, match="1 infinite"):
        TWFE().fit(Panel(frame.assign(y=frame["y"].where(frame.index != 5, np.inf)), **KEYS), "y")
    with pytest.raises(DataError, match="3 negative values"):
        TWFE(family="poisson").fit(
            Panel(frame.assign(count=frame["count"].where(frame.index > 2, -1)), **KEYS), "count"
        )
    with pytest.raises(DataError, match="zero in every row"):
        TWFE(family="poisson").fit(Panel(frame.assign(count=0), **KEYS), "count")
    with pytest.raises(NoTreatedError):
        TWFE().fit(Panel(frame, unit="firm", time="year"), "y")
    with pytest.raises(TooFewClustersError):
        TWFE().fit(Panel(frame.assign(all=1), **KEYS, cluster="all"), "y")
    with pytest.raises(EmptyDataError), warnings.catch_warnings():
        warnings.simplefilter("ignore", AigreenWarning)
        TWFE(fixed_effects=["firm^year"]).fit(panel, "y")
    with pytest.raises(CollinearError, match="instruments"):
        TWFE().fit(panel, "y", treatment=["x", "z"], instruments=["count"])


def test_rows_of_weight_zero_are_counted():
    frame = make().assign(w=lambda f: np.where(f["firm"] == 0, 0.0, 2.0))
    with pytest.warns(MissingRowsWarning, match="6 rows left out: weight zero"):
        result = TWFE().fit(Panel(frame, **KEYS, weights="w"), "y")
    same(result, TWFE().fit(Panel(frame[frame["firm"] > 0], **KEYS), "y"))


# -- properties ------------------------------------------------------------------------------------------------------

MODELS = [TWFE(), TWFE(family="poisson"), TWFE(event_study=True)]


def fit(model, frame, **keys):
    outcome = "count" if model.family == "poisson" else "y"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AigreenWarning)
        return model.fit(Panel(frame, **KEYS, **keys), outcome, covariates=["x"])


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), model=st.sampled_from(MODELS), missing=st.booleans())
def test_row_order_and_names_of_units_do_not_matter(seed, model, missing):
    frame = make(20, 6, seed)
    rng = np.random.default_rng(seed)
    if missing:
        frame = frame[rng.random(len(frame)) > 0.1]
    result = fit(model, frame)
    shuffled = frame.sample(frac=1, random_state=seed)
    same(result, fit(model, shuffled), rtol=1e-8)
    names = np.array([f"firm {i}" for i in rng.permutation(20)])
    same(result, fit(model, frame.assign(firm=names[frame["firm"]])), rtol=1e-7)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(1e-6, 1e6), shift=st.floats(-1e3, 1e3))
def test_units_of_measurement_do_not_matter(seed, scale, shift):
    frame = make(20, 6, seed)
    result = fit(TWFE(), frame)
    scaled = fit(TWFE(), frame.assign(y=frame["y"] * scale + shift * scale, x=frame["x"] / scale - shift / scale))
    np.testing.assert_allclose(scaled.values, result.values * [scale, scale**2], rtol=1e-6)
    np.testing.assert_allclose(scaled.std_errors, result.std_errors * [scale, scale**2], rtol=1e-6)
    counts = fit(TWFE(family="poisson"), frame)
    same(counts, fit(TWFE(family="poisson"), frame.assign(count=frame["count"] * 3)), rtol=1e-6)


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10_000), model=st.sampled_from(MODELS))
def test_equal_weights_do_not_matter(seed, model):
    frame = make(20, 6, seed).assign(w=0.37)
    same(fit(model, frame), fit(model, frame, weights="w"), rtol=1e-7)


def test_projection_is_exact_where_alternating_projections_creep():
    # Two blocks that one row of almost no weight joins.
    unit, time = np.repeat(np.arange(20), 10), np.tile(np.arange(10), 20)
    kept = ((unit < 10) == (time < 5)) | ((unit == 0) & (time == 9))
    unit, time = unit[kept], time[kept]
    weights = np.where((unit == 0) & (time == 9), 1e-7, 1.0)
    values = np.random.default_rng(1).normal(size=(len(unit), 2)) + 5.0 * (unit < 10)[:, None]
    residuals = project(values, [unit, time], weights)
    for codes in (unit, time):
        for column in residuals.T:
            assert np.abs(np.bincount(codes, weights * column)).max() < 1e-10
    full = pd.get_dummies(pd.DataFrame({"u": unit.astype(str), "t": time.astype(str)}), dtype=float).to_numpy()
    root = np.sqrt(weights)[:, None]
    direct = values - full @ np.linalg.lstsq(full * root, values * root, rcond=1e-13)[0]
    np.testing.assert_allclose(residuals, direct, atol=1e-7)


def grid(seed):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"firm": np.repeat(np.arange(5), 5), "year": np.tile(np.arange(5), 5)})
    return frame.assign(x=rng.normal(size=25), z=rng.normal(size=25), y=rng.normal(size=25))


def products(frame, keys, names):
    D = pd.get_dummies(frame[["firm", "year"]].astype(str)).to_numpy(dtype=float)
    M = np.eye(25) - D @ np.linalg.pinv(D)
    X, y = M @ frame[names], M @ frame["y"]
    beta = np.linalg.lstsq(X, y, rcond=None)[0]
    psi = pd.DataFrame((X.T * (y - X @ beta)).T @ np.linalg.inv(X.T @ X)).groupby([frame[k] for k in keys]).sum()
    return psi.to_numpy().T @ psi.to_numpy()


def test_a_negative_two_way_variance_leaves_the_intersection_in():
    frame = grid(2)
    with pytest.warns(CovarianceWarning, match="1 two-way clustered variances were negative"):
        result = TWFE(vcov=("firm", "year")).fit(Panel(frame, unit="firm", time="year"), "y", treatment="x")
    one, other, both = (products(frame, keys, ["x"]) for keys in (["firm"], ["year"], ["firm", "year"]))
    assert (one + other - both).item() < 0
    factor = 24 / (25 - 2) * 5 / 4
    np.testing.assert_allclose(result.vcov, factor * (one + other), rtol=1e-8)
    assert result.std_errors.item() > 0.18


def test_negative_eigenvalues_of_a_two_way_covariance_are_set_to_zero():
    frame = grid(17)
    with pytest.warns(CovarianceWarning, match="1 negative eigenvalue, set to zero"):
        result = TWFE(vcov=("firm", "year")).fit(Panel(frame, unit="firm", time="year"), "y", treatment=["x", "z"])
    parts = (products(frame, keys, ["x", "z"]) for keys in (["firm"], ["year"], ["firm", "year"]))
    one, other, both = parts
    values, vectors = np.linalg.eigh(one + other - both)
    assert values[0] < 0
    factor = 24 / (25 - 3) * 5 / 4
    np.testing.assert_allclose(result.vcov, factor * (vectors * values.clip(0)) @ vectors.T, rtol=1e-8, atol=1e-12)
    assert (result.std_errors > 0.05).all()


@pytest.mark.parametrize("weights", [None, "w"])
@pytest.mark.parametrize(("vcov", "power"), [("HC2", 0.5), ("HC3", 1.0)])
def test_leverage_counts_all_fixed_effects(vcov, power, weights):
    frame = make(n_units=20).sample(frac=0.9, random_state=0).assign(w=lambda f: 0.5 + f["z"].abs())
    effects = ["firm", "year", "city^year"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SingletonWarning)
        fit = TWFE(vcov=vcov, fixed_effects=effects).fit(Panel(frame, **KEYS, weights=weights), "y", treatment="x")
    cell = frame["city"].astype(str) + "^" + frame["year"].astype(str)
    frame = frame[cell.groupby(cell).transform("size") > 1]
    cell = cell[frame.index]
    dummies = [pd.get_dummies(codes.astype(str)) for codes in (frame["firm"], frame["year"], cell)]
    root = np.sqrt(frame[weights].to_numpy()) if weights else np.ones(len(frame))
    A, y = np.column_stack([frame["x"], *dummies]).astype(float) * root[:, None], frame["y"].to_numpy() * root
    inverse = np.linalg.pinv(A.T @ A)
    h = np.einsum("ij,jk,ik->i", A, inverse, A)
    psi = A @ inverse[:, 0] * (y - A @ (inverse @ (A.T @ y))) / (1 - h) ** power
    assert fit.n_rows == len(frame)
    assert fit.std_errors["x"] == pytest.approx(np.sqrt(psi @ psi), rel=1e-8)


def test_a_row_that_is_fitted_whatever_it_is_has_no_robust_error():
    frame = make(n_units=8).assign(flag=lambda f: ((f["firm"] == 3) & (f["year"] == 2002)) * 1.0)
    panel = Panel(frame, **KEYS)
    with pytest.raises(EstimationError, match=r"1 row is fitted perfectly.* first: \(3, 2002\)"):
        TWFE(vcov="HC3").fit(panel, "y", treatment="x", covariates=["flag"])
    with pytest.raises(OptionError, match="family='poisson'"):
        TWFE(vcov="HC2", family="poisson")
    with pytest.raises(OptionError, match="with instruments"):
        TWFE(vcov="HC2").fit(panel, "y", treatment="x", instruments=["z"])
    with pytest.raises(OptionError, match="vcov="):
        TWFE(vcov=("driscoll_kraay", -1))


# -- varying slopes --------------------------------------------------------------------------------------------------


def test_unit_trends_equal_dense_least_squares():
    frame = make()
    panel = Panel(frame, **KEYS, cluster="city")
    result = TWFE(fixed_effects=["firm[year]", "year"]).fit(panel, "y", covariates=["x"])
    assert result.conventions["fixed effects"] == "firm[year], year"
    F = pd.get_dummies(frame[["firm", "year"]].astype(str)).to_numpy(dtype=float)
    D = (frame["firm"].to_numpy()[:, None] == frame["firm"].unique()) * 1.0
    F = np.hstack([F, D * (frame["year"].to_numpy()[:, None] - 2003)])
    treated = (frame["first"] > 0) & (frame["year"] >= frame["first"])
    X = np.column_stack([treated, frame["x"]]).astype(float)
    both = np.column_stack([frame["y"], X])
    within = both - F @ np.linalg.lstsq(F, both, rcond=None)[0]
    bread = np.linalg.inv(within[:, 1:].T @ within[:, 1:])
    beta = bread @ within[:, 1:].T @ within[:, 0]
    np.testing.assert_allclose(result.values, beta, atol=1e-10)
    scores = pd.DataFrame(within[:, 1:] * (within[:, 0] - within[:, 1:] @ beta)[:, None])
    psi = scores.groupby(frame["city"].to_numpy()).sum().to_numpy() @ bread
    n, k, g = len(frame), 2 + 30 + 6, frame["city"].nunique()  # slopes and periods; firms are nested in cities
    factor = (n - 1) / (n - k) * g / (g - 1)
    np.testing.assert_allclose(result.influence, np.sqrt(factor) * psi, atol=1e-10)


def test_linear_trends_of_units_move_no_estimate_with_unit_trends():
    frame = make()
    bent = frame.assign(y=frame["y"] + frame["firm"] * (frame["year"] - 2000))
    models = (TWFE(fixed_effects=["firm[year]", "year"]), TWFE(fixed_effects=["firm", "firm[[year]]", "year"]))
    results = [model.fit(Panel(f, **KEYS), "y") for f in (frame, bent) for model in models]
    for other in results[1:]:
        same(results[0], other, rtol=1e-8)


def test_where_varying_slopes_are_refused():
    panel = Panel(make(), **KEYS)
    with pytest.raises(OptionError, match="no varying slopes with family='poisson'"):
        TWFE(family="poisson", fixed_effects=["firm[year]"]).fit(panel, "count")
    with pytest.raises(UnknownColumnError, match="did you mean 'year'"):
        TWFE(fixed_effects=["firm[yeer]", "year"]).fit(panel, "y")
    with pytest.raises(OptionError, match=r"fixed_effects='firm\[year\]'.*varying slopes in TWFE and Imputation"):
        wild_cluster_bootstrap(panel, "y", fixed_effects=["firm[year]", "year"])


def test_driscoll_kraay_needs_fewer_lags_than_periods():
    rng = np.random.default_rng(0)
    df = pd.DataFrame({"f": np.repeat(range(20), 5), "t": np.tile(range(2001, 2006), 20)})
    df = df.assign(g=np.where(df["f"] < 6, 2004, 0), y=rng.standard_normal(100))
    with pytest.raises(EstimationError, match="4 lags in 5 periods"):
        TWFE(vcov=("driscoll_kraay", 4)).fit(Panel(df, unit="f", time="t", cohort="g"), "y")
