"""Goodman-Bacon weights against R's bacondecomp; diff-diff's estimators against plain computations."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from aigreen import TWFE, GroupTimeATT, Panel
from aigreen.did.diff_diff import ChaisemartinDHaultfoeuille, LocalProjections, SyntheticDiD, bacon_weights
from aigreen.errors import AigreenWarning, EstimationError, FewClustersWarning, NoInfluenceError, OptionError

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


def test_local_projections_count_the_clusters_of_the_smaller_side():
    """Clusters of equal size: t with one degree of freedom less than treated, or than comparison clusters."""
    for n_treated, n_controls, fewest in ((4, 12, 4), (12, 5, 5)):
        result = LocalProjections(window=(-2, 1)).fit(few(n_treated, n_controls), "y")
        low, high = result.conf_int().loc[1]
        reach = stats.t.ppf(0.975, fewest - 1) * result.std_errors[1]
        assert (low, high) == pytest.approx((result.estimates[1] - reach, result.estimates[1] + reach), rel=1e-12)
    with pytest.warns(FewClustersWarning, match="^treated or comparison units stand in one cluster: no error$"):
        alone = LocalProjections(window=(-2, 1)).fit(few(1, 12), "y")
    assert np.isfinite(alone.estimates).all()
    assert alone.std_errors.drop(-1).isna().all()


def test_synthetic_did_takes_one_cohort(shared):
    panel = synth_panel(shared)
    view = panel[panel.frame["g"].isin([0, 6])]
    result = SyntheticDiD(variance="jackknife").fit(view, "y")
    assert result.overall().values[0] == pytest.approx(0.85217, abs=1e-5)
    assert result.std_errors["ATT"] == pytest.approx(0.12856, abs=1e-5)
    with pytest.raises(EstimationError, match="takes one cohort, this panel has 4"):
        SyntheticDiD().fit(panel, "y")


def few(n_treated, n_controls, seed=0):
    rng = np.random.default_rng(seed)
    n, periods = n_treated + n_controls, 12
    unit, year = np.repeat(np.arange(n), periods), np.tile(np.arange(2000, 2000 + periods), n)
    common = rng.normal(size=(n, 2)) @ rng.normal(size=(2, periods)).cumsum(axis=1)
    y = common.ravel() + 0.3 * rng.normal(size=n * periods)
    frame = pd.DataFrame({"unit": unit, "year": year, "first": np.where(unit < n_treated, 2008, 0), "y": y})
    return Panel(frame, unit="unit", time="year", cohort="first")


def test_the_placebo_error_of_one_treated_unit_is_of_all_controls():
    from diff_diff.utils import compute_sdid_estimator, compute_sdid_unit_weights, compute_time_weights

    panel = few(1, 12)
    wide = panel.frame.pivot(index="year", columns="unit", values="y").to_numpy()[:, 1:]
    wide = (wide - wide[:8].mean()) / (scale := wide[:8].std())
    noise = np.std(np.diff(wide[:8], axis=0), ddof=1)
    zetas, stop = (4**0.25 * noise, 1e-6 * noise), 1e-5 * noise
    placebos = []
    for unit in range(12):
        rest = np.delete(wide, unit, axis=1)
        omega = compute_sdid_unit_weights(rest[:8], wide[:8, unit], zeta_omega=zetas[0], min_decrease=stop)
        lam = compute_time_weights(rest[:8], rest[8:], zeta_lambda=zetas[1], min_decrease=stop)
        placebos.append(compute_sdid_estimator(rest[:8], rest[8:], wide[:8, unit], wide[8:, unit], omega, lam))
    result = SyntheticDiD().fit(panel, "y")
    assert result.std_errors["ATT"] == pytest.approx(scale * np.std(placebos), rel=2e-3)
    assert result.conventions["variance"].startswith("diff-diff, placebo, every control once")
    assert SyntheticDiD(seed=5).fit(panel, "y").std_errors["ATT"] == pytest.approx(result.std_errors["ATT"], rel=1e-12)


@pytest.mark.parametrize("variance", ["bootstrap", "jackknife"])
def test_one_treated_unit_has_no_error_but_by_placebo(variance):
    with pytest.raises(EstimationError, match=f"variance='{variance}' needs two treated units, and this panel has one"):
        SyntheticDiD(variance=variance).fit(few(1, 12), "y")


def test_without_a_possible_placebo_there_is_no_error():
    with (
        pytest.warns(FewClustersWarning, match="no placebo is possible with 2 controls for 2 treated units"),
        pytest.warns(AigreenWarning, match="Not enough control units"),
    ):
        result = SyntheticDiD().fit(few(2, 2), "y")
    table = result.to_frame()
    assert np.isfinite(table["estimate"]).all()
    assert table.drop(columns="estimate").isna().all(axis=None)


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
