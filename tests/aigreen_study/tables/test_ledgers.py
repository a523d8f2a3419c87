"""Tables of numbers that the ledgers of studies hold."""

import json
import math

import pytest

from aigreen.errors import ReportError
from aigreen_study.tables import ledgers


def number(value):
    return {"value": value, "text": str(value)}


REAL = {
    "b": number(-0.05), "b_low": number(-0.20), "b_high": number(0.10), "b_se": number(0.07), "b_n": number(738),
    "n_rows": number(744), "n_treated_units": number(16), "pretrend_treated": number(5.5), "n_clusters": number(31),
    "leads": number(0.0004), "of_b": number(4.25),
}  # fmt: skip
LINE = {
    "study": "places", "question": "Do zones act?", "tells": "little", "label": "Patents", "key": "b", "leads": "leads",
    "treated": "n_treated_units", "effective": "pretrend_treated", "counted": "places, its clusters",
}  # fmt: skip


def test_effects_of_real_studies_are_in_percent_with_their_sample():
    table = ledgers.real_evidence([LINE], {"places": REAL})
    (row,) = table.rows
    assert [cell.value for cell in row.cells[:3]] == pytest.approx([100 * math.expm1(x) for x in (-0.05, -0.20, 0.10)])
    assert [cell.text for cell in row.cells] == ["−4.9", "−18.1", "10.5", "738", "16", "5.5", "31", "<0.001"]
    assert "Treated: those ever treated (places: places, its clusters)." in table.notes
    assert "places: little" in table.notes
    known = ledgers.real_evidence([LINE | {"effective": "of_b"}], {"places": REAL | {"b_clusters": number(29)}})
    assert [cell.text for cell in known.rows[0].cells[5:7]] == ["4.2", "29"]


def test_a_total_has_the_rows_and_clusters_of_its_decomposition():
    parts = {"clean": 700, "exposed": 20, "treated": 6}
    numbers = {f"b_rows_{kind}": number(rows) for kind, rows in parts.items()} | {"b_clusters": number(28)}
    numbers |= {key.replace("b", "b_total", 1): value for key, value in REAL.items() if key in ("b", "b_low", "b_high")}
    row = ledgers.real_evidence([LINE | {"key": "b_total"}], {"places": REAL | numbers}).rows[0]
    assert [row.cells[3].text, row.cells[6].text] == ["726", "28"]


def test_a_number_or_study_that_is_not_there_is_named():
    with pytest.raises(ReportError, match=r"numbers\.json of places has no number 'b_lo'"):
        ledgers.real_evidence([LINE | {"leads": "b_lo"}], {"places": REAL})
    with pytest.raises(ReportError, match=r"numbers\.json of places has no number 'sixteen'"):
        ledgers.real_evidence([LINE | {"treated": "sixteen"}], {"places": REAL})
    with pytest.raises(ReportError, match="no numbers of 'cities'; the study is not quoted"):
        ledgers.real_evidence([LINE | {"study": "cities"}], {"places": REAL})


def test_elements_have_a_truth_only_where_the_study_is_simulated():
    own = {"dec": 0.3, "dec_se": 0.1, "dec_low": 0.1, "dec_high": 0.5, "dec_truth": 0.25, "other": 1.0, "other_se": 2.0}
    own |= {"low": 0.3, "low_se": 0.1, "low_low": 0.1, "low_high": 0.2, "low_truth": 0.25}
    own |= {"none": 0.3, "none_se": 0.1, "none_low": "none", "none_high": "none", "none_truth": 0.25}
    own = {key: number(value) for key, value in own.items()}
    line = {"element": "Direct", "says": "Positive.", "study": "own", "exhibit": "tables/x", "label": "a", "key": "dec"}
    rows = [line, line | {"key": "other", "label": "b"}, line | {"key": "low", "label": "d"}, line | {"key": "none"}]
    rows.append(line | {"study": "places", "key": "b", "label": "c", "exhibit": "tables/x_y"})
    table = ledgers.elements(rows, {"own": own, "places": REAL}, "own")
    assert [group.title for group in table.groups] == ["Direct. Positive."]
    assert [[cell.text for cell in row.cells] for row in table.rows] == [
        ["0.300", "(0.100)", "0.250", "Yes", "tables/x"],
        ["1.000", "(2.000)", "not defined", "", "tables/x"],
        ["0.300", "(0.100)", "0.250", "No", "tables/x"],
        ["0.300", "(0.100)", "0.250", "–", "tables/x"],
        ["−0.050", "(0.070)", "real", "", "places: x y"],
    ]


def test_ledgers_are_read_by_the_folder_of_their_study(tmp_path):
    (tmp_path / "places").mkdir()
    (tmp_path / "places/numbers.json").write_text(json.dumps(REAL), encoding="utf-8")
    assert ledgers.read([tmp_path / "places/numbers.json"]) == {"places": REAL}
