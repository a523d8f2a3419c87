"""Entropy balancing and matching: exact moments, known weights, and errors that name what is wrong."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aigreen import Panel
from aigreen.did.balance import entropy_balance, match
from aigreen.errors import ConvergenceError, MissingRowsWarning, NoControlsError, OptionError, OverlapWarning


def panel_of(x, treated, **more):
    n = len(x)
    frame = pd.DataFrame(
        {
            "firm": np.repeat(np.arange(n), 2),
            "year": np.tile([2000, 2001], n),
            "first": np.repeat(np.where(treated, 2001, 0), 2),
            "x": np.repeat(x, 2),
            **{name: np.repeat(values, 2) for name, values in more.items()},
        }
    )
    return Panel(frame, unit="firm", time="year", cohort="first")


def test_two_kinds_of_control_get_the_weights_that_solve_the_moment():
    # treated mean 0.75: three parts of controls at 1 to one part at 0, spread evenly within a kind
    x = np.array([0.75, 0.75, 0.0, 0.0, 1.0])
    result = entropy_balance(panel_of(x, [True, True, False, False, False]), ["x"], period=2000)
    assert np.allclose(result.weights.to_numpy(), [1, 1, 0.25, 0.25, 1.5], atol=1e-9)
    assert result.effective_controls == pytest.approx(4 / (0.0625 * 2 + 2.25))


@settings(max_examples=25, deadline=None)
@example(835842529, 2)  # the last step gains less than rounding
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2]))
def test_moments_are_equal_afterwards_whatever_the_scale(seed, moments):
    rng = np.random.default_rng(seed)
    treated = rng.random(200) < 0.4
    x, z = rng.normal(size=200) + 0.5 * treated, 1e6 * rng.normal(size=200) - 3e5 * treated
    panel = panel_of(x, treated, z=z)
    result = entropy_balance(panel, ["x", "z"], period=2000, moments=moments)
    w = result.weights.to_numpy()
    for power in range(1, moments + 1):
        for values in (x, z / 1e6):
            means = (values[treated] ** power).mean(), np.average(values[~treated] ** power, weights=w[~treated])
            assert means[0] == pytest.approx(means[1], abs=1e-8)
    assert w[~treated].sum() == pytest.approx(treated.sum())
    rescaled = entropy_balance(panel_of(x * 7 - 2, treated, z=z), ["x", "z"], period=2000, moments=moments)
    assert np.allclose(rescaled.weights, w, atol=1e-6)


@pytest.mark.filterwarnings("ignore::aigreen.errors.OverlapWarning")
def test_weights_remove_the_bias_of_a_trend_in_the_covariate():
    estimates = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        treated = rng.random(2000) < 0.3
        x = rng.normal(size=2000) + treated
        change = 2 * x + rng.normal(size=2000)  # no effect: treated grow faster only because their x is larger
        panel = panel_of(x, treated)
        balanced = entropy_balance(panel, ["x"], period=2000).weights.to_numpy()
        matched = match(panel, ["x"], period=2000, neighbours=5).weights.reindex(range(2000)).fillna(0).to_numpy()
        estimates.append(
            [
                np.average(change[treated], weights=w[treated]) - np.average(change[~treated], weights=w[~treated])
                for w in (np.ones(2000), balanced, matched)
            ]
        )
    plain, balanced, matched = np.mean(estimates, axis=0)
    error = np.std(estimates, axis=0, ddof=1) / np.sqrt(20)
    assert plain == pytest.approx(2, abs=3 * error[0])
    assert balanced == pytest.approx(0, abs=3 * error[1])
    assert matched == pytest.approx(0, abs=0.1)  # neighbours are near, not equal


def test_match_counts_a_control_as_often_as_it_is_used():
    x = np.array([0.1, 0.12, 2.0, 0.11, 1.9, -3.0])
    result = match(panel_of(x, [True, True, True, False, False, False]), ["x"], period=2000, caliper=1.0)
    assert result.weights.tolist() == [1, 1, 1, 2, 1, 0]


def test_match_leaves_out_and_counts_treated_units_outside_the_caliper():
    x = np.array([0.0, 9.0, 0.1, 0.2, -0.1])
    with pytest.warns(OverlapWarning, match="1 unit left out: no control within the caliper"):
        result = match(panel_of(x, [True, True, False, False, False]), ["x"], period=2000, caliper=0.1)
    assert 1 not in result.weights.index
    assert result.dropped["count"].tolist() == [1]


def test_rows_of_the_frame_get_the_weight_of_their_unit():
    x = np.array([0.75, 0.75, 0.0, 0.0, 1.0])
    panel = panel_of(x, [True, True, False, False, False])
    rows = entropy_balance(panel, ["x"], period=2000).rows(panel)
    assert rows.index.equals(panel.frame.index)
    assert np.allclose(rows.to_numpy()[4:6], 0.25)


def test_units_without_the_covariate_are_counted():
    x = np.array([0.75, 0.75, 0.0, 1.0, np.nan])
    with pytest.warns(MissingRowsWarning, match="1 unit left out: not seen in 2000, or missing x in it"):
        entropy_balance(panel_of(x, [True, True, False, False, False]), ["x"], period=2000)


@pytest.mark.parametrize(
    ("x", "treated", "period", "error", "message"),
    [
        ([5.0, 0.0, 1.0], [True, False, False], 2000, ConvergenceError, "no weights balance x"),
        ([0.5, 0.0, 1.0], [True, True, True], 2000, NoControlsError, "no never-treated unit"),
        ([0.5, 0.0, 1.0], [True, False, False], 2001, OptionError, "before 2001"),
        ([0.5, 0.0, 1.0], [True, False, False], 1999, OptionError, "1999"),
    ],
)
def test_errors_name_the_reason(x, treated, period, error, message):
    with pytest.raises(error, match=message):
        entropy_balance(panel_of(np.array(x), treated), ["x"], period=period)
