"""Rows that imputation leaves out, and data and options that it refuses."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aigreen import Imputation, Panel
from aigreen.errors import (
    AigreenError,
    AlwaysTreatedWarning,
    CollinearWarning,
    DataError,
    EstimationError,
    InfiniteValueError,
    MissingRowsWarning,
    NoControlsError,
    NoPrePeriodError,
    NoTreatedError,
    OptionError,
    SmallCellWarning,
    TooFewClustersError,
    UnreachedWarning,
)

from .firms import KEYS, firms


@pytest.fixture
def panel() -> Panel:
    return Panel(firms(), **KEYS)


def test_always_treated_units_are_counted_and_change_nothing() -> None:
    df = firms(missing=0)
    extra = df[df["firm"] < 2].assign(firm=lambda d: d["firm"] + 1000, first=1)
    with pytest.warns(AlwaysTreatedWarning, match="2 units left out"):
        result = Imputation().fit(Panel(pd.concat([df, extra]), **KEYS), "y")
    expected = Imputation().fit(Panel(df, **KEYS), "y")
    assert result.estimates.to_dict() == pytest.approx(expected.estimates.to_dict())
    assert result.std_errors.to_numpy() == pytest.approx(expected.std_errors.to_numpy())
    assert (result.n_rows, result.n_units) == (expected.n_rows, expected.n_units)
    assert result.dropped["count"].tolist() == [2]


def test_rows_that_no_untreated_row_reaches_are_counted() -> None:
    df = firms(missing=0)
    df = df[df["first"] > 0]
    with pytest.warns(UnreachedWarning, match="treated rows whose fixed effects"):
        result = Imputation().fit(Panel(df, **KEYS), "y")
    assert result.index.tolist() == [(4, 4), (4, 5)]
    assert result.dropped["count"].tolist() == [int((df["year"] >= 6).sum())]


def test_missing_and_weightless_rows_are_counted() -> None:
    df = firms()
    df.loc[[3, 40], "y"] = np.nan
    df.loc[df["firm"] == 7, "w"] = 0.0
    with pytest.warns(MissingRowsWarning) as record:
        result = Imputation().fit(Panel(df, **KEYS, weights="w"), "y")
    assert [w.message.count for w in record] == [2, int(((df["w"] == 0) & df["y"].notna()).sum())]
    expected = Imputation().fit(Panel(df[df["y"].notna() & (df["w"] > 0)], **KEYS, weights="w"), "y")
    assert result.values == pytest.approx(expected.values)
    assert result.n_rows == expected.n_rows


def test_collinear_covariates_are_counted(panel: Panel) -> None:
    df = firms().assign(copy=lambda d: 2 * d["x"] + d["firm"] - d["year"])
    with pytest.warns(CollinearWarning, match="1 covariate left out.*copy"):
        result = Imputation().fit(Panel(df, **KEYS), "y", covariates=["x", "copy"])
    assert result.values == pytest.approx(Imputation().fit(panel, "y", covariates=["x"]).values, abs=1e-10)


def test_covariate_that_moves_only_after_treatment_leaves_its_rows_unreached() -> None:
    df = firms(missing=0)
    df["late"] = np.where((df["first"] == 4) & (df["year"] >= 7), df["x"], 0.0)
    with pytest.warns((CollinearWarning, UnreachedWarning)):
        result = Imputation().fit(Panel(df, **KEYS), "y", covariates=["late"])
    assert result.index.tolist() == [(4, 4), (4, 5), (4, 6), (6, 6), (6, 7), (6, 8)]


def test_cell_with_one_unit_warns_or_is_centred_at_the_others() -> None:
    df = firms(missing=0)
    df = df[(df["first"] != 6) | (df["firm"] == df.loc[df["first"] == 6, "firm"].min())]
    with pytest.warns(SmallCellWarning, match=r"3 cohort-periods .* first: \(6, 6\)"):
        Imputation().fit(Panel(df, **KEYS), "y")
    wider = Imputation(variance="leave_one_out").fit(Panel(df, **KEYS), "y")
    with pytest.warns(SmallCellWarning, match="3 cohort-periods"):
        plain = Imputation().fit(Panel(df, **KEYS), "y")
    firm = df.loc[df["first"] == 6, "firm"].min()
    weights = df[df["first"] == 4].groupby("year")["firm"].nunique().loc[4:]
    others = np.average(plain.estimates[4], weights=1 / weights)
    added = (wider.influence - plain.influence).loc[firm]
    assert added[6].to_numpy() == pytest.approx(plain.estimates[6].to_numpy() - others, abs=1e-10)
    with pytest.raises(EstimationError, match="two clusters with treated rows, and all are in one"):
        Imputation(variance="leave_one_out").fit(Panel(df[df["first"] != 4], **KEYS), "y")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda d: d.assign(first=0), NoTreatedError),
        (lambda d: d.assign(first=1), NoControlsError),
        (lambda d: d.assign(first=4), NoControlsError),
        (lambda d: d.assign(first=np.where(d["first"] > 0, 1, 0)), NoPrePeriodError),
        (lambda d: d.assign(city=1), TooFewClustersError),
        (lambda d: d.assign(y=np.where(d["firm"] == 3, np.inf, d["y"])), InfiniteValueError),
        (lambda d: d.assign(y="a"), DataError),
        (lambda d: d.assign(y=np.nan), DataError),
    ],
)
@pytest.mark.filterwarnings("ignore::aigreen.errors.CohortWarning")
def test_impossible_data_raise_typed_errors(change: object, error: type[AigreenError]) -> None:
    with pytest.raises(error):
        Imputation().fit(Panel(change(firms()), **KEYS, cluster="city"), "y")


@pytest.mark.parametrize(
    "options",
    [
        {"family": "logit"},
        {"variance": "robust"},
        {"scale": "percent"},
        {"anticipation": -1},
        {"leads": 1.5},
        {"fixed_effects": "firm"},
        {"fixed_effects": []},
        {"family": "poisson", "leads": 2},
    ],
)
def test_impossible_options_raise(options: dict) -> None:
    with pytest.raises(OptionError):
        Imputation(**options)
