"""Plots print Chinese names in a font that has them, without a change of the user's settings."""

import warnings

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from aigreen import Decomposition, GroupTimeATT, Imputation, Panel, compare
from aigreen.effects.fonts import chinese_font
from aigreen.effects.plot import effects_plot
from aigreen.inference import honest_did, pretrend_power
from aigreen.inference.channel_sensitivity import RhoSensitivity

pytestmark = pytest.mark.skipif(chinese_font() is None, reason="needs a Chinese font (pip install 'aigreen[zh]')")
NAMES = pd.Index(["国有", "民营"], name="part")
PLOTS = {
    "overlay": lambda panel: overlay(panel).plot(simultaneous=True, n_draws=99),
    "overlay of rows": lambda panel: compare(
        {"组别": GroupTimeATT().fit(panel, "y").overall(), "插补": Imputation().fit(panel, "y").overall()}
    ).plot(),
    "rows": lambda panel: effects_plot(pd.Series([1.0, 2.0], NAMES), pd.DataFrame({"low": 0.0, "high": 3.0}, NAMES)),
    "bars": lambda panel: Decomposition(channels=["研发强度"]).fit(panel, "y").event_study().plot(n_draws=99),
    "waterfall": lambda panel: (
        Decomposition(channels=["研发强度"]).fit(panel, "y").overall().plot(kind="waterfall", n_draws=99)
    ),
    "honest": lambda panel: honest_did(universal(panel)).plot(titled()),
    "power": lambda panel: pretrend_power(universal(panel), slope=0.1).plot(titled()),
    "rho": lambda _: rho().plot(titled()),
}


def overlay(panel):
    return compare({"组别": GroupTimeATT().fit(panel, "y"), "插补": Imputation(leads=1).fit(panel, "y")}).event_study()


def rho():
    frame = pd.DataFrame({"mediated": [1.0, 0.0], "std_error": 0.1, "low": 0.0, "high": 1.0}, index=[-0.5, 0.5])
    return RhoSensitivity(frame, 0.2, 0.1, 0.95)


def universal(panel):
    return GroupTimeATT(base_period="universal").fit(panel, "y").event_study()


def titled():
    ax = plt.figure().add_subplot()
    ax.set_title("平行趋势")
    return ax


@pytest.fixture
def panel():
    unit, time = np.repeat(np.arange(40), 6), np.tile(np.arange(2001, 2007), 40)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"unit": unit, "time": time, "first": np.where(unit < 20, 0, 2004)})
    return Panel(
        frame.assign(y=rng.normal(size=240), 研发强度=rng.normal(size=240)), unit="unit", time="time", cohort="first"
    )


@pytest.mark.parametrize("name", PLOTS)
def test_no_letter_is_a_box_and_settings_stay(panel, name):
    settings = dict(mpl.rcParams)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Glyph .* missing from font")
        figure = PLOTS[name](panel).figure
        figure.canvas.draw()
    chinese = [
        text
        for text in figure.findobj(mpl.text.Text)
        if any("\u4e00" <= letter <= "\u9fff" for letter in text.get_text())
    ]
    assert chinese and all(text.get_fontfamily()[-1] == chinese_font().family for text in chinese)
    assert all(
        chinese_font().family not in text.get_fontfamily()
        for text in figure.findobj(mpl.text.Text)
        if text.get_text().isascii()
    )
    assert dict(mpl.rcParams) == settings
    mpl.pyplot.close(figure)
