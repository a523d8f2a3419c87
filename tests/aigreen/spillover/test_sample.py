"""Rows that the spillover estimator leaves out, and data and options that it refuses."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aigreen import Panel, Spillover
from aigreen.errors import (
    CollinearError,
    CollinearWarning,
    DataError,
    EstimationError,
    MissingRowsWarning,
    NoControlsError,
    OptionError,
    OverlapWarning,
    SmallCellWarning,
    UnknownColumnError,
    UnreachedWarning,
)

from .dense import KEYS, RINGS, firms


def test_anticipation_leaves_out_the_periods_before_both_onsets() -> None:
    df = firms(missing=0)
    panel = Panel(df, **KEYS)
    result = Spillover(exposure=RINGS, anticipation=1).fit(panel, "y")
    onset = df["firm"].map(df[(df[RINGS] > 0).any(axis=1)].groupby("firm")["year"].min())
    cohort = df["first"].where(df["first"] > 0, np.inf)
    waiting = (df["year"] == cohort - 1) | (df["year"] == onset - 1)
    clean = ~panel.treated & (df[RINGS] == 0).all(axis=1) & ~waiting
    assert result.conventions["clean controls"] == f"{clean.sum():,} untreated and unexposed rows"
    exposed = ~panel.treated & (df[RINGS] > 0).any(axis=1) & (df["year"] != cohort - 1)
    assert result.conventions["exposed"].startswith(f"{exposed.sum():,} untreated rows")
    assert result.conventions["anticipation"].startswith("1 periods before treatment and before exposure")


def test_onset_is_read_from_rows_that_the_outcome_lacks() -> None:
    df = firms(missing=0)
    whole = Spillover(exposure="near").fit(Panel(df, **KEYS), "y")["near"]
    first = df[(df["near"] > 0) & (df["first"] == 0)].groupby("firm")["year"].min()
    df.loc[df.set_index(["firm", "year"]).index.isin(list(first.items())), "y"] = np.nan
    with pytest.warns(MissingRowsWarning):
        gaps = Spillover(exposure="near").fit(Panel(df, **KEYS), "y")["near"]
    assert gaps.index.equals(whole.index)
    rows = pd.Series(whole.mass.value[whole.mass.of] - gaps.mass.value[gaps.mass.of], whole.index)
    assert rows[[g == t for g, t in rows.index]].sum() == len(first)
    assert rows.sum() == len(first)


def test_rows_that_clean_rows_do_not_reach_are_counted() -> None:
    df = firms(missing=0)
    lonely = df["firm"].isin([df.loc[df["first"] == 0, "firm"].iloc[0], df.loc[df["first"] == 6, "firm"].iloc[0]])
    df.loc[lonely, "near"] = 1.0
    with pytest.warns(UnreachedWarning) as caught:
        result = Spillover(exposure=RINGS).fit(Panel(df, **KEYS), "y")
    messages = [str(w.message) for w in caught if w.category is UnreachedWarning]
    assert any(m.startswith("3 rows left out: treated rows") for m in messages)
    assert any(m.startswith("13 rows left out: exposed untreated rows") for m in messages)
    assert sorted(result.dropped["count"]) == [3, 13]


def test_bad_data() -> None:
    df = firms()
    panel = Panel(df, **KEYS)
    with pytest.raises(NoControlsError, match="both untreated and unexposed"):
        Spillover(exposure="near").fit(Panel(df.assign(near=1.0), **KEYS), "y")
    with pytest.raises(DataError, match="column 'near': 1 negative exposures"):
        Spillover(exposure="near").fit(Panel(df.assign(near=df["near"].where(df.index != 5, -1)), **KEYS), "y")
    with pytest.raises(UnknownColumnError, match="did you mean 'near'"):
        Spillover(exposure="nea").fit(panel, "y")
    only_treated = df.assign(near=df["near"] * panel.treated)
    with pytest.raises(NoControlsError, match=r"treated rows have an exposure that no untreated row has.*first: near"):
        Spillover(exposure="near").fit(Panel(only_treated, **KEYS), "y")
    with pytest.raises(CollinearError, match="near, twin are collinear"):
        Spillover(exposure=["near", "twin"]).fit(Panel(df.assign(twin=df["near"]), **KEYS), "y")
    one_row = df.assign(near=np.where(~panel.treated & (df.index == df.index[~panel.treated][3]), 1.0, 0), far=0.0)
    with pytest.raises(CollinearError, match="are collinear"):
        Spillover(exposure="near", response="spline", bins=[0, 1, 2]).fit(Panel(one_row, **KEYS), "y")
    with pytest.raises(OptionError, match="too few values for a spline"):
        Spillover(exposure="one", response="spline").fit(Panel(df.assign(one=1.0 * (df["near"] > 0)), **KEYS), "y")
    with pytest.raises(OptionError, match=r"exposure='near': this column is the outcome already"):
        Spillover(exposure="near").fit(panel, "near")
    with pytest.raises(OptionError, match="covariates="):
        Spillover(exposure="near").fit(panel, "y", covariates=["near"])
    far_out = df.assign(near=df["near"].where(~panel.treated | (df["near"] == 0), 9.0))
    with pytest.warns(OverlapWarning, match=r"treated rows have exposures outside those of untreated rows"):
        Spillover(exposure="near", response="linear").fit(Panel(far_out, **KEYS), "y")
    with (
        pytest.raises(NoControlsError, match="no untreated row has such an exposure"),
        pytest.warns(CollinearWarning, match="zero in every row; first: far"),
    ):
        Spillover(exposure="far").response_curve(Panel(df.assign(far=0.0), **KEYS), "y")


def test_cells_in_one_cluster() -> None:
    df = firms(missing=0)
    df["country"] = np.where(df["firm"] < 75, 0, 1)
    df.loc[df["country"] == 0, "near"] = 0.0
    panel = Panel(df, **KEYS, cluster="country")
    # Exposed rows are centred at the response: alone in their cells, their errors do not vanish.
    with pytest.warns(SmallCellWarning, match="exposed untreated rows in one cluster only"):
        result = Spillover(exposure="near", variance="conservative").fit(panel, "y")
    assert (result["exposed"].influence.loc[1].abs() > 1e-6).all()
    with pytest.raises(EstimationError, match="every term of exposure; 1 has one, first: near"):
        Spillover(exposure="near").fit(panel, "y")
    lone = df.assign(first=df["first"] * (df["country"] == 0))
    with pytest.warns(SmallCellWarning, match="treated rows in one cluster only"):
        Spillover(exposure="near", variance="conservative").fit(Panel(lone, **KEYS, cluster="country"), "y")
    with pytest.raises(EstimationError, match="two clusters with treated rows, and all are in one"):
        Spillover(exposure="near").fit(Panel(lone, **KEYS, cluster="country"), "y")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"exposure": []}, "exposure="),
        ({"exposure": ["a", "a"]}, "exposure="),
        ({"exposure": "spillover"}, "not named as a part"),
        ({"exposure": "a", "response": "cubic"}, "response='cubic'"),
        ({"exposure": "a", "bins": 0}, "bins=0"),
        ({"exposure": "a", "bins": [2, 1]}, "bins="),
        ({"exposure": "a", "bins": [0, 1]}, "bins="),
        ({"exposure": "a", "response": "spline", "bins": 2}, "bins=2"),
        ({"exposure": "a", "response": "spline", "bins": [1, 2]}, "bins="),
        ({"exposure": "a", "response": "linear", "bins": 2}, "bins=2"),
        ({"exposure": "a", "family": "logit"}, "family='logit'"),
        ({"exposure": "a", "variance": "rows"}, "variance='rows'"),
        ({"exposure": "a", "anticipation": -1}, "anticipation=-1"),
        ({"exposure": "a", "leads": 1.5}, "leads=1.5"),
        ({"exposure": "a", "leads": 1, "family": "poisson"}, "scale='level'"),
        ({"exposure": "a", "scale": "percent"}, "scale='percent'"),
        ({"exposure": "a", "fixed_effects": "firm"}, "fixed_effects='firm'"),
    ],
)
def test_bad_options(options: dict, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Spillover(**options)
