"""Figures of effects keep every point in sight, and no interval hides the others."""

from __future__ import annotations

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from aigreen import GroupTimeATT, Panel, load
from aigreen.effects.compare import compare
from aigreen.effects.effects import Effects
from aigreen.effects.plot import COLOURS, effects_plot, horizon_ticks


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
    arrows = [place for drawn in ax.collections for place in drawn.get_offsets().tolist() if drawn.get_offsets().any()]
    assert arrows == ([[2, low], [2, high]] if cut else [])
    assert ax.get_xticks().tolist() == [-2, -1, 0, 1, 2, 3]
    plt.close(ax.figure)


def test_ticks_are_whole_horizons_zero_among_them():
    ax = plt.subplots()[1]
    for horizons, ticks in (([-1, 0, 1, 2], [-1, 0, 1, 2]), (range(-9, 14), list(range(-8, 14, 2)))):
        horizon_ticks(ax, horizons)
        assert ax.get_xticks().tolist() == ticks
    plt.close(ax.figure)


def test_arrows_of_results_side_by_side_have_their_colours() -> None:
    index = pd.Index(range(4), name="horizon")
    facts = {"n_rows": 30, "n_units": 30, "n_clusters": 30, "method": "m", "outcome": "y"}
    psi = np.random.default_rng(0).standard_normal((30, 4)) / 30
    one = Effects(values=np.full(4, 0.1), index=index, psi=psi, clusters=pd.RangeIndex(30), **facts)
    other = replace(one, psi=psi * [1, 1, 1, 50])
    ax = compare({"One": one, "Other": other}).plot()
    arrows = [drawn for drawn in ax.collections if drawn.get_offsets().any()]
    assert [to_hex(colour) for drawn in arrows for colour in drawn.get_facecolors()] == [COLOURS[1]] * 2
    assert [drawn.get_offsets()[0, 0] for drawn in arrows] == pytest.approx([3.3, 3.3])
    plt.close(ax.figure)


def test_horizons_are_named_by_the_step_of_the_calendar(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"unit": np.repeat(np.arange(30), 6), "time": np.tile(20191 + np.array([0, 1, 2, 3, 10, 11]), 30)}
    )
    frame = frame.assign(first=np.where(frame["unit"] < 12, 20193, 0), y=rng.normal(size=180))
    for freq, name, note in (("Q", "Quarters", True), (1, "Periods", False)):
        panel = Panel(frame, unit="unit", time="time", cohort="first", freq=freq)
        cells = GroupTimeATT().fit(panel, "y")
        assert ("cohort, time: quarters since 1970; " in cells.summary()) is note
        cells.save(tmp_path / "saved")
        study = load(tmp_path / "saved").event_study()
        assert "since 1970" not in study.summary()
        both = compare({"one": study, "two": 2 * study}).event_study()
        for ax in (study.plot(), both.plot()):
            assert ax.get_xlabel() == f"{name} since treatment"
