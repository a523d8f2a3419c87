"""Group-time effects with learned nuisances: folds of clusters, influence, refusals."""

import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from aigreen import GroupTimeATT, Panel
from aigreen.did.group_time.learners import deal
from aigreen.errors import (
    EstimationError,
    FewClustersWarning,
    MissingExtraError,
    OptionError,
    OverlapWarning,
    RepeatedCrossSectionsError,
    TooFewClustersError,
    WrongTypeError,
)

LINEAR = LinearRegression(), LogisticRegression(C=np.inf, tol=1e-12, max_iter=1000)
CITIES, FIRMS = 24, 10


def frame(seed=0, cities=CITIES):
    """Ten firms in each city; three periods, cohorts 2 and 3 by city, which depend on nothing."""
    rng, n = np.random.default_rng(seed), cities * FIRMS
    city = np.repeat(np.arange(cities), FIRMS)
    first = np.array([0, 2, 3])[np.arange(cities) % 3][city]
    x, time = rng.normal(size=(n, 2)), np.arange(1, 4)
    y = (
        rng.normal(size=(n, 1))
        + x[:, :1] * time
        + rng.normal(size=(n, 3))
        + ((first > 0)[:, None] & (time >= first[:, None]))
    )
    keys = {"firm": np.repeat(np.arange(n), 3), "year": np.tile(time, n), "first": np.repeat(first, 3)}
    columns = {"city": np.repeat(city, 3), "x1": np.repeat(x[:, 0], 3), "x2": np.repeat(x[:, 1], 3), "y": y.ravel()}
    return pd.DataFrame(keys | columns)


def panel(data=None, **roles):
    return Panel(frame() if data is None else data, unit="firm", time="year", cohort="first", cluster="city", **roles)


def learned(learners=LINEAR, **options):
    outcome, propensity = learners
    return GroupTimeATT(outcome_learner=outcome, propensity_learner=propensity, **({"seed": 1, "folds": 4} | options))


def fit(learners=LINEAR, data=None, covariates=("x1", "x2"), **options):
    return learned(learners, **options).fit(panel(data), "y", covariates=list(covariates))


def test_folds_are_whole_clusters_and_spread_cohorts_evenly():
    data = panel()
    fold = deal(data.unit_cluster, data.unit_cohort, CITIES, 4, 1)
    by_city = frame().groupby("city")["first"].first()
    counts = pd.crosstab(fold, by_city.to_numpy())
    assert counts.to_numpy().tolist() == [[2, 2, 2]] * 4
    assert (deal(data.unit_cluster, data.unit_cohort, CITIES, 4, 2) != fold).any()


def by_hand(cohort, time, base):
    """Effect and influence by city of one cell, weights 2 and 1 in turn, from least squares and logit of each fold."""
    data = frame()
    wide = data.pivot(index="firm", columns="year", values="y").to_numpy()
    unit = data.drop_duplicates("firm")
    fold = deal(unit["city"].to_numpy(), unit["first"].replace(0, np.inf).to_numpy(float), CITIES, 4, 1)
    late = max(time, base)
    kept = ((unit["first"] == cohort) | (unit["first"] == 0) | (unit["first"] > late)).to_numpy()
    unit, change = unit[kept], (wide[:, time - 1] - wide[:, base - 1])[kept]
    d, x, k = (unit["first"] == cohort).to_numpy(), unit[["x1", "x2"]].to_numpy(), fold[unit["city"]]
    w = np.where(unit["firm"] % 2, 1.0, 2.0)
    residual, odds = np.empty(len(d)), np.empty(len(d))
    for j in range(4):
        out = k != j
        g = LinearRegression().fit(x[out & ~d], change[out & ~d], w[out & ~d])
        p = LINEAR[1].fit(x[out], d[out], w[out]).predict_proba(x[~out])[:, 1]
        residual[~out], odds[~out] = change[~out] - g.predict(x[~out]), p / (1 - p)
    a, b = (one / one.sum() for one in (w * d, w * ~d * odds))
    psi = a * (residual - a @ residual) - b * (residual - b @ residual)
    return (a - b) @ residual, np.bincount(unit["city"], psi, CITIES)


