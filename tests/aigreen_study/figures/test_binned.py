"""Binned means within units and periods."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from aigreen import TWFE, Panel
from aigreen.errors import DataError, OptionError
from aigreen_study.figures import binned_scatter
from aigreen_study.specification.binned import binned_means


def test_bins_of_a_linear_relation_within_units_lie_on_its_line(panel):
    frame = panel.frame.assign(z=2.0 * panel.frame["x"] + panel.frame["firm"] ** 1.5 - 0.3 * panel.frame["year"])
    found = binned_means(Panel(frame, unit="firm", time="year"), "z", "x", bins=5)
    assert_allclose(found.means.values, frame["z"].mean() + 2.0 * (found.at - frame["x"].mean()))
    assert_allclose(found.at, frame.groupby(pd.qcut(frame["x"], 5, labels=False))["x"].mean())


def test_bins_are_adjusted_at_the_mean_of_the_controls(panel):
    found = binned_means(panel, "y", "x", covariates=["w"], bins=4)
    frame = panel.frame
    knots = frame["x"].quantile([0, 0.25, 0.5, 0.75, 1]).to_numpy()

    def spline(x):
        return np.column_stack([x, *(np.maximum(x - knot, 0) for knot in knots[1:-1])])

    dummies = [pd.get_dummies(frame[name], dtype=float).to_numpy() for name in ("firm", "year")]
    X = np.hstack([spline(frame["x"].to_numpy()), *dummies, frame[["w"]].to_numpy()])
    beta = np.linalg.lstsq(X, frame["y"].to_numpy(), rcond=None)[0]
    point = X.mean(axis=0)
    for b in range(4):
        point[:4] = spline(found.at[[b]])[0]
        assert found.means.values[b] == pytest.approx(point @ beta)
    slope = TWFE().fit(panel, "y", treatment="x", covariates=["w"])
    assert found.slope.values[0] == pytest.approx(slope.values[0])
    assert found.slope.std_errors.iloc[0] == pytest.approx(slope.std_errors.iloc[0])
    above, ax = binned_scatter(found, xlabel="x", ylabel="y").axes
    line = ax.lines[0]
    assert sum(bar.get_height() for bar in above.patches) == panel.n_rows
    assert np.diff(line.get_ydata()) / np.diff(line.get_xdata()) == pytest.approx(slope.values[0])


def test_a_least_value_of_many_rows_is_a_bin_of_its_own(panel):
    frame = panel.frame
    x = np.where(frame["x"] > frame["x"].median(), frame["x"] - frame["x"].min() + 1, 0.0)
    found = binned_means(Panel(frame.assign(x=x), unit="firm", time="year"), "y", "x", bins=6)
    assert len(found.at) == 6
    assert found.at[0] == 0
    others = pd.Series(x[x > 0])
    assert_allclose(found.at[1:], others.groupby(pd.qcut(others, 5).cat.codes).mean())


def test_bins_of_a_variable_with_ties_are_fewer(panel):
    frame = panel.frame.assign(x=panel.frame["x"].round().clip(0, 4))
    tied = Panel(frame, unit="firm", time="year")
    assert len(binned_means(tied, "y", "x", bins=20).at) == pd.qcut(frame["x"], 20, duplicates="drop").nunique() == 4
    with pytest.raises(DataError, match="takes too few values"):
        binned_means(Panel(frame.assign(x=(frame.x > 1) * 1.0), unit="firm", time="year"), "y", "x")
    with pytest.raises(OptionError):
        binned_means(tied, "y", "x", bins=2)
