"""Every number of the abstract, the introduction and its table, again from the panels with numpy and scipy alone.

The headline of us-listed-firms, which page 1 does not show, is held in the same way.
"""

import json

import numpy as np
import pytest

from . import event_time, shown
from .panels import coded, panel
from .recomputed import KEYS, STUDIES


@pytest.mark.parametrize(("study", "keys"), shown.keys().items())
def test_no_number_without_a_recomputation(study, keys):
    missing = [key for key in keys if key not in KEYS.get(study, ())]
    assert not missing, f"page 1 shows numbers of {study} that recomputed.py does not have: {missing}"


@pytest.mark.parametrize("study", STUDIES)
def test_numbers(study, request):
    found, known = STUDIES[study](panel(study, request)), shown.accepted()[study]
    assert set(found) == KEYS[study]
    again = {key: pytest.approx(x, rel=1e-6, abs=1e-9) if isinstance(x, float) else x for key, x in found.items()}
    wrong = {key: (known[key]["value"], x) for key, x in again.items() if known[key]["value"] != x}
    assert not wrong, f"of {study}: accepted, and recomputed: {wrong}"


def test_the_table_is_in_percent():
    known, lines = shown.accepted(), [row for group in shown.in_table()[1].groups for row in group.rows]
    for asked, line in zip(shown.evidence(), lines, strict=True):
        assert line.label == asked["label"]
        ends = [known[asked["study"]][asked["key"] + end]["value"] for end in ("", "_low", "_high")]
        assert [cell.value for cell in line.cells[:3]] == pytest.approx([100 * (np.exp(b) - 1) for b in ends])
        assert line.cells[4].value == known[asked["study"]][asked["treated"]]["value"]


def test_event_study_of_us_listed_firms(request):
    roles = {"unit": "firm_id", "cohort": "ai_year", "cluster": "firm_id"}
    path = event_time.group_time(coded(panel("us-listed-firms", request), **roles), "green_patents_log", -6, 6)
    stored = json.loads((shown.ROOT / "paper/expected/us-listed-firms/tables/event_study.json").read_text("utf-8"))
    rows = [row["cells"] for group in stored["groups"] for row in group["rows"]]
    assert [row[0]["value"] for row in rows] == pytest.approx(path.values, abs=1e-9)
    assert [row[1]["value"] for row in rows] == pytest.approx(np.sqrt((path.psi**2).sum(axis=0)), rel=1e-6)


@pytest.mark.parametrize("source", ['#range-of("dec_")', "#n(key)", '#exhibit-table("baseline")'])
def test_what_cannot_be_read_is_refused(source):
    with pytest.raises(AssertionError):
        shown.in_text(source)
