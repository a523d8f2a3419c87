"""Shares, factors, figures and assumptions that a decomposition reports."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from aigreen import Decomposition, Imputation, Panel, share
from aigreen.errors import (
    EffectsError,
    OptionError,
)

from .economy import FULL


@pytest.mark.filterwarnings("ignore::aigreen.errors.OverlapWarning")
def test_factors_multiply_to_the_parts(panel: Panel) -> None:
    estimator = Decomposition(**FULL)
    overall, factors = estimator.fit(panel, "y").overall(), estimator.factors(panel, "y")
    for name in ("m1", "m2"):
        b, moved = factors.estimates[name]
        assert overall.estimates[name] == pytest.approx(b * moved, abs=1e-12)
        psi = factors.influence[name]
        expected = b * psi["moved"] + moved * psi["slope"]
        assert overall.influence[name].to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-13)
    free = panel.clean(FULL["exposure"])
    assert factors["m1"].estimates["moved"] == pytest.approx(
        Imputation().fit(free, "m1").overall().values[0], abs=1e-10
    )
    with pytest.raises(OptionError):
        Decomposition(channels=[], exposure="ring").factors(panel, "y")


def test_shares_have_intervals_and_can_be_subtracted_between_groups(panel: Panel) -> None:
    fits = {
        key: Decomposition(channels=["m1"], exposure="ring").fit(view, "y") for key, view in panel.split("big").items()
    }
    overall = fits[0].overall()
    one = share(overall["m1"], overall["total"])
    gradient = np.array([-overall.estimates["m1"] / overall.estimates["total"] ** 2, 1 / overall.estimates["total"]])
    V = overall.vcov.loc[["total", "m1"], ["total", "m1"]].to_numpy()
    assert one.std_errors.iloc[0] == pytest.approx(np.sqrt(gradient @ V @ gradient))
    shares = overall.shares()
    assert shares.estimates.sum() == pytest.approx(1)
    assert shares.influence.sum(axis=1).to_numpy() == pytest.approx(0, abs=1e-12)
    gap = fits[1].overall().shares() - shares
    assert gap.std_errors["m1"] ** 2 == pytest.approx(
        one.std_errors.iloc[0] ** 2 + fits[1].overall().shares().std_errors["m1"] ** 2
    )
    assert 0 <= gap["m1"].test().p_value <= 1
    with pytest.raises(EffectsError):
        fits[0].shares()


@pytest.mark.filterwarnings("ignore::aigreen.errors.OverlapWarning")
def test_event_study_bars_and_waterfall(panel: Panel) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    result = Decomposition(**FULL).fit(panel, "y")
    for drawn, kind in ((result.event_study(), "bars"), (result.overall(), "bars"), (result.overall(), "waterfall")):
        ax = drawn.plot(kind=kind)
        ax.figure.draw_without_rendering()
        if kind == "bars":
            assert ax.get_legend().get_window_extent().x0 > ax.get_window_extent().x1  # beside the bars, not over them
        else:
            bars = [patch.get_x() + patch.get_width() for patch in ax.patches]
            assert bars == pytest.approx([*drawn.estimates[["direct", "m1", "m2", "spillover"]].cumsum(), bars[3]])
            names = [label.get_window_extent() for label in ax.get_yticklabels()]
            assert not any(a.overlaps(b) for a, b in pairwise(names))
        mpl.pyplot.close(ax.figure)


@pytest.mark.filterwarnings("ignore::aigreen.errors.OverlapWarning")
def test_the_assumptions_stand_on_the_result_with_their_checks(panel: Panel) -> None:
    result = Decomposition(**FULL).fit(panel, "y").overall()
    assert len(result.assumptions) == 5
    assert all("(check: " in text for text in result.assumptions.values())
    assert all(text in result.summary() for text in result.assumptions.values())
    assert len(Decomposition(channels=["m1"]).fit(panel, "y").assumptions) == 3
    assert result.conventions["identity"] == "total = direct + m1 + m2 + spillover"
