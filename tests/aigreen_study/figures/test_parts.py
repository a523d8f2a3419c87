"""Figures of the parts of an effect."""

import pytest
from numpy.testing import assert_allclose

from aigreen.errors import ReportError
from aigreen_study.figures import (
    parts_waterfall_figure,
)

from .drawn import BAND, group


def test_waterfall_ends_at_the_total():
    overall = group([0.3, 0.5, -0.2], ["Total", "Direct", "Spillover"])
    ax = parts_waterfall_figure(overall, **BAND).axes[0]
    ends = [(bar.get_y(), bar.get_y() + bar.get_height()) for bar in ax.patches]
    assert_allclose(ends, [(0, 0.5), (0.5, 0.3), (0, 0.3)], atol=1e-12)
    assert "Spillover\n\N{MINUS SIGN}0.200\n[" in ax.get_xticklabels()[1].get_text()
    with pytest.raises(ReportError, match="one effect a part"):
        parts_waterfall_figure(group([1.0], ["x"]))
