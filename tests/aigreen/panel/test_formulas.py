"""Formulas for covariates: what they mean, what is refused, and that every estimator reads them alike."""

import warnings

import numpy as np
import pandas as pd
import pytest

from aigreen import (
    TWFE,
    Decomposition,
    GroupTimeATT,
    Imputation,
    LocalProjections,
    Mediation,
    Panel,
    Spillover,
    StackedDiD,
    SunAbraham,
)
from aigreen.errors import (
    AigreenWarning,
    CollinearWarning,
    DataError,
    EmptyDataError,
    MissingRowsWarning,
    UnknownColumnError,
)
from aigreen.inference import wild_cluster_bootstrap
from aigreen.panel.dropped import Dropped

KEYS = {"unit": "firm", "time": "year", "cohort": "first"}
FORMULA = "size + C(industry) * age"
NAMES = ["size", "age", "C(industry)[T.b]", "C(industry)[T.c]", "C(industry)[T.b]:age", "C(industry)[T.c]:age"]


def make(n_units=60, n_periods=6):
    rng = np.random.default_rng(3)
    firm, year = np.repeat(np.arange(n_units), n_periods), np.tile(np.arange(2001, 2001 + n_periods), n_units)
    first = np.choose(firm % 3, [0, 2003, 2005])
    n = len(firm)
    frame = pd.DataFrame({"firm": firm, "year": year, "first": first, "city": firm % 15})
    frame["industry"] = rng.choice(list("abc"), n)
    frame["size"], frame["age"], frame["m"] = rng.normal(size=(3, n))
    frame["near"] = ((firm % 6 == 0) & (year >= 2004)).astype(float)
    frame["y"] = rng.normal(size=n) + 0.5 * ((first > 0) & (year >= first)) + frame["size"] + (frame["industry"] == "b")
    return frame.sample(frac=1, random_state=0)


def by_hand(frame):
    b, c = (frame["industry"] == "b") * 1.0, (frame["industry"] == "c") * 1.0
    return frame.assign(b=b, c=c, b_age=b * frame["age"], c_age=c * frame["age"])


ALONE = ["size", "age", "b", "c", "b_age", "c_age"]


def read(frame, covariates, dropped=None):
    return Panel(frame, **KEYS).with_covariates(covariates, dropped or Dropped())


# -- meaning ---------------------------------------------------------------------------------------------------------


def test_a_formula_gives_named_columns():
    frame = make()
    panel, names = read(frame, FORMULA)
    assert sorted(names) == sorted(NAMES)
    hand = Panel(by_hand(frame), **KEYS)
    np.testing.assert_array_equal(panel.matrix(NAMES), hand.matrix(ALONE))
    assert "C(industry)[T.b]" not in frame.columns


def test_formulas_and_columns_go_together_and_a_column_is_a_column():
    frame = make().rename(columns={"age": "age (years)"}).assign(**{"size-1": 2.0})
    for covariates in ("age (years)", ["age (years)"], "size-1"):
        panel, names = read(frame, covariates)
        assert (
            names == ([covariates] if isinstance(covariates, str) else covariates) and panel.frame.shape == frame.shape
        )
    panel, names = read(frame, ["size", "log(size**2) + size", "`age (years)`:size"])
    assert names == ["size", "log(size ** 2)", "`age (years)`:size"] or names[:2] == ["size", "log(size ** 2)"]
    product = panel.column(names[2])
    np.testing.assert_allclose(product, panel.column("age (years)") * panel.column("size"))


def test_a_column_called_as_a_formula_makes_one_is_not_taken_for_it():
    rng = np.random.default_rng(0)
    df = pd.DataFrame({"u": np.repeat(range(6), 4), "t": np.tile(range(4), 6), "a": rng.uniform(1, 2, 24)})
    df["log(a)"] = rng.normal(size=24)
    panel = Panel(df, unit="u", time="t")
    with pytest.raises(DataError, match=r"makes a column 'log\(a\)', and the frame has one of this name"):
        panel.with_covariates("log(a) + t", Dropped())
    assert panel.with_covariates("log(a)", Dropped())[1] == ["log(a)"]
    made, names = Panel(df.drop(columns="log(a)"), unit="u", time="t").with_covariates("log(a) + t", Dropped())
    assert made.with_covariates("log(a) + t", Dropped())[1] == names == ["log(a)", "t"]


def test_coefficients_and_errors_equal_pyfixest():
    import pyfixest

    frame = make()
    result = TWFE().fit(Panel(frame, **KEYS), "y", covariates=FORMULA)
    treated = frame.assign(treated=((frame["first"] > 0) & (frame["year"] >= frame["first"])) * 1.0)
    fit = pyfixest.feols(f"y ~ treated + {FORMULA} | firm + year", treated, vcov={"CRV1": "firm"})
    assert sorted(fit.coef().index) == sorted(["treated", *NAMES])
    np.testing.assert_allclose(result.estimates[fit.coef().index], fit.coef(), atol=1e-9)
    np.testing.assert_allclose(result.std_errors[fit.coef().index], fit.se(), rtol=1e-8)


