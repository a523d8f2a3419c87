"""Every estimator on every kind of bad input: a typed error, or finite numbers with what was left out counted."""

import warnings

import numpy as np
import pandas as pd
import pytest

from aigreen import (
    TWFE,
    ChaisemartinDHaultfoeuille,
    Decomposition,
    GroupTimeATT,
    Imputation,
    LocalProjections,
    Mediation,
    Panel,
    ShiftShare,
    Spillover,
    StackedDiD,
    SunAbraham,
    SyntheticDiD,
)
from aigreen.errors import (
    AigreenError,
    AigreenWarning,
    DuplicateRowsError,
    EmptyDataError,
    InfiniteValueError,
    MissingRowsWarning,
    MixedTypeError,
)

ESTIMATORS = {
    "twfe": TWFE(),
    "twfe poisson": TWFE(family="poisson"),
    "group time": GroupTimeATT(),
    "imputation": Imputation(),
    "imputation poisson": Imputation(family="poisson"),
    "sun abraham": SunAbraham(),
    "stacked": StackedDiD(window=(-2, 1)),
    "spillover": Spillover(exposure="near"),
    "mediation": Mediation(channels=["m"]),
    "decomposition": Decomposition(channels=["m"], exposure="near"),
    "de Chaisemartin": ChaisemartinDHaultfoeuille(horizons=1),
    "local projections": LocalProjections(window=(-2, 1)),
    "synthetic": SyntheticDiD(n_draws=20),
    "shift-share": ShiftShare(
        shares=pd.DataFrame(np.random.default_rng(1).dirichlet(np.ones(5), 40)),
        shocks=pd.DataFrame(np.random.default_rng(2).normal(size=(5, 6)), columns=range(2001, 2007)),
    ),
}


def frame() -> pd.DataFrame:
    """Forty units in ten clusters over six periods; half never treated, some of them exposed late."""
    rng = np.random.default_rng(0)
    unit, time = np.repeat(np.arange(40), 6), np.tile(np.arange(2001, 2007), 40)
    first = np.where(unit < 20, 0, np.where(unit < 30, 2003, 2005))
    near = ((unit % 5 == 1) & (time >= 2005)).astype(float)
    outcome = np.exp(0.3 * rng.standard_normal(240) + 0.05 * (time - 2000))
    columns = {"unit": unit, "time": time, "first": first, "city": unit // 4, "near": near, "y": outcome}
    return pd.DataFrame(columns | {"m": rng.standard_normal(240)})


def changed(column: str, value: object, rows: object) -> pd.DataFrame:
    df = frame()
    df.loc[rows(df), column] = value
    return df


REFUSED = {
    "infinite outcome": (changed("y", np.inf, lambda d: d.index == 3), InfiniteValueError),
    "duplicated rows": (pd.concat([frame(), frame().iloc[:2]]), DuplicateRowsError),
    "mixed ids": (
        frame().astype({"unit": object}).assign(unit=lambda d: d.unit.where(d.unit != 3, "x")),
        MixedTypeError,
    ),
    "empty frame": (frame().iloc[:0], EmptyDataError),
    "no outcome at all": (frame().assign(y=np.nan), EmptyDataError),
}
ODD = {
    "missing outcome": frame().assign(y=lambda d: d.y.where(d.index != 3)),
    "all units treated": frame().assign(first=2003),
    "all treated together from the start": frame().assign(first=lambda d: d["first"].where(d["first"] == 0, 2001)),
    "one cluster": frame().assign(city=1),
    "cohort of one unit": changed("first", 2004, lambda d: d.unit == 0),
    "two units treated from the start": changed("first", 2001, lambda d: d.unit.isin([20, 21])),
    "constant outcome": frame().assign(y=1.0),
    "nobody treated": frame().assign(first=0),
}


def fit(estimator: object, df: pd.DataFrame, outcome: str = "y") -> object:
    return estimator.fit(Panel(df, unit="unit", time="time", cohort="first", cluster="city"), outcome)


@pytest.mark.parametrize("estimator", ESTIMATORS.values(), ids=ESTIMATORS)
@pytest.mark.parametrize(("df", "error"), REFUSED.values(), ids=REFUSED)
def test_refused_with_one_typed_error(df, error, estimator):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AigreenWarning)
        with pytest.raises(error) as caught:
            fit(estimator, df)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("estimator", ESTIMATORS.values(), ids=ESTIMATORS)
@pytest.mark.parametrize("df", ODD.values(), ids=ODD)
def test_a_typed_error_or_finite_numbers(df, estimator):
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        try:
            result = fit(estimator, df)
        except AigreenError as error:
            assert str(error)
            return
    assert np.isfinite(result.values).all()
    assert np.isfinite(result.std_errors).all()
    assert not [w for w in heard if issubclass(w.category, RuntimeWarning)]


@pytest.mark.parametrize("name", [name for name in ESTIMATORS if name != "synthetic"])
@pytest.mark.filterwarnings("ignore::aigreen.errors.SmallCellWarning")
@pytest.mark.filterwarnings("ignore:diff-diff, de Chaisemartin.*interior period gaps:aigreen.errors.AigreenWarning")
def test_a_missing_outcome_is_counted(name):
    with pytest.warns(MissingRowsWarning, match="1 row left out: missing y") as heard:
        result = fit(ESTIMATORS[name], ODD["missing outcome"])
    assert any(isinstance(w.message, MissingRowsWarning) and w.message.count == 1 for w in heard)
    assert result.dropped.loc[result.dropped["reason"] == "missing y", "count"].tolist() == [1]


@pytest.mark.parametrize("name", [name for name in ESTIMATORS if name != "synthetic"])
def test_column_names_may_be_python_keywords(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AigreenWarning)
        plain = fit(ESTIMATORS[name], frame())
        keyword = fit(ESTIMATORS[name], frame().rename(columns={"y": "class"}), "class")
    np.testing.assert_array_equal(plain.values, keyword.values)
