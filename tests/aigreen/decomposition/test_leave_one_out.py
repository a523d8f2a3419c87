"""Errors that leave the own cluster out of the response and of the centre."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aigreen import Decomposition, Imputation, Panel
from aigreen.errors import (
    EstimationError,
    SmallCellWarning,
)

from .economy import CITY, FULL, Dense, economy


@pytest.mark.parametrize("weights", [None, "w"])
@pytest.mark.filterwarnings("ignore::aigreen.errors.OverlapWarning")
def test_leave_one_out_leaves_the_cluster_out_of_the_response(weights: str | None) -> None:
    """What exposed rows add to the error of theta is theta less theta of the other clusters' rows."""
    panel = Panel(economy(), **CITY, weights=weights)
    plain, larger = (
        Decomposition(**FULL, response="linear", variance=v).fit(panel, "y") for v in ("conservative", "leave_one_out")
    )
    dense = Dense(panel, ["m1", "m2"], ["ring", "peers"], []).solve()
    e, rest = dense.exposed, dense.net + dense.spill
    root = np.sqrt(dense.w)

    def theta(rows: np.ndarray) -> np.ndarray:
        return np.linalg.lstsq(dense.B[rows] * root[rows, None], (rest * root)[rows], rcond=None)[0]

    without = np.array([theta(e & (dense.cluster != c)) for c in range(dense.n_clusters)])
    wB = dense.B * (dense.w * e)[:, None]
    scores = np.column_stack([np.bincount(dense.cluster, column * dense.net, dense.n_clusters) for column in wB.T])
    wider = dense.theta - without - scores @ np.linalg.inv(wB.T @ dense.B)
    assert np.abs(wider).max() > 1e-3
    for g, t in [(4, 5), (4, 7), (6, 8)]:
        share = dense.w * ((panel.cohort == g) & (panel.time == t))
        gap = larger.influence["spillover", g, t] - plain.influence["spillover", g, t]
        assert gap.to_numpy() == pytest.approx(wider @ (share @ dense.B) / share.sum(), abs=1e-11)


@pytest.mark.filterwarnings("ignore::aigreen.errors.OverlapWarning")
def test_leave_one_out_errors_are_larger(panel: Panel) -> None:
    plain, larger = (Decomposition(**FULL, variance=v).fit(panel, "y") for v in ("conservative", "leave_one_out"))
    assert larger.values == pytest.approx(plain.values)
    assert (larger["direct"].std_errors > plain["direct"].std_errors).all()
    additive = larger.additive.psi.reshape(len(larger.psi), 4, -1).sum(axis=1)
    assert larger["total"].psi == pytest.approx(additive, abs=1e-12)
    lone = economy(missing=0)
    once = lone["ring"] * (lone["city"] == lone.loc[(lone["ring"] > 0) & (lone["first"] == 0), "city"].min())
    panel = Panel(lone.assign(ring=once), **CITY)
    with pytest.raises(EstimationError, match="every term of exposure; 1 has one, first: ring"):
        Decomposition(channels=["m1"], exposure="ring").fit(panel, "y")
    with pytest.warns(SmallCellWarning, match="exposed untreated rows in one cluster only"):
        Decomposition(channels=["m1"], exposure="ring", variance="conservative").fit(panel, "y")


def test_a_cohort_in_one_cluster_is_centred_at_the_other_treated_rows() -> None:
    df = economy(missing=0)
    df = df[(df["first"] != 6) | (df["city"] == df.loc[df["first"] == 6, "city"].min())]
    panel = Panel(df, **CITY)
    with pytest.warns(SmallCellWarning, match="3 cohort-periods"):
        plain = Decomposition(channels=["m1"], variance="conservative").fit(panel, "y")
    wider = Decomposition(channels=["m1"]).fit(panel, "y")
    city = df.loc[df["first"] == 6, "city"].min()
    assert df[df["first"] == 4].groupby("city").size().nunique() == 1  # so that the centre is the mean of the cells
    for part in ("total", "direct", "m1"):
        added = wider.influence[part, 6, 8] - plain.influence[part, 6, 8]
        gap = wider[part].estimates[6, 8] - wider[part].estimates[4].mean()
        assert added[city] == pytest.approx(gap, abs=1e-10)
        assert np.abs(added.drop(city)).max() < 1e-12
    with pytest.raises(EstimationError, match="two clusters with treated rows, and all are in one"):
        Decomposition(channels=["m1"]).fit(Panel(df[df["first"] != 4], **CITY), "y")


def test_the_total_has_the_errors_of_imputation_where_a_cohort_is_in_one_cluster(tmp_path: Path) -> None:
    """Cells of other sizes: the centre of a lone cell is the mean of rows, not of cells."""
    df = economy()
    df = df[(df["first"] != 6) | (df["city"] == df.loc[df["first"] == 6, "city"].min())]
    df.to_parquet(tmp_path / "rows.parquet", index=False)
    assert df[df["first"] == 4].groupby("year").size().nunique() > 1
    for panel in (Panel(df, **CITY), Panel.scan(tmp_path / "rows.parquet", **CITY)):
        total = Decomposition(channels=["m1"]).fit(panel, "y")["total"]
        plain = Imputation(variance="leave_one_out").fit(panel, "y")
        assert total.values == pytest.approx(plain.values, abs=1e-12)
        assert total.psi == pytest.approx(plain.psi, abs=1e-12)
