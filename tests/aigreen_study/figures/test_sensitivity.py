"""Figures of sensitivity to trends and to confounding."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from aigreen.errors import ReportError
from aigreen.inference import honest_did, rho_sensitivity
from aigreen_study.figures import (
    honest_figure,
    no_bounds_figure,
    rho_figure,
    sensitivity_contour,
)

from .drawn import legend


def test_honest_draws_intervals_and_breakdown(path):
    result = honest_did(path, bounds=[0.5, 1.0, 2.0])
    assert result.breakdown > 0
    ax = honest_figure(result).axes[0]
    segments = [np.sort(s[:, 1]) for lines in ax.collections for s in lines.get_segments()]
    drawn = {tuple(np.round(segment, 10)) for segment in segments}
    for line in result.frame.itertuples():
        assert (round(line.low, 10), round(line.high, 10)) in drawn
    assert tuple(np.round(result.original, 10)) in drawn
    assert ax.get_title(loc="left") == f"Relative magnitudes: breakdown at {result.breakdown:.2g}"
    with pytest.raises(ReportError, match="0 sensitivity results"):
        honest_figure()


def test_a_figure_without_bounds_says_why():
    (text,) = no_bounds_figure("nothing before treatment").texts
    assert text.get_text() == "No bounds: nothing before treatment."


def test_ticks_of_bounds_are_round(path):
    for bounds, ticks in (
        ([0.5, 1.0, 1.5, 2.0], ["0.5", "1", "1.5", "2"]),
        ([0.0, 0.0196, 0.0391], ["0", "0.01", "0.02", "0.03"]),
    ):
        ax = honest_figure(honest_did(path, bounds=bounds)).axes[0]
        assert [label.get_text() for label in ax.get_xticklabels()] == ["parallel", *ticks]


def test_rho_and_contour_agree_with_the_formula(rho):
    ax = rho_figure({"Skills": rho}).axes[0]
    assert ax.get_title(loc="left") == f"Skills\nzero at $\\rho$ = {rho.rho_at_zero:.3f}"
    contour = sensitivity_contour(rho).axes[0]
    zero = next(line for line in contour.lines if line.get_label().endswith("is zero"))
    assert_allclose(zero.get_xdata() * zero.get_ydata(), rho.rho_at_zero**2)
    at_zero = rho.frame["mediated"].loc[0.0]
    assert legend(contour)[1] == f"No omitted variable: {at_zero:.3g}".replace("-", "\N{MINUS SIGN}")
    with pytest.raises(ReportError, match="one to six"):
        rho_figure({})


def test_contour_needs_two_values_of_rho():
    rng = np.random.default_rng(0)
    d, m, y = rng.standard_normal((3, 50))
    with pytest.raises(ReportError, match="two values of rho"):
        sensitivity_contour(rho_sensitivity(d, m, y, rho=[0.0]))