def test_each_cell_by_hand_with_weights():
    data = frame().assign(w=lambda f: np.where(f["firm"] % 2, 1.0, 2.0))
    effects = learned().fit(panel(data, weights="w"), "y", covariates=["x1", "x2"])
    assert effects.index.tolist() == [(2, 2), (2, 3), (3, 2), (3, 3)]
    for j, cell in enumerate([(2, 2, 1), (2, 3, 1), (3, 2, 1), (3, 3, 2)]):
        value, psi = by_hand(*cell)
        assert effects.values[j] == pytest.approx(value, abs=1e-8)
        np.testing.assert_allclose(effects.psi[:, j], psi, rtol=0, atol=1e-8)
    assert effects.conventions["nuisances"] == (
        "LinearRegression and LogisticRegression, cross-fitted over 4 folds of clusters, seed 1"
    )


def test_linear_learners_are_the_parametric_estimator_but_for_cross_fitting():
    data = frame(cities=150)
    ours = fit(data=data, folds=30)
    parametric = GroupTimeATT().fit(panel(data), "y", covariates=["x1", "x2"])
    gap = (ours.overall() - parametric.overall()).to_frame().iloc[0]
    assert abs(gap["estimate"]) < 0.05 * parametric.overall().std_errors.iloc[0]
    np.testing.assert_allclose(ours.std_errors, parametric.std_errors, rtol=0.02)


def test_neither_the_order_of_rows_nor_a_second_fit_changes_forests():
    forests = RandomForestRegressor(5), RandomForestClassifier(5, min_samples_leaf=15)
    once = fit(forests)
    again = fit(forests, frame().sample(frac=1, random_state=3))
    np.testing.assert_array_equal(once.values, again.values)
    np.testing.assert_array_equal(once.psi, again.psi)
    assert forests[0].random_state is None and not hasattr(forests[0], "estimators_")
    assert (fit(forests, seed=2).values != once.values).all()


def test_balanced_panels_and_cells_one_by_one_agree():
    data = frame()
    missing = data[(data["firm"] == 0) & (data["year"] == 3)].index
    whole, part = fit(data=data), fit(data=data.drop(missing))
    cell = whole.index.get_loc((2, 2)), part.index.get_loc((2, 2))
    assert whole.values[cell[0]] == pytest.approx(part.values[cell[1]], abs=1e-12)
    assert whole.values[whole.index.get_loc((3, 3))] != part.values[part.index.get_loc((3, 3))]


def test_covariates_of_the_propensity_score_may_be_others():
    effects = learned().fit(panel(), "y", covariates=["x1", "x2"], propensity_covariates=["x2"])
    same = fit()
    assert (effects.values != same.values).all()
    # learners that look at nothing: differences of means, whatever the covariates
    plain = fit((DummyRegressor(), DummyClassifier()))
    means = GroupTimeATT().fit(panel(), "y")
    np.testing.assert_allclose(plain.values, means.values, rtol=0, atol=0.1)


def test_pipelines_take_weights_in_their_last_step():
    data = frame().assign(w=lambda f: np.where(f["firm"] % 2, 1.0, 2.0))
    piped = make_pipeline(StandardScaler(), LINEAR[0]), make_pipeline(StandardScaler(), LINEAR[1])
    one, other = (learned(which).fit(panel(data, weights="w"), "y", covariates=["x1"]) for which in (piped, LINEAR))
    np.testing.assert_allclose(one.values, other.values, rtol=0, atol=1e-8)
    assert one.conventions["nuisances"].startswith(
        "Pipeline(LinearRegression) and Pipeline(LogisticRegression), cross-"
    )


