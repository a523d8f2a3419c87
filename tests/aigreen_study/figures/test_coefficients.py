"""Figures of the effects of groups."""

from dataclasses import replace

import numpy as np
import pytest

from aigreen.effects.plot import CUT
from aigreen.errors import ReportError
from aigreen_study.figures import coefficient_figure

from .drawn import group


def test_groups_are_tested_for_a_difference():
    effects = group([0.1, 0.2], ["State", "Private"])
    figure = coefficient_figure({"Ownership": effects}, p_values={"Ownership": 0.25})
    texts = [text.get_text() for text in figure.axes[1].texts]
    assert texts[0] == "no difference: p = 0.250"
    low, high = effects.conf_int().to_numpy()[0]
    assert texts[1] == f"0.100 [{low:.3f}, {high:.3f}]".replace("-", "\N{MINUS SIGN}")
    given = coefficient_figure({"Ownership": effects}, p_values={"Ownership": 0.0004})
    assert given.axes[1].texts[0].get_text() == "no difference: p < 0.001"
    alone = coefficient_figure({"All": group([0.1], ["All firms"])})
    assert len(alone.axes[1].texts) == 1


def test_a_wide_interval_is_cut_with_arrows_and_one_that_is_refused_is_said():
    sizes, places = group([0.1, 0.2, 0.1], ["Small", "Large", "Huge"]), group([0.1, 0.2], ["North", "South"])
    wide = replace(sizes, psi=sizes.psi * [1, 1, 40])
    refused = replace(places, psi=places.psi * [1, 0])
    figure = coefficient_figure({"Size": wide, "Place": refused})
    ax, side = figure.axes
    left, right = ax.get_xlim()
    assert right - left < 3 < np.ptp(wide.conf_int().iloc[2])
    arrows = [drawn.get_offsets().tolist() for drawn in ax.collections if drawn.get_offsets().any()]
    assert arrows == [[[left, 3.0]], [[right, 3.0]]]
    assert [text.get_text() for text in ax.texts] == [CUT]
    assert [line.get_marker() for line in ax.lines[1:]] == ["o", "o", "o", "o", "x"]
    assert side.texts[-1].get_text() == "0.200 no interval"
    assert not coefficient_figure({"Size": sizes}).axes[0].texts


def test_groups_that_cannot_be_drawn():
    bare = group([0.1, 0.2], ["a", "b"], psi=False, covariance=np.array([[0.1, np.nan], [np.nan, 0.1]]))
    with pytest.raises(ReportError, match="not drawn: H"):
        coefficient_figure({"G": bare}, p_values={"H": 0.1})
    with pytest.raises(ReportError, match="not 2"):
        coefficient_figure({"G": group([0.1], ["a"])}, whole=bare)
    with pytest.raises(ReportError, match="no group"):
        coefficient_figure({})
