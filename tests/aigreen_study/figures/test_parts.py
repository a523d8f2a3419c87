"""Figures of the parts of an effect."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from aigreen.errors import ReportError
from aigreen_study.figures import (
    parts_horizon_figure,
    parts_waterfall_figure,
)

from .drawn import BAND, group, make_effects


def test_waterfall_ends_at_the_total():
    overall = group([0.3, 0.5, -0.2], ["Total", "Direct", "Spillover"])
    ax = parts_waterfall_figure(overall, **BAND).axes[0]
    ends = [(bar.get_y(), bar.get_y() + bar.get_height()) for bar in ax.patches]
    assert_allclose(ends, [(0, 0.5), (0.5, 0.3), (0, 0.3)], atol=1e-12)
    assert "Spillover\n\N{MINUS SIGN}0.200\n[" in ax.get_xticklabels()[1].get_text()
    with pytest.raises(ReportError, match="one effect a part"):
        parts_waterfall_figure(group([1.0], ["x"]))


@pytest.mark.parametrize(
    ("through", "columns"),
    [("skills", 3), ("the number of facilities of the firm elsewhere", 2), ("a measure of industry structure " * 2, 1)],
)
def test_a_legend_has_as_many_columns_as_the_figure_has_room_for(through, columns):
    names = ["Total", "Direct", f"Through {through}", f"Through other {through}", "Spillover"]
    index = pd.MultiIndex.from_product([names, [0, 1]], names=["part", "horizon"])
    figure = parts_horizon_figure(make_effects([1.0, 2, *[0.25, 0.5] * 4], index), **BAND)
    figure.draw_without_rendering()
    ax = figure.axes[0]
    assert ax.get_legend()._ncols == columns
    assert ax.get_legend().get_window_extent().x1 <= figure.bbox.width
    assert ax.get_position().width > 0.8


def test_wide_intervals_do_not_flatten_the_bars():
    index = pd.MultiIndex.from_product([["Total", "Direct", "Spillover"], range(4)], names=["part", "horizon"])
    study = make_effects([0.3, 0.4, 0.2, 0.3, *[0.2, 0.25, 0.1, 0.1], *[0.1, 0.15, 0.1, 0.2]], index, scale=0.1)
    scale = np.ones(12)
    even = parts_horizon_figure(study, **BAND).axes[0]
    assert even.get_ylim()[1] < 0.7
    assert not even.texts
    scale[[2, 3]] = 1000
    ax = parts_horizon_figure(replace(study, psi=study.psi * scale), **BAND).axes[0]
    wide = study.conf_int(simultaneous=True, **BAND).iloc[:2]
    assert ax.get_ylim()[1] < 2
    assert ax.get_ylim()[1] > wide["high"].max()
    assert [text.get_text() for text in ax.texts] == ["wide intervals are cut"]
    ax = parts_horizon_figure(replace(study, psi=study.psi * 1000), **BAND).axes[0]  # all are long
    assert ax.get_ylim()[1] < 2.2
    assert [text.get_text() for text in ax.texts] == ["wide intervals are cut"]
