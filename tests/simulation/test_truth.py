import numpy as np
import pandas as pd
import pytest
from scipy import stats

from aigreen.simulate.economy.economy import draw
from aigreen.simulate.economy.outcomes import SPILLOVERS
from aigreen.simulate.economy.truth import expected_log1p, study_truth, true_log_parts, true_parts


def test_expected_log1p_against_the_distribution():
    means = np.array([0.0, 1e-6, 0.3, 4.0, 60.0, 199.0, 201.0, 1500.0])
    k = np.arange(4000)
    exact = [stats.poisson.pmf(k, mean) @ np.log1p(k) for mean in means]
    np.testing.assert_allclose(expected_log1p(means), exact, rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(expected_log1p(means[:6]), exact[:6], rtol=1e-10, atol=1e-14)


def test_expected_log1p_keeps_the_shape_and_the_input():
    means = np.array([[0.5, 900.0], [0.5, 2.0]])
    before = means.copy()
    assert expected_log1p(means).shape == (2, 2)
    np.testing.assert_array_equal(means, before)


@pytest.fixture
def firms():
    frame = pd.DataFrame({"firm_id": list("aaabbbccd"), "year": [1, 2, 3] * 2 + [2, 3, 3]})
    frame["zone_year"] = frame["firm_id"].map({"a": 2.0, "b": 3.0, "c": 2.0})
    frame["ring"] = [0, 1, 1, 0, 0, 0, 0, 0, 2]
    treated = (frame["year"] >= frame["zone_year"]).astype(float)
    truth = frame[["firm_id", "year"]].assign(mean_without=[1.0, 2, 3, 4, 5, 6, 7, 8, 9])
    truth = truth.assign(direct=0.2 * treated, m=0.1 * treated, spillover=0.05 * frame["ring"])
    truth["mean_with"] = truth["mean_without"] * np.exp(truth[["direct", "m", "spillover"]].sum(axis=1))
    return frame, truth


def test_true_parts_add_up_over_the_rows_that_are_compared(firms):
    frame, truth = firms
    parts = true_parts(frame, truth, exposure="ring")
    rows = truth[(frame["firm_id"].isin(["a", "b"])) & (frame["year"] >= frame["zone_year"])]  # c is always treated
    assert (parts["n_rows"] == len(rows)).all()
    whole = (expected_log1p(rows["mean_with"]) - expected_log1p(rows["mean_without"])).mean()
    assert parts.loc["total", "truth"] == pytest.approx(whole, rel=1e-12)
    assert parts["truth"].iloc[1:].sum() == pytest.approx(whole, rel=1e-12)
    last = (expected_log1p(rows["mean_with"]) - expected_log1p(rows["mean_with"] / np.exp(rows["direct"]))).mean()
    assert parts.loc["direct", "high"] == pytest.approx(last, rel=1e-12)
    assert (parts["low"] <= parts["truth"] + 1e-15).all() and (parts["truth"] <= parts["high"] + 1e-15).all()


def test_the_order_of_parts_does_not_matter_where_counts_are_large(firms):
    frame, truth = firms
    truth[["mean_without", "mean_with"]] *= 1e6
    parts = true_parts(frame, truth, exposure="ring")
    assert parts.loc["direct", ["truth", "low", "high"]].tolist() == pytest.approx([0.2] * 3, abs=1e-6)
    assert parts.loc["m", "truth"] == pytest.approx(0.1, abs=1e-6)


def test_true_log_parts_add_up_by_logarithmic_means(firms):
    """Cells of one firm each: their logs add up, and the total is the log of the ratio of all sums."""
    frame, truth = firms
    parts = true_log_parts(frame, truth, exposure="ring")["truth"]
    rows = truth[(frame["firm_id"].isin(["a", "b"])) & (frame["year"] >= frame["zone_year"])]
    whole = np.log(rows["mean_with"].sum() / rows["mean_without"].sum())
    assert parts["total"] == pytest.approx(whole, rel=1e-12)
    assert parts.iloc[1:].sum() == pytest.approx(whole, rel=1e-12)
    means = (rows["mean_with"] - rows["mean_without"]) / np.log(rows["mean_with"] / rows["mean_without"])
    gap = rows["mean_with"].sum() - rows["mean_without"].sum()
    share = means / (gap / whole)
    for part in ("direct", "m", "spillover"):
        assert parts[part] == pytest.approx(share @ rows[part], rel=1e-12)


@pytest.mark.parametrize("channels", [["industry_structure", "polluting_share", "human_capital"], ["human_capital"]])
def test_the_parts_of_a_study_add_up_to_the_truth_of_the_economy(channels):
    truth = draw(seed=3, scale="small").truth
    known = study_truth(truth, channels, ways=SPILLOVERS)
    assert list(known)[4:] == ["direct", *channels, "spillover"]
    whole = np.log(truth["mean_with"] / truth["mean_without"])
    assert whole.max() > 0
    np.testing.assert_allclose(known[["direct", *channels, "spillover"]].sum(axis=1), whole, atol=1e-12)
