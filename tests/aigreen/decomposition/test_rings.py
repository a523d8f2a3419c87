"""Choice of the ring: exposures side by side."""

from __future__ import annotations

import numpy as np
import pytest

from aigreen import Decomposition, Panel, ring_curve
from aigreen.errors import OptionError

from .economy import CITY, crossed


@pytest.fixture
def panel() -> Panel:
    return Panel(crossed(), **CITY)


def test_rings_stand_side_by_side_with_the_errors_of_their_differences(panel: Panel) -> None:
    estimator = Decomposition(channels=["m1", "m2"], exposure="ring", leads=2)
    curve = ring_curve(estimator, panel, "y", {"near": "ring", "far": "wide", "both": ["ring", "wide"]})
    assert curve.index.names == ["exposure", "part"]
    apart = {name: Decomposition(channels=["m1", "m2"], exposure=name).fit(panel, "y") for name in ("ring", "wide")}
    near, far = (result.overall() for result in apart.values())
    assert curve["near"].values == pytest.approx(near.values, abs=1e-12)
    gap = curve["far"] - curve["near"]
    assert gap.values == pytest.approx(far.values - near.values, abs=1e-12)
    assert gap.std_errors.to_numpy() == pytest.approx(np.linalg.norm(far.psi - near.psi, axis=0), abs=1e-12)
    assert gap["spillover"].test().df == 1
    assert "spillover: wide" in curve["both"].index
    with pytest.raises(OptionError, match="exposures='ring'"):
        ring_curve(estimator, panel, "y", "ring")
