import numpy as np
import pandas as pd
import pytest

from aigreen.errors import DataError
from aigreen_study.specification.derived import derive, written
from aigreen_study.specification.estimate import fit
from aigreen_study.specification.specification import Specification

ROLES = {"unit": "firm", "time": "year", "cohort": "zone", "cluster": "firm"}


def frame():
    rng = np.random.default_rng(3)
    table = pd.DataFrame([(i, t) for i in range(30) for t in range(2016, 2022)], columns=["firm", "year"])
    table["zone"] = np.where(table["firm"] < 12, 2019.0, np.nan)
    return table.assign(y=rng.poisson(2, len(table)), words=rng.poisson(3, len(table)))


def specification(**fields):
    return Specification(exhibit="e", id="a", **{"estimator": "ols", "outcome": "y"} | fields)


@pytest.mark.parametrize(
    ("options", "expected", "text"),
    [
        ({"units": "100", "outcome_as": "log1p"}, lambda y: np.log1p(100 * y), "ln(1 + 100 y)"),
        ({"outcome_as": "ihs"}, np.arcsinh, "asinh(y)"),
        ({"outcome_as": "any"}, lambda y: y > 0, "1{y > 0}"),
        ({"units": "0.5"}, lambda y: 0.5 * y, "0.5 y"),
        ({}, lambda y: y, ""),
    ],
)
def test_outcomes_on_another_scale(options, expected, text):
    table = frame()
    made = derive(specification(options=options), table, unit="firm", time="year")
    np.testing.assert_allclose(made["y"], expected(table["y"].to_numpy()).astype(float))
    assert written(specification(options=options)) == text
    by_hand = fit(specification(), table.assign(y=made["y"]), ROLES)
    result = fit(specification(options=options), table, ROLES)
    assert result.values[0] == by_hand.values[0]
    assert result.conventions.get("outcome", "") == text
    assert table["y"].dtype == frame()["y"].dtype


def test_dose_is_rescaled_before_it_is_lagged():
    table = frame().drop(index=[3])
    spec = specification(treatment="words", options={"dose_as": "log1p", "lag": "1"})
    made = derive(spec, table, unit="firm", time="year")["lag1_words"]
    assert np.isnan(made[0]) and made[1] == np.log1p(table.loc[0, "words"])
    assert np.isnan(made[4])


def test_no_logarithm_of_negative_values():
    with pytest.raises(DataError, match="negative values"):
        derive(specification(options={"outcome_as": "log1p"}), frame().assign(y=-1), unit="firm", time="year")
