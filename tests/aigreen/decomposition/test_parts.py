"""The layout of parts: every position holds the name that it stands for, and parts add up."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from aigreen.decomposition.parts import Layout

SHAPES = list(itertools.product([(), ("m",), ("m", "k")], [(), ("s",), ("s", "r")], [False, True]))


@pytest.mark.parametrize(("channels", "exposures", "interaction"), SHAPES)
def test_positions_and_labels_agree(channels, exposures, interaction):
    layout = Layout(channels, exposures, interaction)
    labels = np.array(layout.labels, dtype=object)
    assert labels[[layout.total, layout.direct]].tolist() == ["total", "direct"]
    assert labels[layout.channel].tolist() == list(channels)
    assert labels[layout.additive].tolist() == ["direct", *channels, *(["spillover"] if exposures else [])]
    assert labels[layout.whole].tolist() == ["total", *labels[layout.additive]]
    assert layout.spillover is None if not exposures else labels[layout.spillover] == "spillover"
    assert layout.untreated is None if not interaction else labels[layout.untreated] == "direct: at untreated channels"
    crossed = [f"direct: interaction {name}" for name in channels] if interaction else []
    assert labels[layout.crossed].tolist() == crossed
    rings = [f"spillover: {name}" for name in exposures] if len(exposures) > 1 else []
    assert labels[layout.by_exposure].tolist() == rings
    assert len(set(labels)) == len(labels) == layout.whole.stop + (1 + len(channels)) * interaction + len(rings)


def test_total_and_the_direct_part_at_untreated_channels_are_what_is_left():
    layout = Layout(["m"], ["s"], interaction=True)
    values = np.array([[np.nan], [2.0], [0.5], [0.25], [np.nan], [0.75]])
    psi = np.stack([values, 2 * values])
    layout.add_up(values, psi)
    assert values[:, 0].tolist() == [2.75, 2.0, 0.5, 0.25, 1.25, 0.75]
    assert psi[1, :, 0].tolist() == [5.5, 4.0, 1.0, 0.5, 2.5, 1.5]
    assert layout.identity == "total = direct + m + spillover"
