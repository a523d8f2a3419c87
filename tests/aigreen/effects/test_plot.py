"""Figures of effects keep every point in sight, and no interval hides the others."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from aigreen.effects.plot import effects_plot


@pytest.mark.parametrize(("widest", "cut"), [(3.0, False), (500.0, True)])
def test_one_wide_interval_does_not_flatten_the_others(widest: float, cut: bool) -> None:
    index = pd.Index(range(-2, 4), name="horizon")
    estimates = pd.Series([0.0, 0.1, 0.4, 0.5, 0.6, 5.0], index)
    reach = np.array([0.4, 0.5, 0.5, 0.5, widest, np.nan])
    ax = effects_plot(estimates, pd.DataFrame({"low": estimates - reach, "high": estimates + reach}))
    low, high = ax.get_ylim()
    assert low < -0.4
    assert high > 5.0
    assert (high - low < 13) and (low < 0.6 - widest) != cut
    assert any("cut" in text.get_text() for text in ax.texts) == cut
    plt.close(ax.figure)