class Steps(BaseEstimator):
    """Probabilities of one where x1 is above 1, else of one half."""

    def fit(self, x, d):
        return self

    def predict_proba(self, x):
        p = np.where(x[:, 0] > 1, 1.0, 0.5)
        return np.column_stack([1 - p, p])


def test_trimming_is_asked_for_counted_and_leaves_treated_units():
    with pytest.raises(EstimationError, match=r"propensity scores of comparison units above 0.999 \(trim= leaves"):
        fit((LINEAR[0], Steps()))
    cut = int((frame().drop_duplicates("firm").query("first != 2")["x1"] > 1).sum())  # cohort 3 is compared with, too
    with pytest.warns(OverlapWarning, match=f"{cut} comparison units left out: propensity scores of 0.9 or more"):
        effects = fit((DummyRegressor(), Steps()), trim=0.9)
    assert effects.dropped.loc[0, ["what", "count"]].tolist() == ["comparison units", cut]
    units = frame().pivot(index="firm", columns="year", values="y").diff(axis=1)[2]
    first, x1 = (frame().drop_duplicates("firm")[name].to_numpy() for name in ("first", "x1"))
    means = units[first == 2].mean() - units[(first != 2) & (x1 <= 1)].mean()
    assert effects.values[0] == pytest.approx(means, abs=0.05)  # up to the mean change, learned without a fold
    assert effects.conventions["nuisances"].endswith("comparison units trimmed from a propensity score of 0.9 on")


def test_a_cohort_in_fewer_clusters_than_folds_is_left_out_and_counted():
    data = frame()
    data.loc[(data["first"] == 3) & (data["city"] > 8), "first"] = 0
    with pytest.warns(OverlapWarning, match="2 group-time effects left out: fewer treated or comparison clusters than"):
        effects = fit(data=data)
    assert effects.index.tolist() == [(2, 2), (2, 3)]
    with pytest.raises(EstimationError, match="fewer treated or comparison clusters than the 9 folds"):
        fit(data=data, folds=9)
    with pytest.raises(TooFewClustersError, match="24 clusters for folds=25"):
        fit(folds=25)


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"outcome_learner": LINEAR[0], "seed": 1}, WrongTypeError, "propensity_learner=None: a classifier with fit"),
        (
            {"propensity_learner": LINEAR[1], "seed": 1},
            WrongTypeError,
            "outcome_learner=None: a regressor with fit and",
        ),
        ({"learners": (LINEAR[0], LinearSVC())}, WrongTypeError, "predict_proba is expected, got a LinearSVC"),
        ({"learners": (LINEAR[1], LINEAR[1])}, WrongTypeError, "no predict_proba, is expected, got a Logistic"),
        ({"learners": (LinearRegression, LINEAR[1])}, WrongTypeError, r"a learner, as LinearRegression\(\), is exp"),
        ({"seed": None}, OptionError, "seed=None: use one of 'a whole number from 0 to"),
        ({"seed": -1}, OptionError, "seed=-1"),
        ({"seed": 2**40}, OptionError, "seed=1099511627776"),
        ({"folds": 1}, OptionError, "folds=1: use one of '2'"),
        ({"folds": 2.5}, WrongTypeError, "folds=2.5: a whole number is expected"),
        ({"trim": 1.0}, OptionError, "trim=1.0"),
        ({"method": "ipw"}, OptionError, r"method='ipw': use one of 'dr \(with learners"),
        ({"sampling": "repeated_cross_sections"}, OptionError, "learners follow units over time"),
        ({"learners": (None, None)}, OptionError, "seed=1: use one of None, 'a value beside learners'"),
        ({"learners": (None, None), "seed": None, "trim": 0.9}, OptionError, "trim=0.9"),
        ({"learners": (None, None), "seed": None}, OptionError, "folds=4: use one of 5, 'a value beside learners'"),
    ],
)
def test_options_that_cannot_be(options, error, told):
    make = GroupTimeATT if "outcome_learner" in options or "propensity_learner" in options else learned
    with pytest.raises(error, match=told) as caught:
        make(**options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("own", "told"), [(0, "0"), (1, "10"), (2, None)])
