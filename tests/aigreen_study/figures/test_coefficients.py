"""Figures of the effects of groups."""

import numpy as np
import pytest

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


def test_groups_that_cannot_be_drawn():
    bare = group([0.1, 0.2], ["a", "b"], psi=False, covariance=np.array([[0.1, np.nan], [np.nan, 0.1]]))
    with pytest.raises(ReportError, match="not drawn: H"):
        coefficient_figure({"G": bare}, p_values={"H": 0.1})
    with pytest.raises(ReportError, match="not 2"):
        coefficient_figure({"G": group([0.1], ["a"])}, whole=bare)
    with pytest.raises(ReportError, match="no group"):
        coefficient_figure({})
