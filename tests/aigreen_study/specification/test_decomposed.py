"""What the decomposition of a study rests on."""

from __future__ import annotations

import numpy as np

from aigreen import Decomposition, Panel
from aigreen.simulate import designs
from aigreen_study.specification.decomposed import interactions
from aigreen_study.tables.decomposition_checks import additivity_table

OPTIONS = {
    "outcome": "y",
    "channels": list(designs.CHANNELS),
    "exposure": "exposure",
    "response": "linear",
    "variance": "leave_one_out",
    "leads": 2,
}
LABELS = {"structure": "Structure", "skills": "Skills"}


def panel() -> Panel:
    frame, _ = designs.draw(designs.DESIGNS["all"], np.random.default_rng(1))
    return Panel(frame, unit="firm", time="year", cohort="first")


def test_interactions_are_the_pieces_of_the_direct_part() -> None:
    found, failures = interactions(panel(), OPTIONS, LABELS)
    model = Decomposition(channels=OPTIONS["channels"], exposure="exposure", response="linear", interaction=True)
    overall = model.fit(panel(), "y").overall().estimates
    assert not failures
    assert {label: effect.values[0] for label, effect in found.items()} == {
        LABELS[name]: overall[f"direct: interaction {name}"] for name in OPTIONS["channels"]
    }
    table = additivity_table({}, found, level=0.95, notes="")
    assert [(group.title, [row.label for row in group.rows]) for group in table.groups] == [
        ("Channels", ["Structure", "Skills"])
    ]
    assert "other slopes among treated rows" in table.notes
    assert "other slopes" not in additivity_table(found, {}, level=0.95, notes="").notes