MODELS = {
    "twfe": TWFE(),
    "group time": GroupTimeATT(),
    "imputation": Imputation(),
    "sun abraham": SunAbraham(),
    "stacked": StackedDiD(window=(-2, 1)),
    "spillover": Spillover(exposure="near"),
    "mediation": Mediation(channels=["m"]),
    "staggered mediation": Mediation(channels=["m"], design="staggered"),
    "doubly robust mediation": Mediation(channels=["m"], design="doubly_robust"),
    "decomposition": Decomposition(channels=["m"], exposure="near"),
    "local projections": LocalProjections(window=(-2, 1)),
}


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_every_estimator_reads_a_formula_as_its_columns(model):
    frame = make(240)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AigreenWarning)
        formula = model.fit(Panel(frame, **KEYS), "y", covariates=FORMULA)
        columns = model.fit(Panel(by_hand(frame), **KEYS), "y", covariates=ALONE)
        none = model.fit(Panel(frame, **KEYS), "y")
    np.testing.assert_allclose(np.sort(formula.values), np.sort(columns.values), rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(np.sort(formula.std_errors), np.sort(columns.std_errors), rtol=1e-7, atol=1e-10)
    assert len(none) != len(formula) or np.abs(none.values - formula.values).max() > 1e-3


def test_resampling_reads_a_formula_as_its_columns():
    frame = make()
    draws = {"n_draws": 99, "seed": 1}
    a = wild_cluster_bootstrap(Panel(frame, **KEYS), "y", covariates=FORMULA, **draws)
    b = wild_cluster_bootstrap(Panel(by_hand(frame), **KEYS), "y", covariates=ALONE, **draws)
    assert (a.estimate, a.p_value) == pytest.approx((b.estimate, b.p_value), abs=1e-10)
    model = Decomposition(channels=["m"], exposure="near")
    boot = [
        model.bootstrap(Panel(f, **KEYS), "y", covariates=x, n_draws=5, seed=1).draws.to_numpy()
        for f, x in ((frame, FORMULA), (by_hand(frame), ALONE))
    ]
    np.testing.assert_allclose(*boot, atol=1e-8)


# -- missing, unknown, constant ----------------------------------------------------------------------------------------


def test_missing_values_of_a_variable_are_counted_under_its_name():
    frame = make()
    hole = frame.assign(industry=frame["industry"].mask(frame["year"].eq(2002) & frame["firm"].lt(4)))
    with pytest.warns(MissingRowsWarning, match="4 rows left out: missing industry; first"):
        result = TWFE().fit(Panel(hole, **KEYS), "y", covariates=FORMULA)
    rest = TWFE().fit(Panel(hole.dropna(), **KEYS), "y", covariates=FORMULA)
    assert result.n_rows == len(frame) - 4
    np.testing.assert_allclose(result.values, rest.values, atol=1e-12)
    with pytest.raises(EmptyDataError, match="every row has a missing value in size"):
        read(frame.assign(size=np.nan), FORMULA)


@pytest.mark.parametrize(
    ("formula", "error", "text"),
    [
        ("size + C(industri)", UnknownColumnError, r"no column 'industri' \(did you mean 'industry'\?\)"),
        ("sise", UnknownColumnError, r"no column 'sise' \(did you mean 'size'\?\)"),
        ("size +", DataError, r"formula 'size \+' cannot be read: "),
        ("y ~ size", DataError, "has two sides"),
        ("size | age", DataError, "has two sides"),
        ("size + np.nothing(age)", DataError, r"formula 'size \+ np.nothing\(age\)' cannot be evaluated: "),
        ("size + C(flat)", DataError, r"formula 'size \+ C\(flat\)': column 'flat' is constant; first: x"),
        ("size * one", DataError, "column 'one' is constant"),
    ],
)
def test_what_cannot_be_read_is_a_typed_error(formula, error, text):
    with pytest.raises(error, match=text) as caught:
        TWFE().fit(Panel(make().assign(flat="x", one=1.0), **KEYS), "y", covariates=formula)
    assert "\x1b" not in str(caught.value)


def test_levels_that_do_not_occur_together_are_counted():
    frame = make()
    frame["region"] = np.where(frame["industry"] == "c", "east", frame["firm"].map(lambda f: ["east", "west"][f % 2]))
    with pytest.warns(
        CollinearWarning, match=r"1 covariate left out: constant in formula.*C\(industry\)\[T.c\]:C\(reg"
    ):
        result = TWFE().fit(Panel(frame, **KEYS), "y", covariates="C(industry) * C(region)")
    assert result.dropped["count"].tolist() == [1]
    categories = frame.assign(industry=frame["industry"].astype(pd.CategoricalDtype(list("zabc"))))
    assert sorted(read(categories, FORMULA)[1]) == sorted(NAMES)


def test_what_is_not_defined_and_lags_across_units_are_refused():
    rng = np.random.default_rng(0)
    df = pd.DataFrame({"f": np.repeat(range(20), 6), "t": np.tile(range(2001, 2007), 20)})
    df["g"] = np.where(df["f"] < 6, 2004, 0)
    df = df.assign(y=rng.standard_normal(120), x=np.exp(rng.standard_normal(120)))
    df.loc[7, "x"] = -1.0
    panel = Panel(df, unit="f", time="t", cohort="g")
    for model in (TWFE(), Imputation()):
        with pytest.raises(DataError, match=r"'log\(x\)' is not defined in 1 rows.*; first: 7"):
            model.fit(panel, "y", covariates="log(x)")
        with pytest.raises(DataError, match=r"lag\(\) shifts rows across units"):
            model.fit(panel, "y", covariates="lag(x)")
