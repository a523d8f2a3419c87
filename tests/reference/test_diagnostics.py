"""Goodman-Bacon weights against R's bacondecomp; diff-diff's estimators against plain computations."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aigreen import TWFE, GroupTimeATT, Panel
from aigreen.did.diff_diff import ChaisemartinDHaultfoeuille, LocalProjections, SyntheticDiD, bacon_weights
from aigreen.errors import EstimationError, NoInfluenceError, OptionError

PUBLISHED = json.loads((Path(__file__).parent / "published_regressions.json").read_text())


def castle_panel(shared):
    frame = pd.read_csv(shared / "oracles" / "data" / "castle_bacon.csv")[["state", "year", "l_homicide", "post"]]
    first = frame[frame["post"] == 1].groupby("state")["year"].min()
    return Panel(frame.assign(first=frame["state"].map(first)), unit="state", time="year", cohort="first")


def synth_panel(shared):
    frame = pd.read_csv(shared / "oracles" / "data" / "synth_balanced.csv")
    return Panel(frame, unit="id", time="t", cohort="g", cluster="cluster")


def same_comparisons(table, expected, never):
    ours = {(r.treated, r.control): (r.weight, r.estimate) for r in table.itertuples()}
    assert len(ours) == len(expected)
    for row in expected:
        control = np.inf if row["untreated"] == never else row["untreated"]
        weight, estimate = ours[row["treated"], control]
        assert weight == pytest.approx(row["weight"], abs=1e-8)
        assert estimate == pytest.approx(row["estimate"], abs=1e-8)


def test_castle_weights(shared):
    panel = castle_panel(shared)
    table = bacon_weights(panel, "l_homicide")
    by_kind = table.groupby("kind")["weight"].sum()
    for kind, weight in PUBLISHED["castle"]["weights"].items():
        assert round(by_kind[kind], 5) == weight
    total = (table["weight"] * table["estimate"]).sum()
    assert total == pytest.approx(TWFE().fit(panel, "l_homicide").values[0], abs=1e-12)
    results = json.loads((shared / "oracles" / "bacondecomp.json").read_text())["results"]
    same_comparisons(table, results["castle"]["two_by_twos"], 99999)


def test_synthetic_weights(shared):
    panel = synth_panel(shared)
    results = json.loads((shared / "oracles" / "bacondecomp.json").read_text())["results"]
    same_comparisons(bacon_weights(panel, "y"), results["synth_balanced"]["two_by_twos"], 99999)


def test_switchers_equal_not_yet_treated_group_time_effects(shared):
    panel = synth_panel(shared)
    result = ChaisemartinDHaultfoeuille(horizons=2).fit(panel, "y")
    ours = GroupTimeATT(control_group="not_yet_treated", method="reg").fit(panel, "y").event_study()
    np.testing.assert_allclose(result.estimates[[0, 1, 2]], ours.estimates[[0, 1, 2]], atol=1e-10)
    assert result.estimates[-1] == 0 == result.std_errors[-1]


def test_local_projections_equal_long_differences(shared):
    panel = synth_panel(shared)
    result = LocalProjections(window=(-2, 2)).fit(panel, "y")
    wide = panel.frame.pivot(index="id", columns="t", values="y")
    first = panel.frame.groupby("id")["g"].first().replace(0, np.inf)
    rows = []
    for t in range(2, 11):
        clean = (first == t) | (first > t + 2)
        change = (wide[t + 2] - wide[t - 1])[clean]
        rows.append(pd.DataFrame({"y": change, "d": (first[clean] == t) * 1.0, "t": t}))
    data = pd.concat(rows)
    y, d = (data[c] - data.groupby("t")[c].transform("mean") for c in ("y", "d"))
    assert result.estimates[2] == pytest.approx((d @ y) / (d @ d), abs=1e-10)


def test_synthetic_did_takes_one_cohort(shared):
    panel = synth_panel(shared)
    view = panel[panel.frame["g"].isin([0, 6])]
    result = SyntheticDiD(variance="jackknife").fit(view, "y")
    assert result.overall().values[0] == pytest.approx(0.85217, abs=1e-5)
    assert result.std_errors["ATT"] == pytest.approx(0.12856, abs=1e-5)
    with pytest.raises(EstimationError, match="takes one cohort, this panel has 4"):
        SyntheticDiD().fit(panel, "y")


@pytest.mark.parametrize("model", [ChaisemartinDHaultfoeuille(), LocalProjections()])
def test_joint_statements_are_refused(shared, model):
    result = model.fit(synth_panel(shared), "y")
    for ask in (result.pretrend_test, lambda: result - result, lambda: result.conf_int(simultaneous=True)):
        with pytest.raises(NoInfluenceError):
            ask()
    assert result.select(result.index == 0).test().p_value < 0.01


def test_bad_input(shared):
    panel = synth_panel(shared)
    with pytest.raises(EstimationError, match="balanced panel; 1 units"):
        bacon_weights(panel[np.arange(panel.n_rows) > 0], "y")
    with pytest.raises(EstimationError, match="weights"):
        LocalProjections().fit(Panel(panel.frame, unit="id", time="t", cohort="g", weights="w"), "y")
    with pytest.raises(OptionError):
        SyntheticDiD(variance="guess")
    with pytest.raises(OptionError):
        LocalProjections(window=(1, 3))
