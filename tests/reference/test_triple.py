"""TripleDifference against diff-diff's staggered triple difference, which follows R triplediff.

Named difference: where comparison cohorts are combined, diff-diff's error is that of a covariance divided by n - 1,
ours the root of the sum of squared influence functions.
"""

import numpy as np
import pandas as pd
import pytest
from diff_diff import TripleDifference as Peer

from aigreen import Panel, TripleDifference


@pytest.fixture(scope="module")
def frame():
    """600 units, 6 periods, cohorts 3 and 5; effects, trends and eligibility differ by x and cohort."""
    rng = np.random.default_rng(0)
    n, year = 600, np.arange(1, 7)
    x, first = rng.normal(size=n), rng.choice([0, 3, 5], n)
    eligible = (rng.random(n) < 0.4 + 0.1 * np.tanh(x) + 0.2 * (first == 3)).astype(int)
    treated = (eligible * (first > 0))[:, None] * (year >= first[:, None])
    y = rng.normal(size=(n, 1)) + year * (0.1 * first + 0.3 * x + 0.2 * eligible)[:, None] + treated
    keys = {"firm": np.arange(n), "first": first, "eligible": eligible, "x": x, "town": np.arange(n) % 75}
    df = pd.DataFrame({name: np.repeat(values, 6) for name, values in keys.items()})
    return df.assign(year=np.tile(year, n), y=(y + rng.normal(size=(n, 6))).ravel())


@pytest.mark.filterwarnings("ignore:Base period 0 for:UserWarning")
@pytest.mark.parametrize("method", ["dr", "ipw", "reg"])
@pytest.mark.parametrize("base_period", ["varying", "universal"])
@pytest.mark.parametrize("control_group", ["never_treated", "not_yet_treated"])
def test_equals_diff_diff(frame, control_group, base_period, method):
    options = {"control_group": control_group, "base_period": base_period}
    peer = Peer(estimation_method=method, **options).fit(
        frame, "y", unit="firm", time="year", first_treat="first", partition="eligible", covariates=["x"]
    )
    panel = Panel(frame, unit="firm", time="year", cohort="first")
    model = TripleDifference(third="eligible", method=method, combination="gmm", **options)
    ours = model.fit(panel, "y", covariates="x")
    n, cells = 600, peer.group_time_effects
    assert len(cells) == (ours.std_errors > 0).sum() == 10
    for cell, found in cells.items():
        assert ours.estimates[cell] == pytest.approx(found["effect"], abs=1e-10)
        with_both = {(3, 2), (3, 3), (3, 4), (5, 2) if base_period == "varying" else (3, 1)}
        several = control_group == "not_yet_treated" and cell in with_both
        error = found["se"] * (np.sqrt((n - 1) / n) if several else 1.0)
        assert ours.std_errors[cell] == pytest.approx(error, abs=1e-10)
