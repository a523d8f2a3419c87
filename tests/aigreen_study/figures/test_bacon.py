"""The figure of the Goodman-Bacon decomposition."""

import pytest
from numpy.testing import assert_allclose

from aigreen.errors import ReportError, UnknownColumnError
from aigreen_study.figures import (
    bacon_figure,
)

from .drawn import legend


def test_bacon_shows_weights_and_means_by_kind(comparisons):
    ax = bacon_figure(comparisons).axes[0]
    assert legend(ax) == [
        "Treated against never treated: weight 80%, mean 0.145",
        "Earlier against later treated: weight 15%, mean 0.060",
        "Later against already treated: weight 5%, mean \N{MINUS SIGN}0.200",
        "Weighted sum: 0.115",
    ]
    assert_allclose(ax.collections[0].get_offsets(), [(0.5, 0.1), (0.3, 0.22)])
    assert [text.get_text() for text in ax.texts] == ["2019 v never", "2020 v never", "2019 v 2020", "2020 v 2019"]


def test_no_name_is_crossed_by_a_line_where_there_is_room(comparisons):
    close = comparisons.assign(estimate=[0.039, 0.118, *comparisons["estimate"].iloc[2:]])
    ax = bacon_figure(close).axes[0]
    overall = ax.lines[1].get_ydata()[0]
    ax.figure.draw_without_rendering()
    height = ax.transData.transform((0, overall))[1]
    assert ax.texts
    assert not any(box.y0 < height < box.y1 for box in (text.get_window_extent() for text in ax.texts))


def test_bacon_refuses_other_tables(comparisons):
    with pytest.raises(UnknownColumnError, match="did you mean 'weights'"):
        bacon_figure(comparisons.rename(columns={"weight": "weights"}))
    with pytest.raises(ReportError, match=r"sum to 0\.95"):
        bacon_figure(comparisons.iloc[:3])
    with pytest.raises(ReportError, match="unknown kinds of comparison: later"):
        bacon_figure(comparisons.assign(kind="later"))
