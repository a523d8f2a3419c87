"""Rows that a decomposition leaves out, and data and options that it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from aigreen import Decomposition, Imputation, Panel
from aigreen.errors import (
    AigreenError,
    CollinearError,
    CollinearWarning,
    DataError,
    MissingRowsWarning,
    NoControlsError,
    NonNumericError,
    NoPrePeriodError,
    NoTreatedError,
    OptionError,
    OverlapWarning,
    SmallCellWarning,
    TooFewClustersError,
    UnknownColumnError,
    UnreachedWarning,
)

from .economy import CITY, FULL, economy


def test_missing_channels_and_exposures_are_counted() -> None:
    df = economy()
    df.loc[[3, 40], "m1"] = np.nan
    df.loc[77, "ring"] = np.nan
    with pytest.warns(MissingRowsWarning, match=r"3 rows left out: missing m1, ring"):
        result = Decomposition(channels=["m1"], exposure="ring").fit(Panel(df, **CITY), "y")
    expected = Decomposition(channels=["m1"], exposure="ring").fit(Panel(df.dropna(), **CITY), "y")
    assert result.values == pytest.approx(expected.values)
    assert result.dropped["count"].tolist() == [3]


def test_an_exposure_that_no_row_has_is_warned_of_in_memory_and_from_disk(tmp_path) -> None:
    df = economy(missing=0).assign(ring=0.0)
    df.to_parquet(tmp_path / "rows.parquet")
    roles = {role: name for role, name in CITY.items() if isinstance(name, str)}
    for panel in (Panel(df, **CITY), Panel.scan(tmp_path / "rows.parquet", **roles)):
        with pytest.warns(CollinearWarning, match="1 term of exposure left out: zero in every row; first: ring"):
            result = Decomposition(channels=["m1"], exposure="ring").fit(panel, "y")
        assert result.dropped["count"].tolist() == [1]


def test_rows_out_of_reach_of_clean_rows_are_counted() -> None:
    df = economy(missing=0)
    df["ring"] = df["ring"].where(df["firm"] % 5 > 0, 1.0)
    with pytest.warns(UnreachedWarning) as record:
        result = Decomposition(channels=["m1"], exposure="ring").fit(Panel(df, **CITY), "y")
    always, treated = df["firm"] % 5 == 0, (df["first"] > 0) & (df["year"] >= df["first"])
    assert [w.message.count for w in record] == [int((always & treated).sum()), int((always & ~treated).sum())]
    assert result.mass.value.sum() == (~always & treated).sum()


def test_anticipation_rows_are_neither_clean_nor_effects(panel: Panel) -> None:
    result = Decomposition(channels=["m1"], exposure="ring", anticipation=1).fit(panel, "y")
    df = panel.frame
    onset = df[df["ring"] > 0].groupby("firm")["year"].min().reindex(df["firm"]).fillna(99).to_numpy()
    clean = (panel.time < panel.cohort - 1) & (panel.time < onset - 1)
    assert result.conventions["clean rows"].startswith(f"{clean.sum():,} ")
    assert result["total"].index.equals(Decomposition(channels=["m1"]).fit(panel, "y")["total"].index)
    none = Decomposition(channels=["m1"], anticipation=1).fit(panel, "y")["total"]
    assert none.values == pytest.approx(Imputation(anticipation=1).fit(panel, "y").values, abs=1e-12)


def test_exposures_beyond_those_of_untreated_rows_warn() -> None:
    df = economy()
    treated = (df["first"] > 0) & (df["year"] >= df["first"])
    df["peers"] = df["peers"].where(~treated, df["peers"] * 3)
    with pytest.warns(OverlapWarning, match="the response is extrapolated"):
        Decomposition(channels=["m1"], exposure="peers", response="linear").fit(Panel(df, **CITY), "y")


def test_collinear_covariates_and_lone_clusters_warn() -> None:
    df = economy(missing=0).assign(copy=lambda d: d["x"] + d["year"])
    lone = df[(df["first"] != 6) | (df["city"] == df.loc[df["first"] == 6, "city"].min())]
    with pytest.warns(CollinearWarning, match="copy"), pytest.warns(SmallCellWarning, match="3 cohort-periods"):
        Decomposition(channels=["m1"], variance="conservative").fit(Panel(lone, **CITY), "y", covariates=["x", "copy"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.assign(m2=2 * d["m1"] + d["firm"] - d["year"]), "channel 'm2' is determined by 'm1'"),
        (lambda d: d.assign(m2=3.0), "channel 'm2' is constant on the clean rows"),
        (lambda d: d.assign(m1=d["firm"] * 2.0), "channel 'm1' is determined by the fixed effects"),
        (lambda d: d.assign(m1=1e6 + np.where(d["first"] > 0, d["year"] >= d["first"], 0)), "'m1' is constant"),
    ],
)
def test_channels_that_do_not_vary_are_named(change: object, message: str) -> None:
    with pytest.raises(CollinearError, match=message):
        Decomposition(channels=["m1", "m2"]).fit(Panel(change(economy()), **CITY), "y")


def test_a_channel_with_a_large_level_is_no_constant(panel: Panel) -> None:
    moved = Panel(economy().assign(m1=lambda d: d["m1"] + 1e7), **CITY)
    options = {"channels": ["m1", "m2"], "exposure": "ring"}
    expected = Decomposition(**options).fit(panel, "y")
    assert Decomposition(**options).fit(moved, "y").values == pytest.approx(expected.values, abs=1e-6)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda d: d.assign(first=0), NoTreatedError),
        (lambda d: d.assign(first=1), NoControlsError),
        (lambda d: d.assign(first=np.where(d["first"] > 0, 1, 0)), NoPrePeriodError),
        (lambda d: d.assign(ring=1.0), NoControlsError),
        (lambda d: d.assign(ring=d["ring"].where(d["first"].gt(0) & d["year"].ge(d["first"]), 0)), NoControlsError),
        (lambda d: d.assign(ring=-d["ring"]), DataError),
        (lambda d: d.assign(peers=2 * d["ring"]), CollinearError),
        (lambda d: d.assign(city=1), TooFewClustersError),
        (lambda d: d.assign(m1="a"), NonNumericError),
        (lambda d: d.drop(columns="m2"), UnknownColumnError),
        (lambda d: d.assign(m2=np.nan), DataError),
    ],
)
@pytest.mark.filterwarnings("ignore::aigreen.errors.CohortWarning")
def test_impossible_data_raise_typed_errors(change: object, error: type[AigreenError]) -> None:
    with pytest.raises(error):
        Decomposition(**FULL).fit(Panel(change(economy()), **CITY), "y")


@pytest.mark.parametrize(
    "options",
    [
        {"channels": ["m1", "m1"]},
        {"channels": ["m1"], "exposure": "m1"},
        {"channels": ["total"]},
        {"channels": ["direct: x"]},
        {"channels": ["m1"], "response": "cubic"},
        {"channels": ["m1"], "anticipation": -1},
        {"channels": ["m1"], "fixed_effects": "firm"},
        {"channels": ["m1"], "bins": 0},
    ],
)
def test_impossible_options_raise(options: dict) -> None:
    with pytest.raises(OptionError):
        Decomposition(**options)


def test_a_column_has_one_role(panel: Panel) -> None:
    with pytest.raises(OptionError, match=r"channels='m1': this column is the outcome already"):
        Decomposition(channels=["m1"]).fit(panel, "m1")
    with pytest.raises(OptionError, match="covariates='m1'"):
        Decomposition(channels=["m1"]).fit(panel, "y", covariates=["m1"])
