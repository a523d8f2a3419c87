"""What regression tables say at their foot, event-study tables of their horizons, and both of their variance."""

import numpy as np
import pandas as pd
import pytest

from aigreen import GroupTimeATT
from aigreen.effects.effects import Effects
from aigreen.errors import ReportError, UnknownColumnError
from aigreen.panel.panel import Panel
from aigreen_study.tables.estimates import (
    attributed,
    bound_cells,
    effects_table,
    interval_cells,
    overall_table,
    regression_table,
)
from aigreen_study.tables.table import Cell

CLUSTERS = pd.Index(["A", "B", "C", "D"], name="city_code")
SIZES = {"n_rows": 738, "n_units": 31, "n_clusters": 4}
DROPPED = pd.DataFrame(
    {
        "what": ["rows", "units", "rows"],
        "reason": ["missing", "always treated", "separated"],
        "count": [5, 2, 4],
        "first": ["", "", ""],
    }
)


def effects(values, errors, index, **facts):
    psi = np.outer([1, -1, 1, -1], np.asarray(errors) / 2)
    told = {"method": "OLS", "outcome": "patents", "dropped": DROPPED} | SIZES | facts
    return Effects(np.asarray(values, float), index, psi, CLUSTERS, **told)


@pytest.fixture
def regression():
    said = {"variance": "clustered by city_code, (N-1)/(N-K) G/(G-1), K without fixed effects nested in clusters"}
    return effects([0.5, -0.25], [0.2, 0.2], pd.Index(["treated", "x"], name="term"), conventions=said)


def test_the_foot_has_rows_units_clusters_and_what_was_left_out(regression):
    named = {"terms": {"treated": "Zone"}, "outcomes": {"patents": "Patents", "city_code": "City"}}
    table = regression_table({"a": regression}, key="t", title="T", facts={"Mean": [1.5], "Controls": ["Yes"]}, **named)
    foot = {row.label: row.cells[0] for row in table.groups[1].rows}
    assert {label: (cell.text, cell.value) for label, cell in foot.items()} == {
        "Mean": ("1.500", 1.5),
        "Controls": ("Yes", None),
        "Observations": ("738", 738),
        "Units": ("31", 31),
        "Clusters": ("4", 4),
        "Observations left out": ("9", 9),
    }
    assert table.specifications["t/a"] == {
        "method": "OLS",
        "outcome": "patents",
        "errors": regression.conventions["variance"],
        **SIZES,
    }
    assert [cell.printed for row in table.groups[0].rows for cell in row.cells] == ["0.500**", "(0.200)"]
    assert table.notes == (
        "Standard errors in parentheses. Variance: clustered by city, (N\u22121)/(N\u2212K) G/(G\u22121), K without "
        "fixed effects nested in clusters. Significance: * 10%, ** 5%, *** 1%."
    )
    plain = regression_table({"a": regression}, key="t", title="T", stars=False, **named)
    assert plain.rows[0].cells[0].printed == "0.500"
    assert "Significance" not in plain.notes


@pytest.mark.parametrize("values", [3, "Yes", [1, 2], {}])
def test_facts_that_are_not_one_a_column_are_named(regression, values):
    with pytest.raises(
        ReportError, match=r"table 't': facts=\{'Mean': .*\}: one value for each of 1 columns is needed"
    ):
        regression_table({"a": regression}, key="t", title="T", terms={"treated": "Zone"}, facts={"Mean": values})


def test_a_term_that_no_column_has_is_named(regression):
    with pytest.raises(UnknownColumnError, match="did you mean 'treated'"):
        regression_table({"a": regression}, key="t", title="T", terms={"treatd": "Zone"})


