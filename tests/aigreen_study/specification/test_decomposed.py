"""What the decomposition of a study rests on."""

from __future__ import annotations

import numpy as np
import pytest

from aigreen import Decomposition, Panel
from aigreen.errors import AigreenWarning
from aigreen.simulate import designs
from aigreen_study.specification.decomposed import interactions, study_decomposition
from aigreen_study.specification.parts import behind
from aigreen_study.tables.decomposition_checks import additivity_table
from aigreen_study.tables.parts import rows_note

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
    table = additivity_table({}, found, response="linear", level=0.95, notes="")
    assert [(group.title, [row.label for row in group.rows]) for group in table.groups] == [
        ("Channels", ["Structure", "Skills"])
    ]
    assert "other slopes among treated rows" in table.notes
    bins = additivity_table(found, {}, response="bins", level=0.95, notes="").notes
    assert "other slopes" not in bins
    proportional = "In this test the response is in proportion to exposure (linear), "
    assert f"{proportional}while in the parts it is the same for any exposure above zero (one bin)." in bins
    assert f"{proportional}as in the parts." in table.notes


def test_rows_behind_parts_are_those_that_the_estimate_uses() -> None:
    frame, _ = designs.draw(designs.DESIGNS["all"], np.random.default_rng(1))
    frame = frame.assign(first=frame["first"].replace(0, np.inf))
    treated = frame["year"] >= frame["first"]
    first = frame.loc[treated, "firm"].iloc[0]
    frame = frame[treated | (frame["firm"] != first)]  # a firm that is never seen without treatment
    treated, exposed = frame["year"] >= frame["first"], frame["exposure"] != 0
    firm = frame.loc[treated & (frame["firm"] != first), "firm"].iloc[0]
    lacking = frame.index[treated & (frame["firm"] == firm)][0]
    frame = frame.assign(skills=frame["skills"].mask(frame.index == lacking))
    seen = frame["firm"].isin(frame.loc[~treated & ~exposed, "firm"])
    used = Panel(frame, unit="firm", time="year", cohort="first", cluster="city")
    found = behind(study_decomposition(OPTIONS), used, "y")
    with pytest.warns(AigreenWarning):
        fit = study_decomposition(OPTIONS).fit(used, "y")
    assert found.clean + found.exposed + found.treated == fit.n_rows
    assert found.clusters == fit.n_clusters
    assert found.clean == (~treated & ~exposed).sum()
    assert found.treated == (treated & seen).sum() - 1
    assert found.treated_incomplete == 1
    assert found.treated_unreached == (treated & ~seen).sum() > 0
    assert found.exposed == (~treated & exposed & seen).sum()
    assert found.exposed_unreached == (~treated & exposed & ~seen).sum()
    assert found.treated_left_out == found.treated_incomplete + found.treated_unreached
    both = frame.loc[treated & exposed & seen & (frame.index != lacking), "firm"]
    assert sorted(found.both) == sorted(both.unique())
    said = f"{found.treated_unreached:,} treated and {found.exposed_unreached:,} exposed rows without a clean row"
    assert said in rows_note(found, "firms")
    assert "1 treated row lacks a value and is left out" in rows_note(found, "firms")
