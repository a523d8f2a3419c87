"""Effective numbers of clusters by hand."""

import numpy as np
import pytest

from aigreen import Panel
from aigreen.inference.clusters import effective_clusters

from .panels import balanced

KEYS = {"unit": "city", "time": "year", "cohort": "first"}


@pytest.mark.parametrize(("treated", "expected"), [(12, 24.0), (6, 16.0)])
def test_effective_clusters_by_hand(treated, expected):
    # Equal panels: gamma is (1 - p)^2 for the treated and p^2 for the others, up to one factor.
    p = treated / 24
    gamma = np.array([(1 - p) ** 2] * treated + [p**2] * (24 - treated))
    by_hand = 24 / (1 + np.mean((gamma / gamma.mean() - 1) ** 2))
    found = effective_clusters(Panel(balanced(treated=treated), **KEYS), "y")
    assert found == pytest.approx(by_hand)
    assert (found == pytest.approx(expected)) == (treated == 12)