def test_horizons_stand_before_and_after_with_the_words_of_the_result():
    index = pd.Index([-2, -1, 0, 1], name="horizon")
    said = {"base period": "the period before", "small-sample factor": "none"}
    path = effects([0.1, 0.0, 0.5, 0.7], [0.1, 0.0, 0.2, 0.2], index, conventions=said)
    table = effects_table(path, key="t", title="T")
    assert [(group.title, [row.label for row in group.rows]) for group in table.groups] == [
        ("Before treatment", ["\u22122", "\u22121"]),
        ("After treatment", ["0", "+1"]),
    ]
    assert table.notes == "Base period: the period before. Small-sample factor: none."
    assert [len([cell for cell in row.cells if cell.text]) for row in table.rows] == [6, 1, 6, 6]
    assert table.columns == ("Estimate", "Std. error", "low", "high", "low", "high")
    first = [cell.value for cell in table.rows[0].cells]
    assert first[:4] == pytest.approx([0.1, 0.1, 0.1 - 1.959964 * 0.1, 0.1 + 1.959964 * 0.1])
    # Of four equal clusters with signs drawn, one in eight draws has |t| = 2: the largest of all is the 95 % point.
    assert first[4:] == pytest.approx([0.1 - 2 * 0.1, 0.1 + 2 * 0.1])
    told = effects_table(path, key="t", title="T", truth=[0.0, 0.0, 0.8, 1.5])
    assert told.columns[-2:] == ("Truth", "covered")
    assert [[cell.text for cell in row.cells[-2:]] for row in told.rows] == [
        ["0.000", "Yes"], ["–", "–"], ["0.800", "Yes"], ["1.500", "No"],
    ]  # fmt: skip
    wrong = effects([0.1], [0.1], pd.Index(["treated"], name="term"))
    with pytest.raises(ReportError, match="effects by horizon are needed, not by term"):
        effects_table(wrong, key="t", title="T")


def test_summaries_show_the_truth_where_it_is_known():
    one = effects([0.5], [0.2], pd.Index(["ATT"], name="effect"))
    table = overall_table({"Simple": one, "Group": one}, key="t", title="T", truth={"Simple": 0.4})
    assert table.columns[-2:] == ("Truth", "covered")
    assert [[cell.text for cell in row.cells[-2:]] for row in table.rows] == [["0.400", "Yes"], ["–", "–"]]
    with pytest.raises(ReportError, match="row 'Two': 2 effects, one is needed"):
        overall_table({"Two": effects([0.1, 0.2], [0.1, 0.1], pd.Index([0, 1], name="horizon"))}, key="t", title="T")


def test_an_error_that_there_is_not_is_none():
    line = {"estimate": 0.5, "std_error": np.nan, "conf_low": np.nan, "conf_high": np.nan}
    assert [cell.text for cell in interval_cells(line)] == ["0.500", "none", "none", "none"]


def test_ends_that_are_not_finite_and_sources_that_do_not_fit(regression):
    assert [cell.text for cell in bound_cells((-np.inf, 0.25))] == ["none", "0.250"]
    table = regression_table({"a": regression}, key="t", title="T", terms={"x": "X"})
    assert table.rows[0].cells[0] == Cell("\u22120.250", -0.25, role="estimate", spec="t/a")
    for given in ({}, {"columns": [None], "rows": [None]}):
        with pytest.raises(ReportError, match="attribute columns or rows, one of the two"):
            attributed(table, **given)
    with pytest.raises(ReportError, match="2 results to attribute to"):
        attributed(table, columns=[None, None])


@pytest.mark.filterwarnings("ignore::aigreen.errors.SmallCellWarning")
def test_the_note_says_what_intervals_use_and_where_there_is_none():
    rows = [(i, t, 2003 if i < 1 else 0, float((i * 7 + t * 3) % 5)) for i in range(8) for t in range(2000, 2006)]
    panel = Panel(pd.DataFrame(rows, columns=["i", "t", "g", "y"]), unit="i", time="t", cohort="g")
    study = GroupTimeATT().fit(panel, "y").event_study()
    table = effects_table(study, key="k", title="T")
    assert table.notes.endswith("treated clusters leave; an effect that rests on one treated cluster has none.")
    assert "none" in {cell.text for row in table.rows for cell in row.cells}