def test_learners_warn_where_whole_clusters_adopt_or_nearly_and_there_alone(own, told):
    data = frame()
    data.loc[(data["firm"] % FIRMS < own) & (data["city"] < 10) & (data["first"] > 0), "first"] = 0
    data.loc[(data["firm"] % FIRMS < own) & (data["city"].isin([0, 3, 6, 9])), "first"] = 2
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(data=data)
    found = [one.message for one in caught if one.category is FewClustersWarning]
    if told is None:
        assert not found
    else:
        assert [one.count for one in found] == [16]
        assert f"{told} of 240 units are treated at another time than most of their cluster (24" in str(found[0])


def test_learners_do_not_warn_where_units_are_the_clusters_and_others_never():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(data=frame().assign(city=frame()["firm"]))
        GroupTimeATT().fit(panel(), "y", covariates=["x1", "x2"])


def test_data_that_cannot_be():
    with pytest.raises(OptionError, match=r"covariates=\[\]: use one of 'columns that the learners are given'"):
        learned().fit(panel(), "y")
    with pytest.raises(OptionError, match=r"propensity_covariates=\[\]"):
        learned().fit(panel(), "y", covariates="x1", propensity_covariates=[])
    with pytest.raises(OptionError, match=r"current=\['x2'\]: use one of 'None with learners'"):
        learned().fit(panel(), "y", covariates="x1", current="x2")
    repeated = Panel(frame(), time="year", cohort="first", cluster="city", repeated=True)
    with pytest.raises(RepeatedCrossSectionsError, match="follows units over time"):
        learned().fit(repeated, "y", covariates="x1")
    with pytest.raises(OptionError, match="propensity_learner='Steps': use one of 'a learner whose"):
        learned((LINEAR[0], Steps())).fit(panel(frame().assign(w=1.0), weights="w"), "y", covariates="x1")


class Broken(BaseEstimator):
    def __init__(self, found=None):
        self.found = found

    def fit(self, x, y):
        if self.found is None:
            raise ValueError("no such\nthing")
        return self


class Outcomes(Broken):
    def predict(self, x):
        return np.full(*self.found) if isinstance(self.found, tuple) else self.found


class Probabilities(Broken):
    def predict_proba(self, x):
        return np.full((len(x), self.found[0]), self.found[1])


@pytest.mark.parametrize(
    ("learners", "told"),
    [
        ((Outcomes(), LINEAR[1]), "outcome_learner=Outcomes: fit: no such thing"),
        ((Outcomes((3, 1.0)), LINEAR[1]), r"outcome_learner=Outcomes: predict: \(3,\) numbers, not one finite one"),
        ((Outcomes("a"), LINEAR[1]), "outcome_learner=Outcomes: predict: could not convert"),
        (
            (LINEAR[0], Probabilities((1, 1.0))),
            r"propensity_learner=Probabilities: predict_proba: \(\d+, 1\) numbers, not",
        ),
        ((LINEAR[0], Probabilities((2, 1.5))), "not two probabilities for each of"),
        ((LINEAR[0], Probabilities((2, np.nan))), "not two probabilities for each of"),
        ((LINEAR[0], Probabilities((2, 0.0))), "no comparison unit has a propensity score above zero"),
        ((LINEAR[0], DecisionTreeClassifier(max_depth=12)), "propensity scores of comparison units above 0.999"),
    ],
)
def test_learners_that_fail_are_named_in_one_line(learners, told):
    with pytest.raises(EstimationError, match=told) as caught:
        fit(learners)
    assert "\n" not in str(caught.value)


def test_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(
        MissingExtraError, match=r"needs sklearn, which is not installed: pip install 'aigreen\[learners\]'"
    ):
        learned()
