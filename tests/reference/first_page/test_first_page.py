"""Every number of the abstract, the introduction and its table, again from the panels with numpy and scipy alone."""

import numpy as np
import pytest

from . import shown
from .panels import panel
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


@pytest.mark.parametrize("source", ['#range-of("dec_")', "#n(key)", '#exhibit-table("baseline")'])
def test_what_cannot_be_read_is_refused(source):
    with pytest.raises(AssertionError):
        shown.in_text(source)
